//! Whether a database is sound: what SQLite sees, what the schema says, and what we promise beside
//! that. What backup sets say is for [`super::backup_sets::verify`].

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::backup_sets::purge;
use super::{SCHEMA, Store, audit, contents, failed};
use crate::audit::Problem;
use crate::error::{Error, Kind, Result};

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub level: Level,
    /// What there is to say.
    pub message: String,
    /// What to type next.
    pub hint: Option<String>,
}

/// How good or bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Something to know.
    Warn,
    /// Damage.
    Fail,
}

impl Level {
    /// The word in tables and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

const RESTORE: &str = "keep the file as it is, and go back to a copy of it; tenantpilot backups \
                       verify says which backup sets are intact";

/// How many problems of a kind are told.
const TOLD: usize = 10;

impl Finding {
    /// Says that all is well, or tells the problems.
    fn of(check: &'static str, fine: String, problems: &[String], hint: &str) -> Self {
        if problems.is_empty() {
            return Self {
                check,
                level: Level::Ok,
                message: fine,
                hint: None,
            };
        }
        let mut message = problems
            .iter()
            .take(TOLD)
            .cloned()
            .collect::<Vec<_>>()
            .join("; ");
        if problems.len() > TOLD {
            message.push_str(&format!("; and {} more", problems.len() - TOLD));
        }
        Self {
            check,
            level: Level::Fail,
            message,
            hint: Some(hint.to_owned()),
        }
    }
}

/// Looks at one thing.
type Look = fn(&Connection) -> Result<Finding>;

/// Looks at everything.
pub fn check(store: &Store) -> Result<Vec<Finding>> {
    let conn = store.read();
    let checks: [(&'static str, Look); 5] = [
        ("integrity", integrity),
        ("foreign_keys", foreign_keys),
        ("schema", schema),
        ("audit", trail),
        ("orphans", orphans),
    ];
    checks
        .into_iter()
        .map(|(check, look)| match look(conn) {
            // Where it cannot even be read, that is what was found.
            Err(error) if error.kind() == Kind::Integrity => {
                Ok(Finding::of(check, String::new(), &[told(&error)], RESTORE))
            }
            found => found,
        })
        .collect()
}

fn told(error: &Error) -> String {
    error.message().to_owned()
}

const INTEGRITY: &str = "SELECT integrity_check FROM pragma_integrity_check";

/// Pages, cells, and that every index has exactly the entries that it should have.
fn integrity(conn: &Connection) -> Result<Finding> {
    let mut problems = texts(conn, INTEGRITY)?;
    problems.retain(|text| text != "ok");
    let fine = "every page, row and index entry is in its place".to_owned();
    Ok(Finding::of("integrity", fine, &problems, RESTORE))
}

const FOREIGN_KEYS: &str = "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' refers to a row \
                            of ' || parent || ' that is not there' FROM pragma_foreign_key_check";

/// That no row refers to one that is not there.
pub(super) fn foreign_keys(conn: &Connection) -> Result<Finding> {
    let problems = texts(conn, FOREIGN_KEYS)?;
    let fine = "every reference leads somewhere".to_owned();
    Ok(Finding::of("foreign_keys", fine, &problems, RESTORE))
}

const OBJECTS: &str = "SELECT type || ' ' || name, sql FROM sqlite_schema
                       WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'";

/// That tables, indexes and triggers are those of this program, to the byte.
fn schema(conn: &Connection) -> Result<Finding> {
    let expected = Connection::open_in_memory()
        .and_then(|expected| {
            expected.execute_batch(SCHEMA)?;
            objects(&expected)
        })
        .map_err(failed("make the schema"))?;
    let found = objects(conn).map_err(failed("read the schema"))?;
    let mut problems = Vec::new();
    for (name, sql) in &expected {
        match found.get(name) {
            None => problems.push(format!("{name} is missing")),
            Some(other) if other != sql => problems.push(format!("{name} is another")),
            Some(_) => {}
        }
    }
    let strange = found.keys().filter(|name| !expected.contains_key(*name));
    problems.extend(strange.map(|name| format!("{name} is not ours")));
    let fine = format!(
        "all {} tables, indexes and triggers are there",
        expected.len()
    );
    Ok(Finding::of("schema", fine, &problems, RESTORE))
}

fn objects(conn: &Connection) -> rusqlite::Result<BTreeMap<String, Option<String>>> {
    conn.prepare(OBJECTS)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn trail(conn: &Connection) -> Result<Finding> {
    let verdict = audit::verify_chain(conn)?;
    let problem = |problem: &Problem| match problem {
        Problem::Changed { id } => format!("event {id} is not what was recorded"),
        Problem::Missing { first, last } => format!("events {first} to {last} are missing"),
    };
    let problems: Vec<String> = verdict.problems.iter().map(problem).collect();
    let fine = format!("{} events, the chain is whole", verdict.events);
    let hint = "compare it with a copy of the database: tenantpilot --db COPY audit list";
    Ok(Finding::of("audit", fine, &problems, hint))
}

/// Contents that no backup set needs: room, no damage.
fn orphans(conn: &Connection) -> Result<Finding> {
    let (mut count, mut unknown) = (0, Vec::new());
    for tenant in contents::tenants(conn)? {
        match purge::orphans(conn, tenant)? {
            Some(rows) => count += rows.len(),
            None => unknown.push(format!(
                "a backup set of tenant {} cannot be read, so nothing of the tenant is reclaimed",
                tenant.0
            )),
        }
    }
    let mut finding = Finding::of(
        "orphans",
        "every content belongs to a backup set".to_owned(),
        &unknown,
        "tenantpilot backups verify",
    );
    if count > 0 && unknown.is_empty() {
        finding.level = Level::Warn;
        finding.message = format!("{count} contents belong to no backup set; they only take room");
        finding.hint = Some("tenantpilot retention".to_owned());
    }
    Ok(finding)
}

fn texts(conn: &Connection, sql: &str) -> Result<Vec<String>> {
    conn.prepare(sql)
        .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
        .map_err(failed("check the database"))
}
