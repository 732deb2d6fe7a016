//! Apps, app protection, app configuration and policy sets.

use super::sample::{Maker, put, to_group};
use super::tenant::{Resource, Tenant};

const IOS: &str = "deviceAppManagement/iosManagedAppProtections";
const ANDROID: &str = "deviceAppManagement/androidManagedAppProtections";
const WINDOWS: &str = "deviceAppManagement/windowsManagedAppProtections";

const COMMON: &str = r#"{"displayName":<name>,"description":"","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"roleScopeTagIds":["0"],"id":"<id>","version":"\"4f00a1b2-0000-0d00-0000-68c0ffee0000\"","periodOfflineBeforeAccessCheck":"PT12H","periodOnlineBeforeAccessCheck":"PT30M","allowedInboundDataTransferSources":"allApps","allowedOutboundDataTransferDestinations":"managedApps","organizationalCredentialsRequired":false,"allowedOutboundClipboardSharingLevel":"managedAppsWithPasteIn","dataBackupBlocked":true,"deviceComplianceRequired":true,"managedBrowserToOpenLinksRequired":false,"saveAsBlocked":true,"periodOfflineBeforeWipeIsEnforced":"P90D","pinRequired":true,"maximumPinRetries":5,"simplePinBlocked":false,"minimumPinLength":4,"pinCharacterSet":"numeric","periodBeforePinReset":"PT0S","allowedDataStorageLocations":["oneDriveForBusiness","sharePoint"],"contactSyncBlocked":false,"printBlocked":false,"fingerprintBlocked":false,"disableAppPinIfDevicePinIsSet":false,"isAssigned":true,"deployedAppCount":3,"targetedAppManagementLevels":"unspecified","appGroupType":"selectedPublicApps","#;
const IOS_REST: &str = r#""appDataEncryptionType":"whenDeviceLocked","minimumRequiredSdkVersion":null,"faceIdBlocked":false,"protectInboundDataFromUnknownSources":false,"customBrowserProtocol":"","exemptedAppProtocols":[{"name":"Default","value":"skype;app-settings;calshow;itms;itmss"}]}"#;
const ANDROID_REST: &str = r#""screenCaptureBlocked":true,"disableAppEncryptionIfDeviceEncryptionIsEnabled":false,"encryptAppData":true,"minimumRequiredPatchVersion":"0000-00-00","requiredAndroidSafetyNetDeviceAttestationType":"none","exemptedAppPackages":[],"approvedKeyboards":[]}"#;

/// The objects that are here for what is special about them.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    for name in [r#""iOS MAM""#, r#""iOS MAM, unmanaged""#] {
        protection(maker, tenant, IOS, name);
    }
    for name in [r#""Android MAM""#, r#""Android MAM, unmanaged""#] {
        protection(maker, tenant, ANDROID, name);
    }
    windows_protection(maker, tenant);
    configurations(maker, tenant);
    apps(tenant);
    policy_set(maker, tenant);
}

/// One generated app protection policy.
pub fn bulk(maker: &mut Maker, tenant: &mut Tenant) {
    let name = format!("\"MAM {:05}\"", maker.number());
    let collection = [IOS, ANDROID][maker.index(2)];
    protection(maker, tenant, collection, &name);
}

fn protection(maker: &mut Maker, tenant: &mut Tenant, collection: &str, name: &str) {
    let (rest, kind, property, apps) = match collection {
        IOS => (
            IOS_REST,
            "ios",
            "bundleId",
            [
                "com.microsoft.office.outlook",
                "com.microsoft.skype.teams",
                "com.microsoft.msedge",
            ],
        ),
        _ => (
            ANDROID_REST,
            "android",
            "packageId",
            [
                "com.microsoft.office.outlook",
                "com.microsoft.teams",
                "com.microsoft.emmx",
            ],
        ),
    };
    put(
        maker,
        tenant,
        collection,
        &format!("{COMMON}{rest}"),
        &[("name", name)],
    );
    let apps = apps
        .iter()
        .map(|app| {
            Resource::new(format!(
                r##"{{"id":"{app}.{kind}","version":"-518090279","mobileAppIdentifier":{{"@odata.type":"#microsoft.graph.{kind}MobileAppIdentifier","{property}":"{app}"}}}}"##
            ))
        })
        .collect();
    let id = tenant.list(collection).last().map(|item| item.id.clone());
    if let Some(item) = id.and_then(|id| tenant.get_mut(collection, &id)) {
        *item.below_mut("apps") = apps;
    }
}

fn windows_protection(maker: &mut Maker, tenant: &mut Tenant) {
    let text = r#"{"displayName":"Edge for Business","description":"","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"roleScopeTagIds":["0"],"id":"<id>","version":"\"1\"","isAssigned":true,"deployedAppCount":1,"printBlocked":true,"allowedInboundDataTransferSources":"none","allowedOutboundClipboardSharingLevel":"none","allowedOutboundDataTransferDestinations":"none","appActionIfUnableToAuthenticateUser":null,"maximumAllowedDeviceThreatLevel":"notConfigured","periodOfflineBeforeWipeIsEnforced":"P90D","periodOfflineBeforeAccessCheck":"P1D"}"#;
    put(maker, tenant, WINDOWS, text, &[]);
}

