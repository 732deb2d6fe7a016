//! Labels: free keys and values that people hang on tenants and schedules.

use std::collections::BTreeMap;
use std::fmt;

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
    check(key, value)?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Checks a key and a value.
///
/// # Errors
/// An empty key, or one with `=`; a key or value over 100 characters or with a control character.
pub fn check(key: &str, value: &str) -> Result<()> {
    let text = format!("{key}={value}");
    if key.is_empty() {
        return Err(Error::usage(format!("label {text:?} has no key")));
    }
    if key.contains('=') {
        return Err(Error::usage(format!("label key {key:?} has a =")));
    }
    for part in [key, value] {
        if part.chars().count() > 100 || part.chars().any(char::is_control) {
            return Err(Error::usage(format!(
                "label {text:?} is longer than 100 characters or has a control character"
            )));
        }
    }
    Ok(())
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

/// Labels that are asked for. None ask for nothing, and everything matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted(Vec<(String, String)>);

impl Wanted {
    /// Reads `KEY=VALUE` texts.
    ///
    /// # Errors
    /// One is no label, or has no value.
    pub fn parse(texts: &[String]) -> Result<Self> {
        let mut wanted = Vec::with_capacity(texts.len());
        for text in texts {
            let (key, value) = parse(text)?;
            if value.is_empty() {
                return Err(
                    Error::usage(format!("label {text:?} has no value to look for"))
                        .hint("write a label as KEY=VALUE, e.g. site=oslo"),
                );
            }
            wanted.push((key, value));
        }
        Ok(Self(wanted))
    }

    /// Whether none is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether each of them is among the labels of at least one of `places`.
    pub fn are_in(&self, places: &[&BTreeMap<String, String>]) -> bool {
        self.0
            .iter()
            .all(|(key, value)| places.iter().any(|labels| labels.get(key) == Some(value)))
    }
}

/// For people: `site=oslo and team=emea`.
impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (key, value)) in self.0.iter().enumerate() {
            let joint = if number == 0 { "" } else { " and " };
            write!(f, "{joint}{key}={value}")?;
        }
        Ok(())
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

    #[test]
    fn all_that_are_wanted_have_to_be_there_in_one_place_or_another() {
        let labels = |texts: &[&str]| -> BTreeMap<String, String> {
            texts.iter().map(|text| parse(text).unwrap()).collect()
        };
        let wanted = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            Wanted::parse(&texts).unwrap()
        };
        let (own, other) = (labels(&["env=test", "tier=1"]), labels(&["env=prod"]));
        for (texts, matches) in [
            (&[][..], true),
            (&["env=test"], true),
            (&["env=prod"], true),
            (&["env=prod", "tier=1"], true),
            (&["env=prod", "tier=2"], false),
            (&["env=PROD"], false),
            (&["tier=11"], false),
        ] {
            assert_eq!(wanted(texts).are_in(&[&own, &other]), matches, "{texts:?}");
        }
        assert!(!wanted(&["env=prod"]).are_in(&[&own]));
        assert_eq!(wanted(&["a=b", "c=d"]).to_string(), "a=b and c=d");
        assert!(Wanted::parse(&["env=".to_owned()]).is_err());
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_is_typed_a_label_is_short_and_plain(
            text in crate::mutation::mutated_text(&["site=oslo", "a=b=c", "k=", "'; DROP TABLE tenants;--=x"]),
        ) {
            crate::probe::label(&text);
        }
    }
}
