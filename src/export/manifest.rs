//! The manifest of an export: which backup set its files are of, what became of each policy type,
//! and for each file which policy it holds and what its bytes are.
//!
//! It is the file [`NAME`] at the top of the folder or archive, written last. A folder's next export
//! reads it back to know which files are its own, so nothing in it is believed that could lead
//! outside the folder or to a file that no export wrote ([`name::is_ours`], hashes).
//!
//! While files change, [`PENDING`] beside it names the new ones: after a crash they are known
//! although no manifest names them yet.

use std::collections::{BTreeMap, BTreeSet};

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};

use super::name;
use super::tree::Tree;
use super::{Options, Source};
use crate::backup_set::{ContentHash, Proof, References};
use crate::error::{Error, Result};
use crate::json;

/// The file's name.
pub const NAME: &str = "tenantpilot-export.json";

/// The name of the list of files about to appear.
pub const PENDING: &str = ".tenantpilot-export.pending";

/// The format that this program writes, and the newest it reads.
const FORMAT: u64 = 1;

/// What an export says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format.
    pub format: u64,
    /// How folders and files are laid out.
    pub layout: String,
    /// The tenant's name, and
    pub tenant: String,
    /// its directory.
    pub directory: String,
    /// The backup set that was exported.
    pub backup_set: SetLine,
    /// Whether scripts lie beside their policies as text.
    pub scripts: bool,
    /// What was left out because somebody asked for less, or the layout has no place for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrowed: Option<Narrowed>,
    /// What became of each policy type when the backup set was taken.
    pub types: BTreeMap<String, TypeLine>,
    /// What the policies refer to by id, with the names of that time; the lines that the backup set
    /// keeps of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<Vec<serde_json::Value>>,
    /// The files, in the order of their paths.
    pub files: Vec<FileLine>,
}

/// A backup set, named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLine {
    /// Its id in the database it comes from.
    pub id: i64,
    /// The name of its schedule.
    pub schedule: Option<String>,
    /// Its time.
    pub time: String,
    /// Whether it holds everything.
    pub status: String,
    /// The hash over all of it.
    pub root_hash: String,
}

/// What was asked for, where it is less than everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrowed {
    /// Only these policy types.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub types: BTreeSet<String>,
    /// Only these policies, as TYPE/ID.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub policies: BTreeSet<String>,
    /// Policy types that the layout has no place for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub without_place: BTreeSet<String>,
    /// Policies that the layout can have no file of, as TYPE/ID.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left_out: BTreeSet<String>,
}

/// What became of a policy type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeLine {
    /// What became of it.
    pub outcome: String,
    /// Why it is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The stable code of that reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// How many pages Graph's list had,
    pub pages: u64,
    /// how many objects stood on them,
    pub listed: u64,
    /// and how many policies the backup set holds.
    pub policies: u64,
    /// Whether its list was read, be it in part.
    pub read: bool,
    /// How that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Policies that were listed and could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<UnreadLine>,
}

/// A policy that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadLine {
    /// Graph's id, as far as it could be told.
    pub id: String,
    /// Its label, as far as it could be told.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// How the bytes of a file follow from the document in the backup set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Its white space was put in: without that it is the document, to the byte.
    Indented,
    /// It is the document, to the byte.
    Verbatim,
    /// It was changed for the tool that reads this layout.
    Rewritten,
    /// A script that was encoded in the document.
    Script,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLine {
    /// Where it is, below the top.
    pub path: String,
    /// The key of its policy type.
    pub policy_type: String,
    /// Graph's id of its policy.
    pub policy_id: String,
    /// The policy's name.
    pub name: String,
    /// The platform it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// What a reader has to know, e.g. `1 secret not captured`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How its bytes follow from the document.
    pub form: Form,
    /// The property that a script comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// The SHA-256 of the document that the file was made of.
    pub hash: String,
    /// The document in the backup set, where the file was made of an earlier one that means the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<SameAs>,
    /// The SHA-256 of the file.
    pub sha256: String,
    /// The backup set it is of, where it is an older one: its policy type was not complete since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_backup_set: Option<i64>,
}