fn configurations(maker: &mut Maker, tenant: &mut Tenant) {
    put(
        maker,
        tenant,
        "deviceAppManagement/mobileAppConfigurations",
        r##"{"@odata.type":"#microsoft.graph.iosMobileAppConfiguration","id":"<id>","targetedMobileApps":["a9900000-0000-4000-8000-000000000001"],"roleScopeTagIds":["0"],"createdDateTime":<created>,"description":null,"lastModifiedDateTime":<modified>,"displayName":"Outlook for iPhone","version":2,"encodedSettingXml":null,"settings":[{"appConfigKey":"com.microsoft.outlook.EmailProfile.AccountType","appConfigKeyType":"stringType","appConfigKeyValue":"ModernAuth"}]}"##,
        &[],
    );
    put(
        maker,
        tenant,
        "deviceAppManagement/mobileAppConfigurations",
        r##"{"@odata.type":"#microsoft.graph.androidManagedStoreAppConfiguration","id":"<id>","targetedMobileApps":["a9900000-0000-4000-8000-000000000002"],"roleScopeTagIds":["0"],"createdDateTime":<created>,"description":null,"lastModifiedDateTime":<modified>,"displayName":"OEMConfig","version":1,"packageId":"app:com.zebra.oemconfig.common","payloadJson":"eyJraW5kIjoiYW5kcm9pZGVudGVycHJpc2UjbWFuYWdlZENvbmZpZ3VyYXRpb24ifQ==","appSupportsOemConfig":true,"profileApplicability":"androidDeviceOwner","connectedAppsEnabled":false,"permissionActions":[]}"##,
        &[],
    );
    put(
        maker,
        tenant,
        "deviceAppManagement/targetedManagedAppConfigurations",
        r#"{"displayName":"Edge everywhere","description":"","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"roleScopeTagIds":["0"],"id":"<id>","version":"\"2\"","customSettings":[{"name":"com.microsoft.intune.mam.managedbrowser.homepage","value":"https:\/\/intranet.sandbox.invalid"}],"deployedAppCount":1,"isAssigned":true,"targetedAppManagementLevels":"unspecified","appGroupType":"selectedPublicApps"}"#,
        &[],
    );
}

fn apps(tenant: &mut Tenant) {
    for (id, name, kind) in [
        (
            "a9900000-0000-4000-8000-000000000001",
            "Microsoft Outlook",
            "iosStoreApp",
        ),
        (
            "a9900000-0000-4000-8000-000000000002",
            "OEMConfig powered by MX",
            "androidManagedStoreApp",
        ),
    ] {
        let text = format!(
            r##"{{"@odata.type":"#microsoft.graph.{kind}","id":"{id}","displayName":"{name}","description":"From the store","publisher":"Sandbox","largeIcon":null,"createdDateTime":"2024-01-01T00:00:00Z","lastModifiedDateTime":"2024-01-02T00:00:00.5Z","isFeatured":false,"privacyInformationUrl":null,"informationUrl":null,"owner":"","developer":"","notes":"","uploadState":1,"publishingState":"published","isAssigned":true,"roleScopeTagIds":["0"],"dependentAppCount":0,"supersedingAppCount":0,"supersededAppCount":0}}"##
        );
        let mut assigned = to_group(id, 0);
        assigned.set("intent", r#""required""#);
        assigned.set("settings", "null");
        let app = Resource::new(text)
            .with("assignments", vec![assigned])
            .with("categories", Vec::new());
        tenant.add("deviceAppManagement/mobileApps", app);
    }
}

fn policy_set(maker: &mut Maker, tenant: &mut Tenant) {
    let (id, item) = (maker.id(), maker.id());
    let text = maker.text(
        r#"{"id":"<id>","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"displayName":"New starter","description":"","status":"success","errorCode":"noError","guidedDeploymentTags":[],"roleScopeTags":["0"]}"#,
        &[("id", &id)],
    );
    let item = Resource::new(format!(
        r##"{{"@odata.type":"#microsoft.graph.mobileAppPolicySetItem","id":"{item}","createdDateTime":"2025-01-01T00:00:00Z","lastModifiedDateTime":"2025-01-01T00:00:00Z","payloadId":"a9900000-0000-4000-8000-000000000001","itemType":"#microsoft.graph.iosStoreApp","displayName":"Microsoft Outlook","status":"success","errorCode":"noError","guidedDeploymentTags":[],"intent":"required","settings":null}}"##
    ));
    let set = Resource::new(text)
        .with("items", vec![item])
        .with("assignments", vec![to_group(&id, 0)]);
    tenant.add("deviceAppManagement/policySets", set);
}
