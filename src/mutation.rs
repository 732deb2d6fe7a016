//! Inputs for tests of parsers: good ones, and what becomes of them when a few bytes are changed,
//! lost, doubled or put in. Random bytes hardly ever get past the first character of a format.
//!
//! `PROPTEST_CASES` says how many of them each test tries.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Bytes that mean something in one of the formats, or that somebody once forgot.
const TELLING: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\0",
    b"\n",
    b"\r\n",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\u0000",
    b"-",
    b"+",
    b".",
    b"..",
    b"/",
    b"%2e",
    b"//",
    b"@",
    b"#",
    b"?",
    b"&",
    b"=",
    b" ",
    b"'",
    b";",
    b"*",
    b"1e999999999",
    b"-0",
    b"null",
    b"true",
    b"18446744073709551616",
    b"\x1b[2J",
    b"::error::",
    b"\x80\x00\x00\x00",
    b"\x7f\xff\xff\xff",
    b"-----END",
    b"-----BEGIN ",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x9a\x80",
    b"$serde_json::private::",
];

#[derive(Debug, Clone)]
enum Edit {
    Flip(Index, u8),
    Cut(Index, Index),
    Double(Index, Index),
    Insert(Index, &'static [u8]),
    Repeat(Index, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, bits)| Edit::Flip(at, bits)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Cut(from, to)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Double(from, to)),
        (any::<Index>(), select(TELLING)).prop_map(|(at, what)| Edit::Insert(at, what)),
        (any::<Index>(), 2_usize..3000).prop_map(|(at, times)| Edit::Repeat(at, times)),
    ]
}

fn apply(edit: &Edit, bytes: &mut Vec<u8>) {
    let at = |index: &Index| index.index(bytes.len() + 1);
    let range = |from: &Index, to: &Index| at(from).min(at(to))..at(from).max(at(to));
    match edit {
        Edit::Flip(index, bits) => {
            let at = at(index);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
        }
        Edit::Cut(from, to) => drop(bytes.drain(range(from, to))),
        Edit::Double(from, to) => {
            let part = bytes[range(from, to)].to_vec();
            let at = at(to);
            bytes.splice(at..at, part);
        }
        Edit::Insert(index, what) => {
            let at = at(index);
            bytes.splice(at..at, what.iter().copied());
        }
        Edit::Repeat(index, times) => {
            let at = at(index);
            if let Some(&byte) = bytes.get(at) {
                bytes.splice(at..at, std::iter::repeat_n(byte, *times));
            }
        }
    }
}

/// One of `good` with a few changes, or none.
pub(crate) fn mutated(good: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edits = proptest::collection::vec(edit(), 0..5);
    (select(good), edits).prop_map(|(mut bytes, edits)| {
        for edit in &edits {
            apply(edit, &mut bytes);
        }
        bytes
    })
}

/// The same of texts; what is no UTF-8 any more is replaced.
pub(crate) fn mutated_text(good: &[&str]) -> impl Strategy<Value = String> {
    let good = good.iter().map(|text| text.as_bytes().to_vec()).collect();
    mutated(good).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// As usual, but a failure is told and not written into the source tree.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
