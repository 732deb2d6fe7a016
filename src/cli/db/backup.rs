//! `db backup`: a whole, consistent, checked copy of the database while it is in use.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::json;

use crate::audit::{Event, Outcome};
use crate::cli;
use crate::context::Context;
use crate::disk::file_error;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::plural::counted;
use crate::progress::{Gauge, Progress};
use crate::secret::database_key;
use crate::store::backup_sets::verify::{Scope, Verification, verify};
use crate::store::copy::{self, Taken};
use crate::store::{self, Store};

/// Copy the whole database to a new file, also while it is in use
///
/// The copy is one state of the database. Before it gets its name it is read back: SQLite finds it
/// sound, and the newest backup set of every schedule is intact. It is private (0600), and a file
/// that is there is never written over.
///
/// A database that may only be read, on a disk mounted read-only, say, is copied all the same, with a
/// warning that it stands in no audit trail.
///
/// The key file NAME-key is not copied unless asked for. It turns secrets that Graph shows in clear
/// into digests; whoever has a copy of the database without it cannot try out weak ones. Keep a copy
/// of it in another place. If it is lost, the next run says so, and such values cannot be compared
/// with earlier ones.
///
/// To go back, put the copy in place of the database while nothing uses it, and first remove NAME-wal
/// and NAME-shm: SQLite would lay a log that is left there over the copy.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot db backup /backup/tenantpilot-$(date +%F).db
  tenantpilot db backup /backup/tenantpilot.db --with-key --quiet")]
pub struct Args {
    /// The file to make
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Copy the key file too, to FILE-key
    #[arg(long)]
    with_key: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let target = &args.file;
    let store = ctx.store()?;
    refuse_taken(target)?;
    if args.with_key {
        refuse_taken(&database_key::beside(target))?;
    }
    let key = database_key::beside(store.path());
    let mut checked = Verification::default();
    let mut copied_key = None;
    let progress = Progress::default();
    let shown = ctx.ui.follow(&progress);
    let gauge = progress.begin("database", "contents");
    gauge.enter("copies it and has SQLite check the copy");
    let made = copy::make(store.read(), target, Taken::Refuse, |copy| {
        gauge.enter("reads the newest backup sets");
        checked = check(copy, &gauge)?;
        // Before the copy has its name: there is none without the key that was asked for.
        if args.with_key && key.exists() {
            copied_key = Some(database_key::copy(&key, target)?);
        }
        Ok(())
    });
    drop(shown);
    if let Err(error) = made {
        if let Some(copied) = copied_key {
            fs::remove_file(&copied).map_err(|error| file_error("remove", &copied, &error))?;
        }
        return Err(error.during(format!("cannot copy the database to {}", target.display())));
    }
    cli::record_copying(ctx, &store, "copy", || {
        record(ctx, &store, target, copied_key.is_some())
    })?;
    let bytes = fs::metadata(target)
        .map_err(|error| file_error("look at", target, &error))?
        .len();
    ctx.ui.document(&json!({
        "file": target.display().to_string(),
        "bytes": bytes,
        "schema_version": store::SCHEMA_VERSION,
        "sets_checked": checked.sets,
        "contents_checked": checked.contents,
        "key": copied_key.as_ref().map(|key| key.display().to_string()),
    }))?;
    ctx.ui.line(format!(
        "copied the database to {}: {bytes} bytes; it is sound, and {}",
        target.display(),
        newest(checked.sets)
    ))?;
    match copied_key {
        Some(copied) => ctx.ui.line(format!("its key is in {}", copied.display()))?,
        None if key.exists() => ctx.ui.line(format!(
            "its key {} is not copied; keep a copy of it in another place",
            key.display()
        ))?,
        None if args.with_key => ctx
            .ui
            .line("there is no key yet: no policy with a secret in it was backed up")?,
        None => {}
    }
    Ok(ExitCode::Ok)
}

fn refuse_taken(path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(copy::exists(path)
            .hint("name another file; what is there is never written over, remove it first"));
    }
    Ok(())
}

/// What is known of so many sets that were read in a copy, the newest of each schedule.
fn newest(sets: u64) -> String {
    match sets {
        0 => "there is no backup set in it".to_owned(),
        1 => "the newest backup set in it is intact".to_owned(),
        several => format!("the newest {several} backup sets in it are intact"),
    }
}

/// That the newest set of every schedule reads, to the last byte.
fn check(copy: &rusqlite::Connection, gauge: &Gauge) -> Result<Verification> {
    let sets = store::backup_sets::newest_sets(copy)?;
    let scope = Scope { sets, sample: None };
    if scope.sets.is_empty() {
        return Ok(Verification::default());
    }
    let found = verify(copy, &scope, gauge)?;
    match found.damaged.len() {
        0 => Ok(found),
        n => Err(Error::new(
            Kind::Integrity,
            format!(
                "{} damaged",
                counted(
                    n,
                    "thing in the newest backup sets is",
                    "things in the newest backup sets are"
                )
            ),
        )
        .hint("tenantpilot backups verify")),
    }
}

fn record(ctx: &Context, store: &Store, target: &Path, with_key: bool) -> Result<()> {
    let event = Event {
        at: ctx.now(),
        actor: ctx.actor.name(),
        action: "database.backup",
        tenant: None,
        object: "database".to_owned(),
        outcome: Outcome::Ok,
        details: json!({ "file": target.display().to_string(), "with_key": with_key }),
    };
    store.write(|tx| store::audit::append(tx, &event)).map(drop)
}
