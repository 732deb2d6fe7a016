//! Profiles for networks, mail and sign-in, which refer to certificates and to each other at paths
//! through their own types; keys in plain sight.

use super::sample::Maker;
use super::sample_profiles::{PROFILES, profile};
use super::tenant::{Resource, Tenant};

const ROOT: &str =
    r#""trustedRootCertificate":"TUlJQm9EQ0NBUWtDRkFBQkNERUY=","certFileName":"root.cer"}"#;
const SCEP: &str = r#""renewalThresholdPercentage":20,"certificateValidityPeriodScale":"years","certificateValidityPeriodValue":1,"subjectNameFormat":"custom","subjectNameFormatString":"CN={{AAD_Device_ID}}","keyUsage":"keyEncipherment,digitalSignature","keySize":"size2048","scepServerUrls":["https:\/\/ndes.sandbox.invalid\/scep"],"extendedKeyUsages":[{"name":"Client","objectIdentifier":"1.3.6.1.5.5.7.3.2"}]}"#;
const WIFI: &str = r#""wifiSecurityType":"wpa2Enterprise","meteredConnectionLimit":"unrestricted","ssid":"sandbox-corp","networkName":"Corporate","connectAutomatically":true,"connectToPreferredNetwork":true,"connectWhenNetworkNameIsHidden":false,"proxySetting":"none","forceFIPSCompliance":false,"networkSingleSignOn":"disabled","eapType":"eapTls","trustedServerCertificateNames":["radius.sandbox.invalid"],"authenticationMethod":"certificate"}"#;
const GUEST: &str = r#""preSharedKey":"guest-psk-4711","wifiSecurityType":"wpa2Personal","ssid":"sandbox-guest","networkName":"Guests","connectAutomatically":true,"connectWhenNetworkNameIsHidden":false}"#;
const PHONE_WIFI: &str = r#""networkName":"Corporate","ssid":"sandbox-corp","connectAutomatically":true,"connectWhenNetworkNameIsHidden":false,"wiFiSecurityType":"wpa2Enterprise","eapType":"eapTls","authenticationMethod":"certificate"}"#;
const VPN: &str = r#""connectionName":"Corporate VPN","connectionType":"ikEv2","authenticationMethod":"certificate","server":{"description":"","address":"vpn.sandbox.invalid","isDefaultServer":true},"sharedSecret":"ike-secret-0815","childSecurityAssociationParameters":{"lifetimeInMinutes":1440}}"#;
const MAIL: &str = r#""accountName":"Corporate mail","authenticationMethod":"certificate","emailAddressSource":"primarySmtpAddress","hostName":"mail.sandbox.invalid","requireSsl":true,"requireSmime":true,"smimeEnablePerMessageSwitch":true}"#;
const SIGN_ON: &str = r##""assetTagTemplate":null,"homeScreenGridWidth":null,"singleSignOnExtension":{"@odata.type":"#microsoft.graph.iosKerberosSingleSignOnExtension","realm":"SANDBOX.INVALID","domains":["sandbox.invalid"],"passwordChangeUrl":null}}"##;
const JOIN: &str = r#""computerNameStaticPrefix":"SBX-","computerNameSuffixRandomCharCount":8,"activeDirectoryDomainName":"sandbox.invalid","organizationalUnit":"OU=Laptops"}"#;
const GENERAL: &str =
    r#""cameraBlocked":false,"cortanaBlocked":true,"privacyAdvertisingId":"blocked"}"#;
const UPGRADE: &str = r#""licenseType":"productKey","targetEdition":"windows10Enterprise","license":null,"productKey":"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"}"#;
const DERIVED: &str = r#"{"id":"de71ed00-aaaa-4bbb-8ccc-000000000001","displayName":"Smart card","issuer":"purebred","helpUrl":"https:\/\/help.sandbox.invalid","renewalThresholdPercentage":20,"notificationType":"email"}"#;

