//! JSON from outside: where the members of an object and the elements of an array begin and end,
//! found without reading them ([`members`], [`elements`]), and values read safely ([`read`]).
//!
//! A page of a list has to give its good items even when one of them is no JSON that `serde_json`
//! takes (a lone surrogate, invalid UTF-8, nesting without end), and every item byte for byte. So
//! the finding looks at strings, brackets and commas and at nothing else; it neither recurses nor
//! allocates per level. What it accepts need not be JSON: whoever uses a value parses it.
//!
//! # Why not `serde_json` alone
//!
//! That exact numbers and raw texts can be had from `serde_json`, it hands them over as objects with
//! one member of a name of its own, and so takes every object with such a name for one of them,
//! whoever wrote it. `{"$serde_json::private::Number":"1"}` would be the number 1, and two documents
//! that differ would be the same; the name of raw texts would have a string parsed in the middle of
//! a value, each level with a depth limit of its own, so that a few megabytes of strings inside
//! strings would go thousands of levels deep. [`read`] refuses these names before it parses; nothing
//! that came from outside is read into a value in any other way.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::Error as _;

/// What is said of a text that [`read`] refuses for a name in it.
pub(crate) const RESERVED_NAME: &str = "it has a member of a name that no object can have here";
/// How the names begin that `serde_json` keeps for itself.
const RESERVED: &str = "$serde_json::private::";

/// The bytes are not shaped like JSON where the offset points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Where, in bytes from the beginning.
    pub(crate) offset: usize,
}

type Result<T> = std::result::Result<T, Malformed>;

/// Reads a text into `T`.
///
/// # Errors
/// It is no JSON, no `T`, nested deeper than 128 levels, or has a [`RESERVED_NAME`]. A `RawValue` in
/// `T` may be nested to any depth: it is passed over, not gone into.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> serde_json::Result<T> {
    if has_reserved_name(bytes) {
        return Err(serde_json::Error::custom(RESERVED_NAME));
    }
    serde_json::from_slice(bytes)
}

/// Whether a member at any depth has such a name, however it is escaped. As far as a text is JSON
/// this sees the same strings as a parser, so nothing comes before it that a parser would obey.
fn has_reserved_name(bytes: &[u8]) -> bool {
    let mut scan = Scan { bytes, at: 0 };
    while let Some(byte) = scan.peek() {
        if byte != b'"' {
            scan.at += 1;
            continue;
        }
        let Ok(raw) = scan.span(Scan::string) else {
            return false;
        };
        let may_be = raw.len() > RESERVED.len() && matches!(raw.get(1), Some(b'$' | b'\\'));
        if may_be && string(raw).is_some_and(|text| text.starts_with(RESERVED)) {
            scan.blanks();
            if scan.peek() == Some(b':') {
                return true;
            }
        }
    }
    false
}

/// The members of the object that `bytes` is, as key and value; both as raw bytes, the key with
/// its quotes. White space around the object is allowed, anything else is not.
pub(crate) fn members(bytes: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
    let mut scan = Scan { bytes, at: 0 };
    let mut found = Vec::new();
    scan.expect(b'{')?;
    if !scan.accept(b'}') {
        loop {
            scan.blanks();
            let key = scan.span(Scan::string)?;
            scan.expect(b':')?;
            scan.blanks();
            found.push((key, scan.span(Scan::value)?));
            if !scan.accept(b',') {
                break;
            }
        }
        scan.expect(b'}')?;
    }
    scan.end()?;
    Ok(found)
}

/// The elements of the array that `bytes` is, as raw bytes.
pub(crate) fn elements(bytes: &[u8]) -> Result<Vec<&[u8]>> {
    let mut scan = Scan { bytes, at: 0 };
    let mut found = Vec::new();
    scan.expect(b'[')?;
    if !scan.accept(b']') {
        loop {
            scan.blanks();
            found.push(scan.span(Scan::value)?);
            if !scan.accept(b',') {
                break;
            }
        }
        scan.expect(b']')?;
    }
    scan.end()?;
    Ok(found)
}

