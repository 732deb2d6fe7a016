//! The manifest of a set: what became of each policy type, and where its list is.
//!
//! ```text
//! {"format":1}
//! {"policy_type":"deviceCompliancePolicy","outcome":"complete","pages":1,"listed":2,"policies":2,"list":"9f86…"}
//! {"policy_type":"windowsUpdateRing","outcome":"forbidden","reason":"…","error_code":"PERMISSION_MISSING","pages":0,"listed":0,"policies":0}
//! ```
//!
//! One line per selected policy type, in the order of their keys. `list` is there when the type
//! was read, also when it was empty: a type without one says nothing about the tenant's policies.
//! `unread` holds what was listed and could not be read.

use serde::Deserialize;

use crate::policy::Outcome;

use super::line::{self, Line};
use super::{ContentHash, Malformed, SetStatus};

/// One policy that was listed and could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnreadPolicy {
    /// Graph's id, as far as it could be told.
    pub id: String,
    /// Its label, as far as it could be told.
    pub name: String,
    /// Why it could not be read.
    pub reason: String,
}

/// What became of one policy type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestType {
    /// Key of the policy type.
    pub policy_type: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it is not complete.
    pub reason: Option<String>,
    /// The stable code of that reason.
    pub error_code: Option<String>,
    /// How many pages Graph's list had, and
    pub pages: u64,
    /// how many objects stood on them: the proof that nothing was cut off.
    pub listed: u64,
    /// How many policies the list of this set holds.
    pub policies: u64,
    /// The address of that list; none where the type was not read.
    pub list: Option<ContentHash>,
    /// What was listed and could not be read.
    pub unread: Vec<UnreadPolicy>,
}

/// What became of every selected policy type, in the order of their keys, each key once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    types: Vec<ManifestType>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    policy_type: String,
    outcome: String,
    reason: Option<String>,
    error_code: Option<String>,
    pages: u64,
    listed: u64,
    policies: u64,
    list: Option<String>,
    #[serde(default)]
    unread: Vec<UnreadPolicy>,
}

impl ManifestType {
    /// Whether it claims more than it shows; the claim, if so.
    fn contradiction(&self) -> Option<&'static str> {
        if self.outcome == Outcome::Complete && self.list.is_none() {
            Some("complete without a list")
        } else if self.outcome == Outcome::Complete && !self.unread.is_empty() {
            Some("complete with policies that could not be read")
        } else if self.list.is_none() && self.policies != 0 {
            Some("policies without a list")
        } else {
            None
        }
    }
}

impl Manifest {
    /// The manifest of `types`, in whatever order they come. Fails with what makes no sense: a key
    /// that occurs twice, a complete type without a list or with unread policies.
    pub fn new(mut types: Vec<ManifestType>) -> Result<Self, String> {
        types.sort_unstable_by(|a, b| a.policy_type.cmp(&b.policy_type));
        let mut last = None;
        for entry in &types {
            if last == Some(&entry.policy_type) {
                return Err(format!("{} occurs twice", entry.policy_type));
            }
            if let Some(what) = entry.contradiction() {
                return Err(format!("{} is {what}", entry.policy_type));
            }
            last = Some(&entry.policy_type);
        }
        Ok(Self { types })
    }

    /// The policy types, in the order of their keys.
    pub fn types(&self) -> &[ManifestType] {
        &self.types
    }

    /// What became of the policy type with this key.
    pub fn get(&self, policy_type: &str) -> Option<&ManifestType> {
        let at = self
            .types
            .binary_search_by(|entry| entry.policy_type.as_str().cmp(policy_type))
            .ok()?;
        self.types.get(at)
    }

    /// How many policies the set holds.
    pub fn policies(&self) -> u64 {
        let total = |sum: u64, entry: &ManifestType| sum.saturating_add(entry.policies);
        self.types.iter().fold(0, total)
    }

    /// Whether the set holds everything. A type that the tenant is not offered misses nothing.
    pub fn status(&self) -> SetStatus {
        let whole =
            |entry: &ManifestType| matches!(entry.outcome, Outcome::Complete | Outcome::NotOffered);
        if self.types.iter().all(whole) {
            SetStatus::Complete
        } else {
            SetStatus::Partial
        }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = String::new();
        Line::new().member("format", Some(1)).append_to(&mut text);
        for entry in &self.types {
            let unread = entry.unread.iter().map(|policy| {
                Line::new()
                    .member("id", Some(policy.id.as_str()))
                    .member("name", Some(policy.name.as_str()))
                    .member("reason", Some(policy.reason.as_str()))
            });
            Line::new()
                .member("policy_type", Some(entry.policy_type.as_str()))
                .member("outcome", Some(entry.outcome.as_str()))
                .member("reason", entry.reason.as_deref())
                .member("error_code", entry.error_code.as_deref())
                .member("pages", Some(entry.pages))
                .member("listed", Some(entry.listed))
                .member("policies", Some(entry.policies))
                .member("list", entry.list.map(|hash| hash.to_string()))
                .objects("unread", unread)
                .append_to(&mut text);
        }
        text.into_bytes()
    }

    /// Reads back what [`encode`](Self::encode) gave.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (header, lines) = line::split(bytes)?;
        let header: Header = line::parse(1, header)?;
        line::check_format(header.format)?;
        let mut types: Vec<ManifestType> = Vec::new();
        for (number, text) in lines {
            let entry = parse_type(number, line::parse(number, text)?)?;
            if let Some(last) = types.last()
                && last.policy_type >= entry.policy_type
            {
                return Err(Malformed::new(number, "not in the order of keys"));
            }
            types.push(entry);
        }
        Ok(Self { types })
    }
}

