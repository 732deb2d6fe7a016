//! The file of a database: what may be one, and how one comes to be.
//!
//! Only a regular file is a database: a folder, a pipe or a device is refused before SQLite or
//! anything here touches it. A symbolic link that leads to one is followed.
//!
//! # How a database comes to be
//!
//! It is built under another name in the same folder and then linked to its own name, which fails
//! if that exists. So two processes that create at once end with one database, and a process that
//! dies in between leaves a stray file but never half a database.
//!
//! An empty file of that name (what `touch` or `mktemp` leaves) is replaced. Whoever does that
//! holds its advisory lock, and looks again under it whether the name still leads to that empty
//! file: of two processes that both saw it empty, the second finds the database of the first.
//!
//! Where the log of another database is left beside the name, none is made: SQLite would lay that
//! log over it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::{APPLICATION_ID, BUSY_TIMEOUT, SCHEMA, SCHEMA_VERSION, configure, failed, space};
use crate::disk::{self, file_error};
use crate::error::{Error, Kind, Result, typed};

/// Whether there is a file at `path` that may be a database: a regular one that is not empty.
///
/// None at all or an empty one: `NoStore`; something else: `Integrity`.
pub(super) fn check(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(not_regular(path)),
        Ok(metadata) if metadata.len() == 0 => Err(no_store(path, ": the file is empty")),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => Err(dangling(path, &target)),
            Err(_) => Err(no_store(path, "")),
        },
        Err(error) => Err(inaccessible(
            file_error("open the database", path, &error),
            path,
        )),
    }
}

/// Adds to a failure to use the database at `path` whose it is, where it is not ours, and what to
/// do. SQLite needs to write it, its `-wal` and `-shm`, and the folder, even to read.
pub(super) fn inaccessible(error: Error, path: &Path) -> Error {
    if let Some(hint) = disk::obstacle(path) {
        return error.hint(hint);
    }
    let Some(strange) = strangers(path) else {
        return error.hint(
            "check the owner and the mode of the file, of its -wal and -shm, and of its folder",
        );
    };
    Error::new(
        error.kind(),
        format!(
            "{}; {} belongs to uid {}, this process runs as uid {}",
            error.message(),
            strange.path.display(),
            strange.owner,
            strange.process
        ),
    )
    .hint(format!(
        "run it as that user, {}; or name a database of your own with --db or TENANTPILOT_DB",
        match strange.owner {
            0 => "sudo tenantpilot".to_owned(),
            owner => format!("sudo -u '#{owner}' tenantpilot"),
        }
    ))
}

/// The name of a file whose name begins with that of `path`.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

struct Strange {
    path: PathBuf,
    owner: u32,
    process: u32,
}

/// What of the database belongs to another user: the file, what SQLite keeps beside it, or the
/// nearest folder that can be seen. None for root, whom no owner stops, and where the kernel does
/// not say who we are.
fn strangers(path: &Path) -> Option<Strange> {
    let process = fs::metadata("/proc/self").ok()?.uid();
    let visible = path.ancestors().find(|above| above.exists());
    let places = visible.map(Path::to_owned).into_iter();
    places
        .chain([beside(path, "-wal"), beside(path, "-shm")])
        .filter_map(|path| {
            let owner = fs::metadata(&path).ok()?.uid();
            Some(Strange {
                path,
                owner,
                process,
            })
        })
        .find(|strange| strange.owner != process && process != 0)
}

/// Makes the database at `path`, where there is nothing or an empty file. If another process makes
/// it meanwhile, that one stays.
pub(super) fn create(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    make_folder(folder)?;
    // Looked at before the work, so that nothing is built for a name that cannot be had.
    refuse_left_log(path)?;
    let empty = empty_file(path)?;
    let draft = folder.join(format!(
        ".tenantpilot-{}.new",
        uuid::Uuid::new_v4().simple()
    ));
    let made = build(&draft).and_then(|()| match &empty {
        Some(empty) => put_in_place_of(empty, &draft, path),
        None => put(&draft, path),
    });
    let removed = match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(file_error("remove", &draft, &error))
        }
        _ => Ok(()),
    };
    made.and(removed)?;
    sync_folder(folder)
}

/// The empty regular file at `path`, opened; none where there is nothing, or a database by now.
fn empty_file(path: &Path) -> Result<Option<File>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            let target =
                fs::read_link(path).map_err(|error| file_error("read the link", path, &error))?;
            Err(dangling(path, &target))
        }
        Ok(metadata) if !metadata.is_file() => Err(not_regular(path)),
        Ok(metadata) if metadata.len() > 0 => Ok(None),
        Ok(_) => match File::open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file_error("open the empty file", path, &error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error("look at", path, &error)),
    }
}

/// Refuses to have a database made at `path` where the log of one that is gone lies beside it.
pub(super) fn refuse_left_log(path: &Path) -> Result<()> {
    let left = ["-wal", "-journal"]
        .map(|end| beside(path, end))
        .into_iter()
        .find(|log| fs::symlink_metadata(log).is_ok());
    // In this order: whoever makes the database now makes its log after it.
    let is_there = || fs::metadata(path).is_ok_and(|found| found.len() > 0);
    match left {
        Some(log) if !is_there() => Err(Error::new(
            Kind::Integrity,
            format!(
                "{} is left of a database that is gone; one made beside it would be damaged by it",
                log.display()
            ),
        )
        .hint(format!(
            "bring that database back; or, if it is not needed: rm {}",
            typed(&log)
        ))),
        _ => Ok(()),
    }
}

