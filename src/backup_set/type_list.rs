//! The list of one policy type: which policies there were, and the address of each document.
//!
//! ```text
//! {"format":1,"policy_type":"deviceCompliancePolicy"}
//! {"id":"5c4b…","name":"Windows baseline","platform":"windows10","bytes":8210,"hash":"9f86…"}
//! ```
//!
//! One line per policy, in the order of their ids. `platform` and `warnings` are left out where
//! there is none. What changes from one version of a policy to the next stands together at the end
//! of its line, so that two versions of a list differ in little.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::line::{self, Line};
use super::{ContentHash, Malformed};

const FORMAT: u64 = 1;

/// One policy in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// Graph's id of the object.
    pub id: String,
    /// Its label at the time; may be empty.
    pub name: String,
    /// The platform it is for, where the object says so.
    pub platform: Option<String>,
    /// The length of its document in bytes.
    pub bytes: u64,
    /// The address of its document.
    pub hash: ContentHash,
    /// What the reader of a backup has to know, e.g. `secret not captured`.
    pub warnings: Vec<String>,
}

/// The policies of one policy type, in the order of their ids, each id once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeList {
    policy_type: String,
    entries: Vec<ListEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u64,
    policy_type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    platform: Option<String>,
    bytes: u64,
    hash: String,
    #[serde(default)]
    warnings: Vec<String>,
}

impl TypeList {
    /// The list of `entries`, in whatever order they come. Fails with the id that occurs twice.
    pub fn new(
        policy_type: impl Into<String>,
        mut entries: Vec<ListEntry>,
    ) -> Result<Self, String> {
        entries.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let twice = entries
            .windows(2)
            .find_map(|pair| matches!(pair, [a, b] if a.id == b.id).then(|| pair.first()))
            .flatten();
        match twice {
            Some(entry) => Err(entry.id.clone()),
            None => Ok(Self {
                policy_type: policy_type.into(),
                entries,
            }),
        }
    }

    /// The key of the policy type.
    pub fn policy_type(&self) -> &str {
        &self.policy_type
    }

    /// The policies, in the order of their ids.
    pub fn entries(&self) -> &[ListEntry] {
        &self.entries
    }

    /// The policies, in the order of their ids, taken out.
    pub fn into_entries(self) -> Vec<ListEntry> {
        self.entries
    }

    /// The policy with this id.
    pub fn get(&self, id: &str) -> Option<&ListEntry> {
        let at = self
            .entries
            .binary_search_by(|entry| entry.id.as_str().cmp(id))
            .ok()?;
        self.entries.get(at)
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = String::new();
        Line::new()
            .member("format", Some(FORMAT))
            .member("policy_type", Some(self.policy_type.as_str()))
            .append_to(&mut text);
        for entry in &self.entries {
            let warnings =
                (!entry.warnings.is_empty()).then(|| Value::from(entry.warnings.clone()));
            Line::new()
                .member("id", Some(entry.id.as_str()))
                .member("name", Some(entry.name.as_str()))
                .member("platform", entry.platform.as_deref())
                .member("warnings", warnings)
                .member("bytes", Some(entry.bytes))
                .member("hash", Some(entry.hash.to_string()))
                .append_to(&mut text);
        }
        text.into_bytes()
    }

    /// Reads back what [`encode`](Self::encode) gave.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (header, lines) = line::split(bytes)?;
        let header: Header = line::parse(1, header)?;
        line::check_format(header.format, FORMAT)?;
        let mut entries: Vec<ListEntry> = Vec::new();
        for (number, text) in lines {
            let entry = parse_entry(number, text)?;
            if entries.last().is_some_and(|last| last.id >= entry.id) {
                return Err(Malformed::new(number, "not in the order of ids"));
            }
            entries.push(entry);
        }
        Ok(Self {
            policy_type: header.policy_type,
            entries,
        })
    }

    /// The policy with this id in a list of these bytes, without reading the other lines.
    pub fn entry_in(bytes: &[u8], id: &str) -> Result<Option<ListEntry>, Malformed> {
        let (header, lines) = line::split(bytes)?;
        let header: Header = line::parse(1, header)?;
        line::check_format(header.format, FORMAT)?;
        let beginning = format!("{{\"id\":{},", Value::from(id));
        for (number, text) in lines {
            if text.starts_with(&beginning) {
                return parse_entry(number, text).map(Some);
            }
        }
        Ok(None)
    }
}

