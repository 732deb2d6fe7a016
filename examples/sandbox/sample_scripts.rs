//! Scripts of all kinds, with bodies of a few kilobytes.

use super::json::quote;
use super::sample::{Maker, put};
use super::tenant::Tenant;

const POWERSHELL: (&str, &str) = (
    "deviceManagement/deviceManagementScripts",
    r#"{"enforceSignatureCheck":false,"runAs32Bit":false,"id":"<id>","displayName":<name>,"description":"","scriptContent":<body>,"createdDateTime":<created>,"lastModifiedDateTime":<modified>,"runAsAccount":"system","fileName":"setup.ps1","roleScopeTagIds":["0"]}"#,
);
const SHELL: (&str, &str) = (
    "deviceManagement/deviceShellScripts",
    r#"{"executionFrequency":"P1D","retryCount":3,"blockExecutionNotifications":true,"id":"<id>","displayName":<name>,"description":"","scriptContent":<body>,"createdDateTime":<created>,"lastModifiedDateTime":<modified>,"runAsAccount":"system","fileName":"setup.sh","roleScopeTagIds":["0"]}"#,
);
const ATTRIBUTE: (&str, &str) = (
    "deviceManagement/deviceCustomAttributeShellScripts",
    r#"{"customAttributeName":"Chip","customAttributeType":"string","id":"<id>","displayName":<name>,"description":"","scriptContent":<body>,"createdDateTime":<created>,"lastModifiedDateTime":<modified>,"runAsAccount":"system","fileName":"chip.sh","roleScopeTagIds":["0"]}"#,
);
const COMPLIANCE: (&str, &str) = (
    "deviceManagement/deviceComplianceScripts",
    r#"{"id":"<own>","publisher":"Sandbox","version":"2","displayName":<name>,"description":"","detectionScriptContent":<body>,"createdDateTime":<created>,"lastModifiedDateTime":<modified>,"runAsAccount":"system","enforceSignatureCheck":false,"runAs32Bit":false,"roleScopeTagIds":["0"],"platform":"windows10"}"#,
);
const HEALTH: (&str, &str) = (
    "deviceManagement/deviceHealthScripts",
    r#"{"id":"<id>","publisher":"<publisher>","version":"1.0","displayName":<name>,"description":"","detectionScriptContent":<body>,"remediationScriptContent":<cure>,"createdDateTime":<created>,"lastModifiedDateTime":<modified>,"runAsAccount":"system","enforceSignatureCheck":false,"runAs32Bit":false,"roleScopeTagIds":["0"],"isGlobalScript":<global>,"highestAvailableVersion":null,"deviceHealthScriptType":"deviceHealthScript","detectionScriptParameters":[],"remediationScriptParameters":[]}"#,
);

/// The scripts that are here for what is special about them.
pub fn fixed(maker: &mut Maker, tenant: &mut Tenant) {
    let accents = "# Größe prüfen\r\nWrite-Output \"é\"\r\n";
    script(
        maker,
        tenant,
        POWERSHELL,
        r#""Gr\u00f6\u00dfe""#,
        &format!("\u{feff}{accents}"),
    );
    script(maker, tenant, POWERSHELL, r#""Empty script""#, "");
    script(
        maker,
        tenant,
        POWERSHELL,
        r#""Big script""#,
        &"Write-Output 'line'\n".repeat(9000),
    );
    script(
        maker,
        tenant,
        SHELL,
        r#""Install Homebrew""#,
        "#!/bin/zsh\nset -eu\n",
    );
    script(
        maker,
        tenant,
        ATTRIBUTE,
        r#""Chip""#,
        "#!/bin/sh\nuname -m\n",
    );
    script(
        maker,
        tenant,
        ATTRIBUTE,
        r#""Battery""#,
        "#!/bin/sh\npmset -g batt\n",
    );
    for (own, name, body) in [
        (
            "c0de0000-aaaa-4bbb-8ccc-00000000dddd",
            "BIOS version",
            "Get-CimInstance Win32_BIOS\n",
        ),
        (
            "c0de0000-aaaa-4bbb-8ccc-00000000eeee",
            "Disk",
            "Get-Volume\n",
        ),
    ] {
        let (name, body) = (quote(name), Maker::base64(body));
        let words = [("own", own), ("name", &name), ("body", &body)];
        put(maker, tenant, COMPLIANCE.0, COMPLIANCE.1, &words);
    }
    health(maker, tenant, r#""Restart stopped Office C2R svc""#, true);
    health(maker, tenant, r#""Update stale Group Policies""#, true);
    health(maker, tenant, r#""Disk space""#, false);
}

/// One generated script.
pub fn bulk(maker: &mut Maker, tenant: &mut Tenant) {
    let number = maker.number();
    let name = format!("\"Script {number:05}\"");
    let lines = 20 + maker.index(80);
    let body = format!(
        "# script {number}\r\n{}",
        "Write-Output 'step'\r\n".repeat(lines)
    );
    match maker.roll(3) {
        0 => script(maker, tenant, SHELL, &name, &format!("#!/bin/sh\n{body}")),
        1 => health(maker, tenant, &name, false),
        _ => script(maker, tenant, POWERSHELL, &name, &body),
    }
}

fn script(
    maker: &mut Maker,
    tenant: &mut Tenant,
    (collection, template): (&str, &str),
    name: &str,
    body: &str,
) {
    let body = Maker::base64(body);
    put(
        maker,
        tenant,
        collection,
        template,
        &[("name", name), ("body", &body)],
    );
}

fn health(maker: &mut Maker, tenant: &mut Tenant, name: &str, global: bool) {
    let detect = Maker::base64(&format!(
        "if (Test-Path 'C:\\{}') {{ exit 1 }}\r\n",
        maker.roll(999)
    ));
    let cure = Maker::base64("Remove-Item -Recurse 'C:\\Temp'\r\n");
    let publisher = if global { "Microsoft" } else { "Sandbox" };
    let words = [
        ("name", name),
        ("publisher", publisher),
        ("body", detect.as_str()),
        ("cure", cure.as_str()),
        ("global", if global { "true" } else { "false" }),
    ];
    put(maker, tenant, HEALTH.0, HEALTH.1, &words);
    let run = r##"{"@odata.type":"#microsoft.graph.deviceHealthScriptDailySchedule","interval":1,"useUtc":false,"time":"01:00:00.0000000"}"##;
    let id = tenant.list(HEALTH.0).last().map(|item| item.id.clone());
    if let Some(item) = id.and_then(|id| tenant.get_mut(HEALTH.0, &id)) {
        for assignment in item.below_mut("assignments") {
            assignment.set("runRemediationScript", "true");
            assignment.set("runSchedule", run);
        }
    }
}
