//! What comes out of stores and what is built for the tenant: apps, categories, books, tokens,
//! retired protection, and app configuration with many settings.

use super::sample::{Maker, add, assignment, excluded, to_group};
use super::tenant::{Resource, Tenant};

const APPS: &str = "deviceAppManagement/mobileApps";
const CATEGORY: &str = r#"{"id":"ca000000-0000-4000-8000-000000000001","displayName":"Productivity","lastModifiedDateTime":"2023-06-01T00:00:00Z"}"#;
/// An app that policies refer to and nobody finds any more.
const DELETED_APP: &str = "a9900000-0000-4000-8000-0000000000de";

const APP: &str = r#""publisher":"Sandbox","largeIcon":null,"createdDateTime":"2024-02-01T08:00:00Z","lastModifiedDateTime":"2024-03-02T09:30:00.1234567Z","isFeatured":false,"privacyInformationUrl":null,"informationUrl":null,"owner":"Workplace","developer":"","notes":"","uploadState":1,"publishingState":"published","roleScopeTagIds":["0","1"],"dependentAppCount":0,"supersedingAppCount":0,"supersededAppCount":0"#;

/// Everything of this file.
pub fn fixed(tenant: &mut Tenant) {
    stubs(tenant);
    own_apps(tenant);
    categories(tenant);
    configurations(tenant);
    retired_protection(tenant);
    built_for_the_tenant(tenant);
    bought(tenant);
    policy_set(tenant);
}

fn app(number: u32, odata_type: &str, name: &str, rest: &str) -> (String, String) {
    let id = format!("a9900000-0000-4000-8000-0000000001{number:02}");
    let text = format!(
        r##"{{"@odata.type":"#microsoft.graph.{odata_type}","id":"{id}","displayName":"{name}","description":"{name}, as its publisher describes it",{APP},{rest}}}"##
    );
    (id, text)
}

fn assigned(id: &str, intent: &str, settings: &str) -> Resource {
    let mut assigned = to_group(id, 0);
    assigned.set("intent", &format!("\"{intent}\""));
    assigned.set("settings", settings);
    assigned
}

/// Apps that are in every tenant. One of them is in use.
fn stubs(tenant: &mut Tenant) {
    for (number, name, used) in [
        (1, "Adobe Acrobat Reader", false),
        (2, "Box", false),
        (3, "Zoom for Intune", false),
        (4, "Microsoft Edge", true),
    ] {
        let rest = format!(
            r#""isAssigned":{used},"appAvailability":"global","version":"1.{number}","bundleId":"com.example.stub{number}","appStoreUrl":"https://apps.apple.com/us/app/id{number}","applicableDeviceType":{{"iPad":true,"iPhoneAndIPod":true}},"minimumSupportedOperatingSystem":{{"v8_0":false,"v9_0":true}}"#
        );
        let (id, text) = app(number, "managedIOSStoreApp", name, &rest);
        let assignments = if used {
            vec![assigned(&id, "availableWithoutEnrollment", "null")]
        } else {
            Vec::new()
        };
        let below = vec![("assignments", assignments), ("categories", Vec::new())];
        add(tenant, APPS, &text, below);
    }
}

