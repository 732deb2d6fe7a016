//! Two canonical documents side by side, from the top down: every inequality becomes a field or an
//! assignment, and nothing else does.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::assignment::Assignment;
use super::pairs::{exact_pairs, pairs};
use super::place::{Labels, Place};
use super::secrets::{is_half_known, is_marker, is_redacted, is_secret, masked};
use super::{Changes, Content, Field, Incomparable, Unlike, View, text};
use crate::policy::canonical::Paths;
use crate::policy::catalogue::{self, PolicyType};

/// The property that holds assignments, at the top.
const ASSIGNMENTS: &str = "assignments";
/// Members that stand in the name of what they belong to already.
const REPEATED: [&str; 9] = [
    "@odata.type",
    "settingDefinitionId",
    "definitionId",
    "definition",
    "presentation",
    "displayName",
    "omaUri",
    "actionType",
    "ruleName",
];
/// Compares two canonical documents of `row`.
pub(super) fn walk(
    row: &PolicyType,
    before: &Value,
    after: &Value,
    view: &View<'_>,
    labels: Labels,
) -> Changes {
    let mut walk = Walk {
        row,
        view,
        labels,
        changes: Changes::default(),
    };
    walk.values(
        &Place::default(),
        &Paths::of(row),
        Some(before),
        Some(after),
    );
    walk.changes.fields = joined(walk.changes.fields);
    walk.changes
}

struct Walk<'a> {
    row: &'a PolicyType,
    view: &'a View<'a>,
    labels: Labels,
    changes: Changes,
}

type Side<'v> = Option<&'v Value>;

