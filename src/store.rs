//! The store: one SQLite file that several processes open at once.
//!
//! - SQL is written under this module alone, as constants; its functions speak domain types and
//!   take a connection (to read) or a transaction (to write). Rows never escape.
//! - Every transaction that may write begins IMMEDIATE: one that starts as a reader and turns
//!   writer is refused with SQLITE_BUSY at once, whatever the timeout says.
//! - No transaction is open while anything waits for the network.
//! - WAL with synchronous FULL: a commit that returned survives a power cut.
//! - A connection belongs to one thread; whoever needs another opens the store again.

pub mod audit;
pub mod backup_sets;
pub mod census;
pub mod check;
pub mod contents;
pub mod copy;
mod file;
#[cfg(test)]
mod fixture;
mod migrate;
pub mod monitors;
pub mod notifications;
mod read_only;
pub mod retention;
pub mod roles;
pub mod runs;
pub mod schedules;
pub mod slots;
pub mod space;
pub mod state_changes;
pub mod tenants;
pub mod volume;

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::disk;
use crate::error::{Error, Kind, Result};

/// The whole present schema.
pub const SCHEMA: &str = include_str!("../schema.sql");

/// The version of [`SCHEMA`], kept in `PRAGMA user_version`.
pub const SCHEMA_VERSION: i64 = 4;

/// Marks our files in `PRAGMA application_id`: "TPlt".
pub const APPLICATION_ID: i64 = 0x5450_6c74;

/// How long a transaction waits for another process's write.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long somebody waits who only looks something up in passing.
const GLANCE: Duration = Duration::from_millis(50);

/// SQLite's name of the database that a connection was opened with.
const MAIN: &str = "main";

/// What [`about`] says more about.
const FULL: &str = "disk full";
const WAIT: &str = "try again when the process that holds its lock is done";

