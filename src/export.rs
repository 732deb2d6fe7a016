//! A backup set as files: in a folder, or in one archive.
//!
//! Owns what becomes of a set outside the database: which files ([`tree`]), under which names
//! ([`name`], [`layout`]), how they come to be ([`folder`], [`archive`]) and what says so
//! ([`manifest`]). Knows nothing of flags and prints nothing.
//!
//! Every content is read and its hash checked before anything is written. Equal sets give equal
//! bytes. No name that a policy has leads anywhere, no symbolic link is followed.
//!
//! # How a folder comes to be, and stays
//!
//! A folder that is not there is built beside its name, as `.NAME.tenantpilot-draft`, and renamed
//! when it is whole. A folder that holds an earlier export of the same tenant (a git working tree,
//! say) is updated where it is, under a lock on the folder itself, in this order:
//!
//! 1. Everything is decided: which files are new or differ, which go ([`steps`]). A file in the way
//!    that no export wrote ends it here, with nothing touched.
//! 2. The list of the files about to appear is written, [`manifest::PENDING`], and synced.
//! 3. Each new or different file is written under another name and renamed over its own. An
//!    unchanged file is not touched, not even its time. All is synced.
//! 4. Files of policies that are gone are removed, if their bytes are those an export wrote.
//! 5. The manifest is written, synced, and the list of step 2 removed; before it, in the layout of
//!    IntuneManagement, its table of groups ([`layout::migration`]).
//!
//! Whoever dies in between leaves whole files, old and new, and an old manifest. The next export
//! compares bytes, not names, so it finishes what was begun; the list tells it which files no
//! manifest names yet. An interrupted draft of this user is taken up the same way, though it may be
//! whole, and of another set: its own manifest and list say what is in it. It is published only when
//! it holds what the new manifest names, and nothing else.
//!
//! A policy keeps the file it has, also when it is renamed: the file's history is the policy's. A
//! policy that means the same as before, in whatever order or with whatever dates Graph gives it
//! today, keeps the bytes of its file, and the manifest says of which document they are.
//! Files that are not ours, hidden ones above all, are never touched.

pub mod archive;
mod draft;
pub mod folder;
pub mod layout;
pub mod manifest;
pub mod name;
pub mod steps;
pub mod tree;
mod unchanged;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::audit::{Event, Outcome as AuditOutcome};
use crate::backup_set::{BackupSet, ContentHash, Manifest as SetManifest, References, TypeList};
use crate::disk::file_error;
use crate::error::{Error, Kind, Result, typed};
use crate::policy::Outcome;
use crate::progress::Gauge;
use crate::store::contents::Reader;
use crate::store::{self, Store};
use archive::Archive;
use folder::{DRAFT, Entry, Folder};
use layout::{Layout, migration};
use manifest::{Manifest, PENDING, Pending};
use tree::{LeftOut, Tree};

/// What an archive's name ends in.
pub const ARCHIVE: &str = ".tar.zst";

/// What of a set is exported, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// How folders and files are laid out.
    pub layout: Layout,
    /// Only these policy types; all where there is none.
    pub types: BTreeSet<String>,
    /// Only these policies, by policy type and id; all where there is none.
    pub policies: BTreeSet<(String, String)>,
    /// Whether scripts are laid beside their policies as text.
    pub scripts: bool,
}

impl Options {
    /// Whether a policy is asked for.
    pub fn wants(&self, policy_type: &str, id: &str) -> bool {
        (self.types.is_empty() || self.types.contains(policy_type))
            && (self.policies.is_empty()
                || self
                    .policies
                    .contains(&(policy_type.to_owned(), id.to_owned())))
    }
}