impl Walk<'_> {
    fn values(&mut self, place: &Place, paths: &Paths<'_>, before: Side<'_>, after: Side<'_>) {
        match (before, after) {
            (one, other) if one == other => {}
            (Some(before), Some(after)) if is_redacted(before) && is_redacted(after) => {
                if self.view.one_key {
                    self.field(place, Content::Secret, Content::Secret);
                } else {
                    self.incomparable(place, Unlike::Keys);
                }
            }
            (Some(Value::Object(before)), Some(Value::Object(after)))
                if !is_marker(before) && !is_marker(after) =>
            {
                self.objects(place, paths, before, after);
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => {
                if place.path == ASSIGNMENTS {
                    self.assignments(place, paths, before, after);
                } else if let Some(key) = paths.set_key() {
                    self.sets(place, &paths.below("[]"), key, before, after);
                } else {
                    self.lists(place, &paths.below("[]"), before, after);
                }
            }
            (None, Some(Value::Array(after))) if !after.is_empty() && is_spread(place, paths) => {
                self.values(
                    place,
                    paths,
                    Some(&Value::Array(Vec::new())),
                    Some(&after.clone().into()),
                );
            }
            (Some(Value::Array(before)), None) if !before.is_empty() && is_spread(place, paths) => {
                self.values(
                    place,
                    paths,
                    Some(&before.clone().into()),
                    Some(&Value::Array(Vec::new())),
                );
            }
            (before, after) => self.one_sided(place, paths, before, after),
        }
    }

    fn objects(
        &mut self,
        place: &Place,
        paths: &Paths<'_>,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) {
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in outer_first(names) {
            let (old, new) = (before.get(name), after.get(name));
            if old == new {
                continue;
            }
            let below = place.member(name);
            let secret = |object, value: Side<'_>| {
                value.is_some_and(|value| !is_redacted(value)) && is_secret(self.row, object, name)
            };
            let (hidden_old, hidden_new) = (secret(before, old), secret(after, new));
            let half_known =
                matches!((old, new), (Some(old), Some(new)) if is_half_known(old, new));
            let both = old.is_some() && new.is_some();
            if half_known {
                self.incomparable(&below, Unlike::NotCaptured);
            } else if (hidden_old || hidden_new) && both && self.view.across {
                self.incomparable(&below, Unlike::Keys);
            } else if hidden_old || hidden_new {
                let content = |value: Side<'_>| value.map_or(Content::Absent, |_| Content::Secret);
                self.field(&below, content(old), content(new));
            } else {
                self.values(&below, &paths.below(name), old, new);
            }
        }
    }

    fn incomparable(&mut self, place: &Place, why: Unlike) {
        let name = place.name.clone();
        self.changes.incomparable.push(Incomparable { name, why });
    }

    /// Elements that are told apart by a key.
    fn sets(
        &mut self,
        place: &Place,
        paths: &Paths<'_>,
        key: &[&str],
        before: &[Value],
        after: &[Value],
    ) {
        for (key, old, new) in pairs(key, before, after) {
            let Some(either) = new.or(old) else {
                continue;
            };
            let below = if key.is_empty() {
                let mut below = place.clone();
                below.path.push_str("[]");
                below
            } else {
                place.element(&key, either, &self.labels)
            };
            self.values(&below, paths, old, new);
        }
    }

    fn assignments(&mut self, place: &Place, paths: &Paths<'_>, before: &[Value], after: &[Value]) {
        let key = paths.set_key().unwrap_or_default();
        let (old_names, new_names) = (self.view.before, self.view.after);
        for (_, old, new) in exact_pairs(key, before, after) {
            match (old, new) {
                (Some(old), Some(new)) => {
                    let mut below = place.clone();
                    let target = Assignment::of(new, new_names);
                    let group = target.group_id.as_deref().or(target.group.as_deref());
                    let id = group.unwrap_or(&target.target);
                    below.path.push_str(&format!("[{id}]"));
                    below.name.push_str(&format!("[{target}]"));
                    self.values(&below, &paths.below("[]"), Some(old), Some(new));
                }
                (Some(old), None) => {
                    let gone = Assignment::of(old, old_names);
                    self.changes.assignments.removed.push(gone);
                }
                (None, Some(new)) => {
                    let added = Assignment::of(new, new_names);
                    self.changes.assignments.added.push(added);
                }
                (None, None) => {}
            }
        }
    }

    /// Elements whose place counts.
    fn lists(&mut self, place: &Place, paths: &Paths<'_>, before: &[Value], after: &[Value]) {
        let written = |values: &[Value]| values.iter().map(Value::to_string).collect::<Vec<_>>();
        let (old, new) = (written(before), written(after));
        let sorted = |texts: &[String]| {
            let mut texts = texts.to_vec();
            texts.sort_unstable();
            texts
        };
        if sorted(&old) == sorted(&new) {
            let shown = |value: &Value| {
                if place.in_setting {
                    bare(value)
                } else {
                    value.clone()
                }
            };
            let all = |values: &[Value]| masked(self.row, values.iter().map(shown).collect());
            let (old, new) = (Content::Plain(all(before)), Content::Plain(all(after)));
            self.push(place, old, new, Some("only the order changed"));
            return;
        }
        let mut pair = |old: Option<usize>, new: Option<usize>| {
            let value = |of: &[Value], at: Option<usize>| at.and_then(|at| of.get(at)).cloned();
            let (one, other) = (value(before, old), value(after, new));
            let scalar = |value: &Option<Value>| {
                value
                    .as_ref()
                    .is_none_or(|value| is_scalar(value) || place.in_setting)
            };
            let below = if scalar(&one) && scalar(&other) {
                let mut below = place.clone();
                below.path.push_str("[]");
                below
            } else {
                place.index(new.or(old).unwrap_or_default())
            };
            self.values(&below, paths, one.as_ref(), other.as_ref());
        };
        let is_plain = |values: &[Value]| values.iter().all(is_scalar);
        let plain = is_plain(before) && is_plain(after);
        for op in capture_diff_slices(Algorithm::Patience, &old, &new) {
            let (from, to) = (op.old_range(), op.new_range());
            if matches!(op, DiffOp::Equal { .. }) {
                continue;
            }
            let both = if plain { 0 } else { from.len().min(to.len()) };
            for step in 0..both {
                pair(Some(from.start + step), Some(to.start + step));
            }
            (from.start + both..from.end).for_each(|at| pair(Some(at), None));
            (to.start + both..to.end).for_each(|at| pair(None, Some(at)));
        }
    }

    /// What is there on one side only, or is of another kind on the other.
    fn one_sided(&mut self, place: &Place, paths: &Paths<'_>, before: Side<'_>, after: Side<'_>) {
        let found = self.changes.fields.len();
        match (before, after) {
            (Some(Value::Object(gone)), None) if place.is_told_by_parts(gone) => {
                self.parts(place, paths, gone, true);
            }
            (None, Some(Value::Object(new))) if place.is_told_by_parts(new) => {
                self.parts(place, paths, new, false);
            }
            _ => {}
        }
        if self.changes.fields.len() == found {
            let old = self.content(place, before, self.view.before);
            let new = self.content(place, after, self.view.after);
            self.field(place, old, new);
        }
    }

    /// A whole setting, or the like, that came or went: the values in it.
    fn parts(
        &mut self,
        place: &Place,
        paths: &Paths<'_>,
        members: &Map<String, Value>,
        gone: bool,
    ) {
        let names: BTreeSet<&String> = members.keys().collect();
        for name in outer_first(names) {
            let Some(member) = members.get(name).filter(|member| says_more(name, member)) else {
                continue;
            };
            let below = place.member(name);
            if is_secret(self.row, members, name) {
                let (old, new) = sides(Content::Absent, Content::Secret, gone);
                self.field(&below, old, new);
            } else {
                let (old, new) = sides(None, Some(member), gone);
                self.values(&below, &paths.below(name), old, new);
            }
        }
    }

    fn content(&self, place: &Place, value: Side<'_>, names: &super::Names) -> Content {
        match value {
            None => Content::Absent,
            Some(value) if is_redacted(value) => Content::Secret,
            Some(Value::String(text)) => match names.name(&place.property, text) {
                Some(name) => Content::Named {
                    id: text.clone(),
                    name: name.to_owned(),
                },
                None => text::content(&place.property, text),
            },
            Some(value) => Content::Plain(masked(self.row, value.clone())),
        }
    }

    fn field(&mut self, place: &Place, before: Content, after: Content) {
        self.push(place, before, after, None);
    }

    fn push(
        &mut self,
        place: &Place,
        before: Content,
        after: Content,
        remark: Option<&'static str>,
    ) {
        self.changes.fields.push(Field {
            path: place.path.clone(),
            name: place.name.clone(),
            before,
            after,
            text: None,
            remark,
        });
    }
}