/// A document that means the same as another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SameAs {
    /// Its SHA-256.
    pub hash: String,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Manifest {
    /// The manifest of an export.
    pub fn of(source: &Source<'_>, options: &Options, tree: &Tree, files: Vec<FileLine>) -> Self {
        let set = source.set;
        let types = source.manifest.types().iter().map(|entry| {
            let unread = entry.unread.iter().map(|policy| UnreadLine {
                id: policy.id.clone(),
                name: policy.name.clone(),
                reason: policy.reason.clone(),
            });
            let line = TypeLine {
                outcome: entry.outcome.as_str().to_owned(),
                reason: entry.reason.clone(),
                error_code: entry.error_code.clone(),
                pages: entry.pages,
                listed: entry.listed,
                policies: entry.policies,
                read: entry.list.is_some(),
                proof: entry.proof.clone(),
                unread: unread.collect(),
            };
            (entry.policy_type.clone(), line)
        });
        let narrowed = Narrowed {
            types: options.types.clone(),
            policies: options
                .policies
                .iter()
                .map(|(policy_type, id)| format!("{policy_type}/{id}"))
                .collect(),
            without_place: tree.without_place.clone(),
            left_out: tree
                .left_out
                .iter()
                .map(|policy| format!("{}/{}", policy.policy_type, policy.policy_id))
                .collect(),
        };
        Self {
            format: Self::format(),
            layout: options.layout.as_str().to_owned(),
            tenant: set.tenant.clone(),
            directory: source.directory.to_owned(),
            backup_set: SetLine {
                id: set.id.0,
                schedule: set.schedule.clone(),
                time: set.time.to_rfc3339_opts(SecondsFormat::Secs, true),
                status: set.status.as_str().to_owned(),
                root_hash: set.root_hash.to_string(),
            },
            scripts: options.scripts,
            narrowed: (narrowed != Narrowed::default()).then_some(narrowed),
            types: types.collect(),
            references: source.references.map(reference_lines),
            files,
        }
    }

    /// Its bytes.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::internal(format!("cannot write the manifest: {error}")))?;
        text.push('\n');
        Ok(text.into_bytes())
    }

    /// Reads a manifest that may have been changed by anybody. The error says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self = json::read(bytes).map_err(|error| error.to_string())?;
        if manifest.format != FORMAT {
            return Err(format!(
                "its format is {}, this tenantpilot knows {FORMAT}",
                manifest.format
            ));
        }
        let mut paths = BTreeSet::new();
        for file in &manifest.files {
            if !name::is_ours(&file.path) || !file.path.contains('/') {
                return Err(format!("it names the path {:?}", file.path));
            }
            if !paths.insert(file.path.as_str()) {
                return Err(format!("it names {:?} twice", file.path));
            }
            let same = file.same_as.as_ref().map(|same| &same.hash);
            let mut hashes = [&file.hash, &file.sha256].into_iter().chain(same);
            if hashes.any(|hash| ContentHash::parse(hash).is_none()) {
                return Err(format!("the hashes of {:?} are none", file.path));
            }
        }
        Ok(manifest)
    }

    /// The version that this program writes.
    pub fn format() -> u64 {
        FORMAT
    }
}

/// The lines of what the set keeps of its references, without the head.
fn reference_lines(references: &References) -> Vec<serde_json::Value> {
    let bytes = references.encode();
    let text = String::from_utf8_lossy(&bytes);
    text.lines()
        .skip(1)
        .filter_map(|line| json::read(line.as_bytes()).ok())
        .collect()
}

/// The files about to appear: their paths and the SHA-256 of their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// By path.
    pub files: BTreeMap<String, BTreeSet<String>>,
}

impl Pending {
    /// Its bytes.
    pub fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|error| Error::internal(format!("cannot write the pending files: {error}")))
    }

    /// What a crash left behind; nothing of it that cannot be an export's.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut pending: Self = json::read(bytes).unwrap_or_default();
        pending
            .files
            .retain(|path, _| name::is_ours(path) && path.contains('/'));
        pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str) -> Manifest {
        Manifest {
            format: FORMAT,
            layout: "tenantpilot".to_owned(),
            tenant: "contoso".to_owned(),
            directory: "contoso.onmicrosoft.com".to_owned(),
            backup_set: SetLine {
                id: 1,
                schedule: Some("nightly".to_owned()),
                time: "2026-11-22T02:00:00Z".to_owned(),
                status: "complete".to_owned(),
                root_hash: "0".repeat(64),
            },
            scripts: false,
            narrowed: None,
            types: BTreeMap::new(),
            references: None,
            files: vec![FileLine {
                path: path.to_owned(),
                policy_type: "assignmentFilter".to_owned(),
                policy_id: "x".to_owned(),
                name: "a".to_owned(),
                platform: None,
                warnings: Vec::new(),
                form: Form::Indented,
                property: None,
                hash: "a".repeat(64),
                same_as: None,
                sha256: "b".repeat(64),
                from_backup_set: None,
            }],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let manifest = manifest("assignmentFilter/a_1.json");
        let bytes = manifest.encode().unwrap();
        assert_eq!(Manifest::parse(&bytes), Ok(manifest));
    }

    #[test]
    fn a_manifest_from_outside_leads_nowhere_else() {
        for path in [
            "../x.json",
            "/etc/passwd",
            ".git/config",
            "README.md",
            "a/../../x",
        ] {
            let bytes = manifest(path).encode().unwrap();
            assert!(Manifest::parse(&bytes).is_err(), "{path}");
        }
        let mut twice = manifest("a/b.json");
        twice.files.push(twice.files[0].clone());
        assert!(Manifest::parse(&twice.encode().unwrap()).is_err());
        let mut newer = manifest("a/b.json");
        newer.format = 2;
        assert!(
            Manifest::parse(&newer.encode().unwrap())
                .unwrap_err()
                .contains("format is 2")
        );
        assert!(Manifest::parse(b"[]").is_err() && Manifest::parse(&[0xff; 40]).is_err());
        let pending = br#"{"files":{"../x":[],".git/config":[],"a/b":["00"]}}"#;
        assert_eq!(Pending::parse(pending).files.len(), 1);
        assert_eq!(Pending::parse(b"no json"), Pending::default());
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_a_manifest_says_its_paths_stay_below_the_folder(
            bytes in crate::mutation::mutated(vec![
                manifest("assignmentFilter/a_1.json").encode().unwrap(),
                br#"{"files":{"../x":[],"a/b":["00"]}}"#.to_vec(),
            ]),
        ) {
            crate::probe::export_manifest(&bytes);
        }
    }
}
