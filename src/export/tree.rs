//! Which files a backup set becomes.
//!
//! Pure but for reading contents: a [`Tree`] decides every path before anything is written, and
//! [`Tree::files`] makes the bytes of one policy's files, the same each time it is asked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::layout::Layout;
use super::layout::intunecd;
use super::layout::migration::Groups;
use super::layout::rewrite::{self, Known, Named};
use super::manifest::{FileLine, Form, Manifest};
use super::name;
use super::{Options, Source};
use crate::backup_set::{ContentHash, ListEntry};
use crate::error::{Error, Kind, Result};
use crate::json;
use crate::policy::document::{Flaw, spacing};
use crate::policy::references;
use crate::policy::scripts::{Script, scripts};
use crate::store::contents::Reader;

/// A policy and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The key of its policy type.
    pub policy_type: String,
    /// Its line in the backup set.
    pub entry: ListEntry,
    /// The path of its file, without `.json`.
    pub stem: String,
}

/// The property that holds the payload of a profile.
const PAYLOAD: &str = "payload";

impl Planned {
    /// Its document, of which the hash was checked.
    fn text(&self, reader: &Reader<'_>) -> Result<String> {
        let bytes = reader
            .read(&self.entry.hash)
            .map_err(|error| match error.kind() {
                Kind::Integrity => self.unusable(error.message()),
                _ => error,
            })?;
        String::from_utf8(bytes.to_vec()).map_err(|error| self.unusable(&error.to_string()))
    }

    fn parse(&self, text: &str) -> Result<Value> {
        json::read(text.as_bytes()).map_err(|error| self.unusable(&error.to_string()))
    }

    fn unusable(&self, reason: &str) -> Error {
        let entry = &self.entry;
        Error::new(
            Kind::Integrity,
            format!(
                "cannot export {} {} ({}): {reason}",
                self.policy_type, entry.name, entry.id
            ),
        )
        .hint("tenantpilot backups verify")
    }
}

/// A policy that a layout can have no file of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The key of its policy type.
    pub policy_type: String,
    /// Its id.
    pub policy_id: String,
    /// Its name.
    pub name: String,
    /// Why not: what goes on after a colon.
    pub reason: &'static str,
}

/// One file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// What the manifest says of it.
    pub line: FileLine,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Every policy that is exported, each with a path of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    layout: Layout,
    scripts: bool,
    known: Known,
    graph: String,
    /// By policy type and id, where the payload of a profile goes.
    payloads: BTreeMap<(String, String), String>,
    /// The policies, by policy type and id.
    pub policies: Vec<Planned>,
    /// Policy types with policies that the layout has no place for.
    pub without_place: BTreeSet<String>,
    /// Policies that the layout can have no file of.
    pub left_out: Vec<LeftOut>,
}

