//! The text of a fleet file as a tree in which everything knows its line.
//!
//! TOML and JSON come out alike, so that one reader says what is wrong with either, and where. No
//! message repeats a value of the file, nor a key that is longer than keys are: somebody may have
//! pasted a secret in the wrong place, and what is told may end in a log that many read. Only names of
//! tenants and schedules are told, where they can be names: without them nobody finds the place.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::{Fault, Format};
use crate::error::Error;
use crate::json;

/// For a file that cannot be read as what it is said to be.
const HOW_IT_LOOKS: &str = "tenantpilot fleet export shows how one looks, with --json in JSON";

/// A value, and the line that it begins in.
#[derive(Debug)]
pub(super) struct Node {
    /// From 1.
    pub(super) line: usize,
    /// What it is.
    pub(super) value: Value,
}

/// What stands in a file.
#[derive(Debug)]
pub(super) enum Value {
    /// A text.
    Text(String),
    /// A number; its value where it is a whole one that fits.
    Number(Option<u32>),
    /// Yes or no.
    Flag(bool),
    /// A list.
    List(Vec<Node>),
    /// A table; the line of each is that of its key.
    Table(Vec<(String, Node)>),
    /// What no key takes: the word for it.
    Other(&'static str),
}

impl Value {
    /// What it is, in a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(word) => word,
        }
    }
}

/// No key that somebody could mean is longer; client secrets have 34 characters and more.
const LONGEST_KEY: usize = 24;

/// A key that somebody wrote, in a message.
pub(super) fn key_told(key: &str) -> String {
    match key.chars().count() {
        0..=LONGEST_KEY => format!("key {key:?}"),
        length => format!("a key of {length} characters"),
    }
}

/// The document in `bytes`.
///
/// # Errors
/// It is not UTF-8, or not of that format, or has a key twice.
pub(super) fn parse(bytes: &[u8], format: Format) -> Result<Node, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let error = Error::usage("it is not UTF-8").hint("save the file as UTF-8");
        Fault::at(line, error)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::of(text);
    match format {
        Format::Toml => toml(text, &lines),
        Format::Json => json(text, &lines),
    }
}

/// Where the lines of a text end.
struct Lines {
    ends: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        Self {
            ends: ends.map(|(at, _)| at).collect(),
        }
    }

    /// The line that the byte at `offset` is in.
    fn at(&self, offset: usize) -> usize {
        1 + self.ends.partition_point(|&end| end < offset)
    }
}

fn toml(text: &str, lines: &Lines) -> Result<Node, Fault> {
    let table = DeTable::parse(text).map_err(|error| {
        let what = format!("it is no TOML: {}", error.message());
        let line = error.span().map(|span| lines.at(span.start));
        Fault {
            line,
            error: Error::usage(what).hint(HOW_IT_LOOKS),
        }
    })?;
    Ok(Node {
        line: 1,
        value: toml_table(table.get_ref(), lines),
    })
}

fn toml_table(table: &DeTable<'_>, lines: &Lines) -> Value {
    let mut entries: Vec<(usize, String, Node)> = table
        .iter()
        .map(|(key, value)| {
            let line = lines.at(key.span().start);
            let value = toml_value(value.get_ref(), lines);
            (
                key.span().start,
                key.get_ref().to_string(),
                Node { line, value },
            )
        })
        .collect();
    entries.sort_by_key(|(at, ..)| *at);
    Value::Table(
        entries
            .into_iter()
            .map(|(_, key, node)| (key, node))
            .collect(),
    )
}

fn toml_value(value: &DeValue<'_>, lines: &Lines) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            Value::Number(u32::from_str_radix(number.as_str(), number.radix()).ok())
        }
        DeValue::Float(_) => Value::Number(None),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Other("a date or time; put it in quotes"),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| Node {
                line: lines.at(item.span().start),
                value: toml_value(item.get_ref(), lines),
            });
            Value::List(items.collect())
        }
        DeValue::Table(table) => toml_table(table, lines),
    }
}

fn json(text: &str, lines: &Lines) -> Result<Node, Fault> {
    // The parser judges; what it accepts is then taken apart by where it stands.
    json::read::<&RawValue>(text.as_bytes()).map_err(|error| {
        let told = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let why = told.strip_suffix(&place).unwrap_or(&told);
        Fault {
            line: Some(error.line()).filter(|line| *line > 0),
            error: Error::usage(format!("it is no JSON: {why}")).hint(HOW_IT_LOOKS),
        }
    })?;
    JsonText { text, lines }.node(text.as_bytes(), 0)
}

/// No fleet file is nested so deep; the parser that judged does not count, and what takes the text
/// apart goes down with it.
const DEEPEST: usize = 32;

struct JsonText<'a> {
    text: &'a str,
    lines: &'a Lines,
}

