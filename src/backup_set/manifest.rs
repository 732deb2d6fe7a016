//! The manifest of a set: what became of each policy type, and where its list is.
//!
//! ```text
//! {"format":2,"references":"1b4f…"}
//! {"policy_type":"deviceCompliancePolicy","outcome":"complete","pages":1,"listed":2,"policies":2,"list":"9f86…","proof":{…}}
//! {"policy_type":"windowsUpdateRing","outcome":"forbidden","reason":"…","error_code":"PERMISSION_MISSING","pages":0,"listed":0,"policies":0}
//! ```
//!
//! One line per selected policy type, in the order of their keys. `list` is there when the type
//! was read, also when it was empty: a type without one says nothing about the tenant's policies.
//! `unread` holds what was listed and could not be read, `proof` how the rest is known ([`Proof`]).
//! `references` is the address of the names of what the policies refer to.
//!
//! Format 1 has neither `references` nor `proof`. A program that knows format 1 alone refuses
//! format 2; this one reads both and writes 2.

use serde::Deserialize;

use crate::policy::Outcome;

use super::line::{self, Line};
use super::{ContentHash, Malformed, Proof, SetStatus};

const FORMAT: u64 = 2;

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
    /// How that is known; none where nothing was asked for, or in a set of format 1.
    pub proof: Option<Proof>,
}

/// What became of every selected policy type, in the order of their keys, each key once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    types: Vec<ManifestType>,
    references: Option<ContentHash>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u64,
    references: Option<String>,
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
    proof: Option<Proof>,
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
        } else if self.outcome == Outcome::Complete {
            let proof = self.proof.as_ref()?;
            proof.contradiction(self.listed, self.policies)
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
        Ok(Self {
            types,
            references: None,
        })
    }

    /// The same with the address of its references.
    #[must_use]
    pub fn with_references(mut self, references: ContentHash) -> Self {
        self.references = Some(references);
        self
    }

    /// The address of the names of what the policies refer to; none in a set of format 1.
    pub fn references(&self) -> Option<ContentHash> {
        self.references
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

    /// Whether it is the manifest at this address, in this format or in an older one.
    pub fn is_at(&self, root_hash: &ContentHash) -> bool {
        let has_proof = self.types.iter().any(|entry| entry.proof.is_some());
        let first = if has_proof || self.references.is_some() {
            FORMAT
        } else {
            1
        };
        (first..=FORMAT).any(|format| ContentHash::of(&self.encode_as(format)) == *root_hash)
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_as(FORMAT)
    }

    fn encode_as(&self, format: u64) -> Vec<u8> {
        let mut text = String::new();
        Line::new()
            .member("format", Some(format))
            .member("references", self.references.map(|hash| hash.to_string()))
            .append_to(&mut text);
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
                .object("proof", entry.proof.as_ref().map(Proof::line))
                .append_to(&mut text);
        }
        text.into_bytes()
    }

    /// Reads back what [`encode`](Self::encode) gave.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (header, lines) = line::split(bytes)?;
        let header: Header = line::parse(1, header)?;
        line::check_format(header.format, FORMAT)?;
        let references = header.references.map(|hex| address(1, &hex)).transpose()?;
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
        Ok(Self { types, references })
    }

    /// What became of one policy type in a manifest of these bytes, without reading the other lines.
    pub fn type_in(bytes: &[u8], policy_type: &str) -> Result<Option<ManifestType>, Malformed> {
        let (header, lines) = line::split(bytes)?;
        let header: Header = line::parse(1, header)?;
        line::check_format(header.format, FORMAT)?;
        let beginning = format!(
            "{{\"policy_type\":{},",
            serde_json::Value::from(policy_type)
        );
        for (number, text) in lines {
            if text.starts_with(&beginning) {
                return parse_type(number, line::parse(number, text)?).map(Some);
            }
        }
        Ok(None)
    }
}

fn address(number: usize, hex: &str) -> Result<ContentHash, Malformed> {
    ContentHash::parse(hex).ok_or_else(|| Malformed::new(number, "not a SHA-256"))
}

