//! The white space of a JSON text: none, or as people read it. Nothing else changes, not the order
//! of properties, not how a number or a text is written, so one form leads back to the other.

use serde::de::IgnoredAny;

use super::Flaw;

/// What one level is indented by.
const STEP: &str = "  ";

/// The text with a line per value, ending in a line break.
pub fn indented(text: &str) -> Result<String, Flaw> {
    check(text)?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut tokens = Tokens { rest: text }.peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "[" => {
                out.push_str(token);
                if matches!(tokens.peek(), Some(&("}" | "]"))) {
                    out.push_str(tokens.next().unwrap_or_default());
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push_str(token);
            }
            "," => {
                out.push_str(token);
                new_line(&mut out, depth);
            }
            ":" => out.push_str(": "),
            value => out.push_str(value),
        }
    }
    out.push('\n');
    Ok(out)
}

/// The text without any white space between its parts.
pub fn compact(text: &str) -> Result<String, Flaw> {
    check(text)?;
    Ok(Tokens { rest: text }.collect())
}

fn check(text: &str) -> Result<(), Flaw> {
    serde_json::from_str::<IgnoredAny>(text)
        .map(|_| ())
        .map_err(|error| Flaw(format!("it cannot be parsed: {error}")))
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    (0..depth).for_each(|_| out.push_str(STEP));
}

/// The parts of a JSON text that is known to be one: punctuation, texts with their quotes, and
/// everything else.
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let length = match text.bytes().next()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => text_length(text),
            _ => text
                .find([' ', '\t', '\r', '\n', ',', ']', '}'])
                .unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at_checked(length)?;
        self.rest = rest;
        Some(token)
    }
}

/// The length of the text, with its quotes, that `text` begins with.
fn text_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_on_lines_and_nothing_else_changes() {
        let text = r#"{"b":1.0e+2,"a":["\u00e9\/\"x","{,}:"],"e":{},"f":[ ],"n":-0.10}"#;
        let indented = indented(text).unwrap();
        assert_eq!(
            indented,
            "{\n  \"b\": 1.0e+2,\n  \"a\": [\n    \"\\u00e9\\/\\\"x\",\n    \"{,}:\"\n  ],\n  \
             \"e\": {},\n  \"f\": [],\n  \"n\": -0.10\n}\n"
        );
        assert_eq!(compact(&indented).unwrap(), text.replace("[ ]", "[]"));
    }

    #[test]
    fn what_is_no_json_is_a_flaw() {
        for text in ["", "{", "{\"a\":}", "1 2", "\"\\", &"[".repeat(1000)] {
            assert!(indented(text).is_err() && compact(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn one_form_leads_to_the_other(names in proptest::collection::vec("\\PC{0,12}", 0..6), number in "-?[1-9][0-9]{0,30}(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?") {
            let members: Vec<String> = names
                .iter()
                .map(|name| format!("{}:[{number},{{}},null,true]", serde_json::Value::from(name.as_str())))
                .collect();
            let text = format!("{{{}}}", members.join(","));
            let indented = indented(&text).unwrap();
            proptest::prop_assert_eq!(compact(&indented).unwrap(), text.clone());
            proptest::prop_assert_eq!(super::indented(&indented).unwrap(), indented);
            proptest::prop_assert_eq!(compact(&text).unwrap(), text);
        }
    }
}
