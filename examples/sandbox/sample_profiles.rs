//! Device configuration profiles of several platforms, and administrative templates.

use super::sample::{Maker, put};
use super::tenant::{IN_CLEAR, Resource, Tenant};

/// Where profiles are.
pub const PROFILES: &str = "deviceManagement/deviceConfigurations";
const TEMPLATES: &str = "deviceManagement/groupPolicyConfigurations";

/// What every profile begins with.
const HEAD: &str = r##"{"@odata.type":"#microsoft.graph.<type>","id":"<id>","lastModifiedDateTime":<modified>,"roleScopeTagIds":["0"],"supportsScopeTags":true,"deviceManagementApplicabilityRuleOsEdition":null,"deviceManagementApplicabilityRuleOsVersion":null,"deviceManagementApplicabilityRuleDeviceMode":null,"createdDateTime":<created>,"description":null,"displayName":<name>,"version":<version>,"##;

const RING: &str = r##""deliveryOptimizationMode":"userDefined","prereleaseFeatures":"userDefined","automaticUpdateMode":"autoInstallAtMaintenanceTime","microsoftUpdateServiceAllowed":true,"driversExcluded":false,"qualityUpdatesDeferralPeriodInDays":<quality>,"featureUpdatesDeferralPeriodInDays":<feature>,"qualityUpdatesPaused":false,"featureUpdatesPaused":false,"qualityUpdatesPauseExpiryDateTime":"0001-01-01T00:00:00Z","featureUpdatesPauseExpiryDateTime":"0001-01-01T00:00:00Z","businessReadyUpdatesOnly":"userDefined","skipChecksBeforeRestart":false,"updateWeeks":null,"qualityUpdatesPauseStartDate":null,"featureUpdatesPauseStartDate":null,"featureUpdatesRollbackWindowInDays":10,"qualityUpdatesWillBeRolledBack":null,"featureUpdatesWillBeRolledBack":null,"qualityUpdatesRollbackStartDateTime":"0001-01-01T00:00:00Z","featureUpdatesRollbackStartDateTime":"0001-01-01T00:00:00Z","engagedRestartDeadlineInDays":null,"deadlineForFeatureUpdatesInDays":5,"deadlineForQualityUpdatesInDays":2,"deadlineGracePeriodInDays":1,"postponeRebootUntilAfterDeadline":false,"allowWindows11Upgrade":true,"installationSchedule":{"@odata.type":"#microsoft.graph.windowsUpdateActiveHoursInstall","activeHoursStart":"08:00:00.0000000","activeHoursEnd":"17:00:00.0000000"}}"##;

const CUSTOM: &str = r##""omaSettings":[{"@odata.type":"#microsoft.graph.omaSettingString","displayName":"Wallet key","description":null,"omaUri":"./Device/Vendor/MSFT/Policy/Config/Wallet/Key","secretReferenceValueId":"35ea58b6-1111-4f4b-a3c6-74a5f8d2c3e1_<id>_5c7b","isEncrypted":true,"value":"****"},{"@odata.type":"#microsoft.graph.omaSettingInteger","displayName":"Minutes","description":"","omaUri":"./Device/Vendor/MSFT/Policy/Config/DeviceLock/MaxInactivityTimeDeviceLock","secretReferenceValueId":null,"isEncrypted":false,"value":15,"isReadOnly":false},{"@odata.type":"#microsoft.graph.omaSettingFloatingPoint","displayName":"Ratio","description":"","omaUri":"./Device/Vendor/Sandbox/Ratio","secretReferenceValueId":null,"isEncrypted":false,"value":0.1000},{"@odata.type":"#microsoft.graph.omaSettingFloatingPoint","displayName":"Huge","description":"","omaUri":"./Device/Vendor/Sandbox/Huge","secretReferenceValueId":null,"isEncrypted":false,"value":12345678901234567890123},{"@odata.type":"#microsoft.graph.omaSettingFloatingPoint","displayName":"Exponent","description":"","omaUri":"./Device/Vendor/Sandbox/Exponent","secretReferenceValueId":null,"isEncrypted":false,"value":1e5},{"@odata.type":"#microsoft.graph.omaSettingFloatingPoint","displayName":"Minus nothing","description":"","omaUri":"./Device/Vendor/Sandbox/Zero","secretReferenceValueId":null,"isEncrypted":false,"value":-0},{"@odata.type":"#microsoft.graph.omaSettingStringXml","displayName":"Start layout","description":"","omaUri":"./User/Vendor/MSFT/Policy/Config/Start/StartLayout","secretReferenceValueId":"35ea58b6-1111-4f4b-a3c6-74a5f8d2c3e1_<id>_77aa","isEncrypted":true,"fileName":"layout.xml","value":"PGEvPg=="}]}"##;

const CUSTOM_TYPE: &str = "windows10CustomConfiguration";

