//! What is kept of an object: Graph's own bytes, with the extra reads put in where Graph itself
//! would put them when expanded.
//!
//! Pure. Everything is done on the text, so that numbers, order, white space and escapes stay as
//! they came: a property is set by replacing its value or by appending before the closing brace,
//! elements of an array are joined as they are, and `x@odata.nextLink` goes when `x` is whole.
//!
//! Two things are changed on purpose: a secret in plain sight becomes a digest ([`redaction`]), and
//! so does a value that Graph gave one at a time; its placeholder goes in any case ([`sealed`]).
//!
//! Nothing here panics on anything a server may send; what cannot be used is a [`Flaw`].

pub mod redaction;
pub mod sealed;
pub mod spacing;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Document;
use super::catalogue::{self, Platform, PolicyType};
use super::references;
use crate::json;
use crate::plural::counted;
use redaction::RedactionKey;
use sealed::Unsealed;

/// Why an object cannot be used as it came: one line for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Flaw(pub String);

impl Flaw {
    fn new(message: impl fmt::Display) -> Self {
        Self(message.to_string())
    }
}

/// A JSON object as text, with the places of its own properties.
#[derive(Debug)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// Finds the properties of the object that is all of `text`.
    pub fn parse(text: &'a str) -> Result<Self, Flaw> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let mut reader = serde_json::Deserializer::from_str(text);
        let members = reader
            .deserialize_map(Members)
            .and_then(|members| reader.end().map(|()| members))
            .map_err(|error| Flaw::new(format_args!("not a JSON object: {error}")))?;
        Ok(Self { text, members })
    }

    /// The text of a property's value. Of two with one name the last counts.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.members.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.get())
    }

    /// A property that holds text; nothing if it is missing or null.
    pub fn string(&self, name: &str) -> Result<Option<String>, Flaw> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        serde_json::from_str(text)
            .map_err(|error| Flaw::new(format_args!("{name} is not text: {error}")))
    }

    /// The object's id; every object of a list has one.
    pub fn id(&self) -> Result<String, Flaw> {
        let id = self.string("id")?.filter(|id| !id.is_empty());
        id.ok_or_else(|| Flaw::new("it has no id"))
    }

    /// The elements of an array; nothing if the property is missing or no array.
    pub fn array(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        self.get(name)
            .and_then(|text| serde_json::from_str(text).ok())
    }

    /// Whether the property is there and null, or the empty text.
    pub fn is_blank(&self, name: &str) -> bool {
        matches!(self.get(name), Some("null" | "\"\""))
    }

    /// The text with `property` set to these elements, and without the link to more of them.
    pub fn with_array<T: AsRef<str>>(&self, property: &str, elements: &[T]) -> String {
        let texts: Vec<&str> = elements.iter().map(AsRef::as_ref).collect();
        self.with(property, &format!("[{}]", texts.join(",")))
    }

    /// The text with `property` set to this JSON, and without the link to more of it.
    pub fn with(&self, property: &str, value: &str) -> String {
        let link = next_link(property);
        let mut changed = BTreeMap::new();
        let mut appended = Some((property, value));
        for (at, (name, _)) in self.members.iter().enumerate().rev() {
            if *name == link {
                changed.insert(at, None);
            } else if name == property
                && let Some((_, value)) = appended.take()
            {
                changed.insert(at, Some(value));
            }
        }
        self.rewritten(&changed, appended)
    }

    /// The text with the values at these places replaced or taken out, and one property appended.
    fn rewritten(
        &self,
        changed: &BTreeMap<usize, Option<&str>>,
        appended: Option<(&str, &str)>,
    ) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut from = 0;
        let mut kept = 0_usize;
        for (at, (_, value)) in self.members.iter().enumerate() {
            let (start, end) = self.span(value);
            match changed.get(&at) {
                Some(None) if kept == 0 => {
                    // Nothing is before it, so the comma to take out is the one after it.
                    text.push_str(if from == 0 { "{" } else { "" });
                    from = self.after_comma(end);
                }
                Some(None) => from = end,
                Some(Some(replacement)) => {
                    text.push_str(self.text.get(from..start).unwrap_or_default());
                    text.push_str(replacement);
                    from = end;
                    kept += 1;
                }
                None => {
                    text.push_str(self.text.get(from..end).unwrap_or_default());
                    from = end;
                    kept += 1;
                }
            }
        }
        if let Some((name, value)) = appended {
            if from == 0 {
                text.push('{');
                from = 1;
            }
            let comma = if kept == 0 { "" } else { "," };
            text.push_str(&format!("{comma}\"{name}\":{value}"));
        }
        text.push_str(self.text.get(from..).unwrap_or_default());
        text
    }

    /// Where a value lies in the text: it was borrowed from it.
    fn span(&self, value: &RawValue) -> (usize, usize) {
        let start = value
            .get()
            .as_ptr()
            .addr()
            .saturating_sub(self.text.as_ptr().addr());
        (start, start.saturating_add(value.get().len()))
    }

    fn after_comma(&self, end: usize) -> usize {
        let rest = self.text.get(end..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        let comma = usize::from(rest.get(blank..).is_some_and(|rest| rest.starts_with(',')));
        end + blank + comma
    }
}

