//! Texts that Graph carries as base64 inside a policy: scripts, profiles, rules.
//!
//! Pure. Which properties hold one is known by their names, at any depth. A value that is no base64,
//! or whose bytes are no text, is none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The properties, and the end of a file's name where the object does not tell a better one.
const PROPERTIES: [(&str, &str); 8] = [
    ("scriptContent", "txt"),
    ("detectionScriptContent", "ps1"),
    ("remediationScriptContent", "ps1"),
    ("rulesContent", "json"),
    ("payload", "xml"),
    ("payloadJson", "json"),
    ("configurationFileContent", "txt"),
    ("encodedSettingXml", "xml"),
];

/// Ends of file names that are taken over from the object's own.
const ENDS: [&str; 14] = [
    "ps1",
    "psm1",
    "cmd",
    "bat",
    "sh",
    "bash",
    "zsh",
    "py",
    "rb",
    "xml",
    "plist",
    "json",
    "txt",
    "mobileconfig",
];

/// One text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Where it is: property names joined by `.`, and the numbers of elements.
    pub property: String,
    /// What its file's name should end in.
    pub end: &'static str,
    /// Its bytes as they were before they were encoded.
    pub bytes: Vec<u8>,
}

impl Script {
    /// It as text, without a byte-order mark.
    pub fn text(&self) -> String {
        match self.bytes.as_slice() {
            [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
            bytes => {
                let text = String::from_utf8_lossy(bytes);
                text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()
            }
        }
    }
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16_lossy(&units)
}

/// The texts in a document of this policy type, in the order of their places.
pub fn scripts(policy_type: &str, document: &Value) -> Vec<Script> {
    let mut found = Vec::new();
    collect(policy_type, document, "", &mut found);
    found
}

/// Depth is bounded by the parser.
fn collect(policy_type: &str, value: &Value, place: &str, found: &mut Vec<Script>) {
    let below = |name: &str| match place {
        "" => name.to_owned(),
        place => format!("{place}.{name}"),
    };
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let known = PROPERTIES.iter().find(|(property, _)| property == name);
                if let (Some((_, end)), Some(text)) = (known, member.as_str()) {
                    let file = members
                        .get("fileName")
                        .or_else(|| members.get("payloadFileName"));
                    let end = own_end(file).unwrap_or_else(|| usual_end(policy_type, name, end));
                    found.extend(decode(text).map(|bytes| Script {
                        property: below(name),
                        end,
                        bytes,
                    }));
                } else {
                    collect(policy_type, member, &below(name), found);
                }
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                collect(policy_type, element, &below(&at.to_string()), found);
            }
        }
        _ => {}
    }
}

fn own_end(file: Option<&Value>) -> Option<&'static str> {
    let (_, end) = file?.as_str()?.rsplit_once('.')?;
    ENDS.into_iter()
        .find(|known| end.eq_ignore_ascii_case(known))
}

fn usual_end(policy_type: &str, property: &str, end: &'static str) -> &'static str {
    match (policy_type, property) {
        ("deviceManagementScript" | "deviceComplianceScript", "scriptContent") => "ps1",
        ("deviceShellScript" | "deviceCustomAttributeShellScript", "scriptContent") => "sh",
        _ => end,
    }
}

/// The bytes, if they are a text.
fn decode(text: &str) -> Option<Vec<u8>> {
    let packed: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(packed).ok()?;
    let is_wide = matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    // Scripts in an old code page are texts as well.
    let is_text = is_wide || !bytes.contains(&0);
    (is_text && !bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_found_at_any_depth_with_their_ends() {
        let encoded = |text: &str| STANDARD.encode(text);
        let document = json!({
            "fileName": "Join.PS1",
            "scriptContent": encoded("Write-Host 'hé'\r\n"),
            "rules": [{"scriptContent": encoded("x"), "fileName": "../evil.exe"}],
            "deviceCompliancePolicyScript": {"rulesContent": encoded("{}")},
            "payload": "not base64!",
            "payloadJson": STANDARD.encode([0, 1, 2]),
            "detectionScriptContent": "",
        });
        let found = scripts("deviceManagementScript", &document);
        let told: Vec<(&str, &str, String)> = found
            .iter()
            .map(|script| (script.property.as_str(), script.end, script.text()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "deviceCompliancePolicyScript.rulesContent",
                    "json",
                    "{}".to_owned()
                ),
                ("rules.0.scriptContent", "ps1", "x".to_owned()),
                ("scriptContent", "ps1", "Write-Host 'hé'\r\n".to_owned()),
            ]
        );
    }

    #[test]
    fn wide_texts_and_marks_are_read() {
        let text = |bytes: &[u8]| {
            Script {
                property: String::new(),
                end: "txt",
                bytes: bytes.to_owned(),
            }
            .text()
        };
        assert_eq!(text(b"\xff\xfeh\0i\0"), "hi");
        assert_eq!(text(b"\xfe\xff\0h\0i"), "hi");
        assert_eq!(text("\u{feff}hi".as_bytes()), "hi");
    }
}