fn own_apps(tenant: &mut Tenant) {
    let script = Maker::base64("if (Test-Path 'C:\\Program Files\\VPN') { exit 0 }");
    let rest = format!(
        r##""isAssigned":true,"committedContentVersion":"3","fileName":"vpn.intunewin","size":52428800,"installCommandLine":"setup.exe /quiet","uninstallCommandLine":"setup.exe /x","applicableArchitectures":"x64","minimumSupportedWindowsRelease":"22H2","displayVersion":"5.1","setupFilePath":"setup.exe","allowAvailableUninstall":false,"minimumFreeDiskSpaceInMB":null,"rules":[{{"@odata.type":"#microsoft.graph.win32LobAppPowerShellScriptRule","ruleType":"requirement","displayName":"Not there yet","enforceSignatureCheck":false,"runAs32Bit":false,"runAsAccount":"system","scriptContent":{script},"operationType":"integer","operator":"equal","comparisonValue":"0"}}],"installExperience":{{"runAsAccount":"system","maxRunTimeInMinutes":60,"deviceRestartBehavior":"basedOnReturnCode"}},"returnCodes":[{{"returnCode":0,"type":"success"}},{{"returnCode":3010,"type":"softReboot"}}],"msiInformation":null"##
    );
    let (id, text) = app(11, "win32LobApp", "VPN client", &rest);
    let runtime = "a9900000-0000-4000-8000-000000000112";
    let dependency = Resource::new(format!(
        r##"{{"@odata.type":"#microsoft.graph.mobileAppDependency","id":"{id}_{runtime}","targetId":"{runtime}","targetDisplayName":"Runtime","targetDisplayVersion":"8","targetPublisher":"Sandbox","targetType":"child","dependencyType":"autoInstall","dependentAppCount":0,"dependsOnAppCount":0}}"##
    ));
    let settings = r##"{"@odata.type":"#microsoft.graph.win32LobAppAssignmentSettings","notifications":"showReboot","restartSettings":null,"installTimeSettings":null,"deliveryOptimizationPriority":"notConfigured"}"##;
    add(
        tenant,
        APPS,
        &text,
        vec![
            (
                "assignments",
                vec![assigned(&id, "required", settings), excluded(&id, 2)],
            ),
            ("categories", vec![Resource::new(CATEGORY)]),
            ("relationships", vec![dependency]),
        ],
    );
    for (number, kind, name, rest) in [
        (
            12,
            "win32LobApp",
            "Runtime",
            r#""isAssigned":false,"fileName":"runtime.intunewin","size":1048576,"installCommandLine":"runtime.exe","uninstallCommandLine":"runtime.exe /x","rules":[],"returnCodes":[]"#,
        ),
        (
            13,
            "winGetApp",
            "Company Portal",
            r#""isAssigned":false,"packageIdentifier":"9WZDNCRFJ3PZ","manifestHash":"q4F0","installExperience":{"runAsAccount":"user"}"#,
        ),
        (
            14,
            "macOSDmgApp",
            "Firefox",
            r#""isAssigned":false,"fileName":"Firefox.dmg","size":140000000,"primaryBundleId":"org.mozilla.firefox","primaryBundleVersion":"132.0","ignoreVersionDetection":true,"includedApps":[{"bundleId":"org.mozilla.firefox","bundleVersion":"132.0"}]"#,
        ),
        (
            15,
            "managedAndroidLobApp",
            "Field service",
            r#""isAssigned":false,"appAvailability":"lineOfBusiness","version":"7","packageId":"invalid.sandbox.field","versionName":"7.0","versionCode":"700","fileName":"field.apk","size":9000000"#,
        ),
    ] {
        let (_, text) = app(number, kind, name, rest);
        let below = vec![("assignments", Vec::new()), ("categories", Vec::new())];
        add(tenant, APPS, &text, below);
    }
}

fn categories(tenant: &mut Tenant) {
    let categories = "deviceAppManagement/mobileAppCategories";
    add(tenant, categories, CATEGORY, Vec::new());
    let other = r#"{"id":"ca000000-0000-4000-8000-000000000002","displayName":"Field work \u0026 tools","lastModifiedDateTime":"2024-06-01T00:00:00.5Z"}"#;
    add(tenant, categories, other, Vec::new());
}

fn configurations(tenant: &mut Tenant) {
    let targeted = "deviceAppManagement/targetedManagedAppConfigurations";
    let id = "T_3c0a0000-0000-4000-8000-000000000001";
    let text = format!(
        r#"{{"displayName":"Edge, by settings","description":"","createdDateTime":"2025-01-01T00:00:00Z","lastModifiedDateTime":"2025-01-02T00:00:00Z","roleScopeTagIds":["0"],"id":"{id}","version":"\"7a00\"","customSettings":[],"deployedAppCount":2,"isAssigned":true,"targetedAppManagementLevels":"unspecified","appGroupType":"selectedPublicApps"}}"#
    );
    let apps = ["com.microsoft.msedge", "com.microsoft.emmx"];
    let apps = ["ios", "android"].into_iter().zip(apps).map(|(kind, app)| {
        let property = if kind == "ios" { "bundleId" } else { "packageId" };
        Resource::new(format!(
            r##"{{"id":"{app}.{kind}","version":"-1","mobileAppIdentifier":{{"@odata.type":"#microsoft.graph.{kind}MobileAppIdentifier","{property}":"{app}"}}}}"##
        ))
    });
    // More than a page of them.
    let settings = (0..30).map(|number| {
        Resource::new(format!(
            r##"{{"id":"{number}","settingInstance":{{"@odata.type":"#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance","settingDefinitionId":"com.microsoft.edge.mamedgeappconfigsettings.setting{number:02}","settingInstanceTemplateReference":null,"choiceSettingValue":{{"settingValueTemplateReference":null,"value":"com.microsoft.edge.mamedgeappconfigsettings.setting{number:02}_true","children":[]}}}}}}"##
        ))
    });
    let below = vec![
        ("apps", apps.collect()),
        ("assignments", vec![to_group(id, 0), excluded(id, 3)]),
        ("settings", settings.collect()),
    ];
    add(tenant, targeted, &text, below);
    let id = "3c0a0000-0000-4000-8000-000000000002";
    let text = format!(
        r##"{{"@odata.type":"#microsoft.graph.androidForWorkMobileAppConfiguration","id":"{id}","targetedMobileApps":["a9900000-0000-4000-8000-000000000002","{DELETED_APP}"],"roleScopeTagIds":["0"],"createdDateTime":"2024-05-05T05:05:05Z","description":null,"lastModifiedDateTime":"2024-05-06T05:05:05Z","displayName":"For an app that is gone","version":4,"packageId":"app:invalid.sandbox.gone","payloadJson":"e30=","permissionActions":[],"profileApplicability":"default","connectedAppsEnabled":false}}"##
    );
    let below = vec![("assignments", vec![to_group(id, 1)])];
    add(
        tenant,
        "deviceAppManagement/mobileAppConfigurations",
        &text,
        below,
    );
}