/// A backup set and where its contents are.
pub struct Source<'a> {
    /// The set.
    pub set: &'a BackupSet,
    /// The directory of its tenant.
    pub directory: &'a str,
    /// Where its cloud's Graph is, with the version that documents are of.
    pub graph: &'a str,
    /// Its manifest.
    pub manifest: &'a SetManifest,
    /// The list of each policy type that was read.
    pub lists: &'a [TypeList],
    /// What its policies refer to, where the set keeps names.
    pub references: Option<&'a References>,
    /// Where its documents are read.
    pub reader: &'a Reader<'a>,
    /// What counts the policies: those that are read and checked, then those that are written.
    pub gauge: &'a Gauge,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many policies of the set the target holds.
    pub policies: usize,
    /// Files that are new or changed.
    pub written: usize,
    /// Files that were there with these bytes.
    pub unchanged: usize,
    /// Files of policies that are gone.
    pub removed: usize,
    /// Files of an earlier export that stay, since their policy type was not read whole or was not
    /// asked for.
    pub kept: usize,
    /// Files of policies that are gone and that somebody changed: left where they are.
    pub edited: Vec<String>,
    /// Policy types that the layout has no place for.
    pub without_place: BTreeSet<String>,
    /// Policies that the layout can have no file of.
    pub left_out: Vec<LeftOut>,
}

/// Exports the set to `target`: an archive where its name ends like one, else a folder.
pub fn export(source: &Source<'_>, options: &Options, target: &Path) -> Result<Report> {
    if is_archive(target) {
        to_archive(source, options, target)
    } else {
        to_folder(source, options, target)
    }
}

/// Whether `target` names an archive.
pub fn is_archive(target: &Path) -> bool {
    target.to_string_lossy().ends_with(ARCHIVE)
}

/// Records that the set was exported, or that it failed.
pub fn record(
    store: &Store,
    set: &BackupSet,
    actor: &str,
    at: DateTime<Utc>,
    target: &Path,
    done: Result<(&Options, &Report), &Error>,
) -> Result<()> {
    let target = target.to_string_lossy();
    let (outcome, details) = match done {
        Ok((options, report)) => (
            AuditOutcome::Ok,
            json!({
                "target": target, "layout": options.layout.as_str(), "policies": report.policies,
                "written": report.written, "removed": report.removed,
                "scripts": options.scripts,
            }),
        ),
        Err(error) => (
            AuditOutcome::Failed,
            json!({ "target": target, "error": error.message() }),
        ),
    };
    store.write(|tx| {
        let event = Event {
            at,
            actor,
            action: "backup_set.export",
            tenant: Some(set.tenant_id),
            object: format!("backup set {}", set.id),
            outcome,
            details: details.clone(),
        };
        store::audit::append(tx, &event).map(|_| ())
    })
}

fn to_archive(source: &Source<'_>, options: &Options, target: &Path) -> Result<Report> {
    let (above, name) = place(target)?;
    let tree = Tree::plan(source, options, None)?;
    let lines = tree.lines(source)?;
    let manifest = Manifest::of(source, options, &tree, lines);
    if matches!(above.entry(&name)?, Entry::Folder | Entry::Other) {
        return Err(Error::new(
            Kind::Storage,
            format!(
                "cannot write {}: it is a symbolic link or no regular file",
                target.display()
            ),
        )
        .hint("name another file"));
    }
    let draft = draft::name(&name);
    let failed = |error: io::Error| file_error("write", target, &error);
    let file = above.own(&draft)?;
    let time = u64::try_from(source.set.time.timestamp()).unwrap_or_default();
    let mut archive = Archive::new(io::BufWriter::new(&file), time).map_err(failed)?;
    archive
        .add(manifest::NAME, &manifest.encode()?)
        .map_err(failed)?;
    if options.layout == Layout::IntuneManagement {
        let groups = tree.groups(source.reader)?;
        let table = migration::encode(source.directory, &source.set.tenant, &groups);
        archive.add(migration::NAME, &table).map_err(failed)?;
    }
    let mut planned: Vec<_> = tree.policies.iter().collect();
    planned.sort_unstable_by(|a, b| a.stem.cmp(&b.stem));
    begin_writing(source.gauge, planned.len());
    for planned in planned {
        source.gauge.advance(1);
        for rendered in tree.files(source.reader, planned)? {
            archive
                .add(&rendered.line.path, &rendered.bytes)
                .map_err(failed)?;
        }
    }
    let written = archive.finish().map_err(failed)?;
    written
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    above.replace(&draft, &name)?;
    Ok(Report {
        policies: tree.policies.len(),
        written: manifest.files.len(),
        without_place: tree.without_place,
        left_out: tree.left_out,
        ..Report::default()
    })
}

