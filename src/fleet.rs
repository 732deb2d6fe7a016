//! A fleet: tenants and their schedules as one declarative file, kept in version control.
//!
//! A file says how things are to be; [`plan`](plan::plan) says what has to be done to make the
//! database so, and `cli/fleet/apply.rs` does it in one transaction.
//!
//! # The file
//!
//! TOML or JSON, UTF-8, with `schema_version` 1 and a list `tenants`, each with a list `schedules`.
//! The keys are the flags of `tenants add` and `schedules add` without dashes; what is not given is
//! what these commands take when it is not given, never what the database happens to have. So a file
//! means the same wherever it is applied, and applying it twice changes nothing the second time.
//!
//! - Secrets are never in it, only where they are: `credential` has a `kind` and a `reference`. Paths
//!   are absolute, because what a file means must not depend on where it lies. A ping URL is as good as
//!   a secret and is in no file either: a schedule keeps the one that `schedules edit` gave it.
//! - Tenants are known by their names, schedules by theirs within a tenant; there are no ids, which
//!   differ from one database to the next. Another name is another thing: whoever renames one does
//!   that first (`tenants edit --name`, `schedules edit --name`), then in the file.
//! - An unknown key is an error. Everything that is wrong is told, each with its line, and then
//!   nothing is applied.
//!
//! # What the file does not name
//!
//! - A schedule of a tenant that the file names is archived: the file has the last word on its
//!   tenants. Archiving keeps history and backup sets, and the schedule comes back, with them, when
//!   the file names it again.
//! - A tenant stays as it is and is named; only `--prune` archives its schedules, and removes it where
//!   it has no backup sets. Backup sets are never removed by a file.

mod document;
mod fields;
pub mod plan;
mod read;
mod write;

use std::path::Path;

pub use read::read;
pub use write::{json, toml};

use crate::error::Error;
use crate::{schedule, tenant};

/// The form of the file that this program reads and writes.
pub const SCHEMA_VERSION: u32 = 1;
/// No file is longer; thousands of tenants take less.
pub const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Tenants and schedules as they are to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    /// By name.
    pub tenants: Vec<Entry>,
}

/// A tenant as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The tenant.
    pub tenant: tenant::Settings,
    /// Its schedules, by name.
    pub schedules: Vec<schedule::Settings>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

impl Format {
    /// That of a file: by its extension, and where that says nothing, by its first character.
    pub fn of(path: &Path, text: &str) -> Self {
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("toml") => Self::Toml,
            Some("json") => Self::Json,
            // A document of TOML cannot begin with a brace.
            _ if text
                .trim_start_matches('\u{feff}')
                .trim_start()
                .starts_with('{') =>
            {
                Self::Json
            }
            _ => Self::Toml,
        }
    }
}

/// Something in a file that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    line: Option<usize>,
    error: Error,
}

impl Fault {
    fn at(line: usize, error: Error) -> Self {
        Self {
            line: Some(line),
            error,
        }
    }

    /// As a failure that names the file and the line.
    pub fn of_file(self, file: &str) -> Error {
        match self.line {
            Some(line) => self.error.during(format_args!("{file}, line {line}")),
            None => self.error.during(file),
        }
    }
}
