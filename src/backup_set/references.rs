//! The references of a set: what its policies refer to by id, with the name it had at the time.
//!
//! ```text
//! {"format":1}
//! {"kind":"group","id":"0a11…","last_known_name":"Pilot laptops","unresolved":"not_found"}
//! {"kind":"group","id":"5c4b…","name":"All laptops"}
//! {"kind":"mobileApp","id":"77aa…","name":"Company Portal","type":"iosStoreApp","package":"com.microsoft.companyportal"}
//! ```
//!
//! One line per object referred to, in the order of kinds and ids. `kind` is the key of a policy
//! type where the object is a policy, else a word for what the directory holds: `group`, `user`,
//! `servicePrincipal`, `application`, `directoryRole`. A later program may know more kinds, so a
//! reader takes any. `type` and `package` are there for apps that tell them.
//!
//! - `name` is what the object was called when the set was made; it may be empty.
//! - `unresolved` says why that could not be found out; then `last_known_name` is the name in the
//!   newest earlier set of the tenant that has one, if one does.
//! - What was not asked for is not in the list.
//!
//! A name that stays costs nothing: equal references have equal bytes, and are stored once.

use std::fmt;

use serde::Deserialize;

use super::Malformed;
use super::line::{self, Line};

const FORMAT: u64 = 1;

/// Why an object could not be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unresolved {
    /// Graph does not find it: it was deleted, or never was.
    NotFound,
    /// A permission is missing.
    Forbidden,
    /// Graph gave no answer that could be used.
    Unreadable,
}

impl Unresolved {
    const ALL: [Self; 3] = [Self::NotFound, Self::Forbidden, Self::Unreadable];

    /// The word in files and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Unreadable => "unreadable",
        }
    }

    /// Reads back what [`as_str`](Self::as_str) gave.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == word)
    }
}

/// An object that policies refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it is.
    pub kind: String,
    /// The id by which policies refer to it.
    pub id: String,
    /// Its name at the time; the last known one where it is unresolved.
    pub name: Option<String>,
    /// Of an app: its `@odata.type` without the namespace.
    pub odata_type: Option<String>,
    /// Of an app: its bundle or package id.
    pub package: Option<String>,
    /// Why it could not be named, if so.
    pub unresolved: Option<Unresolved>,
}

impl Reference {
    /// An object that could not be named.
    pub fn unresolved(kind: impl Into<String>, id: impl Into<String>, why: Unresolved) -> Self {
        Self {
            kind: kind.into(),
            id: id.into(),
            name: None,
            odata_type: None,
            package: None,
            unresolved: Some(why),
        }
    }

    /// Whether its name is of an earlier set.
    pub fn is_last_known(&self) -> bool {
        self.unresolved.is_some() && self.name.is_some()
    }
}

/// For people: the name, or why there is none, always with what tells the object apart.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().filter(|name| !name.is_empty());
        let why = match self.unresolved {
            None => None,
            Some(Unresolved::NotFound) => Some("not found"),
            Some(Unresolved::Forbidden) => Some("not allowed to read"),
            Some(Unresolved::Unreadable) => Some("not read"),
        };
        match (name, why) {
            (Some(name), None) => write!(f, "{name}"),
            (Some(name), Some(why)) => write!(f, "{name} (last known; {why})"),
            (None, None) => write!(f, "{} {}", self.kind, self.id),
            (None, Some(why)) => write!(f, "{} {} ({why})", self.kind, self.id),
        }
    }
}

/// What the policies of a set refer to, in the order of kinds and ids, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    entries: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kind: String,
    id: String,
    name: Option<String>,
    last_known_name: Option<String>,
    #[serde(rename = "type")]
    odata_type: Option<String>,
    package: Option<String>,
    unresolved: Option<String>,
}