/// Lists of one policy type, read one after the other: a line that a list shares with the one read
/// before it is read once. Two neighbouring versions differ in few lines, and reading those costs
/// most.
#[derive(Debug, Default)]
pub struct Succession {
    entries: Vec<ListEntry>,
    bytes: Arc<[u8]>,
    /// Which entry each line of `bytes` is.
    lines: Vec<usize>,
}

impl Succession {
    /// Everything that the lists read so far said of a policy, each once or more often.
    pub fn entries(&self) -> &[ListEntry] {
        &self.entries
    }

    /// Reads a list as [`TypeList::parse`] does: its policy type, and which of
    /// [`entries`](Self::entries) it holds. A malformed one is as if it had not been there.
    pub fn read(&mut self, bytes: Arc<[u8]>) -> Result<(String, Vec<usize>), Malformed> {
        let (header, lines) = line::split(&bytes)?;
        let header: Header = line::parse(1, header)?;
        line::check_format(header.format, FORMAT)?;
        let before = Arc::clone(&self.bytes);
        let mut before = known_lines(&before, &self.lines).peekable();
        let mut found: Vec<usize> = Vec::with_capacity(self.lines.len());
        for (number, text) in lines {
            let at = match before.next_if(|(known, _)| *known == text) {
                Some((_, at)) => at,
                None => {
                    let entry = parse_entry(number, text)?;
                    let passed = |at: usize| self.entries.get(at).is_some_and(|e| e.id <= entry.id);
                    while before.next_if(|(_, at)| passed(*at)).is_some() {}
                    self.entries.push(entry);
                    self.entries.len() - 1
                }
            };
            let id = |at: usize| self.entries.get(at).map(|entry| &entry.id);
            if found.last().is_some_and(|last| id(*last) >= id(at)) {
                return Err(Malformed::new(number, "not in the order of ids"));
            }
            found.push(at);
        }
        drop(before);
        self.bytes = bytes;
        self.lines.clone_from(&found);
        Ok((header.policy_type, found))
    }
}

/// The lines of a list that was read before, each with its entry.
fn known_lines<'b>(bytes: &'b [u8], lines: &[usize]) -> impl Iterator<Item = (&'b str, usize)> {
    let texts = line::split(bytes).ok().map(|(_, texts)| texts);
    let texts = texts.into_iter().flatten().map(|(_, text)| text);
    texts.zip(lines.to_vec())
}