/// The value of a raw string; `None` where it is no string that can be told.
pub(crate) fn string(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.iter().any(|&byte| byte == b'\\' || byte < 0x20) {
        return serde_json::from_slice::<String>(raw).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

/// The raw values of the members called `name`; more than one where a key is repeated.
pub(crate) fn named<'a>(members: &[(&'a [u8], &'a [u8])], name: &str) -> Vec<&'a [u8]> {
    members
        .iter()
        .filter(|(key, _)| string(key).is_some_and(|key| key == name))
        .map(|&(_, value)| value)
        .collect()
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn malformed<T>(&self) -> Result<T> {
        Err(Malformed { offset: self.at })
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn accept(&mut self, wanted: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: u8) -> Result<()> {
        if self.accept(wanted) {
            Ok(())
        } else {
            self.malformed()
        }
    }

    fn end(&mut self) -> Result<()> {
        self.blanks();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            self.malformed()
        }
    }

    fn span(&mut self, skip: impl FnOnce(&mut Self) -> Result<()>) -> Result<&'a [u8]> {
        let from = self.at;
        skip(self)?;
        self.bytes
            .get(from..self.at)
            .ok_or(Malformed { offset: from })
    }

    fn string(&mut self) -> Result<()> {
        if self.peek() != Some(b'"') {
            return self.malformed();
        }
        self.at += 1;
        loop {
            match self.peek() {
                None => return self.malformed(),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
    }

    /// Skips a number, `true`, `false` or `null`: whatever has no structure.
    fn word(&mut self) -> Result<()> {
        let from = self.at;
        while let Some(b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z') = self.peek() {
            self.at += 1;
        }
        if self.at == from {
            return self.malformed();
        }
        Ok(())
    }

    fn value(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.nested(),
            _ => self.word(),
        }
    }

    /// Skips to the end of a bracketed value by counting brackets outside strings. Which bracket
    /// closes which is left to the parser: a mix-up ends the value early or late, and what follows
    /// then has no comma where one belongs.
    fn nested(&mut self) -> Result<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                None => return self.malformed(),
                Some(b'"') => self.string()?,
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                Some(_) => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn members_and_elements_are_found_byte_for_byte() {
        let text = br#" { "a" : 1.00 , "b":[{"c":"]}\""},  "\\" ,-0] ,"\u0061":null } "#;
        let found = members(text).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].1, b"1.00");
        assert_eq!(named(&found, "a"), [&b"1.00"[..], b"null"]);
        let items = elements(named(&found, "b")[0]).unwrap();
        assert_eq!(items, [&br#"{"c":"]}\""}"#[..], br#""\\""#, b"-0"]);
        assert!(members(b"{}").unwrap().is_empty());
        assert!(elements(b" [ ] ").unwrap().is_empty());
    }

    #[test]
    fn what_is_not_shaped_like_an_object_is_refused() {
        let brackets = vec![b'['; 3000];
        for bytes in [
            &b""[..],
            b"null",
            b"<html>",
            b"[]",
            b"{",
            b"{\"a\"",
            b"{\"a\":}",
            b"{\"a\":1,}",
            b"{\"a\":1",
            b"{\"a\":1}}",
            b"{\"a\":\"",
            b"{\"a\":\"\\",
            b"{\"a\":[1}",
            b"{,}",
            b"{\"a\":1 \"b\":2}",
            b"\xff",
            &brackets,
        ] {
            assert!(
                members(bytes).is_err(),
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn damage_inside_an_element_stays_inside() {
        let mut deep = vec![b'['; 5000];
        deep.extend(vec![b']'; 5000]);
        let mut list = b"[\"\\ud800\",\"\xff\",".to_vec();
        list.extend(&deep);
        list.extend(b",1]");
        let found = elements(&list).unwrap();
        assert_eq!(found.len(), 4);
        assert_eq!(found[2], deep);
        assert_eq!(string(found[0]), None);
        assert_eq!(string(found[1]), None);
    }

    /// Arrays in objects in strings in arrays: each level escapes the one below once more.
    fn strings_in_strings(levels: usize) -> String {
        let mut text = "1".to_owned();
        for _ in 0..levels {
            let inner = serde_json::to_string(&text).unwrap();
            let (open, close) = ("[".repeat(120), "]".repeat(120));
            text = format!("{open}{{\"$serde_json::private::RawValue\":{inner}}}{close}");
        }
        text
    }

    #[test]
    fn names_that_the_parser_keeps_for_itself_are_refused() {
        for text in [
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"a":[{"$serde_json::private::Number" : "1","b":2}]}"#,
            r#"{"a":{"\u0024serde_json\u003a:private::RawValue":"[]"}}"#,
            r#"[{"b":1,"$serde_json::private::Other":1}]"#,
            &strings_in_strings(2),
            &strings_in_strings(16),
        ] {
            let error = read::<Value>(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(RESERVED_NAME), "{error}");
        }
        // A plain parser does take them for something else.
        let plain = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(
            plain(r#"{"a":{"$serde_json::private::Number":"1"}}"#),
            plain(r#"{"a":1}"#)
        );
        assert!(serde_json::from_str::<Value>(&strings_in_strings(2)).is_ok());
        // As a value, or as part of a name, it is a text like any other.
        for text in [
            r#"{"a":"$serde_json::private::Number"}"#,
            r#"["$serde_json::private::Number",1]"#,
            r#"{"x$serde_json::private::Number":1,"\u0061":"\"","b\\":{"c":1e5}}"#,
        ] {
            assert_eq!(read::<Value>(text.as_bytes()).unwrap(), plain(text));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = read::<Value>(&bytes);
            let _ = members(&bytes);
            let _ = elements(&bytes);
            let _ = string(&bytes);
        }

        #[test]
        fn it_agrees_with_serde_json_on_json(pairs in proptest::collection::btree_map(".{0,6}", ".{0,12}", 0..6)) {
            let text = serde_json::to_vec(&pairs).unwrap();
            let found = members(&text).unwrap();
            prop_assert_eq!(found.len(), pairs.len());
            for ((key, value), (want_key, want_value)) in found.iter().zip(&pairs) {
                prop_assert_eq!(string(key).unwrap(), want_key.as_str());
                prop_assert_eq!(string(value).unwrap(), want_value.as_str());
            }
        }
    }
}
