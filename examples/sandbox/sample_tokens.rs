//! What devices enroll with: Apple's tokens and their profiles, Android's tokens and codes, terms to
//! accept, and the kinds of enrollment that users may choose.

use super::sample::{Maker, put, to_group};
use super::tenant::{Resource, Tenant};

const TOKENS: &str = "deviceManagement/depOnboardingSettings";

const TOKEN: &str = r#"{"id":"<id>","appleIdentifier":"mdm@sandbox.invalid","tokenExpirationDateTime":"2099-03-01T10:00:00Z","lastModifiedDateTime":<modified>,"lastSuccessfulSyncDateTime":"2026-11-22T04:00:00Z","lastSyncTriggeredDateTime":"2026-11-22T04:00:00Z","shareTokenWithSchoolDataSyncService":false,"lastSyncErrorCode":0,"tokenType":"dep","tokenName":"<name>","syncedDeviceCount":42,"dataSharingConsentGranted":true,"roleScopeTagIds":["0"]}"#;
const PROFILE: &str = r##"{"@odata.type":"#microsoft.graph.<type>","id":"<id>","displayName":"<name>","description":"","requiresUserAuthentication":true,"configurationEndpointUrl":"https:\/\/appleconfigurator2.sandbox.invalid","enableAuthenticationViaCompanyPortal":false,"requireCompanyPortalOnSetupAssistantEnrolledDevices":false,"isDefault":<default>,"supervisedModeEnabled":true,"isMandatory":true,"enabledSkipKeys":["Siri","Diagnostics"]<rest>}"##;
const MAC: &str = r#","adminAccountUserName":"ladmin","adminAccountPassword":"correct horse battery staple","adminAccountFullName":"Local admin","hideAdminAccount":true"#;
const PHONE: &str =
    r#","enableSharedIPad":false,"iTunesPairingMode":"disallow","managementCertificates":[]"#;

/// All of it: a tenant has few of these.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    apple(maker, tenant);
    user_initiated(maker, tenant);
    android(maker, tenant);
    terms(maker, tenant);
}

/// Two tokens with profiles of the same names, and one without any.
fn apple(maker: &mut Maker, tenant: &mut Tenant) {
    for (name, profiles) in [
        ("Sandbox ADE", true),
        ("School ADE", true),
        ("Unused", false),
    ] {
        let id = maker.id();
        let text = maker.text(TOKEN, &[("id", &id), ("name", name)]);
        let made: Vec<Resource> = if profiles {
            [
                ("depMacOSEnrollmentProfile", "Macs", "true", MAC),
                ("depIOSEnrollmentProfile", "iPads", "true", PHONE),
                ("depIOSEnrollmentProfile", "iPhones", "false", PHONE),
            ]
            .iter()
            .map(|one| profile(maker, &id, *one))
            .collect()
        } else {
            Vec::new()
        };
        let default = |at: usize| made.get(at).cloned().into_iter().collect();
        let token = Resource::new(text)
            .with("defaultMacOsEnrollmentProfile", default(0))
            .with("defaultIosEnrollmentProfile", default(1))
            .with("enrollmentProfiles", made.clone());
        tenant.add(TOKENS, token);
    }
}

fn profile(
    maker: &mut Maker,
    token: &str,
    (kind, name, default, rest): (&str, &str, &str, &str),
) -> Resource {
    let id = format!("{token}_{}", maker.id());
    let words = [
        ("type", kind),
        ("id", &id),
        ("name", name),
        ("default", default),
        ("rest", rest),
    ];
    Resource::new(maker.text(PROFILE, &words))
}

fn user_initiated(maker: &mut Maker, tenant: &mut Tenant) {
    for (name, kind) in [
        ("Personal phones", "user"),
        ("Contractors", "webDeviceEnrollment"),
    ] {
        put(
            maker,
            tenant,
            "deviceManagement/appleUserInitiatedEnrollmentProfiles",
            r#"{"id":"<id>","displayName":"<name>","description":"","platform":"iOS","defaultEnrollmentType":"<kind>","availableEnrollmentTypeOptions":[{"ownerType":"personal","enrollmentType":"<kind>"},{"ownerType":"company","enrollmentType":"device"}],"priority":1,"createdDateTime":<created>,"lastModifiedDateTime":<modified>}"#,
            &[("name", name), ("kind", kind)],
        );
    }
}

fn android(maker: &mut Maker, tenant: &mut Tenant) {
    for (name, token) in [
        ("Scanners", "SANDBOXTOKENVALUE"),
        ("Kiosks", "SANDBOXTOKENTWO"),
    ] {
        put(
            maker,
            tenant,
            "deviceManagement/androidDeviceOwnerEnrollmentProfiles",
            r#"{"accountId":"sandbox","id":"<id>","displayName":"<name>","description":null,"enrollmentMode":"corporateOwnedDedicatedDevice","enrollmentTokenType":"default","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"tokenValue":"<token>","tokenCreationDateTime":<created>,"tokenExpirationDateTime":"2027-01-01T00:00:00Z","enrolledDeviceCount":3,"enrollmentTokenUsageCount":3,"qrCodeContent":"{\"android.app.extra\":\"<token>\"}","qrCodeImage":{"type":"image\/png","value":"U0FOREJPWFFSQ09ERQ=="},"roleScopeTagIds":["0"],"configureWifi":true,"wifiSsid":"setup","wifiPassword":"wlan-secret-42","wifiSecurityType":"wpa","wifiHidden":false,"isTeamsDeviceProfile":false}"#,
            &[("name", name), ("token", token)],
        );
    }
    for name in ["Work profile", "Work profile, old"] {
        put(
            maker,
            tenant,
            "deviceManagement/androidForWorkEnrollmentProfiles",
            r#"{"accountId":"sandbox","id":"<id>","displayName":"<name>","description":"","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"tokenValue":"SANDBOXWORKTOKEN","tokenExpirationDateTime":"2027-01-01T00:00:00Z","enrolledDeviceCount":1,"qrCodeContent":"{\"android.app.extra\":\"SANDBOXWORKTOKEN\"}","qrCodeImage":null}"#,
            &[("name", name)],
        );
    }
}

/// Terms whose assignments are at their own path only.
fn terms(maker: &mut Maker, tenant: &mut Tenant) {
    let id = maker.id();
    let text = maker.text(
        r#"{"id":"<id>","createdDateTime":<created>,"modifiedDateTime":<modified>,"lastModifiedDateTime":<modified>,"displayName":"Contractors","description":"","title":"Terms for contractors","bodyText":"Bring it back.","acceptanceStatement":"I will.","version":3,"roleScopeTagIds":["0","1"]}"#,
        &[("id", &id)],
    );
    let terms = Resource::new(text).with("assignments", vec![to_group(&id, 1)]);
    tenant.add("deviceManagement/termsAndConditions", terms);
}