/// The ends of the names of its encrypted values, and the values.
const ENCRYPTED: [(&str, &str); 2] = [
    ("5c7b", "oma-secret-1147"),
    ("77aa", "<layout>oma-secret-2253</layout>"),
];

const IOS: &str = r#""accountBlockModification":false,"activationLockAllowWhenSupervised":false,"airDropBlocked":true,"cameraBlocked":false,"iCloudBlockBackup":false,"passcodeBlockSimple":true,"passcodeExpirationDays":null,"passcodeMinimumLength":6,"passcodeRequired":true,"passcodeRequiredType":"numeric","safariCookieSettings":"browserDefault","appsVisibilityList":[],"networkUsageRules":[],"mediaContentRatingApps":"allAllowed"}"#;

const ANDROID: &str = r#""appsAllowInstallFromUnknownSources":false,"cameraBlocked":false,"dataRoamingBlocked":false,"kioskModeApps":[],"passwordMinimumLength":8,"passwordRequiredType":"numericComplex","personalProfileAppsAllowInstallFromUnknownSources":null,"screenCaptureBlocked":true,"systemUpdateInstallType":"windowed","systemUpdateWindowStartMinutesAfterMidnight":120,"systemUpdateWindowEndMinutesAfterMidnight":300,"wifiBlockEditConfigurations":false,"workProfilePasswordRequiredType":"deviceDefault"}"#;

const MAC: &str = r##""deploymentChannel":"deviceChannel","payloadName":"Dock","payloadFileName":"dock.mobileconfig","payload":"PD94bWwgdmVyc2lvbj0iMS4wIj8+PHBsaXN0PjxkaWN0PjxrZXk+dGlsZXNpemU8L2tleT48aW50ZWdlcj40ODwvaW50ZWdlcj48L2RpY3Q+PC9wbGlzdD4="}"##;

const IOS_UPDATE: &str = r#""isEnabled":null,"activeHoursStart":"08:00:00.0000000","activeHoursEnd":"17:00:00.0000000","scheduledInstallDays":["monday"],"utcTimeOffsetInMinutes":60,"enforcedSoftwareUpdateDelayInDays":30,"updateScheduleType":"updateOutsideOfActiveHours","desiredOsVersion":"18.1","customUpdateTimeWindows":[]}"#;

const MAC_UPDATE: &str = r#""criticalUpdateBehavior":"installASAP","configDataUpdateBehavior":"installASAP","firmwareUpdateBehavior":"default","allOtherUpdateBehavior":"notifyOnly","updateScheduleType":"alwaysUpdate","customUpdateTimeWindows":[],"updateTimeWindowUtcOffsetInMinutes":null,"maxUserDeferralsCount":3,"priority":"low"}"#;

const UNHEARD_OF: &str = r#""quantumLevel":"high","entanglement":{"pairs":12345678901234567890123,"drift":0.1000,"since":"2026-01-02T03:04:05.1234567Z"},"newSecretPolicyValue":null}"#;

