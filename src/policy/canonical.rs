//! The form in which documents are hashed and compared: two documents of a policy type have the same
//! canonical form if, and only if, they mean the same.
//!
//! Pure, and derived: it may change between versions of the program, the documents never do.
//!
//! - Out: what the row calls volatile, the service's own dates, annotations but `@odata.type`,
//!   nulls (absent and null say the same), generated ids in arrays without an order.
//! - Keys by code point, no white space, text as serde_json writes it.
//! - Numbers as exact decimals (`canonical/number.rs`): never through a float.
//! - A text that is an RFC 3339 date-time, in UTC without trailing zeros in its fraction.
//! - `platforms` and `technologies`, which are sets written with commas, sorted.
//! - Arrays without an order by the key of their elements, then by content. All others keep theirs.
//!   Settings below a setting of the settings catalog have as little of an order as those at the top.
//!
//! The result is JSON again, and its own canonical form.

mod number;
mod paths;
mod time;

use serde_json::{Map, Value};

use super::catalogue::{self, PolicyType};
use super::document::Flaw;
use crate::json;
pub(super) use paths::Paths;

/// Properties at the top that are sets, written as one text with commas.
const FLAGS: [&str; 2] = ["platforms", "technologies"];

/// The canonical form of a document of `row`.
pub fn canonical(row: &PolicyType, document: &[u8]) -> Result<Vec<u8>, Flaw> {
    let value = value(row, parse(document)?)?;
    let mut bytes = Vec::with_capacity(document.len());
    write(&value, &mut bytes)?;
    Ok(bytes)
}

/// A document as it was received.
pub(super) fn parse(document: &[u8]) -> Result<Value, Flaw> {
    json::read(document).map_err(|error| Flaw(format!("it cannot be parsed: {error}")))
}

/// The canonical form of a parsed document of `row`, before it is written.
pub(super) fn value(row: &PolicyType, document: Value) -> Result<Value, Flaw> {
    let mut value = cleaned(document, &Paths::of(row))?;
    if let Value::Object(members) = &mut value {
        if members
            .get(catalogue::COUNTER)
            .is_some_and(Value::is_number)
        {
            members.remove(catalogue::COUNTER);
        }
        sort_flags(members);
    }
    Ok(value)
}

/// Takes out what does not count and puts sets in order, from the inside out. The parser bounds the
/// depth.
fn cleaned(value: Value, paths: &Paths<'_>) -> Result<Value, Flaw> {
    Ok(match value {
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, member) in members {
                if member.is_null() || is_annotation(&name) || paths.drops(&name) {
                    continue;
                }
                let member = match member {
                    Value::Object(_) | Value::Array(_) => cleaned(member, &paths.below(&name))?,
                    scalar => exact(scalar)?,
                };
                kept.insert(name, member);
            }
            Value::Object(kept)
        }
        Value::Array(elements) => {
            let inner = paths.below("[]");
            let elements = elements
                .into_iter()
                .map(|element| cleaned(element, &inner))
                .collect::<Result<Vec<_>, _>>()?;
            Value::Array(match paths.set_key() {
                Some(key) => sorted(elements, key),
                None => elements,
            })
        }
        scalar => exact(scalar)?,
    })
}

/// The one way of writing a value that has nothing below it.
fn exact(scalar: Value) -> Result<Value, Flaw> {
    Ok(match scalar {
        Value::Number(digits) => Value::Number(number::exact(&digits)?),
        Value::String(text) => Value::String(time::in_utc(&text).unwrap_or(text)),
        other => other,
    })
}

/// The elements of a set in order: by their key, and those of one key by all there is to them,
/// which is written only for these.
fn sorted(elements: Vec<Value>, key: &[&str]) -> Vec<Value> {
    let mut keyed: Vec<(Vec<String>, Value)> = elements
        .into_iter()
        .map(|element| (sort_key(&element, key), element))
        .collect();
    keyed.sort_by(|one, other| one.0.cmp(&other.0));
    for twins in keyed.chunk_by_mut(|one, other| one.0 == other.0) {
        if twins.len() > 1 {
            twins.sort_by_cached_key(|(_, element)| text(element));
        }
    }
    keyed.into_iter().map(|(_, element)| element).collect()
}

/// Whether a property is about the answer rather than the object.
fn is_annotation(name: &str) -> bool {
    name != "@odata.type"
        && (name.starts_with('@')
            || name.starts_with("#microsoft.graph.")
            || name.contains("@odata.")
            || name.contains("@microsoft.graph."))
}

fn sort_flags(members: &mut Map<String, Value>) {
    for name in FLAGS {
        if let Some(Value::String(flags)) = members.get_mut(name) {
            let mut words: Vec<&str> = flags.split(',').map(str::trim).collect();
            words.sort_unstable();
            *flags = words.join(",");
        }
    }
}

/// What tells an element of a set from the others.
pub(super) fn sort_key(element: &Value, key: &[&str]) -> Vec<String> {
    key.iter()
        .map(|path| {
            let found = path
                .split('/')
                .try_fold(element, |value, name| value.get(name));
            found.map(text).unwrap_or_default()
        })
        .collect()
}

fn text(value: &Value) -> String {
    value.to_string()
}

fn write(value: &Value, bytes: &mut Vec<u8>) -> Result<(), Flaw> {
    serde_json::to_writer(bytes, value)
        .map_err(|error| Flaw(format!("it cannot be written: {error}")))
}

#[cfg(test)]
mod tests;