impl Tree {
    /// Decides where each policy of `source` goes that `options` ask for. A policy that `previous`
    /// has a file of keeps that file, whatever it is called now: the history of a file in a version
    /// control is the history of one policy.
    pub fn plan(
        source: &Source<'_>,
        options: &Options,
        previous: Option<&Manifest>,
    ) -> Result<Self> {
        let lists = source.lists;
        let mut taken: BTreeMap<String, (&str, &str)> = BTreeMap::new();
        let mut kept: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for file in previous.iter().flat_map(|manifest| &manifest.files) {
            let policy = (file.policy_type.as_str(), file.policy_id.as_str());
            taken.insert(folded(&file.path), policy);
            if file.form != Form::Script
                && let Some(stem) = file.path.strip_suffix(".json")
            {
                kept.insert(policy, stem);
            }
        }
        let mut policies = Vec::new();
        let mut without_place = BTreeSet::new();
        for list in lists {
            let policy_type = list.policy_type();
            let wanted = list
                .entries()
                .iter()
                .filter(|entry| options.wants(policy_type, &entry.id));
            let Some(folder) = options.layout.folder(policy_type) else {
                if wanted.count() > 0 {
                    without_place.insert(policy_type.to_owned());
                }
                continue;
            };
            for entry in wanted {
                let policy = (policy_type, entry.id.as_str());
                let stem = match kept.get(&policy) {
                    Some(stem) => (*stem).to_owned(),
                    None => {
                        let stem = format!("{folder}/{}", options.layout.stem(entry));
                        let free = taken
                            .get(&folded(&format!("{stem}.json")))
                            .is_none_or(|owner| *owner == policy);
                        if free {
                            stem
                        } else {
                            format!("{folder}/{}", name::digest(&entry.id))
                        }
                    }
                };
                taken.insert(folded(&format!("{stem}.json")), policy);
                policies.push(Planned {
                    policy_type: policy_type.to_owned(),
                    entry: entry.clone(),
                    stem,
                });
            }
        }
        let mut tree = Self {
            layout: options.layout,
            scripts: options.scripts,
            known: known(source),
            graph: source.graph.to_owned(),
            payloads: BTreeMap::new(),
            policies,
            without_place,
            left_out: Vec::new(),
        };
        if tree.layout == Layout::IntuneCd {
            tree.look_into(source.reader)?;
        }
        Ok(tree)
    }

    /// Of policies that have to be looked into: which ones have no file, and where payloads go. Two
    /// profiles can name theirs alike; then the first has the file.
    fn look_into(&mut self, reader: &Reader<'_>) -> Result<()> {
        let mut taken = BTreeSet::new();
        for planned in std::mem::take(&mut self.policies) {
            if !intunecd::TOLD_APART.contains(&planned.policy_type.as_str()) {
                self.policies.push(planned);
                continue;
            }
            let document = planned.parse(&planned.text(reader)?)?;
            if let Some(reason) = intunecd::left_out(&planned.policy_type, &document) {
                self.left_out.push(LeftOut {
                    policy_type: planned.policy_type,
                    policy_id: planned.entry.id,
                    name: planned.entry.name,
                    reason,
                });
                continue;
            }
            if let Some(name) = intunecd::payload(&document) {
                let path = self.layout.payload(&planned.stem, name);
                if taken.insert(folded(&path)) {
                    let policy = (planned.policy_type.clone(), planned.entry.id.clone());
                    self.payloads.insert(policy, path);
                }
            }
            self.policies.push(planned);
        }
        Ok(())
    }

    /// The files of one policy. Its document is read, and its hash checked, first.
    pub fn files(&self, reader: &Reader<'_>, planned: &Planned) -> Result<Vec<Rendered>> {
        let text = planned.text(reader)?;
        let flawed = |flaw: Flaw| planned.unusable(&format!("its document: {flaw}"));
        let parse = || planned.parse(&text);
        let rewritten = |document: Value| -> Result<Rendered> {
            let text = serde_json::to_string_pretty(&document)
                .map_err(|error| planned.unusable(&error.to_string()))?;
            let path = format!("{}.json", planned.stem);
            Ok(rendered(
                planned,
                path,
                Form::Rewritten,
                None,
                (text + "\n").into_bytes(),
            ))
        };
        let mut files = vec![match self.layout {
            Layout::Tenantpilot => {
                let path = format!("{}.json", planned.stem);
                let indented = spacing::indented(&text).map_err(flawed)?;
                if spacing::compact(&indented).map_err(flawed)? == text {
                    rendered(planned, path, Form::Indented, None, indented.into_bytes())
                } else {
                    rendered(
                        planned,
                        path,
                        Form::Verbatim,
                        None,
                        text.clone().into_bytes(),
                    )
                }
            }
            Layout::IntuneCd => rewritten(intunecd::document(
                &planned.policy_type,
                parse()?,
                &self.known,
            ))?,
            Layout::IntuneManagement => rewritten(rewrite::intunemanagement(
                parse()?,
                &planned.policy_type,
                &self.graph,
            ))?,
        }];
        for script in self.texts(planned, &parse)? {
            let policy = (planned.policy_type.clone(), planned.entry.id.clone());
            let path = match self.payloads.get(&policy) {
                Some(path) if script.property == PAYLOAD => path.clone(),
                _ => self
                    .layout
                    .script(&planned.stem, &script.property, script.end),
            };
            files.push(rendered(
                planned,
                path,
                Form::Script,
                Some(script.property),
                script.bytes,
            ));
        }
        Ok(files)
    }

