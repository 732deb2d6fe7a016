//! One document as a person reads it: what is set, by its name, to what.
//!
//! It is what changed from nothing to the document, so everything is named and masked as in a diff.

use serde_json::Value;

use super::{Content, Flaw, Names, PolicyType, View, diff, lines, text};

/// Longer values stand on lines of their own.
const LONG: usize = 100;

/// A document, told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// What is set.
    pub fields: Vec<Told>,
    /// Whom it is assigned to.
    pub assignments: Vec<String>,
}

/// One thing that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub name: String,
    /// To what, in one line; empty where it takes several.
    pub value: String,
    /// To what, in several lines.
    pub lines: Vec<String>,
}

/// Tells a document.
pub fn outline(row: &PolicyType, document: &[u8], names: &Names) -> Result<Outline, Flaw> {
    let view = View {
        before: names,
        after: names,
        across: false,
        one_key: true,
    };
    let changes = diff(row, b"{}", document, &view)?;
    let fields = changes.fields.iter().map(|field| {
        let lines = match &field.after {
            Content::Decoded(text) => text::laid_out(text).lines().map(str::to_owned).collect(),
            Content::Plain(Value::String(text)) if text.contains('\n') => {
                text.lines().map(str::to_owned).collect()
            }
            Content::Plain(value) if !value.is_string() && value.to_string().len() > LONG => {
                let text = serde_json::to_string_pretty(value).unwrap_or_default();
                text.lines().map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let value = match lines.is_empty() {
            true => lines::told(&field.after, field, usize::MAX),
            false => String::new(),
        };
        Told {
            name: field.name.clone(),
            value,
            lines,
        }
    });
    Ok(Outline {
        fields: fields.collect(),
        assignments: changes
            .assignments
            .added
            .iter()
            .map(ToString::to_string)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;
    use crate::policy::catalogue;

    #[test]
    fn a_document_is_told_by_names_without_its_secrets() {
        let group = "0a110000-1111-4222-8333-000000000001";
        let mut names = Names::default();
        names.learn("group", group, "Pilot laptops");
        names.learn("roleScopeTag", "3", "Oslo");
        let document = json!({
            "id": "x", "displayName": "Wi-Fi", "preSharedKey": {"redacted": "hmac-sha256:00"},
            "roleScopeTagIds": ["3"], "ssid": "guests", "version": 4,
            "scriptContent": STANDARD.encode("a\nb\n"),
            "assignments": [{"target": {
                "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group}}],
        });
        let row = catalogue::find("deviceConfiguration").unwrap();
        let outline = outline(row, document.to_string().as_bytes(), &names).unwrap();
        assert_eq!(
            outline.assignments,
            [format!("include group Pilot laptops ({group})")]
        );
        let value = |name: &str| {
            let found = outline
                .fields
                .iter()
                .find(|told| told.name.starts_with(name));
            found.unwrap_or_else(|| panic!("{name} in {outline:?}"))
        };
        assert_eq!(value("preSharedKey").value, "(secret)");
        assert_eq!(value("ssid").value, "guests");
        assert!(value("roleScopeTagIds").value.contains("Oslo"));
        assert_eq!(value("scriptContent").lines, ["a", "b"]);
        assert!(!format!("{outline:?}").contains("hmac"));
    }
}