fn to_folder(source: &Source<'_>, options: &Options, target: &Path) -> Result<Report> {
    if let Some(folder) = Folder::open(target)? {
        let _lock = folder.lock()?;
        let previous = previous(&folder, source, options)?;
        let complete = |policy_type: &str, id: &str| concludes(source, options, policy_type, id);
        let tree = Tree::plan(source, options, previous.as_ref())?;
        return update(source, options, &tree, &folder, previous.as_ref(), complete);
    }
    let (above, name) = place(target)?;
    let draft = draft::name(&name);
    let tree = Tree::plan(source, options, None)?;
    // A damaged set must not leave an empty draft.
    tree.lines(source)?;
    let folder = above.make_own(&draft)?;
    let _lock = folder.lock()?;
    let unfit = |error: Error| {
        let path = typed(folder.path());
        error.hint(format!(
            "an export that was interrupted left it: rm -r {path}"
        ))
    };
    let previous = previous(&folder, source, options).map_err(unfit)?;
    let earlier = previous.as_ref();
    let report = update(source, options, &tree, &folder, earlier, |_, _| true)?;
    draft::only_ours(&folder).map_err(unfit)?;
    above.publish(&draft, &name)?;
    Ok(report)
}

fn begin_writing(gauge: &Gauge, policies: usize) {
    gauge.enter("writes");
    gauge.expect(policies);
}

/// The folder that `target` is to lie in, and its name there.
fn place(target: &Path) -> Result<(Folder, String)> {
    let name = target.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| {
        Error::usage(format!("{} names no folder or file", target.display()))
            .hint("--to DIR, or --to FILE.tar.zst")
    })?;
    let above = match target.parent() {
        Some(above) if above != Path::new("") => above.to_owned(),
        _ => PathBuf::from("."),
    };
    // Links above the target are the user's own way to it.
    let above = above.canonicalize().map_err(|error| {
        file_error("open the folder", &above, &error).hint("make it, or export to another place")
    })?;
    let folder = Folder::open(&above)?
        .ok_or_else(|| Error::new(Kind::Storage, format!("{} is gone", above.display())))?;
    Ok((folder, name.to_owned()))
}

/// Whether a policy that the set does not hold is gone: its type was read whole, and was asked for.
fn concludes(source: &Source<'_>, options: &Options, policy_type: &str, id: &str) -> bool {
    let complete = source
        .manifest
        .get(policy_type)
        .is_some_and(|entry| entry.outcome == Outcome::Complete);
    complete && options.wants(policy_type, id)
}

/// The manifest of the export that a folder holds; none where it is empty but for hidden names.
fn previous(folder: &Folder, source: &Source<'_>, options: &Options) -> Result<Option<Manifest>> {
    let path = folder.path().display();
    let another = "export to another folder";
    let Some(bytes) = folder.read(manifest::NAME)? else {
        let names = folder.names()?;
        let foreign = names.iter().find(|name| !name.starts_with('.'));
        return match foreign {
            Some(name) if !names.iter().any(|name| name == PENDING) => Err(Error::usage(format!(
                "{path} holds {name:?} and no export of tenantpilot"
            ))
            .hint("export to a folder that is new, empty, or holds an earlier export")),
            _ => Ok(None),
        };
    };
    let manifest = Manifest::parse(&bytes).map_err(|reason| {
        Error::new(
            Kind::Integrity,
            format!("{path}/{} cannot be used: {reason}", manifest::NAME),
        )
        .hint(another)
    })?;
    if manifest.directory != source.directory {
        return Err(Error::usage(format!(
            "{path} holds an export of tenant {} ({}), not of {} ({})",
            manifest.tenant, manifest.directory, source.set.tenant, source.directory
        ))
        .hint(another));
    }
    if manifest.layout != options.layout.as_str() {
        return Err(Error::usage(format!(
            "{path} holds an export in the layout {}, not {}",
            manifest.layout,
            options.layout.as_str()
        ))
        .hint(format!("--layout {}, or {another}", manifest.layout)));
    }
    Ok(Some(manifest))
}

