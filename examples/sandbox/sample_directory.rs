//! What other policies refer to, and what lies outside Intune: filters, scope tags, roles,
//! Conditional Access, the organization and its groups.

use super::json::quote;
use super::sample::{GROUPS, Maker, put, to_group};
use super::tenant::{Resource, Tenant};

/// Id of the filter that assignments use.
pub const FILTER: &str = "f1170000-1111-4222-8333-000000000001";

/// A role, an application and a template that Conditional Access refers to; known in every tenant.
const ADMINISTRATORS: &str = "62e90394-69f5-4237-9190-012177145e10";
const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";
const TEMPLATE: &str = "c7503427-338e-4c5e-902d-abe252abfb43";
/// People and a program that it refers to.
const ADELE: &str = "6a1f0c9e-0101-4c5b-9a57-0d5b7a3e0101";
const ROBOT: &str = "6a1f0c9e-0201-4c5b-9a57-0d5b7a3e0201";

/// What Conditional Access refers to outside of its own.
fn people(tenant: &mut Tenant) {
    for (path, text) in [
        (
            "users",
            format!(
                r#"{{"id":"{ADELE}","displayName":"Break-glass 1","userPrincipalName":"bg1@sandbox.onmicrosoft.invalid","accountEnabled":true}}"#
            ),
        ),
        (
            "servicePrincipals",
            format!(
                r#"{{"id":"{ROBOT}","appId":"6a1f0c9e-0202-4c5b-9a57-0d5b7a3e0202","displayName":"Nightly build","servicePrincipalType":"Application"}}"#
            ),
        ),
        (
            "servicePrincipals",
            format!(
                r#"{{"id":"6a1f0c9e-0203-4c5b-9a57-0d5b7a3e0203","appId":"{EXCHANGE}","displayName":"Office 365 Exchange Online","servicePrincipalType":"Application"}}"#
            ),
        ),
        (
            "directoryRoleTemplates",
            format!(
                r#"{{"id":"{ADMINISTRATORS}","deletedDateTime":null,"description":"Can manage all aspects of Microsoft Entra ID.","displayName":"Global Administrator"}}"#
            ),
        ),
        (
            "identity/conditionalAccess/templates",
            format!(
                r#"{{"id":"{TEMPLATE}","name":"Require multifactor authentication for admins","description":"","scenarios":"secureFoundation"}}"#
            ),
        ),
    ] {
        tenant.add(path, Resource::new(text));
    }
}

/// Organization, groups and people: there even when the tenant has no policies.
pub fn context(tenant: &mut Tenant) {
    people(tenant);
    tenant.add(
        "organization",
        Resource::new(
            r#"{"id":"11111111-2222-4333-8444-555555555555","displayName":"Sandbox \u0026 Söhne AG","countryLetterCode":"CH","tenantType":"AAD","verifiedDomains":[{"capabilities":"Email, OfficeCommunicationsOnline","isDefault":true,"isInitial":true,"name":"sandbox.onmicrosoft.invalid","type":"Managed"}]}"#,
        ),
    );
    for (id, name) in GROUPS {
        let name = quote(name);
        tenant.add(
            "groups",
            Resource::new(format!(
                r#"{{"id":"{id}","displayName":{name},"groupTypes":[],"mailEnabled":false,"securityEnabled":true}}"#
            )),
        );
    }
    tenant.add(
        "deviceManagement/settings",
        Resource::new(
            r#"{"deviceComplianceCheckinThresholdDays":30,"isScheduledActionEnabled":true,"secureByDefault":false,"enhancedJailBreak":false,"deviceInactivityBeforeRetirementInDay":0,"derivedCredentialProvider":"notConfigured","derivedCredentialUrl":null,"androidDeviceAdministratorEnrollmentEnabled":false,"ignoreDevicesForUnsupportedSettingsEnabled":false,"enableLogCollection":true,"enableAutopilotDiagnostics":true,"enableEnhancedTroubleshootingExperience":false,"enableDeviceGroupMembershipReport":false}"#,
        ),
    );
}

