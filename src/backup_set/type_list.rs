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
}
