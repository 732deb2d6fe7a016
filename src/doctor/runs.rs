//! Runs that nobody answers for any more, and what processes that died have left.

use std::fs;
use std::path::PathBuf;

use super::Surroundings;
use crate::dispatch;
use crate::error::{Result, typed};
use crate::finding::Finding;
use crate::plural::counted;
use crate::store::{self, Store};

pub(super) fn examine(around: &Surroundings, store: &Store) -> Result<Vec<Finding>> {
    let gone = dispatch::abandoned(store, &around.locks)?;
    let dead: Vec<i64> = gone.iter().map(|run| run.id.0).collect();
    let open = store::runs::open(store.read())?;
    let alive = open.iter().filter(|run| !dead.contains(&run.id.0)).count();
    Ok(vec![judge(alive, &dead), drafts(&leftovers(around))])
}

fn judge(alive: usize, dead: &[i64]) -> Finding {
    let going = match alive {
        0 => "none is going on".to_owned(),
        count => counted(count, "is going on", "are going on"),
    };
    if dead.is_empty() {
        return Finding::ok("runs", going);
    }
    let ids: Vec<String> = dead.iter().map(i64::to_string).collect();
    let what = format!(
        "{going}; the process of run {} is gone: the next dispatch closes it as interrupted",
        ids.join(", ")
    );
    Finding::warn("runs", what, "tenantpilot dispatch")
}

/// Files that were to become a database or a copy of one, whose process died before.
fn leftovers(around: &Surroundings) -> Vec<PathBuf> {
    let folder = store::folder_of(&around.database);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(".tenantpilot-") && name.ends_with(".new")
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

fn drafts(found: &[PathBuf]) -> Finding {
    let Some(first) = found.first() else {
        return Finding::ok("leftovers", "none");
    };
    let what = format!(
        "{} unfinished file{} beside the database, such as {}; unless a command is at work, no use",
        found.len(),
        if found.len() == 1 { "" } else { "s" },
        first.display()
    );
    let paths: Vec<String> = found.iter().map(|path| typed(path)).collect();
    Finding::warn("leftovers", what, format!("rm {}", paths.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[test]
    fn a_run_without_an_owner_is_named() {
        assert_eq!(judge(2, &[]).level, Level::Ok);
        let found = judge(0, &[7, 9]);
        assert_eq!(found.level, Level::Warn);
        assert!(found.message.contains("run 7, 9 is gone"), "{found:?}");
        assert_eq!(drafts(&[]).level, Level::Ok);
        let found = drafts(&[PathBuf::from("/x/.tenantpilot-1.new")]);
        assert_eq!(found.hint.as_deref(), Some("rm /x/.tenantpilot-1.new"));
    }
}