/// The profiles that are here for what is special about them.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    for (name, quality, feature) in [
        (r#""Ring 0 Pilot""#, "0", "0"),
        (r#""Ring 1 Early""#, "3", "14"),
        (r#""Ring 2 Broad""#, "7", "60"),
    ] {
        profile(
            maker,
            tenant,
            "windowsUpdateForBusinessConfiguration",
            name,
            RING,
            &[("quality", quality), ("feature", feature)],
        );
    }
    profile(
        maker,
        tenant,
        CUSTOM_TYPE,
        r#""Custom OMA-URI""#,
        CUSTOM,
        &[],
    );
    profile(
        maker,
        tenant,
        "iosGeneralDeviceConfiguration",
        r#""iPads \u2013 restrictions""#,
        IOS,
        &[],
    );
    profile(
        maker,
        tenant,
        "androidDeviceOwnerGeneralDeviceConfiguration",
        r#""Android handhelds""#,
        ANDROID,
        &[],
    );
    profile(
        maker,
        tenant,
        "macOSCustomConfiguration",
        r#""Mac dock""#,
        MAC,
        &[],
    );
    profile(
        maker,
        tenant,
        "iosUpdateConfiguration",
        r#""iOS updates""#,
        IOS_UPDATE,
        &[],
    );
    profile(
        maker,
        tenant,
        "macOSSoftwareUpdateConfiguration",
        r#""macOS updates""#,
        MAC_UPDATE,
        &[],
    );
    profile(
        maker,
        tenant,
        "windowsQuantumConfiguration",
        r#""A type nobody knows""#,
        UNHEARD_OF,
        &[],
    );
    bulk_group_policy(maker, tenant);
    bulk_group_policy(maker, tenant);
}

/// One generated profile.
pub fn bulk(maker: &mut Maker, tenant: &mut Tenant) {
    let name = format!("\"Profile {:05}\"", maker.number());
    let (kind, rest) = [
        (CUSTOM_TYPE, CUSTOM),
        ("iosGeneralDeviceConfiguration", IOS),
        ("androidDeviceOwnerGeneralDeviceConfiguration", ANDROID),
        ("macOSCustomConfiguration", MAC),
    ][maker.index(4)];
    profile(maker, tenant, kind, &name, rest, &[]);
}

/// One profile of that type.
pub fn profile(
    maker: &mut Maker,
    tenant: &mut Tenant,
    kind: &str,
    name: &str,
    rest: &str,
    words: &[(&str, &str)],
) {
    let version = (1 + maker.roll(30)).to_string();
    let mut all = vec![
        ("type", kind),
        ("name", name),
        ("version", version.as_str()),
    ];
    all.extend_from_slice(words);
    put(maker, tenant, PROFILES, &format!("{HEAD}{rest}"), &all);
    let id = tenant.list(PROFILES).last().map(|item| item.id.clone());
    if kind == CUSTOM_TYPE
        && let Some(item) = id.and_then(|id| tenant.get_mut(PROFILES, &id))
    {
        let values = ENCRYPTED.map(|(tail, value)| in_clear(&item.id, tail, value));
        *item.below_mut(IN_CLEAR) = values.into();
    }
}

/// What stands behind a placeholder of a custom profile.
fn in_clear(id: &str, tail: &str, value: &str) -> Resource {
    Resource {
        id: format!("35ea58b6-1111-4f4b-a3c6-74a5f8d2c3e1_{id}_{tail}"),
        text: format!(r#"{{"value":"{value}"}}"#),
        below: Vec::new(),
    }
}

/// One set of administrative templates, with its definition values and their presentation values.
pub fn bulk_group_policy(maker: &mut Maker, tenant: &mut Tenant) {
    let name = format!("\"ADMX {:05}\"", maker.number());
    let template = r#"{"createdDateTime":<created>,"displayName":<name>,"description":"","roleScopeTagIds":["0"],"policyConfigurationIngestionType":"builtIn","id":"<id>","lastModifiedDateTime":<modified>}"#;
    put(maker, tenant, TEMPLATES, template, &[("name", &name)]);
    let values: Vec<_> = (0..2 + maker.index(4))
        .map(|_| definition_value(maker))
        .collect();
    let id = tenant.list(TEMPLATES).last().map(|item| item.id.clone());
    if let Some(item) = id.and_then(|id| tenant.get_mut(TEMPLATES, &id)) {
        *item.below_mut("definitionValues") = values;
    }
}

fn definition_value(maker: &mut Maker) -> Resource {
    let (value, definition) = (maker.id(), maker.id());
    let setting = format!("Turn on feature {}", maker.roll(1000));
    let text = maker.text(
        r#"{"createdDateTime":<created>,"enabled":true,"configurationType":"policy","id":"<id>","lastModifiedDateTime":<modified>}"#,
        &[("id", &value)],
    );
    let definition = maker.text(
        r#"{"classType":"machine","displayName":"<setting>","explainText":"If you enable this policy setting, the feature is turned on.\n\nIf you disable it, it is not.","categoryPath":"\\Windows Components\\Sandbox","supportedOn":"At least Windows 10","policyType":"admxBacked","hasRelatedDefinitions":false,"groupPolicyCategoryId":"3f6ed6a1-0b4b-4c8a-b0f6-6c3c7c7d8e9f","minDeviceCspVersion":"5.0","minUserCspVersion":"5.0","version":"1.0","id":"<id>","lastModifiedDateTime":<modified>}"#,
        &[("id", &definition), ("setting", &setting)],
    );
    let presentations = (0..maker.index(3))
        .map(|_| presentation_value(maker))
        .collect();
    Resource::new(text)
        .with("definition", vec![Resource::new(definition)])
        .with("presentationValues", presentations)
}

fn presentation_value(maker: &mut Maker) -> Resource {
    let (value, presentation) = (maker.id(), maker.id());
    let (kind, control, given) = [
        (
            "Text",
            "TextBox",
            r#""value":"https:\/\/intranet.sandbox.invalid""#,
        ),
        ("Decimal", "DecimalTextBox", r#""value":4294967295"#),
        ("Boolean", "CheckBox", r#""value":true"#),
        (
            "List",
            "ListBox",
            r#""values":[{"name":"2","value":"b"},{"name":"1","value":"a"}]"#,
        ),
    ][maker.index(4)];
    let text = maker.text(
        r##"{"@odata.type":"#microsoft.graph.groupPolicyPresentationValue<kind>","lastModifiedDateTime":<modified>,"createdDateTime":<created>,"id":"<id>",<given>}"##,
        &[("id", &value), ("kind", kind), ("given", given)],
    );
    let presentation = format!(
        r##"{{"@odata.type":"#microsoft.graph.groupPolicyPresentation{control}","label":"Value:","id":"{presentation}","lastModifiedDateTime":"2024-05-01T00:00:00Z"}}"##
    );
    Resource::new(text).with("presentation", vec![Resource::new(presentation)])
}
