//! What the row of a set says that its contents do not, held against who else knows: the row of the
//! run that left it, and the audit event that was written with it ([`event`](super::super::event)).

use std::collections::HashSet;

use rusqlite::{Connection, Row};

use crate::backup_set::BackupSetId;
use crate::error::Result;
use crate::finding::{Finding, Level};
use crate::plural::counted;

use super::super::event::{Facts, Trail, instant};
use super::Damage;

/// The run of a set, as its own row has it.
struct Run {
    tenant: i64,
    schedule: i64,
    status: String,
    slot: Option<i64>,
}

/// A row of `backup_sets` with the row of its run.
pub(super) struct Testimony {
    set: BackupSetId,
    status: String,
    facts: Facts,
    run: Option<Run>,
}

impl Testimony {
    /// Reads it from a row whose columns are those of [`super::SETS`].
    pub(super) fn from_row(set: BackupSetId, row: &Row<'_>) -> rusqlite::Result<Self> {
        let run = match row.get::<_, Option<i64>>(11)? {
            None => None,
            Some(tenant) => Some(Run {
                tenant,
                schedule: row.get(12)?,
                status: row.get(13)?,
                slot: row.get(14)?,
            }),
        };
        let facts = Facts {
            tenant: row.get(1)?,
            root_hash: row.get(4)?,
            schedule: row.get(5)?,
            run: row.get(6)?,
            imported: row.get(7)?,
            time: row.get(8)?,
            created_at: row.get(9)?,
            shrunk: row.get(10)?,
        };
        Ok(Self {
            set,
            status: row.get(2)?,
            facts,
            run,
        })
    }

    /// What the run says otherwise.
    fn against_run(&self) -> Vec<String> {
        let row = &self.facts;
        let Some(id) = row.run else {
            let whole = row.imported.is_some();
            let reason = "its row names neither a run nor an import".to_owned();
            return (!whole).then_some(reason).into_iter().collect();
        };
        let Some(run) = &self.run else {
            return vec![format!("its row says run {id}, and there is no such run")];
        };
        let mut told = Vec::new();
        let mut hold = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                told.push(format!(
                    "its row says {what} {ours}, and its run {id} says {theirs}"
                ));
            }
        };
        hold("tenant", row.tenant.to_string(), run.tenant.to_string());
        let schedule = row.schedule.map_or_else(String::new, |id| id.to_string());
        hold("schedule", schedule, run.schedule.to_string());
        let status = match run.status.as_str() {
            "success" => "complete",
            other => other,
        };
        // A set appears in the transaction that ends its run, before or after the end is written.
        if run.status != "running" {
            hold("status", self.status.clone(), status.to_owned());
        }
        // Without a slot the time of a set is its creation.
        let time = run.slot.unwrap_or(row.created_at);
        hold("time", instant(row.time), instant(time));
        told
    }
}

/// What was found out about the rows of sets.
#[derive(Default)]
pub(super) struct Hearing {
    /// What is wrong with a set.
    pub damaged: Vec<Damage>,
    /// What else there is to say.
    pub findings: Vec<Finding>,
}

/// Hears the witnesses of these rows. Where the rows are `all` there are, a set of which nothing is
/// left but its event counts as well.
pub(super) fn hear(conn: &Connection, rows: &[Testimony], all: bool) -> Result<Hearing> {
    let trail = Trail::read(conn)?;
    let mut hearing = Hearing::default();
    let (mut without, mut timeless) = (0, 0);
    for row in rows {
        let mut reasons = row.against_run();
        match (trail.of(row.set), trail.set_of_run(row.facts.run)) {
            (_, Some(other)) if other != row.set.0 => reasons.push(format!(
                "its row says run {}, of which the audit trail says that it left backup set {other}",
                row.facts.run.unwrap_or_default()
            )),
            (Some(made), _) => {
                let of_event = made.contradictions(&row.facts);
                // What the run says already is not said twice.
                if reasons.is_empty() {
                    reasons = of_event;
                }
                timeless += usize::from(!made.says_time());
            }
            (None, _) => without += 1,
        }
        let damage = |reason| Damage::of_set(row.set, reason);
        hearing.damaged.extend(reasons.into_iter().map(damage));
    }
    if all {
        let there: HashSet<BackupSetId> = rows.iter().map(|row| row.set).collect();
        hearing
            .damaged
            .extend(trail.lost(&there).into_iter().map(|(set, event)| {
            Damage::of_set(
                set,
                format!(
                    "it is gone: audit event {event} says that it was stored, and none that it was \
                     removed"
                ),
            )
        }));
    }
    hearing.findings.extend(told(without, timeless));
    Ok(hearing)
}

/// Says of how many sets nobody knows what their rows should say.
fn told(without: usize, timeless: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    if without > 0 {
        findings.push(Finding {
            check: "audit_events".to_owned(),
            level: Level::Warn,
            message: format!(
                "the audit trail has no event of {}: nothing proves what is told of time and origin",
                counted(without, "backup set", "backup sets")
            ),
            hint: Some("tenantpilot audit verify".to_owned()),
        });
    }
    if timeless > 0 {
        findings.push(Finding {
            check: "audit_events".to_owned(),
            level: Level::Ok,
            message: format!(
                "{timeless} imported backup sets are of an earlier tenantpilot, which did not record \
                 their time twice: nothing proves it"
            ),
            hint: None,
        });
    }
    findings
}
