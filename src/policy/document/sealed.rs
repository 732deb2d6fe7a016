//! Values that an object gives as placeholders, and Graph one at a time to who may have them.
//!
//! The placeholder is never kept as if it were the value. What Graph gave becomes a digest, as any
//! secret in plain sight; of what it did not give `{"redacted":"not captured"}` tells that there is
//! one, and that nothing is known of it.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

use super::redaction::{Redacted, RedactionKey, marker};
use super::{Flaw, Object};
use crate::policy::catalogue::{PolicyType, Sealed};

/// What stands for a value that Graph did not give.
const NOT_CAPTURED: &str = r#"{"redacted":"not captured"}"#;

/// Values in clear, as JSON text by the name that the object has for them. They are secrets: this is
/// where they end.
#[derive(Default)]
pub struct Unsealed(HashMap<String, String>);

impl Unsealed {
    /// Takes a value, as JSON text.
    pub fn insert(&mut self, name: String, value: String) {
        self.0.insert(name, value);
    }
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsealed({} values)", self.0.len())
    }
}

/// The names of the sealed values of an object.
pub fn names(sealed: &Sealed, object: &Object<'_>) -> Result<Vec<String>, Flaw> {
    let mut names = Vec::new();
    for element in object.array(sealed.array).unwrap_or_default() {
        if let Some(name) = placeholder(sealed, element)?.and_then(|(_, name)| name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Replaces the placeholders of an object.
pub(super) fn put_away(
    row: &PolicyType,
    id: &str,
    text: &str,
    unsealed: &Unsealed,
    key: &RedactionKey,
) -> Result<Redacted, Flaw> {
    let mut redacted = Redacted {
        text: None,
        values: 0,
    };
    let Some(sealed) = &row.sealed else {
        return Ok(redacted);
    };
    let object = Object::parse(text)?;
    let mut elements = Vec::new();
    let mut changed = false;
    for element in object.array(sealed.array).unwrap_or_default() {
        let Some((parsed, name)) = placeholder(sealed, element)? else {
            elements.push(element.get().to_owned());
            continue;
        };
        let given = name.and_then(|name| unsealed.0.get(&name));
        let marker = match given {
            Some(value) => {
                let marker = marker(row, id, sealed.value, value, key)?;
                redacted.values += usize::from(marker.is_some());
                marker.unwrap_or_else(|| value.clone())
            }
            None => NOT_CAPTURED.to_owned(),
        };
        elements.push(parsed.with(sealed.value, &marker));
        changed = true;
    }
    redacted.text = changed.then(|| object.with_array(sealed.array, &elements));
    Ok(redacted)
}

/// Whether this stands for a value that Graph did not give.
pub(super) fn is_not_captured(value: &Value) -> bool {
    serde_json::from_str::<Value>(NOT_CAPTURED).is_ok_and(|marker| *value == marker)
}

/// An element whose value is a placeholder, and the name that it has for the value.
fn placeholder<'a>(
    sealed: &Sealed,
    element: &'a RawValue,
) -> Result<Option<(Object<'a>, Option<String>)>, Flaw> {
    if !element.get().starts_with('{') {
        return Ok(None);
    }
    let object = Object::parse(element.get())?;
    // An object is what was put in its place before: of a document that an export held.
    let marked = object
        .get(sealed.value)
        .is_some_and(|value| value.starts_with('{'));
    if marked || object.get(sealed.flag) != Some("true") {
        return Ok(None);
    }
    let name = object.string(sealed.reference)?;
    Ok(Some((object, name.filter(|name| !name.is_empty()))))
}