/// Steps 1 to 5 of the module head.
fn update(
    source: &Source<'_>,
    options: &Options,
    tree: &Tree,
    folder: &Folder,
    previous: Option<&Manifest>,
    concludes: impl Fn(&str, &str) -> bool,
) -> Result<Report> {
    let mut lines = tree.lines(source)?;
    let pending = folder.read(PENDING)?.map(|bytes| Pending::parse(&bytes));
    let mut pending = pending.unwrap_or_default();
    let steps = steps::plan(&lines, previous, &pending, concludes);
    let mut report = Report {
        policies: tree.policies.len(),
        without_place: tree.without_place.clone(),
        left_out: tree.left_out.clone(),
        ..Report::default()
    };
    let mut differing: BTreeMap<String, String> = BTreeMap::new();
    for line in &lines {
        match folder.read(&line.path)? {
            Some(bytes) if ContentHash::of(&bytes).to_string() == line.sha256 => continue,
            Some(_) if !steps.ours.contains(&line.path) => return Err(in_the_way(folder, line)),
            _ => {}
        }
        differing.insert(line.path.clone(), line.sha256.clone());
    }
    let earlier = previous.iter().flat_map(|manifest| &manifest.files);
    unchanged::keep(source, tree, folder, earlier, &mut lines, &mut differing)?;
    report.unchanged = lines.len() - differing.len();
    for file in steps.keep {
        if folder.entry(&file.path)? == Entry::File {
            report.kept += 1;
            lines.push(file);
        }
    }
    lines.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    if !differing.is_empty() || !steps.remove.is_empty() {
        for (path, hash) in &differing {
            let hashes = pending.files.entry(path.clone()).or_default();
            hashes.insert(hash.clone());
        }
        folder.write(PENDING, &pending.encode()?)?;
        folder.sync()?;
    }
    begin_writing(source.gauge, tree.policies.len());
    for planned in &tree.policies {
        source.gauge.advance(1);
        for rendered in tree.files(source.reader, planned)? {
            if differing.contains_key(&rendered.line.path) {
                folder.write(&rendered.line.path, &rendered.bytes)?;
                report.written += 1;
            }
        }
    }
    folder.sync()?;
    for (path, hashes) in steps.remove {
        match folder.entry(&path)? {
            Entry::File => {}
            _ => continue,
        }
        let bytes = folder.read(&path)?.unwrap_or_default();
        if hashes.contains(&ContentHash::of(&bytes).to_string()) {
            folder.remove(&path)?;
            report.removed += 1;
        } else {
            report.edited.push(path);
        }
    }
    if options.layout == Layout::IntuneManagement {
        let present = folder.read(migration::NAME)?;
        let mut groups = tree.groups(source.reader)?;
        // What stays of an earlier export goes on referring to its groups.
        let earlier = present.as_deref().map(migration::groups);
        for (id, name) in earlier.into_iter().flatten() {
            if report.kept > 0 {
                groups.entry(id).or_insert(name);
            }
        }
        let table = migration::encode(source.directory, &source.set.tenant, &groups);
        if present.as_deref() != Some(&table) {
            folder.write(migration::NAME, &table)?;
        }
    }
    let manifest = Manifest::of(source, options, tree, lines).encode()?;
    if folder.read(manifest::NAME)?.as_deref() != Some(&manifest) {
        folder.write(manifest::NAME, &manifest)?;
        folder.sync()?;
    }
    folder.remove(PENDING)?;
    folder.remove(DRAFT)?;
    Ok(report)
}

fn in_the_way(folder: &Folder, line: &manifest::FileLine) -> Error {
    Error::new(
        Kind::Storage,
        format!(
            "{} is in the way of {} {} ({}): no export wrote it",
            folder.path().join(&line.path).display(),
            line.policy_type,
            line.name,
            line.policy_id
        ),
    )
    .hint("move it away, or export to another folder")
}