/// An open database.
#[derive(Debug)]
pub struct Store {
    conn: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the database at `path`.
    ///
    /// Fails with `NoStore` when there is none, `Integrity` for a foreign or damaged file or what is
    /// no regular file, `Schema` for one of another schema version, `Storage` when it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let (store, version) = Self::open_any(path)?;
        if version == SCHEMA_VERSION {
            return Ok(store);
        }
        let what = format!("its schema version is {version}, older than {SCHEMA_VERSION}");
        let error = Error::new(Kind::Schema, what).hint("tenantpilot db info migrates it");
        Err(about(error, path))
    }

    /// Opens the database at `path`, and migrates one that is older in the name of `actor`. What
    /// every command begins with: reading takes no less than writing does, so there is no command
    /// that could do without.
    pub fn open_as(path: &Path, actor: &str, at: impl FnOnce() -> DateTime<Utc>) -> Result<Self> {
        let (store, version) = Self::open_any(path)?;
        if version == SCHEMA_VERSION {
            return Ok(store);
        }
        drop(store);
        migrate::migrate(path, actor, at()).map_err(|error| about(error, path))?;
        Self::open(path)
    }

    /// Opens the database at `path`, of this schema version or an older one; and says which.
    fn open_any(path: &Path) -> Result<(Self, i64)> {
        Self::open_with(path, BUSY_TIMEOUT, log_ahead)
    }

    /// The same, waiting so long for other processes; `settle` is done to a database that may be
    /// written.
    fn open_with(
        path: &Path,
        patience: Duration,
        settle: impl Fn(&Connection) -> Result<()>,
    ) -> Result<(Self, i64)> {
        file::check(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let about = |error: Error| {
            let integrity = error.kind() == Kind::Integrity;
            let error = about(error, path);
            if integrity {
                error.hint(
                    "check that --db names a tenantpilot database; restore a copy if it is damaged",
                )
            } else {
                error
            }
        };
        let open = || {
            let conn = Connection::open_with_flags(path, flags).map_err(failed("open"))?;
            configure(&conn, patience)?;
            let version = check_identity(&conn)?;
            settle(&conn)?;
            Ok((conn, version))
        };
        let as_it_is = |error: Error| match read_only::open(path) {
            Some(conn) if error.kind() == Kind::Storage => {
                let conn = conn?;
                let version = check_identity(&conn)?;
                Ok((conn, version))
            }
            _ => Err(error),
        };
        let (conn, version) = open().or_else(as_it_is).map_err(about)?;
        let path = path.to_owned();
        Ok((Self { conn, path }, version))
    }

    /// Opens the database at `path` to look something up in passing: nothing is migrated or changed,
    /// and of a lock it is hardly waited for.
    ///
    /// # Errors
    /// As [`open`](Self::open), and where another process keeps it from being read just now.
    pub fn glance(path: &Path) -> Result<Self> {
        let (store, version) = Self::open_with(path, GLANCE, |_| Ok(()))?;
        if version != SCHEMA_VERSION {
            let what = format!("its schema version is {version}, not {SCHEMA_VERSION}");
            return Err(about(Error::new(Kind::Schema, what), path));
        }
        store
            .conn
            .pragma_update(None, "query_only", true)
            .map_err(failed("configure the connection"))?;
        Ok(store)
    }

    /// Refuses a database that may only be read, before anything is begun that has to be recorded.
    ///
    /// # Errors
    /// It may not be written, or not be said whether.
    pub fn require_writable(&self) -> Result<()> {
        if self.is_read_only()? {
            return Err(about(
                Error::new(Kind::Storage, "it may only be read"),
                &self.path,
            ));
        }
        Ok(())
    }

    /// Whether it may only be read.
    ///
    /// # Errors
    /// SQLite does not say.
    pub fn is_read_only(&self) -> Result<bool> {
        self.conn
            .is_readonly(MAIN)
            .map_err(failed("say whether it may be written"))
    }

    /// Opens the database at `path`, making it (0600, in folders of 0700) where there is none.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        match Self::open(path) {
            Err(error) if error.kind() == Kind::NoStore => file::create(path)?,
            other => return other,
        }
        Self::open(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For reading.
    pub fn read(&self) -> &Connection {
        &self.conn
    }

    /// Runs `work` in one IMMEDIATE transaction, which is committed if `work` succeeds and undone
    /// if not.
    pub fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let write = || {
            let tx = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)
                .map_err(failed("begin to write"))?;
            let value = work(&tx)?;
            tx.commit().map_err(failed("commit"))?;
            Ok(value)
        };
        write().map_err(|error: Error| match error.kind() {
            Kind::StorageFull | Kind::Storage | Kind::Busy => about(error, &self.path),
            _ => error,
        })
    }

    /// Runs `work` as [`write`](Self::write) would, and undoes it: what would happen.
    pub fn rehearse<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let rehearse = || {
            let tx = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)
                .map_err(failed("begin to write"))?;
            let value = work(&tx)?;
            tx.rollback().map_err(failed("undo a rehearsal"))?;
            Ok(value)
        };
        rehearse().map_err(|error: Error| match error.kind() {
            Kind::StorageFull | Kind::Storage | Kind::Busy => about(error, &self.path),
            _ => error,
        })
    }
}

/// The version of the SQLite in this program, as text.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// The same as a number: 3.51.3 is 3,051,003.
pub fn sqlite_version_number() -> i32 {
    rusqlite::version_number()
}

/// What SQLite keeps beside the database at `path` while it is in use.
pub fn companions(path: &Path) -> [PathBuf; 2] {
    [file::beside(path, "-wal"), file::beside(path, "-shm")]
}

/// What keeps this process from writing the database at `path`, or its locks, and the way out; none
/// where nothing does. Nothing is written to find out.
pub fn obstacle(path: &Path, locks: &Path) -> Option<Error> {
    read_only::obstacle(path, locks)
}

/// What is left at `path` of a database that was there; nothing where there was none.
pub fn trace(path: &Path) -> Option<PathBuf> {
    file::trace(path)
}

/// The folder that a database is in.
pub fn folder_of(path: &Path) -> &Path {
    file::folder_of(path)
}