fn parse_type(number: usize, entry: Entry) -> Result<ManifestType, Malformed> {
    let outcome = Outcome::parse(&entry.outcome)
        .ok_or_else(|| Malformed::new(number, format!("unknown outcome {:?}", entry.outcome)))?;
    let list = entry.list.map(|hex| address(number, &hex)).transpose()?;
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
        proof: entry.proof,
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

    fn proof() -> impl Strategy<Value = Proof> {
        let status = proptest::option::of(100_u16..600);
        (".*", status, any::<bool>(), any::<[u64; 9]>()).prop_map(
            |(request, status, last_page, counts)| {
                let [
                    read,
                    deleted,
                    left_out,
                    extra_reads,
                    nested_links,
                    declared,
                    counted,
                    secrets_not_captured,
                    warnings,
                ] = counts;
                Proof {
                    request,
                    status,
                    last_page,
                    read,
                    deleted,
                    left_out,
                    extra_reads,
                    nested_links,
                    declared,
                    counted,
                    secrets_not_captured,
                    warnings,
                }
            },
        )
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
            proptest::option::of(proof()),
        )
            .prop_map(
                |((key, outcome), reason, code, counts, list, unread, proof)| {
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
                        proof,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_whatever_order_it_came_in(
            types in proptest::collection::vec(manifest_type(), 0..5),
            references in proptest::option::of(any::<[u8; 32]>()),
        ) {
            let mut backwards = types.clone();
            backwards.reverse();
            let refer = |mut manifest: Manifest| {
                manifest.references = references.map(ContentHash);
                manifest
            };
            if let Ok(manifest) = Manifest::new(types).map(refer) {
                let bytes = manifest.encode();
                for entry in manifest.types() {
                    let found = Manifest::type_in(&bytes, &entry.policy_type).unwrap();
                    prop_assert_eq!(found.as_ref(), Some(entry));
                }
                prop_assert_eq!(Manifest::parse(&bytes).unwrap(), manifest);
                prop_assert_eq!(refer(Manifest::new(backwards).unwrap()).encode(), bytes);
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
            proof: Some(Proof {
                request: "beta/a?$top=5".to_owned(),
                status: Some(200),
                last_page: true,
                read: 2,
                ..Proof::default()
            }),
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
        let proven = |change: fn(&mut Proof)| {
            let mut entry = complete("a");
            entry.proof.as_mut().map(change).unwrap();
            entry
        };
        let cut_off = proven(|proof| proof.last_page = false);
        let read_less = proven(|proof| proof.read = 1);
        let gone_and_read = proven(|proof| proof.deleted = 1);
        let settings_short = proven(|proof| (proof.declared, proof.counted) = (40, 25));
        let mut lost = complete("a");
        lost.policies = 1;
        for wrong in [
            without_list,
            with_unread,
            cut_off,
            read_less,
            gone_and_read,
            settings_short,
            lost,
        ] {
            let encoded = Manifest {
                types: vec![wrong.clone()],
                references: None,
            }
            .encode();
            assert!(Manifest::new(vec![wrong]).is_err());
            assert_eq!(Manifest::parse(&encoded).unwrap_err().line, 2);
        }
        assert!(Manifest::new(vec![complete("a"), complete("a")]).is_err());
        let counted = proven(|proof| (proof.declared, proof.counted) = (40, 40));
        let mut deleted = proven(|proof| proof.deleted = 3);
        deleted.listed = 5;
        assert!(Manifest::new(vec![counted]).is_ok());
        assert!(Manifest::new(vec![deleted]).is_ok());
    }

    #[test]
    fn a_manifest_of_format_1_is_still_read() {
        let bytes = include_bytes!("../../tests/fixtures/manifest-1.jsonl");
        let manifest = Manifest::parse(bytes).unwrap();
        assert_eq!(manifest.references(), None);
        assert!(manifest.is_at(&ContentHash::of(bytes)));
        assert!(manifest.is_at(&ContentHash::of(&manifest.encode())));
        let named = manifest.clone().with_references(ContentHash([2; 32]));
        assert!(!named.is_at(&ContentHash::of(bytes)));
        assert_eq!(manifest.policies(), 2);
        let found = manifest.get("deviceCompliancePolicy").unwrap();
        assert_eq!((found.outcome, found.pages), (Outcome::Complete, 1));
        assert_eq!(found.proof, None);
        assert_eq!(manifest.get("roleScopeTag").unwrap().unread.len(), 1);
        let odd = String::from_utf8(bytes.to_vec())
            .unwrap()
            .replace("\"format\":1", "\"format\":3");
        assert_eq!(Manifest::parse(odd.as_bytes()).unwrap_err().line, 1);
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
        failed.proof = None;
        let manifest = Manifest::new(vec![failed, complete("a")])
            .unwrap()
            .with_references(ContentHash([2; 32]));
        let (hash, references) = ("01".repeat(32), "02".repeat(32));
        let expected = format!(
            "{{\"format\":2,\"references\":\"{references}\"}}\n\
             {{\"policy_type\":\"a\",\"outcome\":\"complete\",\"pages\":1,\"listed\":2,\
             \"policies\":2,\"list\":\"{hash}\",\"proof\":{{\"request\":\"beta/a?$top=5\",\
             \"status\":200,\"last_page\":true,\"read\":2}}}}\n\
             {{\"policy_type\":\"b\",\"outcome\":\"incomplete\",\"reason\":\"page 2 of 3 failed\",\
             \"error_code\":\"GRAPH_UNAVAILABLE\",\"pages\":1,\"listed\":2,\"policies\":0,\
             \"unread\":[{{\"id\":\"x\",\"name\":\"n\",\"reason\":\"r\"}}]}}\n"
        );
        assert_eq!(String::from_utf8(manifest.encode()).unwrap(), expected);
    }
}