/// Everything of this file that counts as a policy.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    filters(maker, tenant);
    scope_tags(tenant);
    roles(maker, tenant);
    conditional_access(maker, tenant);
    for name in ["\"Corporate\"", "\"Shared\""] {
        let text = r#"{"id":"<id>","displayName":<name>,"description":"","roleScopeTagIds":["0"]}"#;
        put(
            maker,
            tenant,
            "deviceManagement/deviceCategories",
            text,
            &[("name", name)],
        );
    }
    put(
        maker,
        tenant,
        "deviceManagement/termsAndConditions",
        r#"{"id":"<id>","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"displayName":"House rules","description":null,"title":"Use of company devices","bodyText":"1. Be kind.\r\n2. Lock your screen.","acceptanceStatement":"I agree.","version":3,"roleScopeTagIds":["0"]}"#,
        &[],
    );
    put(
        maker,
        tenant,
        "policies/authenticationStrengthPolicies",
        r##"{"id":"<id>","createdDateTime":<created>,"modifiedDateTime":<modified>,"displayName":"Keys only","description":"FIDO2 for admins","policyType":"custom","requirementsSatisfied":"mfa","allowedCombinations":["fido2","x509CertificateMultiFactor"]}"##,
        &[],
    );
    let categories = "deviceManagement/operationApprovalPolicies";
    put(
        maker,
        tenant,
        categories,
        r#"{"id":"<id>","displayName":"Two pairs of eyes for scripts","description":null,"lastModifiedDateTime":<modified>,"policyType":"script","policyPlatform":"notApplicable","policySet":{"policyType":"script","policyPlatform":"notApplicable"},"approverGroupIds":["6a1f0c9e-0004-4c5b-9a57-0d5b7a3e0004"]}"#,
        &[],
    );
}

fn filters(maker: &mut Maker, tenant: &mut Tenant) {
    let filters = [
        (
            "Corporate Windows 11",
            "windows10AndLater",
            r#"(device.deviceOwnership -eq \"Corporate\") and (device.osVersion -startsWith \"10.0.2\")"#,
        ),
        (
            "Supervised iPads",
            "iOS",
            r#"(device.model -startsWith \"iPad\")"#,
        ),
        (
            "Rugged Androids",
            "androidForWork",
            r#"(device.manufacturer -in [\"Zebra Technologies\",\"Honeywell\"])"#,
        ),
        (
            "Macs with Apple chips",
            "macOS",
            r#"(device.model -notContains \"Intel\")"#,
        ),
        (
            "Managed browsers",
            "windowsMobileApplicationManagement",
            r#"(app.osVersion -startsWith \"10.0\")"#,
        ),
    ];
    for (index, (name, platform, rule)) in filters.into_iter().enumerate() {
        let id = match index {
            0 => FILTER.to_owned(),
            _ => maker.id(),
        };
        let kind = if platform.ends_with("Management") {
            "apps"
        } else {
            "devices"
        };
        let text = maker.text(
            r#"{"id":"<id>","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"displayName":"<name>","description":"","platform":"<platform>","rule":"<rule>","roleScopeTags":["0"],"payloads":[],"assignmentFilterManagementType":"<kind>"}"#,
            &[("id", &id), ("name", name), ("platform", platform), ("rule", rule), ("kind", kind)],
        );
        tenant.add("deviceManagement/assignmentFilters", Resource::new(text));
    }
}

fn scope_tags(tenant: &mut Tenant) {
    let tags = [
        ("0", "Default", true),
        ("1", "Helpdesk EMEA", false),
        ("2", "Werk Zürich", false),
    ];
    for (id, name, built_in) in tags {
        let text = format!(
            r#"{{"id":"{id}","displayName":"{name}","description":"","isBuiltIn":{built_in}}}"#
        );
        let assignments = if built_in {
            Vec::new()
        } else {
            vec![to_group(id, 1)]
        };
        tenant.add(
            "deviceManagement/roleScopeTags",
            Resource::new(text).with("assignments", assignments),
        );
    }
}

fn roles(maker: &mut Maker, tenant: &mut Tenant) {
    let assignment = maker.id();
    let stub = format!(
        r##"{{"@odata.type":"#microsoft.graph.deviceAndAppManagementRoleAssignment","id":"{assignment}","displayName":"Helpdesk EMEA","description":""}}"##
    );
    for (id, name, built_in) in [
        (
            "0bd113fe-6be5-400c-a28f-ae5553f9c0be",
            "Policy and Profile manager",
            true,
        ),
        (
            "9c1b7e2e-5a5d-4b7e-8f0e-0123456789ab",
            "Reads only, please",
            false,
        ),
    ] {
        let actions = r#"["Microsoft.Intune_DeviceConfigurations_Read","Microsoft.Intune_ManagedDevices_Read"]"#;
        let text = format!(
            r##"{{"@odata.type":"#microsoft.graph.deviceAndAppManagementRoleDefinition","id":"{id}","displayName":"{name}","description":"","isBuiltInRoleDefinition":{built_in},"isBuiltIn":{built_in},"roleScopeTagIds":["0"],"permissions":[{{"actions":{actions},"resourceActions":[{{"allowedResourceActions":{actions},"notAllowedResourceActions":[]}}]}}],"rolePermissions":[{{"actions":{actions},"resourceActions":[{{"allowedResourceActions":{actions},"notAllowedResourceActions":[]}}]}}]}}"##
        );
        let below = if built_in {
            Vec::new()
        } else {
            vec![Resource::new(stub.clone())]
        };
        tenant.add(
            "deviceManagement/roleDefinitions",
            Resource::new(text).with("roleAssignments", below),
        );
    }
    let (members, scope) = (GROUPS[1].0, GROUPS[0].0);
    let text = format!(
        r##"{{"id":"{assignment}","displayName":"Helpdesk EMEA","description":"","members":["{members}"],"scopeMembers":["{scope}"],"resourceScopes":["{scope}"],"scopeType":"resourceScope"}}"##
    );
    let tag = Resource::new(
        r#"{"id":"1","displayName":"Helpdesk EMEA","description":"","isBuiltIn":false}"#,
    );
    tenant.add(
        "deviceManagement/roleAssignments",
        Resource::new(text).with("roleScopeTags", vec![tag]),
    );
}