fn put_in_place_of(empty: &File, draft: &Path, path: &Path) -> Result<()> {
    empty
        .lock()
        .map_err(|error| file_error("lock the empty file", path, &error))?;
    let held = empty
        .metadata()
        .map_err(|error| file_error("look at", path, &error))?;
    let is_still_there = fs::symlink_metadata(path).is_ok_and(|named| {
        (named.dev(), named.ino()) == (held.dev(), held.ino()) && named.len() == 0
    });
    if is_still_there {
        fs::rename(draft, path).map_err(|error| file_error("replace the empty file", path, &error))
    } else {
        put(draft, path)
    }
}

fn put(draft: &Path, path: &Path) -> Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(file_error("create the database", path, &error))
        }
        _ => Ok(()),
    }
}

/// Makes the folder and those above it that are missing, each 0700 whatever the umask.
fn make_folder(folder: &Path) -> Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    let made = match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(0o700)),
    };
    made.map_err(|error| file_error("create the folder", folder, &error))
}

fn build(draft: &Path) -> Result<()> {
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)
        .map_err(|error| file_error("create", draft, &error))?;
    // The mode above is what the umask leaves of it; this is what it has to be.
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .map_err(|error| file_error("set the mode of", draft, &error))?;
    tables(draft).map_err(|error| super::about(error, draft))
}

fn tables(draft: &Path) -> Result<()> {
    let conn = Connection::open_with_flags(
        draft,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failed("create the database"))?;
    configure(&conn, BUSY_TIMEOUT)?;
    let build = || -> rusqlite::Result<()> {
        // Only before there are tables.
        conn.pragma_update(None, "auto_vacuum", space::INCREMENTAL)?;
        let tx = Transaction::new_unchecked(&conn, TransactionBehavior::Immediate)?;
        tx.execute_batch(SCHEMA)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        tx.commit()?;
        // Only now: what is in a log moves into the file when it is closed, and where that fails
        // nobody is told. The log stays behind when the file gets its name.
        conn.pragma_update(None, "journal_mode", "WAL")
    };
    build().map_err(failed("create the tables"))?;
    conn.close()
        .map_err(|(_, error)| failed("close the new database")(error))
}

pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|handle| handle.sync_all())
        .map_err(|error| file_error("sync the folder", folder, &error))
}

fn no_store(path: &Path, why: &str) -> Error {
    let what = format!("no database at {}{why}", path.display());
    let Some(trace) = trace(path) else {
        return Error::new(Kind::NoStore, what).hint(
            "tenantpilot tenants add NAME --directory GUID --client-id GUID --secret-file FILE; \
             or name another database with --db or TENANTPILOT_DB",
        );
    };
    let what = format!(
        "{what}, but there was one: {} is left of it",
        trace.display()
    );
    Error::new(Kind::NoStore, what).hint(
        "put a copy of it in its place (README, The files); only to begin anew: tenantpilot tenants \
         add NAME",
    )
}

/// What is left at `path` of a database that was there, if anything is: nothing but its use makes
/// these.
pub(super) fn trace(path: &Path) -> Option<PathBuf> {
    let traces = ["-key", "-locks"].map(|end| beside(path, end));
    traces.into_iter().find(|trace| trace.exists())
}

fn dangling(path: &Path, target: &Path) -> Error {
    Error::new(
        Kind::NoStore,
        format!(
            "no database at {}: it is a symbolic link to {}, which is not there",
            path.display(),
            target.display()
        ),
    )
    .hint(format!(
        "make the link lead to the database, or remove it: rm {}",
        typed(path)
    ))
}

fn not_regular(path: &Path) -> Error {
    Error::new(
        Kind::Integrity,
        format!("database {} is not a regular file", path.display()),
    )
    .hint("name a file with --db or TENANTPILOT_DB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(path: &Path) -> (u64, u64) {
        let metadata = fs::metadata(path).unwrap();
        (metadata.ino(), metadata.len())
    }

    #[test]
    fn of_two_that_saw_the_empty_file_the_second_keeps_the_first_ones_database() {
        let folder = tempfile::tempdir().unwrap();
        let in_folder = |name: &str| folder.path().join(name);
        let path = in_folder("tp.db");
        File::create(&path).unwrap();
        let first = empty_file(&path).unwrap().unwrap();
        let second = empty_file(&path).unwrap().unwrap();
        build(&in_folder("first")).unwrap();
        build(&in_folder("second")).unwrap();
        put_in_place_of(&first, &in_folder("first"), &path).unwrap();
        drop(first);
        let made = identity(&path);
        assert!(made.1 > 0);
        put_in_place_of(&second, &in_folder("second"), &path).unwrap();
        assert_eq!(identity(&path), made);
    }

    #[test]
    fn nothing_is_created_over_what_is_no_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        for (path, kind) in [
            (folder.path(), Kind::Integrity),
            (link.as_path(), Kind::NoStore),
        ] {
            assert_eq!(check(path).unwrap_err().kind(), kind, "{}", path.display());
            assert_eq!(create(path).unwrap_err().kind(), kind, "{}", path.display());
        }
        assert!(!folder.path().join("nowhere").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
