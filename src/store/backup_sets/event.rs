//! The audit event that says how a set came to be, and what it proves.
//!
//! The root hash covers what is in a set; when the set was taken, for what and from where stands in
//! its row alone. The event that is written with the row says the same once more, under the hash of
//! the audit trail:
//!
//! ```text
//! backup_set.add     {"run":12,"schedule":3,"time":"2026-12-01T02:00:00Z","root_hash":"9f86…","shrunk":null}
//! backup_set.import  {"layout":"intunecd","source":"/srv/old","lacks":[],"time":"…","root_hash":"…","policies":40}
//! ```
//!
//! Events of earlier versions lack some of these; of what an event does not say nothing is known,
//! and that is no damage. Which sets were removed is said by `backup_set.delete` and
//! `retention.purge`: a set that was made and neither is there nor was removed is lost.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, SecondsFormat};
use rusqlite::{Connection, Row};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{NewSet, Origin};
use crate::backup_set::{BackupSetId, Shrunk};
use crate::error::Result;

use super::super::failed;

/// The action of the event of a set that a run left.
pub const ADD: &str = "backup_set.add";
/// The action of the event of a set that was imported.
pub const IMPORT: &str = "backup_set.import";
/// The action of the event of a set that somebody removed.
pub const DELETE: &str = "backup_set.delete";
/// The action of the event of sets that retention removed.
pub const PURGE: &str = "retention.purge";

/// The details of the event that tells of a new set.
pub fn details(set: &NewSet<'_>) -> Value {
    let (time, root_hash) = (instant(set.time.timestamp()), set.root_hash.to_string());
    match set.origin {
        Origin::Run {
            schedule_id,
            run_id,
            shrunk,
        } => json!({
            "run": run_id,
            "schedule": schedule_id.0,
            "time": time,
            "root_hash": root_hash,
            "shrunk": shrunk,
        }),
        Origin::Import(from) => {
            let mut details = from.clone();
            if let Value::Object(members) = &mut details {
                members.insert("time".to_owned(), time.into());
                members.insert("root_hash".to_owned(), root_hash.into());
            }
            details
        }
    }
}

/// A time as details and messages have it.
pub(super) fn instant(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map_or_else(
        || format!("{seconds} s after 1970"),
        |time| time.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

#[derive(Default, Deserialize)]
struct Details {
    run: Option<i64>,
    schedule: Option<i64>,
    time: Option<String>,
    root_hash: Option<String>,
    shrunk: Option<Shrunk>,
    layout: Option<String>,
    source: Option<String>,
    lacks: Option<Vec<String>>,
    digest_key: Option<String>,
    backup_sets: Option<Vec<i64>>,
}

/// What the event of a set says.
pub(super) struct Made {
    /// The id of the event.
    event: i64,
    at: i64,
    tenant: Option<i64>,
    imported: bool,
    details: Details,
}

/// A set's row, as far as the root hash does not cover it.
pub(super) struct Facts {
    pub tenant: i64,
    pub schedule: Option<i64>,
    pub run: Option<i64>,
    pub imported: Option<String>,
    pub time: i64,
    pub created_at: i64,
    pub root_hash: Vec<u8>,
    pub shrunk: Option<String>,
}

impl Made {
    /// Whether it says what the time of the set is.
    pub(super) fn says_time(&self) -> bool {
        !self.imported || self.details.time.is_some()
    }

    /// What the row says otherwise.
    pub(super) fn contradictions(&self, row: &Facts) -> Vec<String> {
        let details = &self.details;
        let mut told = Vec::new();
        let mut hold = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                told.push(format!(
                    "its row says {what} {ours}, and audit event {} says {theirs}",
                    self.event
                ));
            }
        };
        let id = |id: Option<i64>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
        hold("tenant", row.tenant.to_string(), id(self.tenant));
        hold("created at", instant(row.created_at), instant(self.at));
        hold("run", id(row.run), id(details.run));
        if let Some(time) = &details.time {
            hold("time", instant(row.time), time.clone());
        }
        if details.schedule.is_some() || self.imported {
            hold("schedule", id(row.schedule), id(details.schedule));
        }
        if let Some(root_hash) = &details.root_hash {
            let hex: String = row.root_hash.iter().map(|b| format!("{b:02x}")).collect();
            hold("root hash", hex, root_hash.clone());
        }
        let text = |text: Option<String>| text.unwrap_or_else(|| "nothing".to_owned());
        let shrunk = details.shrunk.as_ref();
        let shrunk = shrunk.and_then(|types| serde_json::to_string(types).ok());
        hold("shrunk", text(row.shrunk.clone()), text(shrunk));
        let origin = self.origin(row.imported.as_deref());
        hold("imported", text(row.imported.clone()), text(origin));
        told
    }

    /// What the row of the set must have under `imported`, where that is what `said` is like.
    fn origin(&self, said: Option<&str>) -> Option<String> {
        if !self.imported {
            return None;
        }
        let details = &self.details;
        let lacks = match &details.lacks {
            Some(lacks) => json!(lacks),
            // An earlier version did not record what the set lacks: that is taken as it stands.
            None => serde_json::from_str::<Value>(said.unwrap_or_default())
                .ok()
                .and_then(|mut value| value.get_mut("lacks").map(Value::take))
                .filter(|lacks| {
                    lacks
                        .as_array()
                        .is_some_and(|all| all.iter().all(Value::is_string))
                })
                .unwrap_or_default(),
        };
        let mut origin = json!({
            "layout": details.layout,
            "source": details.source,
            "lacks": lacks,
        });
        if let Some(key) = &details.digest_key {
            origin["digest_key"] = json!(key);
        }
        Some(origin.to_string())
    }
}

