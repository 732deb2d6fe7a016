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

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::file::{beside, folder_of};
use super::{BUSY_TIMEOUT, MAIN, configure, failed};
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

/// How a database was that nothing keeps others from writing while it is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Seconds and nanoseconds.
    written_at: (i64, i64),
    bytes: u64,
    log_bytes: u64,
}

/// How the database of this connection is, if that may only read it; SQLite shows to one that may write
/// what the database was when it began to read.
pub(super) fn state(conn: &Connection) -> Result<Option<State>> {
    let is_read_only = conn.is_readonly(MAIN).map_err(failed("look at it"))?;
    let path = conn.path().filter(|_| is_read_only).map(Path::new);
    let Some(path) = path else { return Ok(None) };
    let file = fs::metadata(path).map_err(|error| disk::file_error("look at", path, &error))?;
    Ok(Some(State {
        written_at: (file.mtime(), file.mtime_nsec()),
        bytes: file.len(),
        log_bytes: fs::metadata(beside(path, "-wal")).map_or(0, |log| log.len()),
    }))
}

/// What keeps this process from writing the database at `path` or what has to be written beside it, and
/// the way out, if anything does. The kernel is asked, and nothing is written.
pub(super) fn obstacle(path: &Path, locks: &Path) -> Option<Error> {
    let log = beside(path, "-wal");
    let memory = beside(path, "-shm");
    let places = [path, &log, &memory, folder_of(path), locks];
    places.into_iter().find_map(|place| {
        let needed = match place.is_dir() {
            true => Access::WRITE_OK | Access::EXEC_OK,
            false => Access::WRITE_OK,
        };
        match access(place, needed) {
            Ok(()) | Err(Errno::NOENT) => None,
            Err(why) => Some(refused(path, place, why)),
        }
    })
}

fn refused(path: &Path, place: &Path, why: Errno) -> Error {
    let cannot = format!("{} cannot be written", path.display());
    let named = match place == path {
        true => "it".to_owned(),
        false => place.display().to_string(),
    };
    let typed = shell_words::quote(&place.to_string_lossy()).into_owned();
    let (cause, way_out) = match (why, fs::metadata(place).ok(), process()) {
        (Errno::ROFS, ..) => (
            format!("{named} is on a disk that is mounted read-only"),
            format!(
                "dmesg may say why; then: sudo mount -o remount,rw \"$(findmnt -no TARGET -T {typed})\""
            ),
        ),
        (Errno::ACCESS, Some(found), Some(process)) => denied(&named, &typed, &found, process),
        (why, ..) => (
            format!("{named}: {}", std::io::Error::from(why)),
            format!("ls -ld {typed}; lsattr -d {typed}"),
        ),
    };
    Error::new(Kind::Storage, format!("{cannot}: {cause}")).hint(way_out)
}

fn denied(named: &str, typed: &str, found: &Metadata, process: u32) -> (String, String) {
    let (owner, mode) = (found.uid(), found.mode() & 0o7777);
    let cause = format!(
        "{named} belongs to uid {owner} (mode {mode:04o}), and this process runs as uid {process}"
    );
    let more = if found.is_dir() { "u+rwx" } else { "u+w" };
    let way_out = match owner == process {
        true => format!("chmod {more} {typed}"),
        false => format!(
            "type it as uid {owner}, whose database it is; or, if uid {process} is to have it: \
             sudo chown {process} {typed}"
        ),
    };
    (cause, way_out)
}

fn process() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|process| process.uid())
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    #[test]
    fn whether_somebody_wrote_while_it_was_read_is_seen_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a ?%#ü.db");
        let store = Store::open_or_create(&path).unwrap();
        assert_eq!(state(store.read()).unwrap(), None, "it may be written");
        let reader = connect(&path).unwrap();
        let before = state(&reader).unwrap().unwrap();
        assert_eq!(state(&reader).unwrap().as_ref(), Some(&before));
        let noted = "PRAGMA user_version = 7; PRAGMA wal_checkpoint(TRUNCATE)";
        store.read().execute_batch(noted).unwrap();
        assert_ne!(state(&reader).unwrap().as_ref(), Some(&before));
    }
}
