//! Finds values in JSON bytes without reading them: where the members of an object and the elements
//! of an array begin and end.
//!
//! A page of a list has to give its good items even when one of them is no JSON that `serde_json`
//! takes (a lone surrogate, invalid UTF-8, nesting without end), and every item byte for byte. So
//! this module looks at strings, brackets and commas and at nothing else; it neither recurses nor
//! allocates per level. What it accepts need not be JSON: whoever uses a value parses it.

use std::borrow::Cow;

/// The bytes are not shaped like JSON where the offset points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Where, in bytes from the beginning.
    pub(super) offset: usize,
}

type Result<T> = std::result::Result<T, Malformed>;

/// The members of the object that `bytes` is, as key and value; both as raw bytes, the key with
/// its quotes. White space around the object is allowed, anything else is not.
pub(super) fn members(bytes: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
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
pub(super) fn elements(bytes: &[u8]) -> Result<Vec<&[u8]>> {
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
pub(super) fn string(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.iter().any(|&byte| byte == b'\\' || byte < 0x20) {
        return serde_json::from_slice::<String>(raw).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

/// The raw values of the members called `name`; more than one where a key is repeated.
pub(super) fn named<'a>(members: &[(&'a [u8], &'a [u8])], name: &str) -> Vec<&'a [u8]> {
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

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
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
