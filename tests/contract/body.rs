//! Whether a JSON document is one that Graph could send: properties, types and enumeration members
//! that Microsoft's metadata has.

use serde_json::Value;

use super::metadata::{Field, Metadata};

/// What is wrong with an object of this declared class, each with its place.
pub fn wrong(metadata: &Metadata, class: &str, place: &str, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    object(metadata, class, place, value, &mut found);
    found
}

fn object(metadata: &Metadata, class: &str, place: &str, value: &Value, found: &mut Vec<String>) {
    let members = match value {
        Value::Object(members) => members,
        Value::Array(elements) => {
            for element in elements {
                object(metadata, class, place, element, found);
            }
            return;
        }
        Value::Null => return,
        _ => return found.push(format!("{place}: {value} where a {class} belongs")),
    };
    let class = match members.get("@odata.type").and_then(Value::as_str) {
        None => class,
        Some(told) => match metadata.class(told) {
            Some(actual) if metadata.derives(actual, class) => actual,
            Some(actual) => return found.push(format!("{place}: {actual} is no {class}")),
            None => return found.push(format!("{place}: no type {told}")),
        },
    };
    for (name, value) in members {
        if name.contains('@') || name.starts_with('#') {
            continue;
        }
        let place = format!("{place}/{name}");
        match metadata.field(class, name) {
            None => found.push(format!("{place}: {class} has no such property")),
            Some(Field::Object(inner)) => object(metadata, inner, &place, value, found),
            Some(Field::Enum(of)) => member(metadata, of, &place, value, found),
            Some(Field::Plain) => {}
        }
    }
}

fn member(metadata: &Metadata, of: &str, place: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Array(values) => {
            for value in values {
                member(metadata, of, place, value, found);
            }
        }
        Value::String(text) => {
            for one in text.split(',') {
                if !metadata.has_member(of, one) {
                    found.push(format!("{place}: {of} has no member {one}"));
                }
            }
        }
        _ => found.push(format!("{place}: {value} where a member of {of} belongs")),
    }
}
