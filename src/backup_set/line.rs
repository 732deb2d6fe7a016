//! One line of a manifest or list: a JSON object whose keys come in the order they are written.
//!
//! Written by hand rather than through a map, because equal values must give equal bytes whatever
//! order the JSON library keeps its maps in.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Malformed;

/// A JSON object under construction.
pub(super) struct Line(String);

impl Line {
    pub(super) fn new() -> Self {
        Self(String::from("{"))
    }

    /// Adds a member. What is not there is left out.
    pub(super) fn member(mut self, key: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            if self.0.len() > 1 {
                self.0.push(',');
            }
            self.0.push('"');
            self.0.push_str(key);
            self.0.push_str("\":");
            self.0.push_str(&value.into().to_string());
        }
        self
    }

    /// Adds a member that is an array of objects; an empty one is left out.
    pub(super) fn objects(mut self, key: &str, objects: impl Iterator<Item = Self>) -> Self {
        let objects: Vec<String> = objects.map(Self::finish).collect();
        if !objects.is_empty() {
            self.0
                .push_str(&format!(",\"{key}\":[{}]", objects.join(",")));
        }
        self
    }

    /// Adds a member that is an object. What is not there is left out.
    pub(super) fn object(mut self, key: &str, object: Option<Self>) -> Self {
        if let Some(object) = object {
            self.0.push_str(&format!(",\"{key}\":{}", object.finish()));
        }
        self
    }

    fn finish(self) -> String {
        self.0 + "}"
    }

    /// Ends the object and appends it to `text` as a line.
    pub(super) fn append_to(self, text: &mut String) {
        text.push_str(&self.finish());
        text.push('\n');
    }
}

/// The lines of a file that begins with a header: `(header, line number and text of the others)`.
pub(super) fn split(
    bytes: &[u8],
) -> Result<(&str, impl Iterator<Item = (usize, &str)>), Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::new(1, "not UTF-8"))?;
    let text = text
        .strip_suffix('\n')
        .ok_or_else(|| Malformed::new(text.lines().count().max(1), "does not end in a new line"))?;
    let mut lines = text.split('\n');
    let header = lines.next().unwrap_or_default();
    Ok((header, (2_usize..).zip(lines)))
}

/// Reads one line.
pub(super) fn parse<T: DeserializeOwned>(number: usize, text: &str) -> Result<T, Malformed> {
    serde_json::from_str(text).map_err(|error| Malformed::new(number, error.to_string()))
}

/// Refuses a format later than the `newest` that this program knows.
pub(super) fn check_format(format: u64, newest: u64) -> Result<(), Malformed> {
    if (1..=newest).contains(&format) {
        Ok(())
    } else {
        Err(Malformed::new(1, format!("unknown format {format}")))
    }
}
