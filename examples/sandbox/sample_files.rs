//! Files that were uploaded: ADMX, of which Graph gives nothing but metadata, and firmware
//! configurations; and what is left of Windows 10X.

use super::sample::{Maker, put};
use super::tenant::Tenant;

const ADMX: &str = "deviceManagement/groupPolicyUploadedDefinitionFiles";
const FIRMWARE: &str = "deviceManagement/hardwareConfigurations";
const RESOURCES: &str = "deviceManagement/resourceAccessProfiles";

/// All of it: a tenant has few of these.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    for (name, prefix) in [("contoso.admx", "contoso"), ("browser.admx", "browser")] {
        put(
            maker,
            tenant,
            ADMX,
            r#"{"id":"<id>","displayName":null,"description":null,"languageCodes":["en-US","de-DE"],"targetPrefix":"<prefix>","targetNamespace":"Sandbox.Policies.<prefix>","policyType":"admxIngested","revision":"1.0","fileName":"<name>","lastModifiedDateTime":<modified>,"status":"available","content":null,"uploadDateTime":<created>,"defaultLanguageCode":"en-US","groupPolicyUploadedLanguageFiles":[{"fileName":"<prefix>.adml","languageCode":"en-US","content":null,"id":"<prefix>-en","lastModifiedDateTime":<modified>},{"fileName":"<prefix>.adml","languageCode":"de-DE","content":null,"id":"<prefix>-de","lastModifiedDateTime":<modified>}]}"#,
            &[("name", name), ("prefix", prefix)],
        );
    }
    for (name, format) in [("Dell laptops", "dell"), ("Surface", "surface")] {
        let file = Maker::base64(&format!("[cctk]\nSecureBoot=Enabled\n; {name}\n"));
        put(
            maker,
            tenant,
            FIRMWARE,
            r#"{"id":"<id>","createdDateTime":<created>,"lastModifiedDateTime":<modified>,"displayName":"<name>","description":"","version":2,"fileName":"<format>.cctk","configurationFileContent":<file>,"hardwareConfigurationFormat":"<format>","perDevicePasswordDisabled":false,"roleScopeTagIds":["0"]}"#,
            &[("name", name), ("format", format), ("file", &file)],
        );
    }
    for name in ["Lab root", "Lab root, spare"] {
        put(
            maker,
            tenant,
            RESOURCES,
            r##"{"@odata.type":"#microsoft.graph.windows10XTrustedRootCertificate","id":"<id>","version":1,"displayName":"<name>","description":"","creationDateTime":<created>,"lastModifiedDateTime":<modified>,"roleScopeTagIds":["0"],"trustedRootCertificate":"TUlJQm9EQ0NBUWs=","certFileName":"lab.cer","destinationStore":"computerCertStoreRoot"}"##,
            &[("name", name)],
        );
    }
}
