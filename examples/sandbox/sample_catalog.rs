//! Settings catalog policies, and what shares their shape: reusable settings, Linux compliance,
//! legacy intents.

use super::sample::{Maker, assignment, excluded, filtered, put, to_group, to_numbered_group};
use super::tenant::{Resource, Tenant};

const POLICIES: &str = "deviceManagement/configurationPolicies";
const POLICY: &str = r#"{"createdDateTime":<created>,"creationSource":null,"description":<description>,"isAssigned":<assigned>,"lastModifiedDateTime":<modified>,"name":<name>,"platforms":"<platforms>","priorityMetaData":null,"roleScopeTagIds":["0"],"settingCount":<count>,"technologies":"<technologies>","id":"<id>","templateReference":<template>}"#;
const NO_TEMPLATE: &str = r#"{"templateId":"","templateFamily":"none","templateDisplayName":null,"templateDisplayVersion":null}"#;
const ANTIVIRUS: &str = r#"{"templateId":"804339ad-1553-4478-a742-138fb5807418_1","templateFamily":"endpointSecurityAntivirus","templateDisplayName":"Microsoft Defender Antivirus","templateDisplayVersion":"Version 1"}"#;

/// Names that trip programs up, as JSON strings.
const AWKWARD: &[&str] = &[
    r#""Windows \ud83d\udd12 Baseline 🛡️""#,
    "\"invoice\u{202e}gpj.exe policy\"",
    r#""He said \"no\", it's 'fine' & <b>bold<\/b>""#,
    r#""first line\nsecond line\tand a tab""#,
    r#""../../etc/passwd""#,
    r#""""#,
    r#""Twins""#,
    r#""Twins""#,
    r#""Ends with a dot.""#,
    r#"" leading and trailing ""#,
    r#""Caf\u00e9 \/ kiosk""#,
    r#""CON""#,
    "\"\u{1f469}\u{200d}\u{1f4bb} e\u{301} \u{0}\"",
];

const AREAS: &[&str] = &[
    "defender",
    "bitlocker",
    "update",
    "browser",
    "privacy",
    "experience",
    "deviceguard",
    "lsa",
    "firewall",
    "power",
    "start",
    "textinput",
    "wifi",
    "system",
    "localpoliciessecurityoptions",
];

/// The policies that are here for what is special about them.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    for name in AWKWARD {
        let name = name.replace('\0', "\\u0000");
        let settings = settings(maker, 4);
        policy(
            maker,
            tenant,
            &name,
            ("windows10", "mdm"),
            NO_TEMPLATE,
            settings,
        );
    }
    let long = format!("\"{}\"", "Länge ".repeat(33) + "nd");
    let few = settings(maker, 3);
    policy(
        maker,
        tenant,
        &long,
        ("macOS", "mdm,appleRemoteManagement"),
        NO_TEMPLATE,
        few,
    );
    let many = nested(maker, 64);
    policy(
        maker,
        tenant,
        r#""Security baseline, all settings""#,
        ("windows10", "mdm"),
        NO_TEMPLATE,
        many,
    );
    let many = settings(maker, 130);
    policy(
        maker,
        tenant,
        r#""Office and Edge hardening""#,
        ("windows10", "mdm"),
        NO_TEMPLATE,
        many,
    );
    let antivirus = settings(maker, 26);
    policy(
        maker,
        tenant,
        r#""NGP Default Policy""#,
        ("windows10", "mdm,microsoftSense"),
        ANTIVIRUS,
        antivirus,
    );
    let newer = settings(maker, 5);
    policy(
        maker,
        tenant,
        r#""Vision goggles""#,
        ("visionOS", "mdm,appleRemoteManagement"),
        NO_TEMPLATE,
        newer,
    );
    let newer = settings(maker, 2);
    policy(
        maker,
        tenant,
        r#""Quick recovery""#,
        ("windows10", "windowsOsRecovery"),
        NO_TEMPLATE,
        newer,
    );
    policy(
        maker,
        tenant,
        r#""No settings yet""#,
        ("linux", "linuxMdm"),
        NO_TEMPLATE,
        Vec::new(),
    );
    crowded(maker, tenant);
    reusable(maker, tenant);
    linux_compliance(maker, tenant, "Linux must be patched", 30);
    linux_compliance(maker, tenant, "Linux in the lab", 2);
    intent(maker, tenant, "Firewall, the old way", 30);
    intent(maker, tenant, "No settings any more", 0);
    inventory(maker, tenant);
}

