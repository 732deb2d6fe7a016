//! Compliance policies and the messages they send.

use super::sample::{Maker, put};
use super::tenant::{Resource, Tenant};

const POLICIES: &str = "deviceManagement/deviceCompliancePolicies";
const MESSAGES: &str = "deviceManagement/notificationMessageTemplates";
const TEMPLATE: &str = "c0de0000-aaaa-4bbb-8ccc-000000000001";
const HEAD: &str = r##"{"@odata.type":"#microsoft.graph.<type>","roleScopeTagIds":["0"],"id":"<id>","createdDateTime":<created>,"description":null,"lastModifiedDateTime":<modified>,"displayName":<name>,"version":<version>,"##;

const KINDS: &[(&str, &str)] = &[
    (
        "windows10CompliancePolicy",
        r#""passwordRequired":true,"passwordBlockSimple":true,"passwordMinimumLength":8,"passwordRequiredType":"deviceDefault","osMinimumVersion":"10.0.22631.0","bitLockerEnabled":true,"secureBootEnabled":true,"codeIntegrityEnabled":true,"storageRequireEncryption":false,"activeFirewallRequired":true,"defenderEnabled":true,"deviceThreatProtectionEnabled":false,"deviceThreatProtectionRequiredSecurityLevel":"unavailable","validOperatingSystemBuildRanges":[],"wslDistributions":[],"deviceCompliancePolicyScript":null}"#,
    ),
    (
        "iosCompliancePolicy",
        r#""passcodeRequired":true,"passcodeMinimumLength":6,"passcodeRequiredType":"numeric","osMinimumVersion":"17.0","securityBlockJailbrokenDevices":true,"managedEmailProfileRequired":false,"restrictedApps":[]}"#,
    ),
    (
        "androidWorkProfileCompliancePolicy",
        r#""passwordRequired":true,"passwordMinimumLength":8,"securityBlockJailbrokenDevices":true,"minAndroidSecurityPatchLevel":"2025-01-01","storageRequireEncryption":true,"securityRequireSafetyNetAttestationBasicIntegrity":true,"requiredPasswordComplexity":"medium"}"#,
    ),
    (
        "macOSCompliancePolicy",
        r#""passwordRequired":true,"systemIntegrityProtectionEnabled":true,"firewallEnabled":true,"gatekeeperAllowedAppSource":"macAppStoreAndIdentifiedDevelopers","osMinimumVersion":"14.0"}"#,
    ),
];

const CUSTOM: &str = r#""passwordRequired":false,"deviceCompliancePolicyScript":{"deviceComplianceScriptId":"c0de0000-aaaa-4bbb-8ccc-00000000dddd","rulesContent":"eyJSdWxlcyI6W3siU2V0dGluZ05hbWUiOiJCaW9zVmVyc2lvbiIsIk9wZXJhdG9yIjoiR3JlYXRlckVxdWFscyIsIkRhdGFUeXBlIjoiVmVyc2lvbiIsIk9wZXJhbmQiOiIyLjMifV19"}}"#;

/// The objects that are here for what is special about them.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    messages(maker, tenant);
    for (number, (kind, rest)) in KINDS.iter().enumerate() {
        policy(
            maker,
            tenant,
            kind,
            &format!("\"Compliance {number}\""),
            rest,
        );
    }
    policy(
        maker,
        tenant,
        "windows10CompliancePolicy",
        r#""Custom compliance: BIOS""#,
        CUSTOM,
    );
}

/// One generated policy.
pub fn bulk(maker: &mut Maker, tenant: &mut Tenant) {
    let (kind, rest) = KINDS[maker.index(KINDS.len())];
    let name = format!("\"Compliance {:05}\"", maker.number());
    policy(maker, tenant, kind, &name, rest);
}

fn policy(maker: &mut Maker, tenant: &mut Tenant, kind: &str, name: &str, rest: &str) {
    let version = (1 + maker.roll(9)).to_string();
    let words = [
        ("type", kind),
        ("name", name),
        ("version", version.as_str()),
    ];
    put(maker, tenant, POLICIES, &format!("{HEAD}{rest}"), &words);
    let (rule, block, mail) = (maker.id(), maker.id(), maker.id());
    let actions = vec![
        Resource::new(format!(
            r#"{{"id":"{block}","gracePeriodHours":0,"actionType":"block","notificationTemplateId":"00000000-0000-0000-0000-000000000000","notificationMessageCCList":[]}}"#
        )),
        Resource::new(format!(
            r#"{{"id":"{mail}","gracePeriodHours":72,"actionType":"notification","notificationTemplateId":"{TEMPLATE}","notificationMessageCCList":["6a1f0c9e-0004-4c5b-9a57-0d5b7a3e0004"]}}"#
        )),
    ];
    let rule = Resource::new(format!(r#"{{"id":"{rule}","ruleName":null}}"#))
        .with("scheduledActionConfigurations", actions);
    let id = tenant.list(POLICIES).last().map(|item| item.id.clone());
    if let Some(item) = id.and_then(|id| tenant.get_mut(POLICIES, &id)) {
        *item.below_mut("scheduledActionsForRule") = vec![rule];
    }
}

fn messages(maker: &mut Maker, tenant: &mut Tenant) {
    let templates = [
        (TEMPLATE, "Your device needs attention"),
        (
            "c0de0000-aaaa-4bbb-8ccc-000000000002",
            "EnrollmentNotificationInternalMEO",
        ),
    ];
    for (id, name) in templates {
        let text = maker.text(
            r#"{"id":"<id>","lastModifiedDateTime":<modified>,"displayName":"<name>","description":null,"defaultLocale":"en-US","brandingOptions":"includeCompanyLogo,includeContactInformation","roleScopeTagIds":["0"]}"#,
            &[("id", id), ("name", name)],
        );
        let messages = [("en-us", "Please update", true), ("de-ch", "Bitte aktualisieren", false)]
            .map(|(locale, subject, default)| {
                let date = maker.date();
                Resource::new(format!(
                    r#"{{"id":"{id}_{locale}","lastModifiedDateTime":{date},"locale":"{locale}","subject":"{subject}","messageTemplate":"<p>{{{{UserName}}}}, {subject}.<\/p>","isDefault":{default}}}"#
                ))
            });
        let template = Resource::new(text).with("localizedNotificationMessages", messages.into());
        tenant.add(MESSAGES, template);
    }
}