fn retired_protection(tenant: &mut Tenant) {
    for (collection, number) in [
        ("mdmWindowsInformationProtectionPolicies", 1),
        ("mdmWindowsInformationProtectionPolicies", 2),
        ("windowsInformationProtectionPolicies", 3),
        ("windowsInformationProtectionPolicies", 4),
    ] {
        let id = format!("D_1f000000-0000-4000-8000-00000000000{number}");
        let text = format!(
            r#"{{"displayName":"WIP {number}","description":"","createdDateTime":"2019-01-01T00:00:00Z","lastModifiedDateTime":"2020-01-01T00:00:00Z","roleScopeTagIds":["0"],"id":"{id}","version":"\"{number}f\"","enforcementLevel":"encryptAndAuditOnly","enterpriseDomain":"sandbox.invalid","enterpriseProtectedDomainNames":[],"protectionUnderLockConfigRequired":false,"dataRecoveryCertificate":null,"revokeOnUnenrollDisabled":false,"rightsManagementServicesTemplateId":null,"azureRightsManagementServicesAllowed":false,"iconsVisible":true,"protectedApps":[],"exemptApps":[],"isAssigned":true}}"#
        );
        let file = |kind: &str| {
            let file = Maker::base64(&format!("<AppLockerPolicy Version=\"1\" for=\"{kind}\"/>"));
            Resource::new(format!(
                r#"{{"id":"{id}_{kind}","displayName":"{kind} apps","fileHash":"9f86d0{number}","file":{file},"version":"\"1\""}}"#
            ))
        };
        let below = vec![
            ("protectedAppLockerFiles", vec![file("protected")]),
            ("exemptAppLockerFiles", vec![file("exempt")]),
            ("assignments", vec![to_group(&id, 1)]),
        ];
        let collection = format!("deviceAppManagement/{collection}");
        add(tenant, &collection, &text, below);
    }
    for number in [1, 2] {
        let text = format!(
            r#"{{"displayName":"Default protection {number}","description":"","createdDateTime":"2018-01-01T00:00:00Z","lastModifiedDateTime":"2018-01-02T00:00:00Z","roleScopeTagIds":["0"],"id":"G_de000000-0000-4000-8000-00000000000{number}","version":"\"1\"","pinRequired":true,"minimumPinLength":6,"deployedAppCount":1,"customSettings":[]}}"#
        );
        let app = r##"{"id":"com.example.mail.ios","version":"1","mobileAppIdentifier":{"@odata.type":"#microsoft.graph.iosMobileAppIdentifier","bundleId":"com.example.mail"}}"##;
        let below = vec![("apps", vec![Resource::new(app)])];
        add(
            tenant,
            "deviceAppManagement/defaultManagedAppProtections",
            &text,
            below,
        );
    }
}

fn built_for_the_tenant(tenant: &mut Tenant) {
    for number in [1, 2] {
        let id = format!("10b00000-0000-4000-8000-00000000000{number}");
        let payload = Maker::base64(&format!("<plist><dict number=\"{number}\"/></plist>"));
        let text = format!(
            r#"{{"id":"{id}","displayName":"Provisioning {number}","description":"","createdDateTime":"2024-01-01T00:00:00Z","lastModifiedDateTime":"2024-01-01T00:00:00Z","expirationDateTime":"2027-01-01T00:00:00Z","payloadFileName":"profile{number}.mobileprovision","payload":{payload},"version":{number},"roleScopeTagIds":["0"]}}"#
        );
        let below = vec![("assignments", vec![to_group(&id, 2)])];
        let collection = "deviceAppManagement/iosLobAppProvisioningConfigurations";
        add(tenant, collection, &text, below);
        let id = format!("3dac0000-0000-4000-8000-00000000000{number}");
        let content = Maker::base64(&format!("<SiPolicy number=\"{number}\"/>"));
        let text = format!(
            r#"{{"id":"{id}","displayName":"Supplement {number}","description":"","creationDateTime":"2022-01-01T00:00:00Z","lastModifiedDateTime":"2022-02-01T00:00:00Z","content":{content},"contentFileName":"policy{number}.bin","version":"10.0.0.{number}","roleScopeTagIds":["0"]}}"#
        );
        let below = vec![("assignments", vec![to_group(&id, 1)])];
        let collection = "deviceAppManagement/wdacSupplementalPolicies";
        add(tenant, collection, &text, below);
    }
}