/// One generated policy.
pub fn bulk(maker: &mut Maker, tenant: &mut Tenant) {
    let number = maker.number();
    let area = AREAS[maker.index(AREAS.len())];
    let name = format!("\"WIN {area} {number:05}\"");
    let count = 3 + maker.index(24);
    let settings = settings(maker, count);
    policy(
        maker,
        tenant,
        &name,
        ("windows10", "mdm"),
        NO_TEMPLATE,
        settings,
    );
}

fn policy(
    maker: &mut Maker,
    tenant: &mut Tenant,
    name: &str,
    (platforms, technologies): (&str, &str),
    template: &str,
    settings: Vec<Resource>,
) {
    let id = maker.id();
    let assignments = maker.assignments(&id);
    let text = maker.text(
        POLICY,
        &[
            ("id", &id),
            ("name", name),
            ("description", r#""""#),
            ("assigned", "true"),
            ("platforms", platforms),
            ("technologies", technologies),
            ("count", &settings.len().to_string()),
            ("template", template),
        ],
    );
    let policy = Resource::new(text)
        .with("settings", settings)
        .with("assignments", assignments);
    tenant.add(POLICIES, policy);
}

/// A policy that is assigned to more groups than a page holds.
fn crowded(maker: &mut Maker, tenant: &mut Tenant) {
    let settings = settings(maker, 8);
    policy(
        maker,
        tenant,
        r#""Everyone gets this""#,
        ("windows10", "mdm"),
        NO_TEMPLATE,
        settings,
    );
    let Some(id) = tenant.list(POLICIES).last().map(|policy| policy.id.clone()) else {
        return;
    };
    if let Some(policy) = tenant.get_mut(POLICIES, &id) {
        let assignments = policy.below_mut("assignments");
        *assignments = (0..40)
            .map(|number| to_numbered_group(&id, number))
            .collect();
        assignments.push(excluded(&id, 3));
    }
}

fn setting(index: usize, instance: &str) -> Resource {
    Resource::new(format!(
        r#"{{"id":"{index}","settingInstance":{instance}}}"#
    ))
}

fn settings(maker: &mut Maker, count: usize) -> Vec<Resource> {
    (0..count)
        .map(|index| {
            let area = AREAS[maker.index(AREAS.len())];
            let definition = format!("device_vendor_msft_policy_config_{area}_setting{index:03}");
            let instance = match maker.roll(4) {
                0 => simple(&definition, "Integer", &maker.roll(1440).to_string()),
                1 => simple(
                    &definition,
                    "String",
                    &format!("\"value {}\"", maker.roll(1000)),
                ),
                _ => choice(&definition, maker.roll(2), ""),
            };
            setting(index, &instance)
        })
        .collect()
}

fn simple(definition: &str, kind: &str, value: &str) -> String {
    format!(
        r##"{{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"{definition}","settingInstanceTemplateReference":null,"auditRuleInformation":null,"simpleSettingValue":{{"@odata.type":"#microsoft.graph.deviceManagementConfiguration{kind}SettingValue","settingValueTemplateReference":null,"value":{value}}}}}"##
    )
}

fn choice(definition: &str, option: u64, children: &str) -> String {
    format!(
        r##"{{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance","settingDefinitionId":"{definition}","settingInstanceTemplateReference":null,"auditRuleInformation":null,"choiceSettingValue":{{"settingValueTemplateReference":null,"value":"{definition}_{option}","children":[{children}]}}}}"##
    )
}

fn group(definition: &str, children: &str) -> String {
    format!(
        r##"{{"@odata.type":"#microsoft.graph.deviceManagementConfigurationGroupSettingCollectionInstance","settingDefinitionId":"{definition}","settingInstanceTemplateReference":null,"auditRuleInformation":null,"groupSettingCollectionValue":[{{"settingValueTemplateReference":null,"children":[{children}]}}]}}"##
    )
}

fn strings(definition: &str, values: &[&str]) -> String {
    let values: Vec<_> = values
        .iter()
        .map(|value| {
            format!(
                r##"{{"@odata.type":"#microsoft.graph.deviceManagementConfigurationStringSettingValue","settingValueTemplateReference":null,"value":"{value}"}}"##
            )
        })
        .collect();
    format!(
        r##"{{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingCollectionInstance","settingDefinitionId":"{definition}","settingInstanceTemplateReference":null,"auditRuleInformation":null,"simpleSettingCollectionValue":[{}]}}"##,
        values.join(",")
    )
}

fn secret(definition: &str, token: &str) -> String {
    format!(
        r##"{{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance","settingDefinitionId":"{definition}","settingInstanceTemplateReference":null,"auditRuleInformation":null,"simpleSettingValue":{{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSecretSettingValue","settingValueTemplateReference":null,"value":"{token}","valueState":"encryptedValueToken"}}}}"##
    )
}

/// Settings of every shape, with the numbers that floats destroy.
fn nested(maker: &mut Maker, count: usize) -> Vec<Resource> {
    let area = "device_vendor_msft_bitlocker_systemdrivesrequirestartupauthentication";
    let deep = choice(
        &format!("{area}_configurepin"),
        2,
        &choice(
            &format!("{area}_configuretpm"),
            0,
            &simple("deepest", "Integer", "-0"),
        ),
    );
    let firewall = "vendor_msft_firewall_mdmstore_firewallrules_{firewallrulename}";
    let rule = [
        strings(
            &format!("{firewall}_remoteaddressranges"),
            &["10.0.0.0/8", "LocalSubnet"],
        ),
        choice(&format!("{firewall}_enabled"), 1, ""),
        simple(
            &format!("{firewall}_name"),
            "String",
            r#""Allow \u00fcberall""#,
        ),
    ]
    .join(",");
    let special = [
        choice(area, 1, &deep),
        group(firewall, &rule),
        secret(
            "device_vendor_msft_policy_config_wifi_psk",
            "8b1f6f0e-4c0f-4f2e-a8a1-5e0c9d2b7a10",
        ),
        simple("device_numbers_decimal", "Integer", "0.1000"),
        simple("device_numbers_huge", "Integer", "12345678901234567890123"),
        simple("device_numbers_exponent", "Integer", "1e5"),
        strings("device_lists_ordered", &["third", "first", "second"]),
    ];
    let mut all: Vec<_> = special
        .iter()
        .enumerate()
        .map(|(index, instance)| setting(index, instance))
        .collect();
    let rest = settings(maker, count.saturating_sub(all.len()));
    let shift = all.len();
    all.extend(rest.into_iter().enumerate().map(|(index, mut plain)| {
        plain.id = (index + shift).to_string();
        plain.set("id", &format!("\"{}\"", plain.id.clone()));
        plain
    }));
    all
}

fn reusable(maker: &mut Maker, tenant: &mut Tenant) {
    for name in [
        "Trusted addresses",
        "Elevation certificate",
        "Linux discovery script",
    ] {
        let instance = strings(
            "vendor_msft_firewall_mdmstore_dynamickeywords",
            &["192.0.2.7", name],
        );
        put(
            maker,
            tenant,
            "deviceManagement/reusablePolicySettings",
            r#"{"id":"<id>","displayName":"<name>","description":"","settingDefinitionId":"vendor_msft_firewall_mdmstore_dynamickeywords","settingInstance":<instance>,"createdDateTime":<created>,"lastModifiedDateTime":<modified>,"version":2,"referencingConfigurationPolicyCount":1}"#,
            &[("name", name), ("instance", &instance)],
        );
    }
}

fn linux_compliance(maker: &mut Maker, tenant: &mut Tenant, name: &str, count: usize) {
    let id = maker.id();
    let settings = settings(maker, count);
    let rule = Resource::new(r#"{"id":"a1c0ffee-0000-4000-8000-000000000001","ruleName":"BlockAndNotify"}"#)
        .with("scheduledActionConfigurations", vec![Resource::new(
            r#"{"id":"a1c0ffee-0000-4000-8000-000000000002","gracePeriodHours":24,"actionType":"block","notificationTemplateId":"00000000-0000-0000-0000-000000000000","notificationMessageCCList":[]}"#,
        )]);
    let text = maker.text(
        r#"{"id":"<id>","createdDateTime":<created>,"description":"","lastModifiedDateTime":<modified>,"name":"<name>","platforms":"linux","roleScopeTagIds":["0"],"settingCount":<count>,"technologies":"linuxMdm","isAssigned":true,"creationSource":null}"#,
        &[("id", &id), ("name", name), ("count", &count.to_string())],
    );
    let policy = Resource::new(text)
        .with("settings", settings)
        .with("scheduledActionsForRule", vec![rule])
        .with("assignments", vec![filtered(&id, 1)]);
    tenant.add("deviceManagement/compliancePolicies", policy);
}

fn intent(maker: &mut Maker, tenant: &mut Tenant, name: &str, count: usize) {
    let (id, template) = (maker.id(), maker.id());
    let settings = (0..count)
        .map(|number| {
            let setting = maker.id();
            Resource::new(format!(
                r##"{{"@odata.type":"#microsoft.graph.deviceManagementBooleanSettingInstance","id":"{setting}","definitionId":"deviceConfiguration--windows10EndpointProtectionConfiguration_option{number}","valueJson":"true","value":true}}"##
            ))
        })
        .collect();
    let text = maker.text(
        r#"{"id":"<id>","displayName":"<name>","description":"","isAssigned":true,"isMigratingToConfigurationPolicy":null,"lastModifiedDateTime":<modified>,"templateId":"<template>","roleScopeTagIds":["0"]}"#,
        &[("id", &id), ("name", name), ("template", &template)],
    );
    let all_devices = r##"{"@odata.type":"#microsoft.graph.allDevicesAssignmentTarget"}"##;
    let intent = Resource::new(text).with("settings", settings).with(
        "assignments",
        vec![to_group(&id, 0), assignment(&id, all_devices)],
    );
    tenant.add("deviceManagement/intents", intent);
    let text = format!(
        r#"{{"id":"{template}","displayName":"Microsoft Defender Firewall","description":"","versionInfo":"2004","isDeprecated":true,"intentCount":1,"templateType":"securityTemplate","platformType":"windows10AndLater","templateSubtype":"firewall","publishedDateTime":"2020-04-30T00:00:00Z"}}"#
    );
    tenant.add("deviceManagement/templates", Resource::new(text));
}

fn inventory(maker: &mut Maker, tenant: &mut Tenant) {
    for name in ["Properties of laptops", "Properties of kiosks"] {
        let id = maker.id();
        let settings = settings(maker, 3);
        let text = maker.text(
            r#"{"id":"<id>","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"name":"<name>","description":"","platforms":"windows10","technologies":"mdm","settingCount":3,"roleScopeTagIds":["0"]}"#,
            &[("id", &id), ("name", name)],
        );
        let policy = Resource::new(text)
            .with("settings", settings)
            .with("assignments", vec![to_group(&id, 0)]);
        tenant.add("deviceManagement/inventoryPolicies", policy);
    }
}
