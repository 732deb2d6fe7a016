//! File locks: one per schedule, one per process that answers for runs, one per monitor.
//!
//! The kernel gives up an advisory lock when its holder dies, so a lock cannot go stale and
//! nothing here goes by a process id or an age. The text in a lock file is for messages only.
//!
//! - A *schedule lock* is held while one of the schedule's runs executes, and while its retention
//!   is applied. Its file is never removed.
//! - A *process lock* is held from before the first claim of a process to its end and proves that
//!   the owner of a queued or running run lives. Its file is removed by its owner, or by whoever
//!   finds the owner gone.
//! - A *delivery lock* is held while a process tells one monitor what waits for it, or writes its file.
//!   Its file is never removed.
//!
//! Three windows, and what closes them:
//! - A file is unlinked while somebody holds or takes its lock: another process could lock a new
//!   file of the same name. So after taking a lock we compare the file we hold with the one that
//!   now has the name, and begin again if they differ.
//! - Two processes test whether a third is alive: each would take the other's test for the owner.
//!   So tests take the lock shared, owners take it exclusively.
//! - A process has made its file and not yet locked it when a sweep comes by. So a sweep removes a
//!   file only while it holds its lock: the process finds it locked, or without its name, and
//!   begins again with another.
//!
//! Some files are no locks, and their time is all that there is to them: that of `dispatched` says when
//! a dispatch last began, that of `dispatched-since` when the first of those began that followed one
//! another without a gap. The second is touched after a gap only, so that a dispatch with nothing to do
//! changes one time and no more. `dispatch-failed` and `dispatch-failed-since` say the same of those
//! that ended before anything could be started, by a database that cannot be opened, say: cron did its
//! work then. `seen-MONITOR` says when a dispatch last had a monitor with which something is wrong.
//!
//! The locks lie in a folder beside the database (`NAME-locks`, 0700), never on a network share.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::disk::file_error;
use crate::error::{Error, Kind, Result, typed};
use crate::schedule::ScheduleId;
use crate::status::OVERDUE;

/// Whose time is that of the newest dispatch.
const DISPATCHED: &str = "dispatched";
/// Whose time is that of the first of the dispatches that led to it without a gap.
const DISPATCHED_SINCE: &str = "dispatched-since";

/// The same of dispatches that could start nothing.
const FAILED: &str = "dispatch-failed";
const FAILED_SINCE: &str = "dispatch-failed-since";

/// Dispatches that followed one another, with at most [`OVERDUE`] between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The first.
    pub since: DateTime<Utc>,
    /// The newest.
    pub newest: DateTime<Utc>,
}

/// The lock files that belong to one database.
#[derive(Debug, Clone)]
pub struct Locks {
    folder: PathBuf,
}

/// The name under which a process answers for its runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner(pub String);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A held lock of a schedule; given up when dropped.
#[derive(Debug)]
pub struct ScheduleLock {
    _file: File,
}

/// The held lock of this process; given up, and its file removed, when dropped.
#[derive(Debug)]
pub struct ProcessLock {
    owner: Owner,
    path: PathBuf,
    _file: File,
}

impl ProcessLock {
    /// The name to claim runs under.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }
}

impl Drop for ProcessLock {
    fn drop(&mut self) {
        // Whoever finds the file later finds it unlocked, and removes it then.
        let _ = fs::remove_file(&self.path);
    }
}

impl Locks {
    /// The locks of the database at `database`.
    pub fn beside(database: &Path) -> Self {
        let mut name = database.file_name().unwrap_or_default().to_owned();
        name.push("-locks");
        Self {
            folder: database.with_file_name(name),
        }
    }

    /// The folder that holds them.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the lock of a schedule, if it is free; else says who has it. `holder` is written into
    /// the file for others to read.
    pub fn schedule(&self, id: ScheduleId, holder: &str) -> Result<Result<ScheduleLock, String>> {
        self.ensure_folder()?;
        let path = self.folder.join(format!("schedule-{}", id.0));
        loop {
            let mut file = open(&path)?;
            match try_lock(&file, &path)? {
                Taken::No => {
                    let mut text = String::new();
                    let _ = file.take(200).read_to_string(&mut text);
                    return Ok(Err(text.trim().to_owned()));
                }
                Taken::Yes if has_its_name(&file, &path)? => {
                    let written = file
                        .set_len(0)
                        .and_then(|()| file.rewind())
                        .and_then(|()| file.write_all(holder.as_bytes()));
                    written.map_err(|error| file_error("write", &path, &error))?;
                    return Ok(Ok(ScheduleLock { _file: file }));
                }
                Taken::Yes => {}
            }
        }
    }

