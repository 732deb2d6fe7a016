//! The administration of a tenant: branding, certificates and bindings, rules, partners and
//! connectors, Microsoft Tunnel, Windows 365, and what Conditional Access refers to.

use super::json::quote;
use super::sample::{GROUPS, Maker, add, to_group};
use super::tenant::{Resource, Tenant};

/// Everything of this file.
pub fn fixed(tenant: &mut Tenant) {
    company_portal(tenant);
    sign_in_pages(tenant);
    singletons(tenant);
    rules(tenant);
    built_in_role(tenant);
    partners(tenant);
    tunnel(tenant);
    cloud_pcs(tenant);
    strengths_and_contexts(tenant);
}

/// A profile with pictures and one without.
fn company_portal(tenant: &mut Tenant) {
    for (number, default) in [(1, true), (2, false)] {
        let id = format!("b7a4d000-0000-4000-8000-00000000000{number}");
        let text = format!(
            r#"{{"id":"{id}","profileName":"Portal {number}","profileDescription":null,"isDefaultProfile":{default},"createdDateTime":"2023-01-01T00:00:00Z","lastModifiedDateTime":"2024-01-01T00:00:00Z","displayName":"Sandbox \u0026 Söhne","themeColor":{{"r":0,"g":114,"b":198}},"showLogo":true,"showDisplayNameNextToLogo":true,"themeColorLogo":null,"lightBackgroundLogo":null,"landingPageCustomizedImage":null,"contactITName":"Helpdesk","contactITPhoneNumber":"+47 22 00 00 00","contactITEmailAddress":"help@sandbox.invalid","contactITNotes":null,"onlineSupportSiteUrl":null,"onlineSupportSiteName":null,"privacyUrl":null,"customPrivacyMessage":null,"customCanSeePrivacyMessage":null,"customCantSeePrivacyMessage":null,"isRemoveDeviceDisabled":false,"isFactoryResetDisabled":false,"companyPortalBlockedActions":[],"showAzureADEnterpriseApps":false,"showOfficeWebApps":false,"showConfigurationManagerApps":false,"sendDeviceOwnershipChangePushNotification":false,"enrollmentAvailability":"availableWithPrompts","disableClientTelemetry":false,"disableDeviceCategorySelection":false,"roleScopeTagIds":["0"]}}"#
        );
        let picture = |name: &str| {
            let value = Maker::base64(&format!("\u{89}PNG {name} {number}"));
            Resource::new(format!(r#"{{"type":"image/png","value":{value}}}"#))
        };
        let below = if default {
            vec![
                ("assignments", Vec::new()),
                ("themeColorLogo", vec![picture("theme")]),
                ("lightBackgroundLogo", vec![picture("light")]),
            ]
        } else {
            vec![("assignments", vec![to_group(&id, 1)])]
        };
        let collection = "deviceManagement/intuneBrandingProfiles";
        add(tenant, collection, &text, below);
    }
}

/// Pictures are kept here as base64 and served as bytes.
fn sign_in_pages(tenant: &mut Tenant) {
    let file = |kind: &str, bytes: &[u8]| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        Resource::new(format!(r#"{{"type":"{kind}","value":"{text}"}}"#))
    };
    let localization = |id: &str, text: &str, has: &[&str]| {
        let url = |name: &str| {
            if has.contains(&name) {
                quote(&format!(
                    "c1c6b6c8-sandbox/logintenantbranding/{id}/{name}?ts=638000000000000000"
                ))
            } else {
                "null".to_owned()
            }
        };
        Resource::new(format!(
            r#"{{"id":"{id}","backgroundColor":null,"backgroundImageRelativeUrl":{},"bannerLogoRelativeUrl":{},"cdnList":["cdn.sandbox.invalid"],"customCSSRelativeUrl":{},"faviconRelativeUrl":null,"headerLogoRelativeUrl":null,"signInPageText":{text},"squareLogoRelativeUrl":{},"squareLogoDarkRelativeUrl":null,"usernameHintText":null,"headerBackgroundColor":null,"loginPageLayoutConfiguration":{{"layoutTemplateType":"default","isHeaderShown":false,"isFooterShown":true}}}}"#,
            url("backgroundImage"),
            url("bannerLogo"),
            url("customCSS"),
            url("squareLogo"),
        ))
    };
    let default = localization(
        "0",
        r#""Willkommen""#,
        &["backgroundImage", "customCSS", "squareLogo"],
    )
    .with(
        "backgroundImage",
        vec![file("image/jpeg", b"\xff\xd8\xff\xe0 a picture \x00\xff")],
    )
    .with(
        "customCSS",
        vec![file("text/css", b".ext-sign-in-box { color: #123; }")],
    );
    let norwegian = localization("nb-NO", r#""Velkommen""#, &["bannerLogo"]).with(
        "bannerLogo",
        vec![file("image/png", b"\x89PNG\r\n\x1a\n\x00")],
    );
    let branding = Resource::new(r#"{"id":"0","signInPageText":"Willkommen"}"#)
        .with("localizations", vec![default, norwegian]);
    let id = tenant
        .list("organization")
        .first()
        .map(|one| one.id.clone());
    if let Some(organization) = id.and_then(|id| tenant.get_mut("organization", &id)) {
        *organization.below_mut("branding") = vec![branding];
    }
}

fn singletons(tenant: &mut Tenant) {
    add(
        tenant,
        "deviceManagement/applePushNotificationCertificate",
        r#"{"id":"a9500000-0000-4000-8000-000000000001","appleIdentifier":"mdm@sandbox.invalid","topicIdentifier":"com.apple.mgmt.External.5a3d","lastModifiedDateTime":"2026-01-02T03:04:05Z","expirationDateTime":"2099-01-02T03:04:05Z","certificateUploadStatus":null,"certificateUploadFailureReason":null,"certificateSerialNumber":"4F2A00","certificate":"MIIFdTCCBF2gAwIBAgIIAPNS-secret-push-certificate"}"#,
        Vec::new(),
    );
    add(
        tenant,
        "deviceManagement/androidManagedStoreAccountEnterpriseSettings",
        r#"{"id":"androidManagedStoreAccountEnterpriseSettings","bindStatus":"boundAndValidated","lastAppSyncDateTime":"2026-11-20T00:00:00Z","lastAppSyncStatus":"success","ownerUserPrincipalName":"play@sandbox.invalid","ownerOrganizationName":"Sandbox","lastModifiedDateTime":"2025-01-01T00:00:00Z","enrollmentTarget":"all","targetGroupIds":[],"deviceOwnerManagementEnabled":true,"androidDeviceOwnerFullyManagedEnrollmentEnabled":true,"managedGooglePlayInitialScopeTagIds":["0"],"managedGooglePlayEnterpriseType":"managedGooglePlayAccountsEnterprise","companyCodes":[{"enrollmentToken":"SECRETCOMPANYCODE","qrCodeContent":"{\"secret-qr\":1}","qrCodeImage":null}]}"#,
        Vec::new(),
    );
}

fn rules(tenant: &mut Tenant) {
    for (number, name, platform, days) in [(1, "Phones", "ios", 60), (2, "Windows", "windows", 270)]
    {
        let text = format!(
            r#"{{"id":"c1ea0000-0000-4000-8000-00000000000{number}","displayName":"{name}","description":null,"deviceCleanupRulePlatformType":"{platform}","deviceInactivityBeforeRetirementInDays":{days},"lastModifiedDateTime":"2025-01-01T00:00:00Z"}}"#
        );
        add(
            tenant,
            "deviceManagement/managedDeviceCleanupRules",
            &text,
            Vec::new(),
        );
        let issuer = ["entrustDatacard", "intercede"][number - 1];
        let text = format!(
            r#"{{"id":"de1c0000-0000-4000-8000-00000000000{number}","helpUrl":"https://help.sandbox.invalid","displayName":"Smart card {number}","issuer":"{issuer}","notificationType":"companyPortal","renewalThresholdPercentage":80}}"#
        );
        add(
            tenant,
            "deviceManagement/derivedCredentials",
            &text,
            Vec::new(),
        );
    }
    add(
        tenant,
        "deviceManagement/operationApprovalPolicies",
        r#"{"id":"0aa00000-0000-4000-8000-000000000002","displayName":"Two pairs of eyes for wipes","description":null,"lastModifiedDateTime":"2025-01-01T00:00:00Z","policyType":"deviceWipe","policyPlatform":"notApplicable","policySet":{"policyType":"deviceWipe","policyPlatform":"notApplicable"},"approverGroupIds":["6a1f0c9e-0002-4c5b-9a57-0d5b7a3e0002","6a1f0c9e-0004-4c5b-9a57-0d5b7a3e0004"]}"#,
        Vec::new(),
    );
}

/// A role that is built in is assigned too, to a group that is gone.
fn built_in_role(tenant: &mut Tenant) {
    let id = "4a550000-0000-4000-8000-000000000002";
    let stub = format!(
        r##"{{"@odata.type":"#microsoft.graph.deviceAndAppManagementRoleAssignment","id":"{id}","displayName":"Policy managers","description":""}}"##
    );
    let definitions = "deviceManagement/roleDefinitions";
    let role = "0bd113fe-6be5-400c-a28f-ae5553f9c0be";
    if let Some(role) = tenant.get_mut(definitions, role) {
        role.below_mut("roleAssignments").push(Resource::new(stub));
    }
    let text = format!(
        r##"{{"id":"{id}","displayName":"Policy managers","description":"","members":["{}","00000000-0000-4000-8000-00000000dead"],"scopeMembers":[],"resourceScopes":[],"scopeType":"allDevicesAndLicensedUsers"}}"##,
        GROUPS[1].0
    );
    let tags = ["0", "2"].map(|tag| {
        Resource::new(format!(
            r#"{{"id":"{tag}","displayName":"Tag {tag}","description":"","isBuiltIn":false}}"#
        ))
    });
    let below = vec![("roleScopeTags", tags.to_vec())];
    add(tenant, "deviceManagement/roleAssignments", &text, below);
}

fn partners(tenant: &mut Tenant) {
    for number in [1, 2] {
        for (collection, text) in [
            (
                "mobileThreatDefenseConnectors",
                r#"{"id":"<id>","lastHeartbeatDateTime":"2026-11-20T00:00:00Z","partnerState":"enabled","androidEnabled":true,"iosEnabled":true,"windowsEnabled":false,"macEnabled":false,"androidDeviceBlockedOnMissingPartnerData":true,"iosDeviceBlockedOnMissingPartnerData":false,"partnerUnsupportedOsVersionBlocked":false,"partnerUnresponsivenessThresholdInDays":7,"allowPartnerToCollectIOSApplicationMetadata":false,"microsoftDefenderForEndpointAttachEnabled":true}"#,
            ),
            (
                "complianceManagementPartners",
                r##"{"id":"<id>","lastHeartbeatDateTime":"2026-11-20T00:00:00Z","partnerState":"enabled","displayName":"Compliance <n>","macOsOnboarded":true,"androidOnboarded":false,"iosOnboarded":false,"linuxOnboarded":false,"macOsEnrollmentAssignments":[{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"6a1f0c9e-0001-4c5b-9a57-0d5b7a3e0001"}}],"androidEnrollmentAssignments":[],"iosEnrollmentAssignments":[],"linuxEnrollmentAssignments":[]}"##,
            ),
            (
                "deviceManagementPartners",
                r#"{"id":"<id>","lastHeartbeatDateTime":"2026-11-20T00:00:00Z","partnerState":"unknown","partnerAppType":"multiTenantApp","singleTenantAppId":null,"displayName":"Devices <n>","isConfigured":false,"whenPartnerDevicesWillBeRemovedDateTime":null,"whenPartnerDevicesWillBeMarkedAsNonCompliantDateTime":null,"groupsRequiringPartnerEnrollment":[]}"#,
            ),
            (
                "remoteAssistancePartners",
                r#"{"id":"<id>","displayName":"Remote <n>","onboardingUrl":"https://remote.sandbox.invalid","onboardingStatus":"notOnboarded","lastConnectionDateTime":"0001-01-01T00:00:00Z"}"#,
            ),
            (
                "ndesConnectors",
                r#"{"id":"<id>","lastConnectionDateTime":"2026-11-21T00:00:00Z","state":"active","displayName":"Connector <n>","enrolledDateTime":"2024-01-01T00:00:00Z","machineName":"SRV0<n>","connectorVersion":"6.2406.0.1001","healthStatus":"noActionRequired","healthChecks":[],"roleScopeTagIds":["0"]}"#,
            ),
        ] {
            let id = format!("fa7e0000-0000-4000-8000-00000000000{number}");
            let text = text
                .replace("<id>", &id)
                .replace("<n>", &number.to_string());
            add(
                tenant,
                &format!("deviceManagement/{collection}"),
                &text,
                Vec::new(),
            );
        }
    }
}

fn tunnel(tenant: &mut Tenant) {
    for number in [1, 2] {
        let configuration = format!(
            r#"{{"id":"7c0f0000-0000-4000-8000-00000000000{number}","displayName":"Servers {number}","description":"","network":"10.8.{number}.0/24","ipv6Network":null,"dnsServers":["10.0.0.53"],"defaultDomainSuffix":"sandbox.invalid","routesInclude":["10.0.0.0/8"],"routesExclude":[],"splitDNS":[],"listenPort":443,"advancedSettings":[{{"name":"x","value":"1"}}],"lastUpdateDateTime":"2025-01-01T00:00:00Z","roleScopeTagIds":["0"],"disableUdpConnections":false}}"#
        );
        let site = format!(
            r#"{{"id":"751e0000-0000-4000-8000-00000000000{number}","displayName":"Site {number}","description":"","publicAddress":"tunnel{number}.sandbox.invalid","upgradeWindowUtcOffsetInMinutes":60,"upgradeWindowStartTime":"02:00:00.0000000","upgradeWindowEndTime":"04:00:00.0000000","upgradeAutomatically":true,"upgradeAvailable":false,"internalNetworkProbeUrl":null,"roleScopeTagIds":["0"]}}"#
        );
        let collection = "deviceManagement/microsoftTunnelConfigurations";
        add(tenant, collection, &configuration, Vec::new());
        let below = vec![(
            "microsoftTunnelConfiguration",
            vec![Resource::new(configuration)],
        )];
        add(
            tenant,
            "deviceManagement/microsoftTunnelSites",
            &site,
            below,
        );
    }
}

fn cloud_pcs(tenant: &mut Tenant) {
    let below = |id: &str| {
        let group = GROUPS[1].0;
        let target = format!(
            r##"{{"@odata.type":"microsoft.graph.cloudPcManagementGroupAssignmentTarget","groupId":"{group}","servicePlanId":null}}"##
        );
        let assignment = format!(r#"{{"id":"{id}_{group}","target":{target}}}"#);
        vec![("assignments", vec![Resource::new(assignment)])]
    };
    let virtual_endpoint = "deviceManagement/virtualEndpoint";
    for number in [1, 2] {
        let id = format!("c9c00000-0000-4000-8000-00000000000{number}");
        let text = format!(
            r#"{{"id":"{id}","displayName":"Developers {number}","description":"","createdBy":"admin@sandbox.invalid","createdDateTime":"2025-01-01T00:00:00Z","lastModifiedBy":"admin@sandbox.invalid","lastModifiedDateTime":"2025-02-01T00:00:00Z","imageId":"microsoftwindowsdesktop_windows-ent-cpc_win11-24h2-ent-cpc-m365","imageDisplayName":"Windows 11 Enterprise 24H2","imageType":"gallery","provisioningType":"dedicated","managedBy":"windows365","enableSingleSignOn":true,"gracePeriodInHours":4,"localAdminEnabled":false,"scopeIds":["0"],"cloudPcNamingTemplate":"CPC-%USERNAME:5%-%RAND:5%","domainJoinConfigurations":[{{"type":"hybridAzureADJoin","onPremisesConnectionId":"c9cc0000-0000-4000-8000-00000000000{number}","regionName":null}}],"windowsSetting":{{"locale":"en-US"}}}}"#
        );
        let collection = format!("{virtual_endpoint}/provisioningPolicies");
        add(tenant, &collection, &text, below(&id));
        let id = format!("c9c50000-0000-4000-8000-00000000000{number}");
        let text = format!(
            r#"{{"id":"{id}","displayName":"Users {number}","selfServiceEnabled":true,"localAdminEnabled":false,"resetEnabled":true,"restorePointSetting":{{"frequencyInHours":12,"userRestoreEnabled":true}},"createdDateTime":"2025-01-01T00:00:00Z","lastModifiedDateTime":"2025-01-01T00:00:00Z"}}"#
        );
        add(
            tenant,
            &format!("{virtual_endpoint}/userSettings"),
            &text,
            below(&id),
        );
        let text = format!(
            r#"{{"id":"c9cc0000-0000-4000-8000-00000000000{number}","displayName":"West Europe {number}","type":"hybridAzureADJoin","connectionType":"hybridAzureADJoin","subscriptionId":"5b000000-0000-4000-8000-000000000001","subscriptionName":"Workplace","resourceGroupId":"/subscriptions/5b000000/resourceGroups/w365","virtualNetworkId":"/subscriptions/5b000000/virtualNetworks/w365","subnetId":"/subscriptions/5b000000/subnets/w365","adDomainName":"corp.sandbox.invalid","adDomainUsername":"join@corp.sandbox.invalid","adDomainPassword":null,"organizationalUnit":"OU=CPC","healthCheckStatus":"passed","healthCheckPaused":false,"inUse":true,"inUseByCloudPc":true,"managedBy":"windows365","scopeIds":["0"]}}"#
        );
        add(
            tenant,
            &format!("{virtual_endpoint}/onPremisesConnections"),
            &text,
            Vec::new(),
        );
    }
}

fn strengths_and_contexts(tenant: &mut Tenant) {
    let keys = r##"{"@odata.type":"#microsoft.graph.fido2CombinationConfiguration","id":"96cefa12-72da-4de0-883b-01ce51fa9c1a","appliesToCombinations":["fido2"],"allowedAAGUIDs":["2fc0579f-8113-47ea-b116-bb5a8db9202a"]}"##;
    add(
        tenant,
        "policies/authenticationStrengthPolicies",
        r#"{"id":"00000000-0000-0000-0000-000000000004","createdDateTime":"2021-12-01T00:00:00Z","modifiedDateTime":"2021-12-01T00:00:00Z","displayName":"Phishing-resistant MFA","description":"Phishing-resistant, passwordless methods","policyType":"builtIn","requirementsSatisfied":"mfa","allowedCombinations":["windowsHelloForBusiness","fido2","x509CertificateMultiFactor"]}"#,
        vec![("combinationConfigurations", vec![Resource::new(keys)])],
    );
    for (id, name) in [("c1", "Secrets of the house"), ("c2", "Payroll")] {
        let text = format!(
            r#"{{"id":"{id}","displayName":"{name}","description":"","isAvailable":true}}"#
        );
        let collection = "identity/conditionalAccess/authenticationContextClassReferences";
        add(tenant, collection, &text, Vec::new());
    }
}
