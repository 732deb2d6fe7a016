//! JSON text taken apart and put together without touching what is inside.
//!
//! Values are kept as the bytes they came as: numbers that floats destroy, escapes, and even lone
//! surrogates come out as they went in. Member order is kept too.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of one JSON object, in order, values as raw text.
#[derive(Debug, Default, Clone)]
pub struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// Takes an object apart; `None` when the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The raw text of a member's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name)?;
        Some(found.1.get())
    }

    /// A member's value as a string, when it is one.
    pub fn string(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// Sets a member to raw JSON text, in its place or at the end. Text that is not JSON is ignored.
    pub fn set(&mut self, name: &str, raw: &str) {
        let Ok(value) = RawValue::from_string(raw.to_owned()) else {
            return;
        };
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some(member) => member.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Sets a member that is there already; does nothing when it is not.
    pub fn replace(&mut self, name: &str, raw: &str) {
        if self.get(name).is_some() {
            self.set(name, raw);
        }
    }

    /// Keeps the members whose name passes.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// The object as text again, without space between members.
    pub fn text(&self) -> String {
        let mut text = String::from("{");
        for (name, value) in &self.0 {
            append(&mut text, name, value.get());
        }
        text.push('}');
        text
    }
}

/// Appends a member to an unfinished object.
pub fn append(object: &mut String, name: &str, raw: &str) {
    if !object.ends_with('{') {
        object.push(',');
    }
    object.push_str(&quote(name));
    object.push(':');
    object.push_str(raw);
}

/// A string as JSON.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The elements of a JSON array as raw text; empty when it is not one.
pub fn elements(raw: &str) -> Vec<String> {
    let elements: Vec<Box<RawValue>> = serde_json::from_str(raw).unwrap_or_default();
    elements
        .iter()
        .map(|element| element.get().to_owned())
        .collect()
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}