fn parse_type(number: usize, entry: Entry) -> Result<ManifestType, Malformed> {
    let outcome = Outcome::parse(&entry.outcome)
        .ok_or_else(|| Malformed::new(number, format!("unknown outcome {:?}", entry.outcome)))?;
    let list = match entry.list {
        None => None,
        Some(hex) => {
            Some(ContentHash::parse(&hex).ok_or_else(|| Malformed::new(number, "not a SHA-256"))?)
        }
    };
    let parsed = ManifestType {
        policy_type: entry.policy_type,
        outcome,
        reason: entry.reason,
        error_code: entry.error_code,
        pages: entry.pages,
        listed: entry.listed,
        policies: entry.policies,
        list,
        unread: entry.unread,
    };
    match parsed.contradiction() {
        Some(what) => Err(Malformed::new(number, what)),
        None => Ok(parsed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unread() -> impl Strategy<Value = UnreadPolicy> {
        (".*", ".*", ".*").prop_map(|(id, name, reason)| UnreadPolicy { id, name, reason })
    }

    fn manifest_type() -> impl Strategy<Value = ManifestType> {
        let outcomes = prop_oneof![
            Just(Outcome::Complete),
            Just(Outcome::Incomplete),
            Just(Outcome::Forbidden),
            Just(Outcome::NotOffered),
            Just(Outcome::Unknown),
        ];
        (
            (".*", outcomes),
            proptest::option::of(".*"),
            proptest::option::of(".*"),
            any::<[u64; 3]>(),
            proptest::option::of(any::<[u8; 32]>()),
            proptest::collection::vec(unread(), 0..3),
        )
            .prop_map(|((key, outcome), reason, code, counts, list, unread)| {
                let [pages, listed, policies] = counts;
                ManifestType {
                    policy_type: key,
                    outcome,
                    reason,
                    error_code: code,
                    pages,
                    listed,
                    policies: if list.is_some() { policies } else { 0 },
                    list: list.map(ContentHash),
                    unread,
                }
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_whatever_order_it_came_in(
            types in proptest::collection::vec(manifest_type(), 0..5),
        ) {
            let mut backwards = types.clone();
            backwards.reverse();
            if let Ok(manifest) = Manifest::new(types) {
                let bytes = manifest.encode();
                prop_assert_eq!(Manifest::parse(&bytes).unwrap(), manifest);
                prop_assert_eq!(Manifest::new(backwards).unwrap().encode(), bytes);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Manifest::parse(&bytes);
        }
    }

    fn complete(key: &str) -> ManifestType {
        ManifestType {
            policy_type: key.to_owned(),
            outcome: Outcome::Complete,
            reason: None,
            error_code: None,
            pages: 1,
            listed: 2,
            policies: 2,
            list: Some(ContentHash([1; 32])),
            unread: Vec::new(),
        }
    }

    #[test]
    fn a_manifest_never_claims_more_than_it_shows() {
        let unread = UnreadPolicy {
            id: "x".to_owned(),
            name: String::new(),
            reason: "no".to_owned(),
        };
        let mut without_list = complete("a");
        without_list.list = None;
        let mut with_unread = complete("a");
        with_unread.unread.push(unread);
        for wrong in [without_list, with_unread] {
            let encoded = Manifest {
                types: vec![wrong.clone()],
            }
            .encode();
            assert!(Manifest::new(vec![wrong]).is_err());
            assert_eq!(Manifest::parse(&encoded).unwrap_err().line, 2);
        }
        assert!(Manifest::new(vec![complete("a"), complete("a")]).is_err());
    }

    #[test]
    fn a_set_is_complete_when_nothing_is_missing_that_could_be_had() {
        let with = |outcome| {
            let mut other = complete("b");
            (other.outcome, other.list, other.policies) = (outcome, None, 0);
            Manifest::new(vec![complete("a"), other]).unwrap().status()
        };
        assert_eq!(with(Outcome::NotOffered), SetStatus::Complete);
        for outcome in [Outcome::Incomplete, Outcome::Forbidden, Outcome::Unknown] {
            assert_eq!(with(outcome), SetStatus::Partial);
        }
        let manifest = Manifest::new(vec![complete("b"), complete("a")]).unwrap();
        assert_eq!(manifest.status(), SetStatus::Complete);
        assert_eq!(manifest.policies(), 4);
        assert_eq!(manifest.get("b").unwrap().policy_type, "b");
        assert_eq!(manifest.get("c"), None);
    }

    #[test]
    fn the_format_stays() {
        let mut failed = complete("b");
        (failed.outcome, failed.list, failed.policies) = (Outcome::Incomplete, None, 0);
        failed.reason = Some("page 2 of 3 failed".to_owned());
        failed.error_code = Some("GRAPH_UNAVAILABLE".to_owned());
        failed.unread.push(UnreadPolicy {
            id: "x".to_owned(),
            name: "n".to_owned(),
            reason: "r".to_owned(),
        });
        let manifest = Manifest::new(vec![failed, complete("a")]).unwrap();
        let hash = "01".repeat(32);
        let expected = format!(
            "{{\"format\":1}}\n\
             {{\"policy_type\":\"a\",\"outcome\":\"complete\",\"pages\":1,\"listed\":2,\
             \"policies\":2,\"list\":\"{hash}\"}}\n\
             {{\"policy_type\":\"b\",\"outcome\":\"incomplete\",\"reason\":\"page 2 of 3 failed\",\
             \"error_code\":\"GRAPH_UNAVAILABLE\",\"pages\":1,\"listed\":2,\"policies\":0,\
             \"unread\":[{{\"id\":\"x\",\"name\":\"n\",\"reason\":\"r\"}}]}}\n"
        );
        assert_eq!(String::from_utf8(manifest.encode()).unwrap(), expected);
    }
}
