//! The disk that a file is on: how much room it has, and what to do when it fails.

use std::io;
use std::path::Path;

use rustix::fs::{StatVfs, StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::error::{Error, Kind};

/// The room on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that we may still write.
    pub bytes: u64,
    /// Files that may still be made; none where there is no limit.
    pub files: Option<u64>,
}

/// The room for the file at `path`, which need not be there yet; none where the system does not
/// say.
pub fn room(path: &Path) -> Option<Room> {
    let disk = of(path)?;
    Some(Room {
        bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        files: (disk.f_files > 0).then_some(disk.f_favail),
    })
}

/// Why nothing more can be written to `path`: `disk full, 0 bytes free`.
pub fn full(path: &Path) -> String {
    match room(path) {
        None => "disk full".to_owned(),
        // A disk can have room and still take no file more.
        Some(Room {
            bytes,
            files: Some(0),
        }) => format!("disk full, no inode free, {bytes} bytes free"),
        Some(Room { bytes, .. }) => format!("disk full, {bytes} bytes free"),
    }
}

fn of(path: &Path) -> Option<StatVfs> {
    place(path).find_map(|above| statvfs(above).ok())
}

/// Where the file at `path` is or would be, and what is above, from the nearest on.
pub fn place(path: &Path) -> impl Iterator<Item = &Path> {
    path.ancestors().map(|above| match above.as_os_str() {
        name if name.is_empty() => Path::new("."),
        _ => above,
    })
}

/// What keeps any process, or this one, from writing to the disk that `path` is on, if anything
/// does: what to do about it. For failures that do not tell why.
pub fn obstacle(path: &Path) -> Option<&'static str> {
    if of(path).is_some_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        return Some(WRITABLE);
    }
    handles_are_short().then_some(MORE_FILES)
}

/// Whether this process has about as many files open as it may. For failures that do not tell why:
/// a name that is not known because the file with the name servers could not be opened.
pub fn handles_are_short() -> bool {
    // What was open when it failed is closed by now, so that a few handles may be free again.
    match (open_files(), getrlimit(Resource::Nofile).current) {
        (Some(open), Some(most)) => open + 6 >= most,
        _ => false,
    }
}

/// How many files this process has open: as many as may be where they cannot even be counted.
fn open_files() -> Option<u64> {
    match std::fs::read_dir("/proc/self/fd") {
        Ok(open) => Some(open.count() as u64),
        Err(error) => is_of_handles(&error).then_some(u64::MAX - 6),
    }
}

/// Whether it is that this process, or the machine, may open no more files.
pub fn is_of_handles(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}

/// The class of an operating system error on a file: full, or otherwise unusable.
pub fn kind_of(error: &io::Error) -> Kind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::StorageFull,
        _ => Kind::Storage,
    }
}

/// What to do where a file could not be used; none where the cause says it all.
pub fn way_out(error: &io::Error) -> Option<&'static str> {
    if is_of_handles(error) {
        return Some(MORE_FILES);
    }
    match error.kind() {
        io::ErrorKind::StorageFull => Some(MAKE_ROOM),
        io::ErrorKind::QuotaExceeded => Some("make room, or have the quota raised"),
        io::ErrorKind::PermissionDenied => {
            Some("check the owner and the mode of it and of its folder")
        }
        io::ErrorKind::ReadOnlyFilesystem => Some(WRITABLE),
        _ if Errno::from_io_error(error) == Some(Errno::IO) => Some(FAILS),
        _ => None,
    }
}

/// What to do where a disk is full.
pub const MAKE_ROOM: &str = "make room on the disk that it is on";

/// What to do where a disk may not be written.
pub const WRITABLE: &str = "its disk is mounted read-only: mount it to be written, or use another \
                            place";

/// What to do where a disk does not do as it is told.
pub const FAILS: &str = "the disk that it is on fails: see the log of the system";

/// What to do where a process may open no more files.
pub const MORE_FILES: &str = "let the process open more files: ulimit -n 1024";

/// A file operation that failed: `cannot {deed} {path}: {cause}`, with what to do about it.
pub fn file_error(deed: &str, path: &Path, error: &io::Error) -> Error {
    let cause = match error.kind() {
        io::ErrorKind::StorageFull => full(path),
        _ => error.to_string(),
    };
    let what = format!("cannot {deed} {}: {cause}", path.display());
    let failed = Error::new(kind_of(error), what);
    match way_out(error) {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_a_file_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none/file");
        for (errno, kind, cause, hint) in [
            (Errno::NOSPC, Kind::StorageFull, "disk full, ", "make room"),
            (Errno::DQUOT, Kind::StorageFull, "uota", "the quota"),
            (Errno::ROFS, Kind::Storage, "Read-only", "mounted read-only"),
            (Errno::ACCESS, Kind::Storage, "denied", "owner"),
            (Errno::MFILE, Kind::Storage, "open files", "ulimit -n"),
            (Errno::IO, Kind::Storage, "os error 5", "fails"),
        ] {
            let error = file_error("write", &path, &errno.into());
            assert_eq!(error.kind(), kind, "{error}");
            let named = format!("cannot write {}: ", path.display());
            assert!(error.message().starts_with(&named), "{error}");
            assert!(error.message().contains(cause), "{error}");
            assert!(error.hint_text().unwrap().contains(hint), "{error:?}");
        }
        assert!(room(&path).unwrap().bytes > 0);
        let free = full(&path);
        assert!(free.ends_with(" bytes free"), "{free}");
    }
}
