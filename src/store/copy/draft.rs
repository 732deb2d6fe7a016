//! The file that a copy is written to before it gets its name.
//!
//! It is `.NAME.tenantpilot-draft` in the folder of the copy. Who writes it holds its advisory lock
//! from its first moment to its last. So one that nobody has locked is of a process that died, and
//! goes; one that is locked is another process's, and stays. Between making and locking it somebody
//! may take it for left, so whoever has the lock looks whether the name still leads to the file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::disk::file_error;
use crate::error::{Error, Kind, Result};
use crate::store::file;

/// What SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A draft of ours; it is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    _locked: File,
}

impl Draft {
    /// Makes the draft of `target`: empty, and 0600 whatever the umask.
    pub(super) fn of(target: &Path) -> Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = file::folder_of(target).join(format!(".{name}.tenantpilot-draft"));
        loop {
            if let Some(file) = create(&path)? {
                if lock(&file, &path)? && has_its_name(&file, &path) {
                    let _locked = file;
                    return Ok(Self { path, _locked });
                }
            } else {
                remove_left(&path, target)?;
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Where it has got its name this is another name of it, or gone.
        if let Err(error) = remove(&self.path) {
            log::warn!("{error}");
        }
    }
}

/// The new file; none where there is one.
fn create(path: &Path) -> Result<Option<File>> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|file| {
            // The mode above is what the umask leaves of it; this is what it has to be.
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            Ok(file)
        });
    match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let hint = "make the folder first, or name another file";
            Err(file_error("create", path, &error).hint(hint))
        }
        Err(error) => Err(file_error("create", path, &error)),
        Ok(file) => Ok(Some(file)),
    }
}

fn lock(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(file_error("lock", path, &error)),
    }
}

fn has_its_name(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Removes the draft of a process that died.
fn remove_left(path: &Path, target: &Path) -> Result<()> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(file) if is_file => file,
        Err(error) => return Err(file_error("open", path, &error)),
        Ok(_) => {
            let what = format!("{} is there and is no draft of a copy", path.display());
            return Err(Error::new(Kind::Storage, what).hint("move it away"));
        }
    };
    if !lock(&file, path)? {
        let what = format!("another process is making {}", target.display());
        return Err(Error::new(Kind::Busy, what).hint("wait until it is done"));
    }
    // Locked here, so that nobody can have made it theirs.
    match has_its_name(&file, path) {
        true => remove(path),
        false => Ok(()),
    }
}

/// Removes a file and what SQLite keeps beside it, as far as they are there.
fn remove(path: &Path) -> Result<()> {
    remove_beside(path)?;
    remove_one(path)
}

/// Removes what SQLite keeps beside the database at `path`.
pub(super) fn remove_beside(path: &Path) -> Result<()> {
    BESIDE
        .iter()
        .try_for_each(|end| remove_one(&file::beside(path, end)))
}

fn remove_one(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(file_error("remove", path, &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_being_written_stays_and_one_that_was_left_goes() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy.db");
        let draft = Draft::of(&target).unwrap();
        let second = Draft::of(&target).unwrap_err();
        assert_eq!(second.kind(), Kind::Busy);
        assert!(draft.path().exists());
        let path = draft.path().to_owned();
        drop(draft);
        assert!(!path.exists());

        fs::write(&path, "half").unwrap();
        fs::write(file::beside(&path, "-wal"), "half").unwrap();
        let draft = Draft::of(&target).unwrap();
        assert_eq!(fs::metadata(draft.path()).unwrap().len(), 0);
        assert!(!file::beside(&path, "-wal").exists());
    }

    #[test]
    fn what_is_no_draft_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("copy.db");
        let victim = folder.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        let path = folder.path().join(".copy.db.tenantpilot-draft");
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert_eq!(Draft::of(&target).unwrap_err().kind(), Kind::Storage);
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
    }
}