impl References {
    /// The references `entries`, in whatever order they come. Fails with what makes no sense: one
    /// that occurs twice, or has neither a name nor a reason why not.
    pub fn new(mut entries: Vec<Reference>) -> Result<Self, String> {
        entries.sort_unstable_by(|a, b| place(a).cmp(&place(b)));
        let mut last = None;
        for entry in &entries {
            if last == Some(place(entry)) {
                return Err(format!("{} {} occurs twice", entry.kind, entry.id));
            }
            if entry.name.is_none() && entry.unresolved.is_none() {
                return Err(format!("{} {} has no name", entry.kind, entry.id));
            }
            last = Some(place(entry));
        }
        Ok(Self { entries })
    }

    /// The references, in the order of kinds and ids.
    pub fn entries(&self) -> &[Reference] {
        &self.entries
    }

    /// The object of this kind with this id. Graph does not tell ids apart by case.
    pub fn get(&self, kind: &str, id: &str) -> Option<&Reference> {
        let exact = self
            .entries
            .binary_search_by(|entry| place(entry).cmp(&(kind, id)))
            .ok()
            .and_then(|at| self.entries.get(at));
        exact.or_else(|| {
            self.entries
                .iter()
                .find(|entry| entry.kind == kind && entry.id.eq_ignore_ascii_case(id))
        })
    }

    /// How many of them have the name they had at the time.
    pub fn resolved(&self) -> u64 {
        let resolved = self.entries.iter().filter(|one| one.unresolved.is_none());
        resolved.count() as u64
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = String::new();
        Line::new()
            .member("format", Some(FORMAT))
            .append_to(&mut text);
        for entry in &self.entries {
            let name = entry.name.as_deref();
            let now = name.filter(|_| entry.unresolved.is_none());
            let before = name.filter(|_| entry.unresolved.is_some());
            Line::new()
                .member("kind", Some(entry.kind.as_str()))
                .member("id", Some(entry.id.as_str()))
                .member("name", now)
                .member("last_known_name", before)
                .member("type", entry.odata_type.as_deref())
                .member("package", entry.package.as_deref())
                .member("unresolved", entry.unresolved.map(Unresolved::as_str))
                .append_to(&mut text);
        }
        text.into_bytes()
    }

    /// Reads back what [`encode`](Self::encode) gave.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (header, lines) = line::split(bytes)?;
        let header: Header = line::parse(1, header)?;
        line::check_format(header.format, FORMAT)?;
        let mut entries: Vec<Reference> = Vec::new();
        for (number, text) in lines {
            let entry = parse_entry(number, line::parse(number, text)?)?;
            if entries
                .last()
                .is_some_and(|last| place(last) >= place(&entry))
            {
                return Err(Malformed::new(number, "not in the order of kinds and ids"));
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }
}

fn place(entry: &Reference) -> (&str, &str) {
    (&entry.kind, &entry.id)
}

fn parse_entry(number: usize, entry: Entry) -> Result<Reference, Malformed> {
    let unresolved = match entry.unresolved {
        None => None,
        Some(word) => Some(
            Unresolved::parse(&word)
                .ok_or_else(|| Malformed::new(number, format!("unknown reason {word:?}")))?,
        ),
    };
    let name = match (unresolved, entry.name, entry.last_known_name) {
        (None, Some(name), None) => Some(name),
        (Some(_), None, last_known) => last_known,
        _ => return Err(Malformed::new(number, "neither named nor unresolved")),
    };
    Ok(Reference {
        kind: entry.kind,
        id: entry.id,
        name,
        odata_type: entry.odata_type,
        package: entry.package,
        unresolved,
    })
}

#[cfg(test)]
mod tests {
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;

