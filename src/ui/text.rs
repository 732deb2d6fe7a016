//! Text from outside made safe to print: what a terminal or a log would obey, or hide, becomes
//! visible.
//!
//! Names come from people and from Graph. A name must not move the cursor, forge a second line, or
//! turn the reading direction of what follows. In JSON the exact name stays, written as an escape.
//!
//! Nor must a name give orders to what runs a pipeline and reads its log: Azure Pipelines and GitHub
//! obey `##vso[…]` and `##[…]` wherever in a line they stand. `::…::` counts for GitHub where a line
//! begins, blanks left aside: a row of a table begins with a name, a line of a script is its own.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

/// The least room that text gets under its own beginning; with less, or where a word finds none, it goes
/// on at [`STEP`].
const NARROWEST: usize = 24;
const STEP: usize = 4;

/// Whether a terminal would act on `c`, or show nothing in its place.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

/// Whether a pipeline would take what begins here for an order.
fn is_order(text: &str) -> bool {
    text.starts_with("##[") || text.starts_with("##vso[")
}

/// The length of the blanks before what GitHub would take for an order, where the line begins so.
fn order_at_start(text: &str) -> Option<usize> {
    let line = text.trim_start();
    let is_order = line.strip_prefix("::")?.contains("::");
    is_order.then_some(text.len() - line.len())
}

/// `text` on one line, with hidden characters written as Rust would (`\n`, `\u{1b}`).
pub fn visible(text: &str) -> Cow<'_, str> {
    let order = order_at_start(text);
    if order.is_none() && !text.contains(is_hidden) && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        if order == Some(at) {
            shown.push_str("\\u{3a}");
        } else if is_order(text.get(at..).unwrap_or_default()) {
            shown.push_str("\\u{23}");
        } else if is_hidden(c) {
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

/// `lead` and `text` on one line; where that takes more than `columns`, broken at blanks, and what follows
/// stands under the beginning of the text. A word is never broken: it may be typed again. None that GitHub
/// may take for an order comes to stand where a line begins.
pub fn hanging(lead: &str, text: &str, columns: usize) -> String {
    let mut at = lead.width();
    let words = text.split(' ').map(str::width);
    let widest = words.filter(|width| STEP + width <= columns).max();
    let room = widest.unwrap_or_default().max(NARROWEST);
    let indent = if at + room > columns { STEP } else { at };
    let mut shown = lead.to_owned();
    for (place, word) in text.split(' ').enumerate() {
        let blank = usize::from(place > 0);
        let helps = place > 0 || indent + word.width() <= columns;
        let fits = at + blank + word.width() <= columns;
        if !fits && at > indent && helps && !word.starts_with("::") {
            shown.truncate(shown.trim_end_matches(' ').len());
            shown.push('\n');
            shown.push_str(&" ".repeat(indent));
            at = indent;
        } else if blank > 0 {
            shown.push(' ');
            at += 1;
        }
        shown.push_str(word);
        at += word.width();
    }
    shown
}

/// A JSON text with hidden characters written as `\u` escapes: the same document, safe to print.
/// JSON has them nowhere but inside strings, except for tabs and carriage returns, which it has
/// between its parts alone: they become blanks. Its own line breaks stay.
pub fn ascii_controls(json: &str) -> Cow<'_, str> {
    let hidden = |c: char| c != '\n' && is_hidden(c);
    if !json.contains(hidden) && !json.contains("##") {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    let mut units = [0; 2];
    for (at, c) in json.char_indices() {
        if matches!(c, '\t' | '\r') {
            safe.push(' ');
        } else if hidden(c) || is_order(json.get(at..).unwrap_or_default()) {
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

/// A TOML text with hidden characters written as escapes: the same document, safe to print. It has to
/// have them nowhere but inside strings between double quotes; its own line breaks stay.
pub fn toml_controls(toml: &str) -> Cow<'_, str> {
    let hidden = |c: char| c != '\n' && is_hidden(c);
    if !toml.contains(hidden) && !toml.contains("##") {
        return Cow::Borrowed(toml);
    }
    let mut safe = String::with_capacity(toml.len() + 16);
    for (at, c) in toml.char_indices() {
        if hidden(c) || is_order(toml.get(at..).unwrap_or_default()) {
            // Writing to a String cannot fail.
            let _ = write!(safe, "\\U{:08X}", u32::from(c));
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
        assert_eq!(visible("Zürich 東京 🚀 ##1 #["), "Zürich 東京 🚀 ##1 #[");
        assert_eq!(
            visible("a ##vso[task.setvariable]b ###[x]"),
            r"a \u{23}#vso[task.setvariable]b #\u{23}#[x]"
        );
        for (order, shown) in [
            ("::stop-commands::x", r"\u{3a}:stop-commands::x"),
            ("  ::error file=a::b", r"  \u{3a}:error file=a::b"),
            (":: a remark in a script", ":: a remark in a script"),
            ("a ::error::b", "a ::error::b"),
        ] {
            assert_eq!(visible(order), shown);
        }
        assert_eq!(visible_lines("one\ntwo\x1b"), "one\ntwo\\u{1b}");
    }

    #[test]
    fn text_that_is_too_wide_goes_on_under_its_beginning() {
        let of = |lead, text| hanging(lead, text, 34);
        assert_eq!(of("size  ", "12 bytes"), "size  12 bytes");
        assert_eq!(
            of("reason  ", "1 of 2 policy types is not complete"),
            "reason  1 of 2 policy types is not\n        complete"
        );
        assert_eq!(
            of("", "one two 東京ホールディングス株式会社 four five"),
            "one two\n東京ホールディングス株式会社 four\nfive"
        );
        assert_eq!(
            of("a lead with hardly any room:  ", "so, it goes on below"),
            "a lead with hardly any room:  so,\n    it goes on below"
        );
        assert_eq!(
            of("a lead with hardly any room:  ", "because"),
            "a lead with hardly any room:\n    because"
        );
        let order = of("", "what came is this text: ::warning::x");
        assert_eq!(order, "what came is this text: ::warning::x");
        let word = "x".repeat(40);
        assert_eq!(of("id  ", &word), format!("id  {word}"));
    }

    #[test]
    fn json_keeps_the_exact_name() {
        let name = "a\u{1b}\u{9b}\u{202e}\u{e0041}é##vso[x]##[y]";
        let json = serde_json::to_string_pretty(&serde_json::json!({ "name": name })).unwrap();
        let safe = ascii_controls(&json);
        assert!(safe.lines().count() == 3 && !safe.contains(['\u{9b}', '\u{202e}', '\u{e0041}']));
        assert!(!safe.contains("##"));
        let back: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(back["name"], name);
    }

    #[test]
    fn json_of_another_hand_stays_json() {
        // A document is kept as it was received, white space and all.
        let received = "{\"a\":\t[1,\r\n\"\u{7f}\"]}";
        assert_eq!(ascii_controls(received), "{\"a\": [1, \n\"\\u007f\"]}");
    }
}