fn bought(tenant: &mut Tenant) {
    for number in [1, 2] {
        let id = format!("eb000000-0000-4000-8000-00000000000{number}");
        let text = format!(
            r##"{{"@odata.type":"#microsoft.graph.iosVppEBook","id":"{id}","displayName":"Handbook {number}","description":"","publisher":"Sandbox","publishedDateTime":"2020-01-01T00:00:00Z","largeCover":null,"createdDateTime":"2021-01-01T00:00:00Z","lastModifiedDateTime":"2021-01-01T00:00:00Z","informationUrl":null,"privacyInformationUrl":null,"vppTokenId":"77b00000-0000-4000-8000-000000000001","appleId":"admin@sandbox.invalid","vppOrganizationName":"Sandbox","genres":["Reference"],"language":"en","seller":"Sandbox","totalLicenseCount":10,"usedLicenseCount":{number},"roleScopeTagIds":["0"]}}"##
        );
        let mut everybody = assignment(
            &id,
            r##"{"@odata.type":"#microsoft.graph.allLicensedUsersAssignmentTarget"}"##,
        );
        everybody.set("installIntent", r#""required""#);
        let below = vec![("assignments", vec![everybody])];
        add(tenant, "deviceAppManagement/managedEBooks", &text, below);
        // The first one has long expired.
        let year = if number == 1 { 2024 } else { 2099 };
        let text = format!(
            r#"{{"id":"77b00000-0000-4000-8000-00000000000{number}","organizationName":"Sandbox","vppTokenAccountType":"business","appleId":"vpp{number}@sandbox.invalid","expirationDateTime":"{year}-12-0{number}T00:00:00Z","lastSyncDateTime":"2026-11-0{number}T00:00:00Z","token":"eyJvcmdOYW1lIjoi-secret-vpp-token-{number}","lastModifiedDateTime":"2026-01-01T00:00:00Z","state":"valid","tokenActionResults":[],"lastSyncStatus":"completed","automaticallyUpdateApps":true,"countryOrRegion":"no","dataSharingConsentGranted":true,"displayName":"Location {number}","locationName":"Oslo","claimTokenManagementFromExternalMdm":false,"roleScopeTagIds":["0"]}}"#
        );
        add(tenant, "deviceAppManagement/vppTokens", &text, Vec::new());
    }
}

/// A set that holds an app which is gone.
fn policy_set(tenant: &mut Tenant) {
    let id = "5e700000-0000-4000-8000-000000000002";
    let text = format!(
        r#"{{"id":"{id}","createdDateTime":"2024-01-01T00:00:00Z","lastModifiedDateTime":"2024-01-01T00:00:00Z","displayName":"Kiosks","description":null,"status":"error","errorCode":"notFound","guidedDeploymentTags":[],"roleScopeTags":["0"]}}"#
    );
    let items = [
        (
            "mobileAppPolicySetItem",
            DELETED_APP,
            r##","itemType":"#microsoft.graph.iosStoreApp","intent":"required","settings":null"##,
        ),
        (
            "deviceConfigurationPolicySetItem",
            "dc000000-0000-4000-8000-000000000001",
            r##","itemType":"#microsoft.graph.windows10CustomConfiguration""##,
        ),
    ];
    let items = items.into_iter().zip(1..).map(|((kind, payload, rest), number)| {
        Resource::new(format!(
            r##"{{"@odata.type":"#microsoft.graph.{kind}","id":"{id}_{number}","createdDateTime":"2024-01-01T00:00:00Z","lastModifiedDateTime":"2024-01-01T00:00:00Z","payloadId":"{payload}","displayName":"Item {number}","status":"error","errorCode":"notFound","guidedDeploymentTags":[]{rest}}}"##
        ))
    });
    let below = vec![
        ("items", items.collect()),
        ("assignments", vec![to_group(id, 2)]),
    ];
    add(tenant, "deviceAppManagement/policySets", &text, below);
}
