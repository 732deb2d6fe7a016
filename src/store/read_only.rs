//! A database that may only be read: it is another user's, or its disk is mounted read-only.
//!
//! SQLite keeps a log and shared memory beside a database, and makes them even to read. Where it
//! may not, and no log is there, the file is complete, and is read as one that nobody changes
//! (`immutable`). Where a log is there, the newest changes are in it, and it takes shared memory to
//! read it: that is refused rather than read without them.
//!
//! What is left: a process that may write (another user's, or one outside a read-only mount) can
//! begin while such a reader is at work. Then the reader may see pages of two states, which it tells
//! as damage, and the next one is well; nothing is ever written by it.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Access, access};

use super::file::{beside, folder_of};
use super::{BUSY_TIMEOUT, configure, failed};
use crate::disk;
use crate::error::{Error, Kind, Result};

/// Opens the database at `path` to be read as it is. None where it could be written, so that what
/// keeps it from being opened is something else.
pub(super) fn open(path: &Path) -> Option<Result<Connection>> {
    let may = |path: &Path, what| access(path, what).is_ok();
    let written = may(path, Access::WRITE_OK) && may(folder_of(path), Access::WRITE_OK);
    if written || !may(path, Access::READ_OK) || disk::obstacle(path) == Some(disk::MORE_FILES) {
        return None;
    }
    let left = ["-wal", "-journal"]
        .map(|end| beside(path, end))
        .into_iter()
        .find(|log| fs::metadata(log).is_ok_and(|log| log.len() > 0));
    Some(match left {
        Some(log) => Err(in_log(&log)),
        None => connect(path),
    })
}

fn in_log(log: &Path) -> Error {
    let what = format!(
        "its newest changes are in {}, which cannot be read by who may not write beside it",
        log.display()
    );
    Error::new(Kind::Storage, what).hint(
        "let a user who may write it run a command; or copy it and its -wal to a folder of your own",
    )
}

fn connect(path: &Path) -> Result<Connection> {
    let path = fs::canonicalize(path).map_err(|error| disk::file_error("find", path, &error))?;
    let mut name = String::from("file:");
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'%' | b'?' | b'#' => name.push_str(&format!("%{byte:02x}")),
            _ if byte.is_ascii() => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02x}")),
        }
    }
    name.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(name, flags).map_err(failed("open it to be read"))?;
    configure(&conn, BUSY_TIMEOUT)?;
    Ok(conn)
}