    /// Takes the lock of whoever tells a monitor what waits for it, if it is free; given up when
    /// dropped.
    pub fn delivery(&self, monitor: &str) -> Result<Option<File>> {
        self.ensure_folder()?;
        let path = self.folder.join(format!("delivery-{monitor}"));
        loop {
            let file = open(&path)?;
            match try_lock(&file, &path)? {
                Taken::No => return Ok(None),
                Taken::Yes if has_its_name(&file, &path)? => return Ok(Some(file)),
                Taken::Yes => {}
            }
        }
    }

    /// Takes a process lock under a fresh name.
    pub fn process(&self) -> Result<ProcessLock> {
        self.ensure_folder()?;
        loop {
            let owner = Owner(uuid::Uuid::new_v4().simple().to_string());
            let path = self.process_path(&owner);
            let file = open(&path)?;
            // Between open and lock somebody may test it, find it unlocked and remove it.
            if matches!(try_lock(&file, &path)?, Taken::Yes) && has_its_name(&file, &path)? {
                return Ok(ProcessLock {
                    owner,
                    path,
                    _file: file,
                });
            }
        }
    }

    /// Whether the process that owns runs under this name still lives.
    pub fn is_alive(&self, owner: &Owner) -> Result<bool> {
        let path = self.process_path(owner);
        match OpenOptions::new().read(true).open(&path) {
            Ok(file) => is_locked(&file, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(file_error("open", &path, &error)),
        }
    }

    /// What there is to say of the folder, if locks can be taken in it.
    pub fn condition(&self) -> Result<String> {
        if fs::symlink_metadata(&self.folder)
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        {
            return Ok("no lock was ever taken".to_owned());
        }
        self.require_folder(0o022)?;
        Ok(format!("{} is private", self.folder.display()))
    }

    /// Refuses what has the folder's name and is none, a link to one included, and a folder that
    /// those may write whom these bits of the mode mean.
    fn require_folder(&self, strangers: u32) -> Result<()> {
        let folder = self.folder.display();
        let metadata = fs::symlink_metadata(&self.folder)
            .map_err(|error| file_error("look at", &self.folder, &error))?;
        let (what, way_out) = if !metadata.is_dir() {
            (
                "is no folder",
                format!("remove it: rm {}", typed(&self.folder)),
            )
        } else if metadata.mode() & strangers != 0 {
            (
                "can be written by others, who could take locks away",
                format!("chmod 0700 {}", typed(&self.folder)),
            )
        } else {
            return Ok(());
        };
        Err(Error::new(Kind::Storage, format!("lock folder {folder} {what}")).hint(way_out))
    }

    /// Removes the files of processes that are gone. What cannot be removed is in nobody's way.
    pub fn sweep(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            if name.to_string_lossy().starts_with("process-") {
                remove_if_unlocked(&entry.path());
            }
        }
    }

    /// Notes that a dispatch began at `at`: the time of a file of its own, since a minute in which
    /// nothing is due must cost no write to the database. What cannot be noted is no reason to fail.
    pub fn note_dispatch(&self, at: DateTime<Utc>) {
        self.note_in_row(DISPATCHED, DISPATCHED_SINCE, at);
    }

    /// Notes that a dispatch ended at `at` before anything could be started. Where there never was a
    /// lock, nothing is made to note it.
    pub fn note_failed_dispatch(&self, at: DateTime<Utc>) {
        if self.folder.is_dir() {
            self.note_in_row(FAILED, FAILED_SINCE, at);
        }
    }

    /// The newest dispatches that could start nothing and followed one another, if any are known.
    pub fn failed_dispatches(&self) -> Option<Row> {
        let newest = self.time_of(FAILED)?;
        let since = self.time_of(FAILED_SINCE)?;
        Some(Row { since, newest })
    }

    /// When the newest dispatch began, if one ever did.
    pub fn last_dispatch(&self) -> Option<DateTime<Utc>> {
        self.time_of(DISPATCHED)
    }

    /// When the first of the dispatches began that followed one another up to the newest, with at most
    /// [`OVERDUE`] between them.
    pub fn dispatched_since(&self) -> Option<DateTime<Utc>> {
        self.time_of(DISPATCHED_SINCE)
    }

    /// Notes that a dispatch at `at` had this monitor.
    pub fn note_monitor(&self, monitor: &str, at: DateTime<Utc>) {
        self.note(&format!("seen-{monitor}"), at);
    }

    /// When a dispatch last had this monitor, as far as it was noted.
    pub fn monitor_seen(&self, monitor: &str) -> Option<DateTime<Utc>> {
        self.time_of(&format!("seen-{monitor}"))
    }

