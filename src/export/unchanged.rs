//! Files of policies that mean what they meant before.

use std::collections::BTreeMap;

use super::Source;
use super::folder::Folder;
use super::manifest::{FileLine, Form, SameAs};
use super::tree::Tree;
use crate::backup_set::ContentHash;
use crate::error::Result;
use crate::policy::canonical::canonical;
use crate::policy::diff::row_of;

/// A policy that means the same as the one that its file was made of keeps the file to the byte, in
/// whatever order or with whatever dates Graph gives it today: else each export would look like a
/// change. Files that somebody edited are written anew.
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
