//! Copies of a whole database: made while others use it, there whole or not at all.
//!
//! A copy is what `VACUUM INTO` gives: one state of the database, without free pages, and put back
//! into WAL mode, which `VACUUM INTO` forgets. It is written to a `draft` in the same folder (0600
//! from the first byte, whatever the umask), synced, checked, and only then gets its name; then the
//! folder is synced. A process that dies in between leaves the draft, which the next copy of that
//! name removes.
//!
//! One that may only be read is read as one that nobody changes, so whether somebody did is looked at
//! afterwards.
//!
//! SQLite lays a `-wal` that it finds beside a database over it, whoever wrote that log. So nothing
//! gets a name beside which one is left of a database that is gone.

mod draft;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use self::draft::Draft;
use super::{BUSY_TIMEOUT, about, configure, failed, file, log_ahead, read_only};
use crate::disk::file_error;
use crate::error::{Error, Kind, Result};

/// What to do where the name of the copy is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Leave it alone, and fail.
    Refuse,
    /// Put the copy in its place.
    Replace,
}

/// Copies the database of `source`, which is in no transaction, to `target`. `check` may refuse the copy
/// before it gets its name; that SQLite finds it sound is checked anyway.
pub fn make(
    source: &Connection,
    target: &Path,
    taken: Taken,
    check: impl FnOnce(&Connection) -> Result<()>,
) -> Result<()> {
    let draft = Draft::of(target)?;
    vacuum_into(source, draft.path())?;
    let copy = finished(draft.path()).map_err(|error| about(error, draft.path()))?;
    check(&copy)?;
    copy.close()
        .map_err(|(_, error)| about(failed("close the copy")(error), draft.path()))?;
    sync(draft.path())?;
    name(draft.path(), target, taken)?;
    drop(draft);
    file::sync_folder(file::folder_of(target))
}

const VACUUM_INTO: &str = "VACUUM INTO ?1";

fn vacuum_into(source: &Connection, draft: &Path) -> Result<()> {
    let name = draft.to_str().ok_or_else(|| {
        Error::new(
            Kind::Storage,
            format!("the name {} is no UTF-8", draft.display()),
        )
    })?;
    let before = read_only::state(source)?;
    source
        .execute(VACUUM_INTO, [name])
        .map_err(|error| about(failed("write the copy")(error), draft))?;
    if read_only::state(source)? != before {
        let what = "another process wrote the database while it was copied";
        return Err(Error::new(Kind::Busy, what).hint("copy it again"));
    }
    Ok(())
}

fn finished(draft: &Path) -> Result<Connection> {
    let copy = open(draft)?;
    log_ahead(&copy)?;
    sound(&copy)?;
    Ok(copy)
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
    configure(&conn, BUSY_TIMEOUT)?;
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
        draft::remove_beside(target)?;
        return fs::rename(draft, target).map_err(failed);
    }
    file::refuse_left_log(target)?;
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

/// Where a copy that a migration made of the database at `path` lies.
pub(super) fn before_migration(path: &Path, version: i64) -> PathBuf {
    file::beside(path, &format!("-schema-{version}"))
}