/// Borrows the values of an object in their order.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// The annotation with which Graph says that an expanded collection goes on elsewhere.
pub fn next_link(property: &str) -> String {
    format!("{property}@odata.nextLink")
}

/// Whether an object of the row's list is none of its policies.
pub fn is_left_out(row: &PolicyType, object: &Object<'_>) -> bool {
    row.left_out.is_some_and(|left_out| {
        let value = object.string(left_out.property).ok().flatten();
        value.as_deref() == Some(left_out.value) && object.get(left_out.unless) == Some("false")
    })
}

/// The object with what is known of it beside what Graph says: the type that its path tells, and the
/// object `parent` below which its list is.
pub fn completed(row: &PolicyType, parent: Option<&str>, text: String) -> Result<String, Flaw> {
    let mut text = text;
    if let Some(declared) = row.declared
        && Object::parse(&text)?.get("@odata.type").is_none()
    {
        let odata_type = format!("\"#microsoft.graph.{declared}\"");
        text = Object::parse(&text)?.with("@odata.type", &odata_type);
    }
    if let (Some(property), Some(parent)) = (row.parent_as, parent) {
        let referred = serde_json::json!({ "id": parent }).to_string();
        text = Object::parse(&text)?.with(property, &referred);
    }
    Ok(text)
}

/// The platform an object is for, in the words of [`catalogue::platform_word`], sorted and joined by
/// commas where there are several.
pub fn platform(row: &PolicyType, object: &Object<'_>) -> Option<String> {
    let told = match row.platform {
        Platform::Never => None,
        Platform::Always(platform) => Some(platform.to_owned()),
        Platform::Property(name) => object.string(name).ok().flatten(),
        Platform::Type => {
            let odata_type = object.string("@odata.type").ok().flatten()?;
            // A type tells a platform only by a beginning that we know.
            let name = catalogue::short_type(&odata_type);
            return catalogue::platform_word(name)
                .filter(|word| *word != name)
                .map(str::to_owned);
        }
    }?;
    let words: std::collections::BTreeSet<&str> = told
        .split(',')
        .filter_map(|name| catalogue::platform_word(name.trim()))
        .collect();
    let words: Vec<&str> = words.into_iter().collect();
    (!words.is_empty()).then(|| words.join(","))
}

/// The most bytes that a document may have: what the store takes as one content.
pub const MAX_BYTES: usize = 64 << 20;

fn within_limit(text: &str) -> Result<(), Flaw> {
    if text.len() > MAX_BYTES {
        return Err(Flaw::new(format_args!(
            "with its parts it has {} bytes, and at most {MAX_BYTES} can be kept",
            text.len()
        )));
    }
    Ok(())
}