    fn reference() -> impl Strategy<Value = Reference> {
        let unresolved = of(prop::sample::select(&Unresolved::ALL[..]));
        (("[a-c]", ".*"), of(".*"), of(".*"), of(".*"), unresolved).prop_map(
            |((kind, id), name, odata_type, package, unresolved)| Reference {
                kind,
                id,
                name,
                odata_type,
                package,
                unresolved,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_whatever_order_it_came_in(
            entries in proptest::collection::vec(reference(), 0..6),
        ) {
            let mut backwards = entries.clone();
            backwards.reverse();
            if let Ok(references) = References::new(entries) {
                let bytes = references.encode();
                for entry in references.entries() {
                    prop_assert_eq!(references.get(&entry.kind, &entry.id), Some(entry));
                }
                prop_assert_eq!(References::parse(&bytes).unwrap(), references);
                prop_assert_eq!(References::new(backwards).unwrap().encode(), bytes);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = References::parse(&bytes);
        }
    }

    fn group(id: &str, name: &str) -> Reference {
        Reference {
            name: Some(name.to_owned()),
            unresolved: None,
            ..Reference::unresolved("group", id, Unresolved::NotFound)
        }
    }

    #[test]
    fn the_format_stays() {
        let app = Reference {
            kind: "mobileApp".to_owned(),
            odata_type: Some("iosStoreApp".to_owned()),
            package: Some("org.example.app".to_owned()),
            ..group("c", "Portal")
        };
        let gone = Reference {
            unresolved: Some(Unresolved::Forbidden),
            ..group("b", "Old \"pilot\"")
        };
        let unknown = Reference::unresolved("group", "d", Unresolved::NotFound);
        let all = vec![app, unknown.clone(), gone.clone(), group("A", "")];
        let references = References::new(all).unwrap();
        let expected = "{\"format\":1}\n\
             {\"kind\":\"group\",\"id\":\"A\",\"name\":\"\"}\n\
             {\"kind\":\"group\",\"id\":\"b\",\"last_known_name\":\"Old \\\"pilot\\\"\",\"unresolved\":\"forbidden\"}\n\
             {\"kind\":\"group\",\"id\":\"d\",\"unresolved\":\"not_found\"}\n\
             {\"kind\":\"mobileApp\",\"id\":\"c\",\"name\":\"Portal\",\"type\":\"iosStoreApp\",\"package\":\"org.example.app\"}\n";
        assert_eq!(String::from_utf8(references.encode()).unwrap(), expected);
        assert_eq!(references.get("group", "B"), Some(&gone));
        assert_eq!(references.get("user", "b"), None);
        assert_eq!(references.resolved(), 2);
        assert!(gone.is_last_known() && !unknown.is_last_known());
        let shown: Vec<String> = references
            .entries()
            .iter()
            .map(Reference::to_string)
            .collect();
        let expected = [
            "group A",
            "Old \"pilot\" (last known; not allowed to read)",
            "group d (not found)",
            "Portal",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_reference_is_named_or_says_why_not_and_comes_once() {
        let nameless = Reference {
            name: None,
            ..group("a", "")
        };
        assert!(References::new(vec![nameless]).is_err());
        assert!(References::new(vec![group("a", "x"), group("a", "y")]).is_err());
        let header = "{\"format\":1}\n";
        let line = |rest: &str| format!("{{\"kind\":\"group\",\"id\":\"a\"{rest}}}\n");
        let named = line(",\"name\":\"x\"");
        assert!(References::parse(format!("{header}{named}").as_bytes()).is_ok());
        for (text, at) in [
            (String::new(), 1),
            ("{\"format\":2}\n".to_owned(), 1),
            (format!("{header}{}", line("")), 2),
            (format!("{header}{}", line(",\"last_known_name\":\"x\"")), 2),
            (
                format!(
                    "{header}{}",
                    line(",\"name\":\"x\",\"unresolved\":\"forbidden\"")
                ),
                2,
            ),
            (format!("{header}{}", line(",\"unresolved\":\"lost\"")), 2),
            (format!("{header}{}", line(",\"name\":\"x\",\"odd\":1")), 2),
            (format!("{header}{named}{named}"), 3),
        ] {
            let refused = References::parse(text.as_bytes()).unwrap_err();
            assert_eq!(refused.line, at, "{text}");
        }
    }
}
