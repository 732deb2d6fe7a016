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
            "sudo -u '#{owner}' tenantpilot doctor; or, if uid {process} is to have it: \
             sudo chown {process} {typed}"
        ),
    };
    (cause, way_out)
}

fn process() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|process| process.uid())
}