/// Makes the document of an object whose extra reads are in place. `unsealed` are the values that
/// Graph gave one at a time, `warnings` those that came up while it was read.
pub fn finish(
    row: &'static PolicyType,
    object: String,
    unsealed: &Unsealed,
    mut warnings: Vec<String>,
    key: &RedactionKey,
) -> Result<Document, Flaw> {
    within_limit(&object)?;
    let (id, name, platform, notes) = {
        let parsed = Object::parse(&object)?;
        let id = match row.shape {
            catalogue::Shape::List => parsed.id()?,
            catalogue::Shape::Single => parsed.id().unwrap_or_else(|_| row.key.to_owned()),
        };
        let name = match (parsed.string(row.name)?, row.shape) {
            (Some(name), _) => name,
            (None, catalogue::Shape::Single) => row.label.to_owned(),
            (None, catalogue::Shape::List) => String::new(),
        };
        (id, name, platform(row, &parsed), notes(row, &parsed))
    };
    let put_away = sealed::put_away(row, &id, &object, unsealed, key)?;
    let object = put_away.text.unwrap_or(object);
    let redacted = redaction::redact(row, &id, &object, key)?;
    let text = redacted.text.unwrap_or(object);
    within_limit(&text)?;
    let value: Value = json::read(text.as_bytes())
        .map_err(|error| Flaw::new(format_args!("it cannot be parsed: {error}")))?;
    let (remarks, secrets) = observe(&value);
    warnings.extend(remarks);
    let digests = put_away.values + redacted.values;
    warnings.extend(count(digests, "kept as a digest only"));
    warnings.extend(notes);
    Ok(Document {
        policy_type: row.key,
        id,
        below: None,
        name,
        platform,
        bytes: text.into_bytes(),
        warnings,
        secrets_not_captured: secrets as u64,
        digests: digests as u64,
        referred: references::find(row.key, &value),
        app: (row.key == references::APP).then(|| references::app_identity(&value)),
    })
}

/// What its row has to say about an object.
fn notes(row: &PolicyType, object: &Object<'_>) -> Vec<String> {
    let about = |note: &&catalogue::Note| {
        note.when
            .is_none_or(|name| object.get(name) == Some("true"))
    };
    let notes = row.notes.iter().filter(about);
    notes.map(|note| note.text.to_owned()).collect()
}

/// What the reader of a backup has to know about an object, and how many secrets it lacks.
fn observe(object: &Value) -> (Vec<String>, usize) {
    let mut seen = Seen::default();
    seen.walk(object);
    let mut warnings = Vec::new();
    if seen.unknown_enum {
        warnings
            .push("holds a value this Graph version does not tell (unknownFutureValue)".to_owned());
    }
    if odata_type(object) == Some("unsupportedDeviceConfiguration") {
        warnings.push(
            "Graph gives no content for this profile (unsupportedDeviceConfiguration)".to_owned(),
        );
    }
    warnings.extend(count(seen.secrets, "not captured"));
    (warnings, seen.secrets)
}

fn count(secrets: usize, fate: &str) -> Option<String> {
    match secrets {
        0 => None,
        _ => Some(format!("{} {fate}", counted(secrets, "secret", "secrets"))),
    }
}

fn odata_type(value: &Value) -> Option<&str> {
    let odata_type = value.get("@odata.type")?.as_str()?;
    Some(catalogue::short_type(odata_type))
}

#[derive(Default)]
struct Seen {
    unknown_enum: bool,
    secrets: usize,
}

impl Seen {
    /// Depth is bounded by the parser.
    fn walk(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.unknown_enum |= text == "unknownFutureValue",
            Value::Array(elements) => elements.iter().for_each(|element| self.walk(element)),
            Value::Object(members) => {
                // A placeholder that went, or a token that stands for a secret of the settings
                // catalog.
                let token = odata_type(value) == Some(redaction::CATALOG_SECRET)
                    && members.get("value").is_some_and(Value::is_string);
                self.secrets += usize::from(token || sealed::is_not_captured(value));
                members.values().for_each(|member| self.walk(member));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
