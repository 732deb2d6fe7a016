//! Text from outside made safe to print: what a terminal or a log would obey, or hide, becomes
//! visible.
//!
//! Names come from people and from Graph. A name must not move the cursor, forge a second line, or
//! turn the reading direction of what follows. In JSON the exact name stays, written as an escape.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal would act on `c`, or show nothing in its place.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

/// `text` on one line, with hidden characters written as Rust would (`\n`, `\u{1b}`).
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// `text` with its lines kept and everything else [`visible`].
pub fn visible_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(visible).collect();
    lines.join("\n")
}

/// A JSON text with hidden characters written as `\u` escapes: the same document, safe to print.
/// JSON has them nowhere but inside strings; its own line breaks stay.
pub fn ascii_controls(json: &str) -> Cow<'_, str> {
    let hidden = |c: char| c != '\n' && is_hidden(c);
    if !json.contains(hidden) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    let mut units = [0; 2];
    for c in json.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_or_hide_becomes_visible() {
        assert_eq!(visible("a\x1b]0;x\x07b"), r"a\u{1b}]0;x\u{7}b");
        assert_eq!(visible("a\r\n2026 ERROR fake"), r"a\r\n2026 ERROR fake");
        assert_eq!(visible("\u{202e}gpj\u{9b}2J"), r"\u{202e}gpj\u{9b}2J");
        assert_eq!(visible("Zürich 東京 🚀"), "Zürich 東京 🚀");
        assert_eq!(visible_lines("one\ntwo\x1b"), "one\ntwo\\u{1b}");
    }

    #[test]
    fn json_keeps_the_exact_name() {
        let name = "a\u{1b}\u{9b}\u{202e}\u{e0041}é";
        let json = serde_json::to_string_pretty(&serde_json::json!({ "name": name })).unwrap();
        let safe = ascii_controls(&json);
        assert!(safe.lines().count() == 3 && !safe.contains(['\u{9b}', '\u{202e}', '\u{e0041}']));
        let back: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(back["name"], name);
    }
}