fn conditional_access(maker: &mut Maker, tenant: &mut Tenant) {
    let everybody = r#""includeUsers":["All"],"excludeUsers":[],"includeRoles":[]"#;
    let admins = format!(
        r#""includeUsers":[],"excludeUsers":["{ADELE}"],"includeRoles":["{ADMINISTRATORS}"]"#
    );
    let (exchange, template) = (quote(EXCHANGE), quote(TEMPLATE));
    let policies = [
        (
            "CA001: Require MFA for admins",
            "enabled",
            r#""operator":"OR","builtInControls":["mfa"]"#,
            [&admins, "\"All\"", &template],
        ),
        (
            "CA002: Block legacy authentication",
            "enabled",
            r#""operator":"OR","builtInControls":["block"]"#,
            [everybody, "\"All\"", "null"],
        ),
        (
            "CA003: Compliant device for Office",
            "enabledForReportingButNotEnforced",
            r#""operator":"OR","builtInControls":["compliantDevice","domainJoinedDevice"]"#,
            [everybody, &exchange, "null"],
        ),
        (
            "CA004: Terms for guests",
            "disabled",
            r#""operator":"AND","builtInControls":["mfa"]"#,
            [everybody, "\"Office365\"", "null"],
        ),
    ];
    for (name, state, controls, [users, apps, template]) in policies {
        put(
            maker,
            tenant,
            "identity/conditionalAccess/policies",
            r##"{"id":"<id>","templateId":<template>,"displayName":"<name>","createdDateTime":<created>,"modifiedDateTime":null,"state":"<state>","deletedDateTime":null,"partialEnablementStrategy":null,"sessionControls":null,"conditions":{"userRiskLevels":[],"signInRiskLevels":[],"clientAppTypes":["all"],"platforms":null,"locations":{"includeLocations":["All"],"excludeLocations":["AllTrusted"]},"times":null,"deviceStates":null,"devices":null,"clientApplications":null,"applications":{"includeApplications":[<apps>],"excludeApplications":[],"includeUserActions":[],"includeAuthenticationContextClassReferences":[],"applicationFilter":null},"users":{<users>,"includeGroups":[],"excludeGroups":["6a1f0c9e-0004-4c5b-9a57-0d5b7a3e0004"],"excludeRoles":[],"includeGuestsOrExternalUsers":null,"excludeGuestsOrExternalUsers":null}},"grantControls":{<controls>,"customAuthenticationFactors":[],"termsOfUse":[],"authenticationStrength":null}}"##,
            &[
                ("name", name),
                ("state", state),
                ("controls", controls),
                ("users", users),
                ("apps", apps),
                ("template", template),
            ],
        );
    }
    let locations = "identity/conditionalAccess/namedLocations";
    put(
        maker,
        tenant,
        locations,
        r##"{"@odata.type":"#microsoft.graph.ipNamedLocation","id":"<id>","displayName":"Head office","modifiedDateTime":<modified>,"createdDateTime":<created>,"isTrusted":true,"ipRanges":[{"@odata.type":"#microsoft.graph.iPv4CidrRange","cidrAddress":"203.0.113.0/24"},{"@odata.type":"#microsoft.graph.iPv6CidrRange","cidrAddress":"2001:db8::/32"}]}"##,
        &[],
    );
    put(
        maker,
        tenant,
        locations,
        r##"{"@odata.type":"#microsoft.graph.countryNamedLocation","id":"<id>","displayName":"Where we are","modifiedDateTime":<modified>,"createdDateTime":<created>,"countriesAndRegions":["CH","DE","NO"],"includeUnknownCountriesAndRegions":false,"countryLookupMethod":"clientIpAddress"}"##,
        &[],
    );
}
