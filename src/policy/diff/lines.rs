//! The changes of one policy as lines of text, readable without colour.
//!
//! ```text
//! ~ device_vendor_msft_policy_config_power_timeout: 15 -> 30
//! + roleScopeTagIds: 3 (Pilot)
//! - assigned: include group Sales (6f1c…)
//! ~ scriptContent:
//!     @@ -1,2 +1,2 @@
//!      $a = 1
//!     -$b = 2
//!     +$b = 3
//! ```
//!
//! Nothing is escaped here: names and values are as they are, and whoever prints makes them safe.

use std::fmt::Write as _;

use crate::plural::counted;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Changes, Content, Field, Incomparable, Unlike};

/// What became of what a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
    /// Nothing: it only stands around what changed.
    Plain,
}

impl Mark {
    /// The sign at the beginning of a line.
    pub fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
            Self::Plain => ' ',
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What became of it.
    pub mark: Mark,
    /// Its text, the sign included.
    pub text: String,
}

impl Line {
    fn new(mark: Mark, text: impl std::fmt::Display) -> Self {
        let sign = mark.sign();
        Self {
            mark,
            text: format!("{sign} {text}"),
        }
    }
}

/// How much is told.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// So many characters of a value.
    pub value: usize,
    /// So many lines of a text's diff.
    pub lines: usize,
}

impl Limits {
    /// For a person at a terminal.
    pub const SHORT: Self = Self {
        value: 200,
        lines: 60,
    };
    /// Everything.
    pub const NONE: Self = Self {
        value: usize::MAX,
        lines: usize::MAX,
    };
}

/// What changed in one policy, line by line.
pub fn lines(changes: &Changes, limits: Limits) -> Vec<Line> {
    let mut lines = Vec::new();
    for field in &changes.fields {
        tell_field(&mut lines, field, limits);
    }
    for gone in &changes.assignments.removed {
        lines.push(Line::new(Mark::Removed, format_args!("assigned: {gone}")));
    }
    for added in &changes.assignments.added {
        lines.push(Line::new(Mark::Added, format_args!("assigned: {added}")));
    }
    for Incomparable { name, why } in &changes.incomparable {
        let text = match why {
            Unlike::Keys => format!(
                "{name}: a secret, kept under different keys, so that it cannot be compared"
            ),
            Unlike::NotCaptured => format!("{name}: a secret, which was captured on one side only"),
        };
        lines.push(Line::new(Mark::Plain, text));
    }
    lines
}

fn tell_field(lines: &mut Vec<Line>, field: &Field, limits: Limits) {
    let mark = match (&field.before, &field.after) {
        (Content::Absent, _) => Mark::Added,
        (_, Content::Absent) => Mark::Removed,
        _ => Mark::Changed,
    };
    let mut text = if field.name.is_empty() {
        "the whole".to_owned()
    } else {
        field.name.clone()
    };
    let remark = field.remark.map(|remark| format!(" ({remark})"));
    let remark = remark.unwrap_or_default();
    if let Some(diff) = &field.text {
        lines.push(Line::new(mark, format_args!("{text}:{remark}")));
        tell_diff(lines, diff, limits.lines);
        return;
    }
    let told = |content| told(content, field, limits.value);
    text.push_str(": ");
    text.push_str(&match (&field.before, &field.after) {
        (Content::Secret, Content::Secret) => "secret changed".to_owned(),
        (Content::Absent, after) => told(after),
        (before, Content::Absent) => told(before),
        (before, after) if before == after => told(after),
        (before, after) => format!("{} -> {}", told(before), told(after)),
    });
    lines.push(Line::new(mark, format_args!("{text}{remark}")));
}

fn tell_diff(lines: &mut Vec<Line>, diff: &str, most: usize) {
    for line in diff.lines().take(most) {
        let mark = match line.chars().next() {
            Some('+') => Mark::Added,
            Some('-') => Mark::Removed,
            _ => Mark::Plain,
        };
        let text = format!("    {line}").trim_end().to_owned();
        lines.push(Line { mark, text });
    }
    let left = diff.lines().count().saturating_sub(most);
    if left > 0 {
        let more = counted(left, "more line", "more lines");
        let text = format!("    … {more}; --json has all of it");
        lines.push(Line {
            mark: Mark::Plain,
            text,
        });
    }
}

/// A value for people.
pub(super) fn told(content: &Content, field: &Field, most: usize) -> String {
    match content {
        Content::Absent => "(nothing)".to_owned(),
        Content::Secret => "(secret)".to_owned(),
        Content::Plain(Value::String(text)) => cut(&string(option(text, &field.path)), most),
        Content::Plain(value) => cut(&value.to_string(), most),
        Content::Named { id, name } => format!("{} ({})", cut(name, most), cut(id, most)),
        Content::Decoded(text) => cut(&string(text), most),
        Content::Binary { bytes, sha256 } => {
            format!(
                "{bytes} bytes, sha256 {}",
                sha256.get(..12).unwrap_or(sha256)
            )
        }
    }
}

/// An option of a choice without the id of the setting, which stands before it already.
fn option<'t>(text: &'t str, path: &str) -> &'t str {
    let definition = path.rsplit('/').next().unwrap_or_default();
    let definition = definition.strip_suffix("[]").unwrap_or(definition);
    text.strip_prefix(definition)
        .and_then(|rest| rest.strip_prefix('_'))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(text)
}

/// A text without quotes, unless it could be taken for something else without them.
fn string(text: &str) -> String {
    let mistakable = text.is_empty() || text.trim() != text || text.contains(" -> ");
    if mistakable || serde_json::from_str::<IgnoredAny>(text).is_ok() && !is_number(text) {
        return Value::from(text).to_string();
    }
    text.to_owned()
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => {
            let mut shown = text.get(..end).unwrap_or_default().to_owned();
            let _ = write!(shown, "… ({} characters)", text.chars().count());
            shown
        }
    }
}