fn sides<T>(none: T, some: T, gone: bool) -> (T, T) {
    if gone { (some, none) } else { (none, some) }
}

/// Whether an array that is there on one side only is told by its elements.
fn is_spread(place: &Place, paths: &Paths<'_>) -> bool {
    place.in_setting || place.path == ASSIGNMENTS || paths.set_key().is_some()
}

/// Names of members in order, what lies below a setting after the setting itself.
fn outer_first(names: BTreeSet<&String>) -> impl Iterator<Item = &String> {
    let nested = catalogue::NESTED_SETTINGS.path;
    let (below, others): (Vec<&String>, Vec<&String>) =
        names.into_iter().partition(|name| *name == nested);
    others.into_iter().chain(below)
}

/// Whether a member tells something that the name of what it belongs to does not.
fn says_more(name: &str, member: &Value) -> bool {
    let empty = match member {
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        _ => false,
    };
    !empty && !REPEATED.contains(&name)
}

/// The value that an element of a collection of settings holds.
fn bare(element: &Value) -> Value {
    element.get("value").unwrap_or(element).clone()
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// Fields in the order in which they were found; of one path, what went and what came are one
/// change, and long texts get their diff.
fn joined(fields: Vec<Field>) -> Vec<Field> {
    let mut joined: Vec<Field> = Vec::with_capacity(fields.len());
    for field in fields {
        let counterpart = joined.iter_mut().rev().take(4).find(|other| {
            other.path == field.path
                && !field.path.ends_with(']')
                && ((other.after == Content::Absent && field.before == Content::Absent)
                    || (other.before == Content::Absent && field.after == Content::Absent))
                && other.remark.is_none()
        });
        match counterpart {
            Some(other) if other.after == Content::Absent => other.after = field.after,
            Some(other) => other.before = field.before,
            None => joined.push(field),
        }
    }
    for field in &mut joined {
        if field.before == field.after && !field.is_secret() {
            field.remark = field.remark.or(Some("only how it is written changed"));
        }
        let (Some(before), Some(after)) = (text_of(&field.before), text_of(&field.after)) else {
            continue;
        };
        let decoded = matches!(field.after, Content::Decoded(_));
        let change = text::compare(before, after, decoded);
        field.text = change.unified;
        field.remark = field.remark.or(change.remark);
    }
    joined
}

fn text_of(content: &Content) -> Option<&str> {
    match content {
        Content::Decoded(text) | Content::Plain(Value::String(text)) => Some(text),
        _ => None,
    }
}
