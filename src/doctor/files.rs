//! Modes and owners of what lies beside the database: who could read it, and who could break it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Surroundings, found};
use crate::disk::file_error;
use crate::error::{Result, typed};
use crate::finding::Finding;
use crate::secret::database_key;
use crate::store::{self, Store};

/// A file or folder as the file system tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    path: PathBuf,
    mode: u32,
    owner: u32,
}

pub(super) fn examine(around: &Surroundings) -> Vec<Finding> {
    let mut findings = found("files", files(around).map(|found| vec![found]));
    findings.push(locks(around));
    findings
}

fn facts(path: &Path) -> Result<Option<Facts>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(Facts {
            path: path.to_owned(),
            mode: metadata.mode() & 0o7777,
            owner: metadata.uid(),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error("look at", path, &error)),
    }
}

fn files(around: &Surroundings) -> Result<Finding> {
    let database = &around.database;
    let Some(main) = facts(database)? else {
        return Ok(Finding::ok("files", "none yet"));
    };
    let mut all = vec![main];
    for path in store::companions(database) {
        all.extend(facts(&path)?);
    }
    all.extend(facts(around.locks.folder())?);
    // A dispatch that another user ran leaves lock files that the owner cannot open.
    for entry in fs::read_dir(around.locks.folder())
        .into_iter()
        .flatten()
        .flatten()
    {
        all.extend(facts(&entry.path())?);
    }
    let folder = facts(store::folder_of(database))?;
    let process = fs::metadata("/proc/self")
        .map(|metadata| metadata.uid())
        .ok();
    Ok(judge(&all, folder.as_ref(), process))
}

/// The first of `all` is the database, whose owner everything should have.
fn judge(all: &[Facts], folder: Option<&Facts>, process: Option<u32>) -> Finding {
    let Some(main) = all.first() else {
        return Finding::ok("files", "none yet");
    };
    let name = |facts: &Facts| format!("{} (mode {:04o})", facts.path.display(), facts.mode);
    let names = |chosen: &[&Facts]| {
        chosen
            .iter()
            .map(|one| typed(&one.path))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let replaceable = folder.filter(|folder| folder.mode & 0o022 != 0 && folder.mode & 0o1000 == 0);
    if let Some(folder) = replaceable {
        let what = format!("others can replace what is in {}", name(folder));
        return Finding::fail("files", what, format!("chmod go-w {}", typed(&folder.path)));
    }
    let strange: Vec<&Facts> = all.iter().filter(|one| one.owner != main.owner).collect();
    if let Some(first) = strange.first() {
        let what = format!(
            "{} belongs to uid {}, the database to uid {}: it stands in the way of the database's user",
            first.path.display(),
            first.owner,
            main.owner
        );
        return Finding::fail(
            "files",
            what,
            format!("sudo chown {} {}", main.owner, names(&strange)),
        );
    }
    let open: Vec<&Facts> = all.iter().filter(|one| one.mode & 0o077 != 0).collect();
    if let Some(first) = open.first() {
        let hint = format!("chmod go= {}", names(&open));
        let what = format!("{} is open to other users", name(first));
        return match open.iter().any(|one| one.mode & 0o022 != 0) {
            true => Finding::fail("files", what, hint),
            false => Finding::warn("files", what, hint),
        };
    }
    match process {
        Some(process) if process != main.owner && process != 0 => Finding::fail(
            "files",
            format!(
                "the database belongs to uid {}, this process runs as uid {process}",
                main.owner
            ),
            format!("sudo -u '#{}' tenantpilot doctor", main.owner),
        ),
        Some(0) if main.owner != 0 => Finding::warn(
            "files",
            format!(
                "private, and belong to uid {}: what root writes here may stand in that user's way",
                main.owner
            ),
            format!("sudo -u '#{}' tenantpilot doctor", main.owner),
        ),
        _ => Finding::ok(
            "files",
            format!("private, and belong to uid {}", main.owner),
        ),
    }
}

fn locks(around: &Surroundings) -> Finding {
    match around.locks.condition() {
        Ok(message) => Finding::ok("locks", message),
        Err(error) => Finding::of_error("locks", &error),
    }
}

/// The key is made with the first run: that there is none says nothing before, and much after.
pub(super) fn key(around: &Surroundings, store: &Store) -> Result<Vec<Finding>> {
    let path = database_key::beside(&around.database);
    let found = match database_key::look(&around.database) {
        Ok(true) => Finding::ok("key", format!("{} is private", path.display())),
        Ok(false) if store::backup_sets::newest_sets(store.read())?.is_empty() => {
            Finding::ok("key", "none yet: the first run makes it")
        }
        Ok(false) => Finding::warn(
            "key",
            format!(
                "{} is not there: under a new one, no redacted value can be compared with earlier ones",
                path.display()
            ),
            format!("cp -p COPY-key {} if there is a copy", typed(&path)),
        ),
        Err(error) => Finding::of_error("key", &error),
    };
    Ok(vec![found])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    fn file(name: &str, mode: u32, owner: u32) -> Facts {
        Facts {
            path: PathBuf::from("/db").join(name),
            mode,
            owner,
        }
    }

    fn verdict(all: &[Facts], folder: u32, process: u32) -> (Level, String) {
        let found = judge(all, Some(&file("", folder, 7)), Some(process));
        (found.level, found.hint.unwrap_or_default())
    }

    #[test]
    fn only_their_owner_may_read_and_nobody_else_may_write_them() {
        let main = file("tp.db", 0o600, 7);
        let fine = [
            main.clone(),
            file("tp.db-wal", 0o600, 7),
            file("tp.db-locks", 0o700, 7),
        ];
        assert_eq!(verdict(&fine, 0o700, 7), (Level::Ok, String::new()));
        assert_eq!(
            verdict(&fine, 0o1777, 7).0,
            Level::Ok,
            "nobody removes another's from /tmp"
        );
        assert_eq!(
            verdict(&fine, 0o777, 7),
            (Level::Fail, "chmod go-w /db/".into())
        );
        let read = [main.clone(), file("tp.db-wal", 0o640, 7)];
        assert_eq!(
            verdict(&read, 0o700, 7),
            (Level::Warn, "chmod go= /db/tp.db-wal".into())
        );
        let written = [file("a b.db", 0o666, 7)];
        assert_eq!(
            verdict(&written, 0o700, 7),
            (Level::Fail, "chmod go= '/db/a b.db'".into())
        );
    }

    #[test]
    fn everything_belongs_to_the_user_of_the_database() {
        let main = file("tp.db", 0o600, 7);
        let roots = [main.clone(), file("schedule-1", 0o600, 0)];
        let (level, hint) = verdict(&roots, 0o700, 7);
        assert_eq!(
            (level, hint.as_str()),
            (Level::Fail, "sudo chown 7 /db/schedule-1")
        );
        let ours = [main];
        assert_eq!(verdict(&ours, 0o700, 8).0, Level::Fail);
        assert_eq!(
            verdict(&ours, 0o700, 0),
            (Level::Warn, "sudo -u '#7' tenantpilot doctor".into())
        );
    }
}
