//! Enrollment configurations of every kind in their one collection, with composite ids, defaults
//! that have no name, and a kind nobody knows; Autopilot profiles.

use super::sample::{ALL_DEVICES_TARGET, Maker, assignment, put, to_group};
use super::tenant::{Resource, Tenant};

const CONFIGURATIONS: &str = "deviceManagement/deviceEnrollmentConfigurations";
const HEAD: &str = r##"{"@odata.type":"#microsoft.graph.<type>","id":"<id>","displayName":<name>,"description":<description>,"priority":<priority>,"createdDateTime":<date>,"lastModifiedDateTime":<date>,"version":<version>,"roleScopeTagIds":<tags>,"deviceEnrollmentConfigurationType":"<kind>","##;

const PLATFORM: &str = r#"{"platformBlocked":false,"personalDeviceEnrollmentBlocked":<blocked>,"osMinimumVersion":"","osMaximumVersion":"","blockedManufacturers":[],"blockedSkus":[]}"#;
const ESP: &str = r#""showInstallationProgress":true,"blockDeviceSetupRetryByUser":false,"allowDeviceResetOnInstallFailure":true,"allowLogCollectionOnInstallFailure":true,"customErrorMessage":"Setup could not be completed.","installProgressTimeoutInMinutes":60,"allowDeviceUseOnInstallFailure":true,"selectedMobileAppIds":["a9900000-0000-4000-8000-000000000002","a9900000-0000-4000-8000-000000000001"],"trackInstallProgressForAutopilotOnly":true,"disableUserStatusTrackingAfterFirstUser":true,"installQualityUpdates":false,"allowNonBlockingAppInstallation":false}"#;
const HELLO: &str = r#""pinMinimumLength":6,"pinMaximumLength":127,"pinUppercaseCharactersUsage":"disallowed","pinLowercaseCharactersUsage":"disallowed","pinSpecialCharactersUsage":"disallowed","state":"notConfigured","securityDeviceRequired":false,"unlockWithBiometricsEnabled":true,"remotePassportEnabled":true,"pinPreviousBlockCount":0,"pinExpirationInDays":0,"enhancedBiometricsState":"notConfigured","securityKeyForSignIn":"notConfigured","enhancedSignInSecurity":0}"#;

struct Sort {
    kind: &'static str,
    suffix: &'static str,
    word: &'static str,
    rest: &'static str,
}

const LIMIT: Sort = Sort {
    kind: "deviceEnrollmentLimitConfiguration",
    suffix: "DefaultLimit",
    word: "limit",
    rest: r#""limit":5}"#,
};
const PAGE: Sort = Sort {
    kind: "windows10EnrollmentCompletionPageConfiguration",
    suffix: "DefaultWindows10EnrollmentCompletionPageConfiguration",
    word: "windows10EnrollmentCompletionPageConfiguration",
    rest: ESP,
};
const SORTS: &[Sort] = &[
    Sort {
        kind: "deviceEnrollmentWindowsHelloForBusinessConfiguration",
        suffix: "DefaultWindowsHelloForBusiness",
        word: "windowsHelloForBusiness",
        rest: HELLO,
    },
    Sort {
        kind: "deviceComanagementAuthorityConfiguration",
        suffix: "DeviceComanagementAuthorityConfiguration",
        word: "deviceComanagementAuthorityConfiguration",
        rest: r#""managedDeviceAuthority":3,"installConfigurationManagerAgent":false,"configurationManagerAgentCommandLineArgument":""}"#,
    },
    Sort {
        kind: "windowsRestoreDeviceEnrollmentConfiguration",
        suffix: "DefaultWindowsRestore",
        word: "windowsRestore",
        rest: r#""state":"enabled"}"#,
    },
    Sort {
        kind: "deviceEnrollmentTeleportConfiguration",
        suffix: "Teleport",
        word: "unknownFutureValue",
        rest: r#""beamWidth":0.1000,"destinations":["moon"]}"#,
    },
];

/// All of it: a tenant has few of these.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    default(maker, tenant, &LIMIT);
    own(maker, tenant, &LIMIT, "Fifteen each", 1);
    default(maker, tenant, &PAGE);
    own(maker, tenant, &PAGE, "Autopilot page", 1);
    for sort in SORTS {
        default(maker, tenant, sort);
    }
    restrictions(maker, tenant);
    for platform in ["ios", "windows", "androidForWork", "mac"] {
        notification(maker, tenant, platform);
    }
    autopilot(maker, tenant);
}

