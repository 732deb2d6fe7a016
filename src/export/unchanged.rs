//! Files of policies that mean what they meant before.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Source;
use super::folder::Folder;
use super::manifest::{FileLine, Form, SameAs};
use super::tree::Tree;
use crate::backup_set::ContentHash;
use crate::error::{Kind, Result};
use crate::policy::canonical::canonical;
use crate::policy::catalogue::PolicyType;
use crate::policy::diff::row_of;
use crate::policy::expiry::Expiry;
use crate::store::contents::Reader;

/// A policy that means the same as the one that its file was made of keeps the file to the byte, in
/// whatever order or with whatever dates Graph gives it today: else each export would look like a
/// change. Files that somebody edited are written anew.
///
/// Both the documents and the files must say the same. The documents, since a layout may write what
/// counts where it does not count in ours, as links to definitions; the files, since names of what
/// policies refer to stand in them alone. Where no earlier document is kept any more, the file is
/// written anew.
pub(super) fn keep<'a>(
    source: &Source<'_>,
    tree: &Tree,
    folder: &Folder,
    earlier: impl Iterator<Item = &'a FileLine>,
    lines: &mut [FileLine],
    differing: &mut BTreeMap<String, String>,
) -> Result<()> {
    let earlier: BTreeMap<&str, &FileLine> = earlier
        .filter(|line| line.form != Form::Script && differing.contains_key(&line.path))
        .map(|line| (line.path.as_str(), line))
        .collect();
    for planned in &tree.policies {
        let path = format!("{}.json", planned.stem);
        let Some(before) = earlier.get(path.as_str()) else {
            continue;
        };
        let owner = (before.policy_type.as_str(), before.policy_id.as_str());
        let bytes = folder.read(&path)?.unwrap_or_default();
        if owner != (planned.policy_type.as_str(), planned.entry.id.as_str())
            || ContentHash::of(&bytes).to_string() != before.sha256
        {
            continue;
        }
        let row = row_of(&planned.policy_type);
        let meaning = |bytes: &[u8]| canonical(row, bytes).ok();
        let document = source.reader.read(&planned.entry.hash)?;
        let same = match document_of(source.reader, before)? {
            Some(earlier) => say_the_same(row, &earlier, &document),
            None => false,
        };
        if !same {
            continue;
        }
        let now = tree.files(source.reader, planned)?;
        let now = now.iter().find(|file| file.line.path == path);
        let line = lines.iter_mut().find(|line| line.path == path);
        if let (Some(now), Some(line), Some(meant)) = (now, line, meaning(&bytes))
            && meaning(&now.bytes) == Some(meant)
        {
            line.same_as = Some(SameAs {
                hash: std::mem::replace(&mut line.hash, before.hash.clone()),
                bytes: planned.entry.bytes,
            });
            line.sha256.clone_from(&before.sha256);
            line.form = before.form;
            differing.remove(&path);
        }
    }
    Ok(())
}

/// The document that a file stands for: the one it was made of, else the one that meant the same
/// when it was last exported. Nothing where neither can be had.
fn document_of(reader: &Reader<'_>, line: &FileLine) -> Result<Option<Arc<[u8]>>> {
    let same = line.same_as.as_ref().map(|same| &same.hash);
    for hash in [&line.hash].into_iter().chain(same) {
        let Some(hash) = ContentHash::parse(hash) else {
            continue;
        };
        if !reader.exists(&hash)? {
            continue;
        }
        match reader.read(&hash) {
            // It is of an older set: no reason to fail.
            Err(error) if error.kind() == Kind::Integrity => {}
            read => return read.map(Some),
        }
    }
    Ok(None)
}

/// Whether two documents mean the same, and what they stand for ends at the same time.
fn say_the_same(row: &'static PolicyType, earlier: &[u8], now: &[u8]) -> bool {
    let ends = |document: &[u8]| Expiry::of(row, "", "", document);
    let meaning = |document: &[u8]| canonical(row, document).ok();
    ends(earlier) == ends(now) && meaning(earlier).is_some_and(|meant| meaning(now) == Some(meant))
}