/// A navigation property of a profile, and the objects it leads to.
type Leads = (&'static str, Vec<Resource>);

/// All of it: a tenant has few of these.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    let mut made = |kind: &str, name: &str, rest: &str, leads: Vec<Leads>| {
        profile(maker, tenant, kind, &format!("\"{name}\""), rest, &[]);
        let id = tenant.list(PROFILES).last().map(|it| it.id.clone());
        if let Some(it) = id.and_then(|id| tenant.get_mut(PROFILES, &id)) {
            for (property, elements) in leads {
                *it.below_mut(property) = elements;
            }
            return vec![Resource::new(it.text.clone())];
        }
        Vec::new()
    };
    let derived = || vec![Resource::new(DERIVED)];

    let root = made("windows81TrustedRootCertificate", "Root CA", ROOT, vec![]);
    let issuing = made(
        "windows81TrustedRootCertificate",
        "Issuing CA",
        ROOT,
        vec![],
    );
    let device = made(
        "windows81SCEPCertificateProfile",
        "Device certificate",
        SCEP,
        vec![("rootCertificate", root.clone())],
    );
    let wifi = made(
        "windowsWifiEnterpriseEAPConfiguration",
        "Corporate Wi-Fi",
        WIFI,
        vec![
            (
                "rootCertificatesForServerValidation",
                [root.clone(), issuing].concat(),
            ),
            ("rootCertificateForClientValidation", root),
            ("identityCertificateForClientAuthentication", device),
        ],
    );
    let guest = made("windowsWifiConfiguration", "Guest Wi-Fi", GUEST, vec![]);
    made(
        "windowsDomainJoinConfiguration",
        "Hybrid join",
        JOIN,
        vec![("networkAccessConfigurations", [wifi, guest].concat())],
    );
    made(
        "windows10GeneralConfiguration",
        "Restrictions",
        GENERAL,
        vec![("privacyAccessControls", privacy())],
    );
    made("editionUpgradeConfiguration", "Enterprise", UPGRADE, vec![]);

    let apple = made("iosTrustedRootCertificate", "Apple root", ROOT, vec![]);
    let phone = made(
        "iosScepCertificateProfile",
        "Phone certificate",
        SCEP,
        vec![("rootCertificate", apple.clone())],
    );
    // Its identity comes from a smart card, so there is no certificate: Graph answers 404.
    made(
        "iosEnterpriseWiFiConfiguration",
        "Phone Wi-Fi",
        PHONE_WIFI,
        vec![
            ("rootCertificatesForServerValidation", apple),
            ("identityCertificateForClientAuthentication", vec![]),
            ("derivedCredentialSettings", derived()),
        ],
    );
    // Here Graph answers 400 for what it does not refer to.
    made(
        "iosikEv2VpnConfiguration",
        "Phone VPN",
        VPN,
        vec![("identityCertificate", phone.clone())],
    );
    made(
        "iosEasEmailProfileConfiguration",
        "Phone mail",
        MAIL,
        vec![
            ("identityCertificate", phone.clone()),
            ("smimeSigningCertificate", phone.clone()),
            ("smimeEncryptionCertificate", vec![]),
            ("derivedCredentialSettings", derived()),
        ],
    );
    made(
        "iosDeviceFeaturesConfiguration",
        "Kerberos sign-on",
        SIGN_ON,
        vec![("singleSignOnExtensionPkinitCertificate", phone)],
    );
    let android = made(
        "androidDeviceOwnerTrustedRootCertificate",
        "Android root",
        ROOT,
        vec![],
    );
    made(
        "androidDeviceOwnerEnterpriseWiFiConfiguration",
        "Android Wi-Fi",
        &PHONE_WIFI.replace("wpa2Enterprise", "wpaEnterprise"),
        vec![
            ("rootCertificateForServerValidation", android.clone()),
            ("rootCertificatesForServerValidation", android),
        ],
    );
}

/// Items that exist as part of their profile only.
fn privacy() -> Vec<Resource> {
    [("camera", "forceDeny"), ("microphone", "userInControl")]
        .map(|(category, level)| {
            Resource::new(format!(
                r#"{{"id":"p1ec0000-{category}","accessLevel":"{level}","dataCategory":"{category}","appPackageFamilyName":"Contoso.Notes_8wekyb3d8bbwe","appDisplayName":"Notes"}}"#
            ))
        })
        .into()
}
