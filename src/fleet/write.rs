//! A fleet as a file: sorted by name, the same bytes for the same fleet, and nothing written that is
//! so anyway. What is written, [`read`](super::read()) reads back as it was.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::fields::{Field, needed_of_schedule, needed_of_tenant};
use super::{Fleet, SCHEMA_VERSION};

/// As JSON.
pub fn json(fleet: &Fleet) -> Value {
    let object = |fields: Vec<Field>| -> Map<String, Value> {
        let fields = fields.into_iter();
        fields.map(|(key, value)| (key.to_owned(), value)).collect()
    };
    let tenants = fleet.tenants.iter().map(|entry| {
        let mut tenant = object(needed_of_tenant(&entry.tenant));
        let schedules = entry.schedules.iter().map(needed_of_schedule).map(object);
        tenant.insert("schedules".to_owned(), schedules.collect());
        Value::Object(tenant)
    });
    json!({ "schema_version": SCHEMA_VERSION, "tenants": tenants.collect::<Vec<_>>() })
}

/// As TOML.
pub fn toml(fleet: &Fleet) -> String {
    let mut text = format!("schema_version = {SCHEMA_VERSION}\n");
    if fleet.tenants.is_empty() {
        text.push_str("tenants = []\n");
    }
    for entry in &fleet.tenants {
        push_table(&mut text, "tenants", needed_of_tenant(&entry.tenant));
        for schedule in &entry.schedules {
            push_table(&mut text, "tenants.schedules", needed_of_schedule(schedule));
        }
    }
    text
}

fn push_table(text: &mut String, name: &str, fields: Vec<Field>) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\n[[{name}]]\n");
    for (key, value) in fields {
        let _ = writeln!(text, "{key} = {}", toml_value(&value));
    }
}

/// A value on one line. Numbers here are whole and small, flags and lists look as in JSON.
fn toml_value(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(key, value)| format!("{} = {}", toml_key(key), toml_value(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn toml_key(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if key.is_empty() || !key.bytes().all(is_bare) {
        return quoted(key);
    }
    key.to_owned()
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
