//! Long texts: found in base64, laid out in lines, compared line by line.
//!
//! What is text is told by its bytes: UTF-8, or UTF-16 with a byte-order mark, without control
//! characters but those that lay out text. A text that Graph keeps on one line (JSON, XML) is broken
//! into lines first, so that its diff shows what changed and not all of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use similar::{Algorithm, TextDiff};

use super::Content;
use crate::json;

/// Properties that hold base64 whatever their length.
const BASE64: [&str; 9] = [
    "scriptContent",
    "detectionScriptContent",
    "remediationScriptContent",
    "rulesContent",
    "payloadJson",
    "payload",
    "configurationFileContent",
    "content",
    "trustedRootCertificate",
];
/// Any other text as long as this is tried: shorter words look like base64 by chance.
const TRIED: usize = 24;
/// Bytes that are no text are told as such from here on; less may be somebody's word.
const BINARY: usize = 256;
/// A text is long that has more characters, or
const LONG: usize = 160;
/// more lines.
const LINES: usize = 2;
/// Together so many lines are compared.
const MOST_LINES: usize = 20_000;

/// What a text property holds.
pub(super) fn content(property: &str, text: &str) -> Content {
    let plain = || Content::Plain(Value::from(text));
    let known = BASE64.contains(&property);
    if text.is_empty() || (!known && text.len() < TRIED) {
        return plain();
    }
    let Ok(bytes) = STANDARD.decode(text.trim()) else {
        return plain();
    };
    match readable(&bytes) {
        Some(text) => Content::Decoded(text),
        None if known || bytes.len() >= BINARY => Content::Binary {
            bytes: bytes.len(),
            sha256: sha256(&bytes),
        },
        None => plain(),
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text that these bytes are, its byte-order mark included.
fn readable(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        _ => String::from_utf8(bytes.to_vec()).ok()?,
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n' | '\u{c}');
    text.chars().all(is_text).then_some(text)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    let text = String::from_utf16(&units).ok()?;
    rest.is_empty().then(|| format!("\u{feff}{text}"))
}

/// How two texts differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextChange {
    /// As a unified diff without its head; nothing where that would tell no more.
    pub unified: Option<String>,
    /// What the lines do not show.
    pub remark: Option<&'static str>,
}

/// How two texts differ, if one of them is long or `always`.
pub fn compare(before: &str, after: &str, always: bool) -> TextChange {
    let long = |text: &str| text.lines().nth(LINES).is_some() || text.chars().nth(LONG).is_some();
    if !always && !long(before) && !long(after) {
        return TextChange::default();
    }
    let (old, new) = (laid_out(before), laid_out(after));
    if old != new {
        return unified(&old, &new);
    }
    let (old, new) = (without_mark(before), without_mark(after));
    let remark = match old.replace("\r\n", "\n") == new.replace("\r\n", "\n") {
        true if old == new => "only the byte-order mark changed",
        true => "only line endings changed",
        false => "only the layout changed",
    };
    TextChange {
        unified: None,
        remark: Some(remark),
    }
}

fn unified(before: &str, after: &str) -> TextChange {
    if before.lines().count() + after.lines().count() > MOST_LINES {
        return TextChange {
            unified: None,
            remark: Some("too long to be compared line by line"),
        };
    }
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .diff_lines(before, after);
    let text = diff
        .unified_diff()
        .context_radius(3)
        .missing_newline_hint(false)
        .to_string();
    TextChange {
        unified: Some(text),
        remark: None,
    }
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// A text in lines that end in one way.
pub(super) fn laid_out(text: &str) -> String {
    let text = without_mark(text);
    let mut lines = if text.trim_end().contains('\n') {
        text.replace("\r\n", "\n")
    } else {
        broken_up(text.trim_end())
    };
    if !lines.ends_with('\n') {
        lines.push('\n');
    }
    lines
}

fn broken_up(line: &str) -> String {
    if line.starts_with(['{', '['])
        && let Ok(value) = json::read::<Value>(line.as_bytes())
        && let Ok(indented) = serde_json::to_string_pretty(&value)
    {
        return indented;
    }
    if line.starts_with('<') {
        return line.replace("><", ">\n<");
    }
    line.to_owned()
}