/// Names the database in a failure to use it, and says what to do about it.
fn about(error: Error, path: &Path) -> Error {
    let kind = error.kind();
    let told = error.hint_text().is_some();
    let error = error.during(format_args!("database {}", path.display()));
    match kind {
        Kind::StorageFull if !told => match error.message().strip_suffix(FULL) {
            Some(deed) => Error::new(kind, format!("{deed}{}", disk::full(path))),
            None => error,
        }
        .hint(disk::MAKE_ROOM),
        Kind::Storage if !told => file::inaccessible(error, path),
        Kind::Busy => error.hint(WAIT),
        _ => error,
    }
}

/// Turns a failure of SQLite into ours: `cannot {deed}: {cause}`, with the class that decides the
/// exit code.
pub fn failed(deed: &str) -> impl Fn(rusqlite::Error) -> Error {
    move |error| match kind_of(&error) {
        Kind::StorageFull => Error::new(Kind::StorageFull, format!("cannot {deed}: {FULL}")),
        kind => {
            let why = match &error {
                // Not the whole statement, which says nothing to whoever reads this.
                rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
                _ => error.to_string(),
            };
            let failed = Error::new(kind, format!("cannot {deed}: {why}"));
            match error.sqlite_error_code() {
                Some(ErrorCode::SystemIoFailure) => failed.hint(disk::FAILS),
                _ => failed,
            }
        }
    }
}

/// Whether a table or a column is not there, or is something else by that name. The statements are
/// all tried by tests, so it is the file that is not what its header says.
fn lacks_tables(message: &str) -> bool {
    ["no such ", "unsafe use of ", "cannot modify "]
        .iter()
        .any(|beginning| message.starts_with(beginning))
}

/// The class of a failure of SQLite. A value of a type that its column cannot hold is damage: the
/// tables are STRICT.
fn kind_of(error: &rusqlite::Error) -> Kind {
    match error {
        // The index of the write-ahead log could not grow: said as an I/O error, and a full disk.
        rusqlite::Error::SqliteFailure(failure, _)
            if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE =>
        {
            Kind::StorageFull
        }
        rusqlite::Error::SqliteFailure(_, Some(message))
        | rusqlite::Error::SqlInputError { msg: message, .. }
            if lacks_tables(message) =>
        {
            Kind::Integrity
        }
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => Kind::StorageFull,
            ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::PermissionDenied => Kind::Storage,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Kind::Busy,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Kind::Integrity,
            _ => Kind::Internal,
        },
        rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => Kind::Integrity,
        _ => Kind::Internal,
    }
}

fn configure(conn: &Connection, patience: Duration) -> Result<()> {
    conn.busy_timeout(patience)
        .map_err(failed("set the busy timeout"))?;
    conn.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA recursive_triggers = ON;
         PRAGMA trusted_schema = OFF;",
    )
    .map_err(failed("configure the connection"))
}

/// That it is a database of ours, and not newer than this program; its schema version.
fn check_identity(conn: &Connection) -> Result<i64> {
    let application_id: i64 = conn
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(failed("read its header"))?;
    if application_id != APPLICATION_ID {
        return Err(Error::new(
            Kind::Integrity,
            "this is not a tenantpilot database",
        ));
    }
    let version = version(conn)?;
    if version > SCHEMA_VERSION {
        return Err(Error::new(
            Kind::Schema,
            format!(
                "its schema version is {version}, this tenantpilot knows up to {SCHEMA_VERSION}"
            ),
        )
        .hint("install the newer tenantpilot that wrote it"));
    }
    if version < 1 {
        return Err(Error::new(
            Kind::Integrity,
            format!("its schema version {version} never existed"),
        ));
    }
    Ok(version)
}

/// Sees to it that writers write ahead into a log, so that they and readers do not wait for each
/// other; a copy that other tools made may have lost that. Where somebody else uses the file just
/// now, the next one sees to it.
fn log_ahead(conn: &Connection) -> Result<()> {
    let mode: String = conn
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(failed("read its journal mode"))?;
    let is_read_only = || conn.is_readonly(MAIN).unwrap_or(false);
    if mode == "wal" || is_read_only() {
        return Ok(());
    }
    match conn
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(failed("set its journal mode"))
    {
        Err(error) if error.kind() != Kind::Busy => Err(error),
        _ => Ok(()),
    }
}

fn version(conn: &Connection) -> Result<i64> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed("read its header"))
}

#[cfg(test)]
mod tests;
