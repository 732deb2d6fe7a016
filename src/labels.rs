//! Labels: free keys and values that people hang on tenants and schedules.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Reads `KEY=VALUE`.
///
/// # Errors
/// No `=`, an empty key, a key or value over 100 characters or with a control character.
pub fn parse(text: &str) -> Result<(String, String)> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(Error::usage(format!("label {text:?} has no ="))
            .hint("write a label as KEY=VALUE, e.g. site=oslo"));
    };
    if key.is_empty() {
        return Err(Error::usage(format!("label {text:?} has no key")));
    }
    for part in [key, value] {
        if part.chars().count() > 100 || part.chars().any(char::is_control) {
            return Err(Error::usage(format!(
                "label {text:?} is longer than 100 characters or has a control character"
            )));
        }
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Hangs `changes` on; an empty value takes the label off.
pub fn change(labels: &mut BTreeMap<String, String>, changes: &[(String, String)]) {
    for (key, value) in changes {
        if value.is_empty() {
            labels.remove(key);
        } else {
            labels.insert(key.clone(), value.clone());
        }
    }
}

/// For people: `site=oslo, team=emea`.
pub fn text(labels: &BTreeMap<String, String>) -> String {
    let labels: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    labels.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_key_and_a_value() {
        assert_eq!(parse("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert_eq!(parse("a=").unwrap(), ("a".into(), String::new()));
        for text in ["", "a", "=b", "a=\n"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_is_typed_a_label_is_short_and_plain(
            text in crate::mutation::mutated_text(&["site=oslo", "a=b=c", "k=", "'; DROP TABLE tenants;--=x"]),
        ) {
            if let Ok((key, value)) = parse(&text) {
                proptest::prop_assert!(!key.is_empty() && !key.contains('='));
                proptest::prop_assert!(!text.contains(char::is_control));
                proptest::prop_assert!(key.chars().count() <= 100 && value.chars().count() <= 100);
                proptest::prop_assert_eq!(format!("{key}={value}"), text);
            }
        }
    }
}