/// What the audit trail says of sets.
#[derive(Default)]
pub(super) struct Trail {
    made: HashMap<i64, Made>,
    by_run: HashMap<i64, i64>,
    removed: HashSet<i64>,
}

const EVENTS: &str = "SELECT id, at, tenant_id, action, object, details FROM audit_events
                      WHERE action IN ('backup_set.add', 'backup_set.import', 'backup_set.delete',
                                       'retention.purge')";

impl Trail {
    /// Reads it. An event that cannot be read says nothing: whether the trail is whole is for
    /// `audit verify`.
    pub(super) fn read(conn: &Connection) -> Result<Self> {
        let read = failed("read the audit events");
        let mut trail = Self::default();
        let mut query = conn.prepare(EVENTS).map_err(&read)?;
        let mut rows = query.raw_query();
        while let Some(row) = rows.next().map_err(&read)? {
            // No value of such a row is known to be what was written.
            let _ = trail.take(row);
        }
        Ok(trail)
    }

    fn take(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let (action, object): (String, String) = (row.get(3)?, row.get(4)?);
        let details = serde_json::from_str(&row.get::<_, String>(5)?);
        let details: Details = details.unwrap_or_default();
        let set = object
            .strip_prefix("backup set ")
            .and_then(|id| id.parse().ok());
        match (action.as_str(), set) {
            (PURGE, _) => self.removed.extend(details.backup_sets.unwrap_or_default()),
            (DELETE, Some(set)) => {
                self.removed.insert(set);
            }
            (ADD | IMPORT, Some(set)) => {
                if let Some(run) = details.run {
                    self.by_run.insert(run, set);
                }
                let made = Made {
                    event: row.get(0)?,
                    at: row.get(1)?,
                    tenant: row.get(2)?,
                    imported: action == IMPORT,
                    details,
                };
                self.made.insert(set, made);
            }
            _ => {}
        }
        Ok(())
    }

    /// The event of a set.
    pub(super) fn of(&self, set: BackupSetId) -> Option<&Made> {
        self.made.get(&set.0)
    }

    /// Which set the run of a row left, where that is another one.
    pub(super) fn set_of_run(&self, run: Option<i64>) -> Option<i64> {
        self.by_run.get(&run?).copied()
    }

    /// The sets that were made and not removed and are not among those that are there; each with
    /// the id of its event.
    pub(super) fn lost(&self, there: &HashSet<BackupSetId>) -> Vec<(BackupSetId, i64)> {
        let gone = |id: &i64| !self.removed.contains(id) && !there.contains(&BackupSetId(*id));
        let lost = self.made.iter().filter(|(id, _)| gone(id));
        let mut lost: Vec<_> = lost
            .map(|(id, made)| (BackupSetId(*id), made.event))
            .collect();
        lost.sort_unstable();
        lost
    }
}