    /// The texts that lie beside a policy's file.
    fn texts(&self, planned: &Planned, parse: &dyn Fn() -> Result<Value>) -> Result<Vec<Script>> {
        match self.layout {
            Layout::IntuneCd => {
                let policy = (planned.policy_type.clone(), planned.entry.id.clone());
                let has_payload = self.payloads.contains_key(&policy);
                let mut found = intunecd::scripts(&planned.policy_type, &parse()?, self.scripts);
                found.retain(|one| self.scripts || has_payload || one.property != PAYLOAD);
                Ok(found)
            }
            _ if self.scripts => Ok(scripts(&planned.policy_type, &parse()?)),
            _ => Ok(Vec::new()),
        }
    }

    /// The groups that the exported policies refer to, as far as they have names.
    pub fn groups(&self, reader: &Reader<'_>) -> Result<Groups> {
        let mut groups = Groups::new();
        for planned in &self.policies {
            let bytes = reader.read(&planned.entry.hash)?;
            let document: Value = json::read(&bytes).unwrap_or_default();
            for referred in references::find(&planned.policy_type, &document) {
                let id = referred.id.to_lowercase();
                let key = (referred.kind.to_owned(), id.clone());
                if key.0 == "group"
                    && let Some(group) = self.known.get(&key)
                {
                    groups.insert(id, group.name.clone());
                }
            }
        }
        Ok(groups)
    }

    /// What the manifest says of all files, after every content was read and checked.
    pub fn lines(&self, source: &Source<'_>) -> Result<Vec<FileLine>> {
        let mut lines = Vec::new();
        source.gauge.enter("reads and checks");
        source.gauge.expect(self.policies.len());
        for planned in &self.policies {
            source.gauge.advance(1);
            let files = self.files(source.reader, planned)?;
            lines.extend(files.into_iter().map(|file| file.line));
        }
        lines.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(lines)
    }
}

/// What the documents of a set refer to, by kind and id.
fn known(source: &Source<'_>) -> Known {
    let mut known = Known::new();
    let references = source
        .references
        .iter()
        .flat_map(|references| references.entries());
    for reference in references {
        if let Some(name) = &reference.name {
            let key = (reference.kind.clone(), reference.id.to_lowercase());
            let named = Named {
                name: name.clone(),
                odata_type: reference.odata_type.clone(),
            };
            known.insert(key, named);
        }
    }
    for list in source.lists {
        for entry in list.entries() {
            let key = (list.policy_type().to_owned(), entry.id.to_lowercase());
            known.entry(key).or_insert_with(|| Named {
                name: entry.name.clone(),
                odata_type: None,
            });
        }
    }
    known
}

/// A path as a file system sees it that does not tell upper from lower case.
fn folded(path: &str) -> String {
    path.to_lowercase()
}

fn rendered(
    planned: &Planned,
    path: String,
    form: Form,
    property: Option<String>,
    bytes: Vec<u8>,
) -> Rendered {
    let entry = &planned.entry;
    Rendered {
        line: FileLine {
            path,
            policy_type: planned.policy_type.clone(),
            policy_id: entry.id.clone(),
            name: entry.name.clone(),
            platform: entry.platform.clone(),
            warnings: entry.warnings.clone(),
            form,
            property,
            hash: entry.hash.to_string(),
            same_as: None,
            sha256: ContentHash::of(&bytes).to_string(),
            from_backup_set: None,
        },
        bytes,
    }
}
