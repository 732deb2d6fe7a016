//! Copies of a whole database: made while others use it, there whole or not at all.
//!
//! A copy is what `VACUUM INTO` gives: one state of the database, without free pages, and put back into
//! WAL mode, which `VACUUM INTO` forgets. It is written under another name in the folder of its own (0600 from the first byte,
//! whatever the umask), synced, checked, and only then gets its name; then the folder is synced. A
//! process that dies in between leaves the other name, which ends in `.new`, and the next copy of
//! that name removes it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::{configure, failed, file, log_ahead};
use crate::error::{Error, Kind, Result, file_error};

/// What to do where the name of the copy is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Leave it alone, and fail.
    Refuse,
    /// Put the copy in its place.
    Replace,
}

/// Copies the database at `source` to `target`. `check` may refuse the copy before it gets its
/// name; that SQLite finds it sound is checked anyway.
pub fn make(
    source: &Path,
    target: &Path,
    taken: Taken,
    check: impl FnOnce(&Connection) -> Result<()>,
) -> Result<()> {
    let draft = file::beside(target, ".new");
    let made = remove(&draft)
        .and_then(|()| vacuum_into(source, &draft))
        .and_then(|()| {
            let copy = open(&draft)?;
            log_ahead(&copy)?;
            sound(&copy)?;
            check(&copy)?;
            copy.close()
                .map_err(|(_, error)| failed("close the copy")(error))
        })
        .and_then(|()| sync(&draft))
        .and_then(|()| name(&draft, target, taken));
    // Where it has its name the draft is another name of it, or gone.
    let removed = remove(&draft);
    made.and(removed)?;
    file::sync_folder(file::folder_of(target))
}

const VACUUM_INTO: &str = "VACUUM INTO ?1";

fn vacuum_into(source: &Path, draft: &Path) -> Result<()> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)
        // The mode above is what the umask leaves of it; this is what it has to be.
        .and_then(|file| file.set_permissions(fs::Permissions::from_mode(0o600)));
    created.map_err(|error| file_error("create", draft, &error))?;
    let name = draft.to_str().ok_or_else(|| {
        Error::new(
            Kind::Storage,
            format!("the name {} is no UTF-8", draft.display()),
        )
    })?;
    let conn = open(source)?;
    conn.execute(VACUUM_INTO, [name])
        .map(drop)
        .map_err(failed(&format!("copy it to {}", draft.display())))
}

fn sync(draft: &Path) -> Result<()> {
    File::open(draft)
        .and_then(|file| file.sync_all())
        .map_err(|error| file_error("sync", draft, &error))
}

fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)
        .map_err(failed(&format!("open {}", path.display())))?;
    configure(&conn)?;
    Ok(conn)
}

const SOUND: &str = "PRAGMA integrity_check(1)";

fn sound(copy: &Connection) -> Result<()> {
    let found: String = copy
        .query_row(SOUND, [], |row| row.get(0))
        .map_err(failed("check the copy"))?;
    if found == "ok" {
        return Ok(());
    }
    Err(Error::new(
        Kind::Integrity,
        format!("the copy is not sound: {found}"),
    ))
}

fn name(draft: &Path, target: &Path, taken: Taken) -> Result<()> {
    let failed = |error| file_error("create", target, &error);
    if taken == Taken::Replace {
        return fs::rename(draft, target).map_err(failed);
    }
    match fs::hard_link(draft, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(target)),
        // A file system without hard links.
        Err(_) if fs::symlink_metadata(target).is_ok() => Err(exists(target)),
        Err(_) => fs::rename(draft, target).map_err(failed),
        Ok(()) => Ok(()),
    }
}

/// The refusal to write over what is there.
pub fn exists(target: &Path) -> Error {
    Error::usage(format!("{} is there already", target.display()))
}

/// Removes a draft and what SQLite keeps beside one, as far as they are there.
fn remove(draft: &Path) -> Result<()> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let path = file::beside(draft, end);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(file_error("remove", &path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// How many bytes can be written on the disk of the file at `path`, where the system says.
pub fn free(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(file::folder_of(path)).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Where a copy that a migration made of the database at `path` lies.
pub(super) fn before_migration(path: &Path, version: i64) -> PathBuf {
    file::beside(path, &format!("-schema-{version}"))
}
