//! The changes of one policy as `--json` tells them.

use serde_json::{Map, Value, json};

use super::{Assignment, Changes, Content, Field};

/// The fields `fields` and `assignments` of a change.
pub fn changes(changes: &Changes) -> Map<String, Value> {
    let fields: Vec<Value> = changes.fields.iter().map(field).collect();
    let assignments = &changes.assignments;
    let told =
        |assignments: &[Assignment]| -> Vec<Value> { assignments.iter().map(assignment).collect() };
    let mut object = Map::new();
    object.insert("fields".to_owned(), fields.into());
    object.insert(
        "assignments".to_owned(),
        json!({ "added": told(&assignments.added), "removed": told(&assignments.removed) }),
    );
    object
}

fn field(field: &Field) -> Value {
    json!({
        "path": field.path,
        "name": field.name,
        "before": content(&field.before),
        "after": content(&field.after),
        "before_name": name(&field.before),
        "after_name": name(&field.after),
        "secret": field.is_secret(),
        "diff": field.text,
        "remark": field.remark,
    })
}

/// A value as it is, but what is secret or no text.
fn content(content: &Content) -> Value {
    match content {
        Content::Absent | Content::Secret => Value::Null,
        Content::Plain(value) => value.clone(),
        Content::Named { id, .. } => Value::from(id.as_str()),
        Content::Decoded(text) => Value::from(text.as_str()),
        Content::Binary { bytes, sha256 } => json!({ "bytes": bytes, "sha256": sha256 }),
    }
}

fn name(content: &Content) -> Option<&str> {
    match content {
        Content::Named { name, .. } => Some(name),
        _ => None,
    }
}

fn assignment(assignment: &Assignment) -> Value {
    json!({
        "target": assignment.target,
        "exclude": assignment.excludes(),
        "group_id": assignment.group_id,
        "group": assignment.group,
        "intent": assignment.intent,
        "filter_id": assignment.filter_id,
        "filter": assignment.filter,
        "filter_mode": assignment.filter_mode,
    })
}