impl JsonText<'_> {
    /// The line that a part of the text begins in.
    fn line_of(&self, part: &[u8]) -> usize {
        let offset = part
            .as_ptr()
            .addr()
            .saturating_sub(self.text.as_ptr().addr());
        self.lines.at(offset)
    }

    /// The text of a string. The parser passes over it unread, so half a character may be in it.
    fn text_of(&self, raw: &[u8]) -> Result<String, Fault> {
        json::string(raw).map(Cow::into_owned).ok_or_else(|| {
            let error = Error::usage("it is no JSON: a text has half a character in it");
            Fault::at(self.line_of(raw), error)
        })
    }

    fn node(&self, raw: &[u8], depth: usize) -> Result<Node, Fault> {
        let raw = raw.trim_ascii();
        let line = self.line_of(raw);
        if depth > DEEPEST {
            let error = Error::usage("it is nested deeper than any fleet file").hint(HOW_IT_LOOKS);
            return Err(Fault::at(line, error));
        }
        let strange = |_| Fault::at(line, Error::usage("it is no JSON"));
        let value = match raw.first() {
            Some(b'{') => {
                let (mut entries, mut known) = (Vec::new(), BTreeSet::new());
                for (key, value) in json::members(raw).map_err(strange)? {
                    let line = self.line_of(key);
                    let name = self.text_of(key)?;
                    if !known.insert(name.clone()) {
                        let what = format!("{} is there twice", key_told(&name));
                        return Err(Fault::at(line, Error::usage(what)));
                    }
                    let value = self.node(value, depth + 1)?.value;
                    entries.push((name, Node { line, value }));
                }
                Value::Table(entries)
            }
            Some(b'[') => {
                let items = json::elements(raw).map_err(strange)?;
                Value::List(
                    items
                        .into_iter()
                        .map(|item| self.node(item, depth + 1))
                        .collect::<Result<_, _>>()?,
                )
            }
            Some(b'"') => Value::Text(self.text_of(raw)?),
            Some(b't') => Value::Flag(true),
            Some(b'f') => Value::Flag(false),
            Some(b'n') => Value::Other("null; leave the key out"),
            _ => Value::Number(
                std::str::from_utf8(raw)
                    .ok()
                    .and_then(|raw| raw.parse().ok()),
            ),
        };
        Ok(Node { line, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = "\u{feff}# a fleet\r\nname = \"a\"\r\nlist = [\r\n  1,\r\n  2_0 ]\r\n[[tables]]\r\nx = 0x10\r\n[[tables]]\r\n\r\nx = -1\n";
    const JSON: &str =
        "{\n\"name\": \"a\", \"list\": [\n1,\n20],\n\"tables\": [{\"x\": 16}\n, {\n\"x\": -1}]}";

    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Table(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, node)| format!("{key}:{} {}", node.line, shown(node)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            Value::List(items) => {
                let items = items
                    .iter()
                    .map(|node| format!("{} {}", node.line, shown(node)));
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn both_formats_come_out_alike_each_with_its_lines() {
        let toml = parse(TOML.as_bytes(), Format::Toml).unwrap();
        assert_eq!(
            shown(&toml),
            "{name:2 Text(\"a\"), list:3 [4 Number(Some(1)), 5 Number(Some(20))], \
             tables:6 [6 {x:7 Number(Some(16))}, 8 {x:10 Number(None)}]}"
        );
        let json = parse(JSON.as_bytes(), Format::Json).unwrap();
        assert_eq!(
            shown(&json),
            "{name:2 Text(\"a\"), list:2 [3 Number(Some(1)), 4 Number(Some(20))], \
             tables:5 [5 {x:5 Number(Some(16))}, 6 {x:7 Number(None)}]}"
        );
    }

    #[test]
    fn what_is_no_document_is_told_with_its_line_and_nothing_of_what_stands_there() {
        for (format, bytes, line, why) in [
            (
                Format::Toml,
                &b"a = 1\nb = s3cret\n"[..],
                2,
                "it is no TOML",
            ),
            (
                Format::Toml,
                b"a = 1\na = 2\n",
                2,
                "it is no TOML: duplicate key",
            ),
            (Format::Toml, b"a = 1\n\nb = '\xff'\n", 3, "it is not UTF-8"),
            (Format::Toml, b"a = \"\x00\"\n", 1, "it is no TOML"),
            (
                Format::Json,
                b"{\"a\": 1,\n\"b\": s3cret}",
                2,
                "it is no JSON",
            ),
            (
                Format::Json,
                b"{\"a\": 1,\n\"\\u0061\": 2}",
                2,
                "key \"a\" is there twice",
            ),
            (Format::Json, b"", 1, "it is no JSON"),
            (Format::Json, b"{\"a\": \"\\ud800\"}", 1, "it is no JSON"),
        ] {
            let fault = parse(bytes, format).unwrap_err();
            assert_eq!(fault.line, Some(line), "{fault:?}");
            let message = fault.error.message();
            assert!(message.starts_with(why), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
        for format in [Format::Toml, Format::Json] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let open = open.repeat(100_000);
                for close in [String::new(), format!("1{}", close.repeat(100_000))] {
                    for deep in [format!("a = {open}{close}"), format!("{open}{close}")] {
                        parse(deep.as_bytes(), format).unwrap_err();
                    }
                }
            }
        }
        let reserved = br#"{"tenants": {"$serde_json::private::Number": "1"}}"#;
        parse(reserved, Format::Json).unwrap_err();
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_stands_in_a_file_nothing_panics(text in crate::mutation::mutated_text(&[TOML, JSON])) {
            for format in [Format::Toml, Format::Json] {
                let _ = parse(text.as_bytes(), format);
            }
        }
    }
}
