//! What two documents of one tenant do not have in common, found before either is parsed.
//!
//! Two versions of a policy are alike but for a few values, and most of what a comparison takes is
//! parsing and ordering what is alike. Left out here is only what is the same on both sides to the
//! byte, at the same place, and there:
//!
//! - a member at the top. The canonical form of a member depends on its place and its bytes alone, so
//!   it is the same on both sides too. What says of another member whether it is a secret stays.
//! - an element of a set at the top, as often as it begins or ends both. Equal elements of two sets
//!   cancel each other out wherever they stand ([`super::pairs`]).
//!
//! The elements of a set that learn their names from each other ([`super::place::Labels`]) all stay.

use crate::json;
use crate::policy::canonical::Paths;
use crate::policy::catalogue::PolicyType;

use super::secrets;

/// A document with more members than this is compared as a whole. Graph's have some hundred at the
/// most; looking for the counterpart of each takes time by the square of them.
const MOST_MEMBERS: usize = 1_000;

/// The set whose elements hold names of what others may refer to.
const NAMING: &str = "definitionValues";

/// A member as it is written: its name with quotes, its value.
type Member<'a> = (&'a [u8], &'a [u8]);

/// Both documents without what they have in common; nothing where it cannot be told from the shape
/// of the bytes, and the whole documents have to be compared.
pub(super) fn of_both(row: &PolicyType, before: &[u8], after: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (before, after) = (members(before)?, members(after)?);
    let paths = Paths::of(row);
    let (mut old, mut new) = (Excerpt::default(), Excerpt::default());
    for (at, &(name, value)) in before.iter().enumerate() {
        match counterpart(&after, at, name) {
            Some(other) if other == value && !secrets::tells(name) => {}
            Some(other) => {
                let (value, other) = without_common_elements(&paths, name, value, other);
                old.add(name, value);
                new.add(name, other);
            }
            None => old.add(name, Value::Whole(value)),
        }
    }
    for (at, &(name, value)) in after.iter().enumerate() {
        if counterpart(&before, at, name).is_none() {
            new.add(name, Value::Whole(value));
        }
    }
    Some((old.finish(), new.finish()))
}

/// The members of a document whose names are plain and each there once: then equal bytes are equal
/// names, and unequal ones unequal.
fn members(document: &[u8]) -> Option<Vec<Member<'_>>> {
    let members = json::members(document).ok()?;
    if members.len() > MOST_MEMBERS {
        return None;
    }
    let mut names: Vec<&[u8]> = members.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let plain = |name: &&[u8]| !name.contains(&b'\\') && !secrets::means_more_alone(name);
    let apart = names.windows(2).all(|pair| pair.first() != pair.last());
    (apart && names.iter().all(plain)).then_some(members)
}

/// The value of that name among `members`, most likely at the same place.
fn counterpart<'a>(members: &[Member<'a>], at: usize, name: &[u8]) -> Option<&'a [u8]> {
    let same = |member: &&Member<'_>| member.0 == name;
    let near = members.get(at).filter(same);
    let found = near.or_else(|| members.iter().find(same));
    found.map(|(_, value)| *value)
}

/// What of a member goes into the excerpt.
enum Value<'a> {
    Whole(&'a [u8]),
    Elements(Vec<&'a [u8]>),
}

fn without_common_elements<'a>(
    paths: &Paths<'_>,
    name: &[u8],
    before: &'a [u8],
    after: &'a [u8],
) -> (Value<'a>, Value<'a>) {
    let whole = (Value::Whole(before), Value::Whole(after));
    let Some(name) = json::string(name) else {
        return whole;
    };
    if name == NAMING || paths.below(&name).set_key().is_none() {
        return whole;
    }
    let (Ok(mut old), Ok(mut new)) = (json::elements(before), json::elements(after)) else {
        return whole;
    };
    let alike = old.iter().zip(&new).take_while(|(old, new)| old == new);
    let alike = alike.count();
    old.drain(..alike);
    new.drain(..alike);
    let ends = old.iter().rev().zip(new.iter().rev());
    let alike = ends.take_while(|(old, new)| old == new).count();
    old.truncate(old.len() - alike);
    new.truncate(new.len() - alike);
    (Value::Elements(old), Value::Elements(new))
}

/// A document that is put together.
#[derive(Default)]
struct Excerpt(Vec<u8>);

