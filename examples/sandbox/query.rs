//! The query options of a Graph request.

use chrono::{DateTime, Utc};

/// What a request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// `$select`; empty when absent.
    pub select: Vec<String>,
    /// `$expand`.
    pub expand: Vec<Expand>,
    /// `$top`.
    pub top: Option<usize>,
    /// `$filter`.
    pub filter: Option<String>,
    /// What cannot be understood, as the message of a refusal.
    pub wrong: Option<String>,
}

/// One expansion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expand {
    /// The navigation property; a type cast before it is dropped.
    pub name: String,
    /// Its `$select`.
    pub select: Vec<String>,
    /// Its `$expand`.
    pub expand: Vec<Self>,
}

impl Query {
    /// Reads a query string, still encoded.
    pub fn parse(raw: &str) -> Self {
        let mut query = Self::default();
        for option in raw.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let (name, value) = (decode(name), decode(value));
            match name.strip_prefix('$').unwrap_or(&name) {
                "select" => query.select = names(&value),
                "expand" => query.expand = expansions(&value),
                "top" => match value.parse() {
                    Ok(top) if top > 0 => query.top = Some(top),
                    _ => query.wrong = Some(format!("Invalid value '{value}' for $top.")),
                },
                "filter" => query.filter = Some(value),
                "skiptoken" | "count" => {}
                other if name.starts_with('$') => {
                    query.wrong = Some(format!("Query option '${other}' is not supported."));
                }
                _ => {}
            }
        }
        query
    }
}

/// Percent-decoding; what is not an escape stays.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Percent-encoding of everything but unreserved characters.
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Property and values of a filter `property in ('a','b')`.
pub fn one_of(filter: &str) -> Option<(&str, Vec<String>)> {
    let (property, list) = filter.split_once(" in (")?;
    let literals = list.strip_suffix(')')?.split(',');
    let value = |literal: &str| {
        let inner = literal.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        Some(inner.replace("''", "'"))
    };
    let values: Option<Vec<String>> = literals.map(value).collect();
    Some((property, values?))
}

/// Property and ends of a filter `property ge TIME and property le TIME`.
pub fn between(filter: &str) -> Option<(&str, DateTime<Utc>, DateTime<Utc>)> {
    let (from, to) = filter.split_once(" and ")?;
    let (property, from) = from.split_once(" ge ")?;
    let (same, to) = to.split_once(" le ")?;
    Some((property, time(from)?, time(to)?)).filter(|_| same == property)
}

/// A time as Graph writes it.
pub fn time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text.trim()).ok()?;
    Some(time.to_utc())
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).collect()
}

fn expansions(list: &str) -> Vec<Expand> {
    split_outside(list, ',')
        .into_iter()
        .map(|item| {
            let (name, options) = match item.split_once('(') {
                Some((name, options)) => (name, options.strip_suffix(')').unwrap_or(options)),
                None => (item, ""),
            };
            let mut expand = Expand {
                name: name.trim().rsplit('/').next().unwrap_or(name).to_owned(),
                ..Expand::default()
            };
            for option in split_outside(options, ';') {
                match option.trim().split_once('=') {
                    Some(("$select", value)) => expand.select = names(value),
                    Some(("$expand", value)) => expand.expand = expansions(value),
                    _ => {}
                }
            }
            expand
        })
        .collect()
}

fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(move |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0 && c == separator
    })
    .filter(|part| !part.is_empty())
    .collect()
}