    fn note_in_row(&self, newest: &str, since: &str, at: DateTime<Utc>) {
        let follows = self
            .time_of(newest)
            .is_some_and(|last| (at - last).abs() <= OVERDUE);
        if !follows || self.time_of(since).is_none() {
            self.note(since, at);
        }
        self.note(newest, at);
    }

    fn note(&self, name: &str, at: DateTime<Utc>) {
        let path = self.folder.join(name);
        if let Ok(file) = self.ensure_folder().and_then(|()| open(&path)) {
            let _ = file.set_modified(at.into());
        }
    }

    fn time_of(&self, name: &str) -> Option<DateTime<Utc>> {
        let noted = fs::symlink_metadata(self.folder.join(name)).ok()?;
        noted.modified().ok().map(DateTime::from)
    }

    fn process_path(&self, owner: &Owner) -> PathBuf {
        self.folder.join(format!("process-{owner}"))
    }

    fn ensure_folder(&self) -> Result<()> {
        let made = match fs::DirBuilder::new().mode(0o700).create(&self.folder) {
            // A group may share a database; a folder for everybody protects from nobody.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return self.require_folder(0o002);
            }
            Err(error) => Err(error),
            Ok(()) => fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700)),
        };
        made.map_err(|error| file_error("create the lock folder", &self.folder, &error))
    }
}

enum Taken {
    Yes,
    No,
}

fn open(path: &Path) -> Result<File> {
    let failed = |error| file_error("open the lock file", path, &error);
    loop {
        refuse_link(path)?;
        match make(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map_err(failed),
        }
        match OpenOptions::new().read(true).write(true).open(path) {
            // Removed since by whoever it belonged to.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened.map_err(failed),
        }
    }
}

/// Makes a file that is not there yet, 0600 whatever the umask.
fn make(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

fn refuse_link(path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(Error::new(
            Kind::Storage,
            format!("lock file {} is a symbolic link", path.display()),
        )
        .hint(format!("remove it: rm {}", typed(path))));
    }
    Ok(())
}

fn try_lock(file: &File, path: &Path) -> Result<Taken> {
    match file.try_lock() {
        Ok(()) => Ok(Taken::Yes),
        Err(TryLockError::WouldBlock) => Ok(Taken::No),
        Err(TryLockError::Error(error)) => Err(file_error("lock", path, &error)),
    }
}

fn is_locked(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(file_error("lock", path, &error)),
    }
}

fn remove_if_unlocked(path: &Path) {
    let Ok(file) = OpenOptions::new().read(true).open(path) else {
        return;
    };
    if file.try_lock_shared().is_ok() {
        // Still locked here, so that nobody can have made it theirs.
        let _ = fs::remove_file(path);
    }
}