impl Excerpt {
    fn add(&mut self, name: &[u8], value: Value<'_>) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        self.0.extend_from_slice(name);
        self.0.push(b':');
        match value {
            Value::Whole(value) => self.0.extend_from_slice(value),
            Value::Elements(elements) => {
                self.0.push(b'[');
                self.0.extend_from_slice(&elements.join(&b","[..]));
                self.0.push(b']');
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.0.is_empty() {
            self.0.push(b'{');
        }
        self.0.push(b'}');
        self.0
    }
}

/// What holds whatever two documents hold: nothing was left out that would have been told.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(row: &PolicyType, before: &[u8], after: &[u8], view: &super::View<'_>) {
    if let Ok(whole) = super::diff_whole(row, before, after, view) {
        assert_eq!(super::diff(row, before, after, view), Ok(whole));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::diff::row_of;

    fn excerpts(before: &str, after: &str) -> Option<(String, String)> {
        let row = row_of("settingsCatalogPolicy");
        let (before, after) = of_both(row, before.as_bytes(), after.as_bytes())?;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Some((text(before), text(after)))
    }

    fn told(before: &str, after: &str) -> Option<(String, String)> {
        Some((before.to_owned(), after.to_owned()))
    }

    #[test]
    fn what_is_the_same_to_the_byte_is_left_out() {
        assert_eq!(
            excerpts(
                r#"{"name":"a","b":1.0,"x":{"y":[1,2]},"z":{"y":1},"gone":[1]}"#,
                r#"{ "z":{"y":2},"b":1,"name":"a", "x":{"y":[1,2]} ,"new":{}}"#,
            ),
            told(
                r#"{"b":1.0,"z":{"y":1},"gone":[1]}"#,
                r#"{"b":1,"z":{"y":2},"new":{}}"#
            )
        );
    }

    #[test]
    fn what_makes_a_secret_of_a_member_stays_beside_it() {
        assert_eq!(
            excerpts(
                r#"{"id":"1","omaUri":"./a","isEncrypted":true,"value":"a"}"#,
                r#"{"id":"1","omaUri":"./a","isEncrypted":true,"value":"b"}"#,
            ),
            told(
                r#"{"omaUri":"./a","isEncrypted":true,"value":"a"}"#,
                r#"{"omaUri":"./a","isEncrypted":true,"value":"b"}"#
            )
        );
        let digest = |of| format!(r#"{{"id":"1","redacted":"hmac-sha256:{of}"}}"#);
        assert_eq!(excerpts(&digest("a"), &digest("b")), None);
    }

    #[test]
    fn of_sets_the_elements_are_left_out_that_begin_or_end_both() {
        assert_eq!(
            excerpts(
                r#"{"settings":[{"id":"0"},{"id":"1"},{"id":"2"}],"list":[1,2]}"#,
                r#"{"settings":[{"id":"0"},{"id":"3"},{"id":"4"},{"id":"2"}],"list":[1,3]}"#,
            ),
            told(
                r#"{"settings":[{"id":"1"}],"list":[1,2]}"#,
                r#"{"settings":[{"id":"3"},{"id":"4"}],"list":[1,3]}"#
            ),
            "a list is told by places, which count all of its elements"
        );
        assert_eq!(
            excerpts(
                r#"{"settings":[{"id":"0"},{"id":"0"}]}"#,
                r#"{"settings":[{"id":"0"}]}"#
            ),
            told(r#"{"settings":[{"id":"0"}]}"#, r#"{"settings":[]}"#)
        );
    }

    #[test]
    fn names_that_are_repeated_or_escaped_and_other_shapes_are_left_to_the_parser() {
        let plain = r#"{"a":1}"#;
        for odd in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            "[]",
            "null",
            "{",
            "",
        ] {
            assert_eq!(excerpts(odd, plain), None, "{odd}");
            assert_eq!(excerpts(plain, odd), None, "{odd}");
        }
        let members = |count| {
            let members = (0..count).map(|number| format!("\"{number}\":1"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        assert!(excerpts(plain, &members(MOST_MEMBERS)).is_some());
        assert_eq!(excerpts(plain, &members(MOST_MEMBERS + 1)), None);
        assert_eq!(excerpts("{}", r#"{"a":{}}"#), told("{}", r#"{"a":{}}"#));
    }
}