fn configuration(
    maker: &mut Maker,
    tenant: &mut Tenant,
    sort: &Sort,
    (id, name, priority): (&str, &str, u32),
) {
    let is_default = priority == 0;
    let date = match is_default {
        true => r#""0001-01-01T00:00:00Z""#.to_owned(),
        false => maker.date(),
    };
    let text = maker.text(
        &format!("{HEAD}{}", sort.rest),
        &[
            ("type", sort.kind),
            ("kind", sort.word),
            ("id", id),
            ("name", name),
            ("description", if is_default { r#""""# } else { "null" }),
            ("priority", &priority.to_string()),
            ("date", &date),
            ("version", if is_default { "0" } else { "4" }),
            ("tags", if is_default { "[]" } else { r#"["0"]"# }),
        ],
    );
    let assignments = match is_default {
        true => vec![assignment(id, ALL_DEVICES_TARGET)],
        false => vec![to_group(id, 1)],
    };
    tenant.add(
        CONFIGURATIONS,
        Resource::new(text).with("assignments", assignments),
    );
}

fn default(maker: &mut Maker, tenant: &mut Tenant, sort: &Sort) {
    let id = format!("11111111-2222-4333-8444-555555555555_{}", sort.suffix);
    configuration(maker, tenant, sort, (&id, r#""""#, 0));
}

fn own(maker: &mut Maker, tenant: &mut Tenant, sort: &Sort, name: &str, priority: u32) {
    let id = format!(
        "{}_{}",
        maker.id(),
        sort.suffix.trim_start_matches("Default")
    );
    configuration(maker, tenant, sort, (&id, &format!("\"{name}\""), priority));
}

/// The old form with all platforms in one object, and the new form with one each.
fn restrictions(maker: &mut Maker, tenant: &mut Tenant) {
    let open = PLATFORM.replace("<blocked>", "false");
    let all: Vec<_> = [
        "ios",
        "windows",
        "windowsHomeSku",
        "windowsMobile",
        "android",
        "androidForWork",
        "mac",
        "macOS",
    ]
    .iter()
    .map(|platform| format!(r#""{platform}Restriction":{open}"#))
    .collect();
    let old = format!("{}}}", all.join(","));
    let text = maker.text(
        &format!("{HEAD}{old}"),
        &[
            ("type", "deviceEnrollmentPlatformRestrictionsConfiguration"),
            ("kind", "platformRestrictions"),
            ("id", "11111111-2222-4333-8444-555555555555_DefaultPlatformRestrictions"),
            ("name", r#""All users and all devices""#),
            ("description", r#""This is the default Device Type Restriction applied with the lowest priority to all users regardless of group membership.""#),
            ("priority", "0"),
            ("date", r#""0001-01-01T00:00:00Z""#),
            ("version", "0"),
            ("tags", "[]"),
        ],
    );
    tenant.add(
        CONFIGURATIONS,
        Resource::new(text).with("assignments", Vec::new()),
    );
    for (priority, platform) in (1..).zip(["windows", "ios"]) {
        let blocked = PLATFORM.replace("<blocked>", "true");
        let id = format!("{}_SinglePlatformRestriction", maker.id());
        let rest = format!(r#""platformType":"{platform}","platformRestriction":{blocked}}}"#);
        let text = maker.text(
            &format!("{HEAD}{rest}"),
            &[
                ("type", "deviceEnrollmentPlatformRestrictionConfiguration"),
                ("kind", "singlePlatformRestriction"),
                ("id", &id),
                ("name", r#""No personal devices""#),
                ("description", "null"),
                ("priority", &priority.to_string()),
                ("date", r#""2025-03-04T05:06:07.89Z""#),
                ("version", "2"),
                ("tags", r#"["0","1"]"#),
            ],
        );
        let assignments = vec![to_group(&id, 0)];
        tenant.add(
            CONFIGURATIONS,
            Resource::new(text).with("assignments", assignments),
        );
    }
}

/// Four platforms share one name, as the portal makes them.
fn notification(maker: &mut Maker, tenant: &mut Tenant, platform: &str) {
    let id = format!("{}_EnrollmentNotificationsConfiguration", maker.id());
    let rest = format!(
        r#""platformType":"{platform}","templateType":"email","notificationMessageTemplateId":"c0de0000-aaaa-4bbb-8ccc-000000000002","notificationTemplates":["email_c0de0000-aaaa-4bbb-8ccc-000000000002","push_00000000-0000-0000-0000-000000000000"],"brandingOptions":"none","defaultLocale":"en-us"}}"#
    );
    let text = maker.text(
        &format!("{HEAD}{rest}"),
        &[
            ("type", "deviceEnrollmentNotificationConfiguration"),
            ("kind", "enrollmentNotificationsConfiguration"),
            ("id", &id),
            ("name", r#""You enrolled a device""#),
            ("description", r#""""#),
            ("priority", "1"),
            ("date", r#""2025-09-08T07:06:05.0000001Z""#),
            ("version", "1"),
            ("tags", r#"["0"]"#),
        ],
    );
    let assignments = vec![to_group(&id, 0)];
    tenant.add(
        CONFIGURATIONS,
        Resource::new(text).with("assignments", assignments),
    );
}

fn autopilot(maker: &mut Maker, tenant: &mut Tenant) {
    for (name, kind, usage) in [
        (
            "Users' laptops",
            "azureADWindowsAutopilotDeploymentProfile",
            "singleUser",
        ),
        (
            "Kiosk, self-deploying",
            "azureADWindowsAutopilotDeploymentProfile",
            "shared",
        ),
        (
            "Hybrid",
            "activeDirectoryWindowsAutopilotDeploymentProfile",
            "singleUser",
        ),
    ] {
        put(
            maker,
            tenant,
            "deviceManagement/windowsAutopilotDeploymentProfiles",
            r##"{"@odata.type":"#microsoft.graph.<type>","id":"<id>","displayName":"<name>","description":"","language":"os-default","locale":"os-default","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"enrollmentStatusScreenSettings":null,"extractHardwareHash":true,"hardwareHashExtractionEnabled":true,"deviceNameTemplate":"SBX-%SERIAL%","deviceType":"windowsPc","enableWhiteGlove":false,"preprovisioningAllowed":false,"roleScopeTagIds":["0"],"managementServiceAppId":null,"outOfBoxExperienceSettings":{"hidePrivacySettings":true,"hideEULA":true,"userType":"standard","deviceUsageType":"<usage>","skipKeyboardSelectionPage":true,"hideEscapeLink":true},"outOfBoxExperienceSetting":{"privacySettingsHidden":true,"eulaHidden":true,"userType":"standard","deviceUsageType":"<usage>","keyboardSelectionPageSkipped":true,"escapeLinkHidden":true}}"##,
            &[("type", kind), ("name", name), ("usage", usage)],
        );
    }
}