fn parse_entry(number: usize, text: &str) -> Result<ListEntry, Malformed> {
    let entry: Entry = line::parse(number, text)?;
    let hash =
        ContentHash::parse(&entry.hash).ok_or_else(|| Malformed::new(number, "not a SHA-256"))?;
    Ok(ListEntry {
        id: entry.id,
        name: entry.name,
        platform: entry.platform,
        bytes: entry.bytes,
        hash,
        warnings: entry.warnings,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = ListEntry> {
        (
            ".*",
            ".*",
            proptest::option::of(".*"),
            any::<u64>(),
            any::<[u8; 32]>(),
            proptest::collection::vec(".*", 0..3),
        )
            .prop_map(|(id, name, platform, bytes, hash, warnings)| ListEntry {
                id,
                name,
                platform,
                bytes,
                hash: ContentHash(hash),
                warnings,
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_whatever_order_it_came_in(
            entries in proptest::collection::vec(entry(), 0..6),
            key in ".*",
        ) {
            let mut backwards = entries.clone();
            backwards.reverse();
            if let Ok(list) = TypeList::new(key.clone(), entries) {
                let bytes = list.encode();
                for entry in list.entries() {
                    let found = TypeList::entry_in(&bytes, &entry.id).unwrap();
                    prop_assert_eq!(found.as_ref(), Some(entry));
                }
                prop_assert_eq!(TypeList::parse(&bytes).unwrap(), list);
                prop_assert_eq!(TypeList::new(key, backwards).unwrap().encode(), bytes);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = TypeList::parse(&bytes);
        }
    }

    #[test]
    fn the_format_stays() {
        let plain = ListEntry {
            id: "b".to_owned(),
            name: "Line\nbreak \"é\"".to_owned(),
            platform: None,
            bytes: 2,
            hash: ContentHash([0xab; 32]),
            warnings: Vec::new(),
        };
        let full = ListEntry {
            id: "a".to_owned(),
            platform: Some("windows10".to_owned()),
            warnings: vec!["secret not captured".to_owned()],
            ..plain.clone()
        };
        let list = TypeList::new("t", vec![plain.clone(), full]).unwrap();
        let hash = "ab".repeat(32);
        let expected = format!(
            "{{\"format\":1,\"policy_type\":\"t\"}}\n\
             {{\"id\":\"a\",\"name\":\"Line\\nbreak \\\"é\\\"\",\"platform\":\"windows10\",\
             \"warnings\":[\"secret not captured\"],\"bytes\":2,\"hash\":\"{hash}\"}}\n\
             {{\"id\":\"b\",\"name\":\"Line\\nbreak \\\"é\\\"\",\"bytes\":2,\"hash\":\"{hash}\"}}\n"
        );
        assert_eq!(String::from_utf8(list.encode()).unwrap(), expected);
        assert_eq!(list.get("b"), Some(&plain));
        assert_eq!(list.get("c"), None);
        assert_eq!(
            TypeList::new("t", vec![plain.clone(), plain]),
            Err("b".to_owned())
        );
    }

    #[test]
    fn anything_else_is_refused_with_its_line() {
        let header = "{\"format\":1,\"policy_type\":\"t\"}\n";
        let hash = "ab".repeat(32);
        let line = |id: &str| {
            format!("{{\"id\":\"{id}\",\"name\":\"\",\"bytes\":1,\"hash\":\"{hash}\"}}\n")
        };
        let (a, b) = (line("a"), line("b"));
        assert!(TypeList::parse(format!("{header}{a}{b}").as_bytes()).is_ok());
        for (text, at) in [
            (String::new(), 1),
            ("{\"format\":2,\"policy_type\":\"t\"}\n".to_owned(), 1),
            (header.trim_end().to_owned(), 1),
            (format!("{header}\n"), 2),
            (format!("{header}{b}{a}"), 3),
            (format!("{header}{a}{a}"), 3),
            (format!("{header}{}", a.replace(&hash, "ab")), 2),
            (format!("{header}{}", a.replace("name", "label")), 2),
        ] {
            assert_eq!(
                TypeList::parse(text.as_bytes()).unwrap_err().line,
                at,
                "{text}"
            );
        }
    }

    #[test]
    fn lists_read_in_succession_say_what_they_say_alone() {
        let entry = |id: &str, version: u64| ListEntry {
            id: id.to_owned(),
            name: format!("name of {id}"),
            platform: None,
            bytes: version,
            hash: ContentHash::of(&version.to_be_bytes()),
            warnings: Vec::new(),
        };
        let mut succession = Succession::default();
        for (versions, read_anew) in [
            (&[("a", 0), ("b", 0), ("d", 0), ("e", 0)][..], 4),
            (&[("a", 0), ("b", 1), ("d", 0), ("e", 0)], 1),
            // After a line that went, the next is read anew.
            (&[("b", 1), ("c", 0), ("e", 0), ("f", 0)], 4),
            (&[], 0),
            (&[("c", 0)], 1),
        ] {
            let entries = versions.iter().map(|(id, version)| entry(id, *version));
            let list = TypeList::new("t", entries.collect()).unwrap();
            let before = succession.entries().len();
            let (policy_type, found) = succession.read(list.encode().into()).unwrap();
            let found: Vec<ListEntry> = found
                .into_iter()
                .map(|at| succession.entries()[at].clone())
                .collect();
            assert_eq!((policy_type.as_str(), &found[..]), ("t", list.entries()));
            assert_eq!(
                succession.entries().len() - before,
                read_anew,
                "{versions:?}"
            );
            let twice = [list.encode(), b"{}\n".to_vec()].concat();
            assert!(succession.read(twice.into()).is_err());
        }
        // A line that is known stands where it must not.
        let known = TypeList::new("t", vec![entry("c", 0)]).unwrap().encode();
        let line = known.split_inclusive(|byte| *byte == b'\n').nth(1).unwrap();
        assert!(succession.read([&known[..], line].concat().into()).is_err());
    }
}