fn has_its_name(file: &File, path: &Path) -> Result<bool> {
    let held = file
        .metadata()
        .map_err(|error| file_error("look at", path, &error))?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(file_error("look at", path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locks() -> (tempfile::TempDir, Locks) {
        let folder = tempfile::tempdir().unwrap();
        let locks = Locks::beside(&folder.path().join("tp.db"));
        (folder, locks)
    }

    #[test]
    fn a_schedule_lock_is_exclusive_and_names_its_holder() {
        let (_folder, locks) = locks();
        let held = locks
            .schedule(ScheduleId(7), "run 12, process 34")
            .unwrap()
            .unwrap();
        assert_eq!(
            locks.schedule(ScheduleId(7), "me").unwrap().unwrap_err(),
            "run 12, process 34"
        );
        assert!(
            locks.schedule(ScheduleId(8), "me").unwrap().is_ok(),
            "another schedule is free"
        );
        drop(held);
        assert!(locks.schedule(ScheduleId(7), "me").unwrap().is_ok());
    }

    #[test]
    fn a_process_is_alive_for_as_long_as_it_holds_its_lock() {
        let (_folder, locks) = locks();
        let process = locks.process().unwrap();
        let owner = process.owner().clone();
        assert!(locks.is_alive(&owner).unwrap());
        locks.sweep();
        assert!(
            locks.is_alive(&owner).unwrap(),
            "a sweep leaves the living alone"
        );
        drop(process);
        assert!(!locks.is_alive(&owner).unwrap());
        assert!(!locks.is_alive(&Owner("never".to_owned())).unwrap());
    }

    #[test]
    fn dispatches_that_follow_one_another_are_remembered_since_the_first() {
        let (_folder, locks) = locks();
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let noted = |seconds| {
            locks.note_dispatch(at(seconds));
            assert_eq!(locks.last_dispatch(), Some(at(seconds)));
            locks.dispatched_since().unwrap()
        };
        assert_eq!(locks.dispatched_since(), None);
        assert_eq!(noted(0), at(0));
        assert_eq!([noted(60), noted(240), noted(238)], [at(0); 3]);
        assert_eq!(noted(3600), at(3600), "after a gap");
        assert_eq!(noted(3660), at(3600));
        assert_eq!(noted(0), at(0), "the clock went back");
        fs::remove_file(locks.folder().join(DISPATCHED_SINCE)).unwrap();
        assert_eq!(noted(60), at(60), "an older program did not note it");
    }

    #[test]
    fn dispatches_that_failed_are_remembered_where_there_ever_was_a_lock() {
        let (_folder, locks) = locks();
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        locks.note_failed_dispatch(at(0));
        assert!(!locks.folder().exists());
        locks.note_dispatch(at(0));
        assert_eq!(locks.failed_dispatches(), None);
        let failed = |seconds| {
            locks.note_failed_dispatch(at(seconds));
            locks.failed_dispatches().unwrap()
        };
        let row = |since, newest| Row {
            since: at(since),
            newest: at(newest),
        };
        assert_eq!(failed(60), row(60, 60));
        assert_eq!(failed(120), row(60, 120));
        assert_eq!(failed(7200), row(7200, 7200), "after a gap");
        assert_eq!(locks.last_dispatch(), Some(at(0)));
    }

    #[test]
    fn a_file_left_by_a_dead_process_is_swept() {
        let (_folder, locks) = locks();
        drop(locks.process().unwrap());
        let left = locks.folder().join("process-left");
        File::create(&left).unwrap();
        assert!(!locks.is_alive(&Owner("left".to_owned())).unwrap());
        locks.sweep();
        assert!(!left.exists());
    }

    #[test]
    fn a_sweep_never_takes_the_file_of_a_process_that_begins() {
        let (_folder, locks) = locks();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(std::sync::atomic::Ordering::Relaxed) {
                        locks.sweep();
                    }
                });
            }
            let lost = (0..2000).find(|_| {
                let process = locks.process().unwrap();
                !locks.is_alive(process.owner()).unwrap()
            });
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(lost, None, "a living process without its file");
        });
    }

    #[test]
    fn testers_do_not_take_each_other_for_the_owner() {
        let (_folder, locks) = locks();
        drop(locks.process().unwrap());
        let path = locks.folder().join("process-dead");
        let tester = File::create(&path).unwrap();
        tester.try_lock_shared().unwrap();
        assert!(!locks.is_alive(&Owner("dead".to_owned())).unwrap());
    }

    #[test]
    fn a_lock_on_a_file_that_lost_its_name_does_not_count() {
        let (_folder, locks) = locks();
        let held = locks.schedule(ScheduleId(1), "first").unwrap().unwrap();
        let path = locks.folder().join("schedule-1");
        let file = open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!has_its_name(&file, &path).unwrap());
        File::create(&path).unwrap();
        assert!(
            !has_its_name(&file, &path).unwrap(),
            "a new file of that name is another"
        );
        drop(held);
    }

    #[test]
    fn what_is_no_folder_of_our_own_holds_no_locks() {
        let (place, locks) = locks();
        let elsewhere = place.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let refused = || {
            let error = locks.process().unwrap_err();
            let other = locks.schedule(ScheduleId(1), "me").unwrap_err();
            assert_eq!((error.kind(), other.kind()), (Kind::Storage, Kind::Storage));
            assert!(error.hint_text().is_some());
            error.message().to_owned()
        };
        std::os::unix::fs::symlink(&elsewhere, locks.folder()).unwrap();
        assert!(refused().ends_with("is no folder"));
        fs::remove_file(locks.folder()).unwrap();
        fs::write(locks.folder(), "").unwrap();
        assert!(refused().ends_with("is no folder"));
        fs::remove_file(locks.folder()).unwrap();
        fs::create_dir(locks.folder()).unwrap();
        fs::set_permissions(locks.folder(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(refused().contains("can be written by others"));
        assert!(locks.condition().is_err());
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
        fs::set_permissions(locks.folder(), fs::Permissions::from_mode(0o700)).unwrap();
        locks.process().unwrap();
        assert!(locks.condition().is_ok());
    }

    #[test]
    fn a_symbolic_link_is_refused_and_its_target_left_alone() {
        let (folder, locks) = locks();
        drop(locks.process().unwrap());
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, locks.folder().join("schedule-5")).unwrap();
        let error = locks.schedule(ScheduleId(5), "me").unwrap_err();
        assert_eq!(error.kind(), Kind::Storage);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }
}
