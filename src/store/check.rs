//! Whether a database is sound: what SQLite sees, what the schema says, and what we promise beside
//! that. What backup sets say is for [`super::backup_sets::verify`].

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::backup_sets::purge;
use super::{SCHEMA, Store, audit, contents, failed};
use crate::audit::Problem;
use crate::error::{Error, Kind, Result};
use crate::finding::{Finding, Level};
use crate::plural::counted;

const RESTORE: &str = "keep the file as it is, and go back to a copy of it; tenantpilot backups \
                       verify says which backup sets are intact";

/// Looks at one thing.
type Look = fn(&Connection) -> Result<Finding>;

/// Looks at everything.
pub fn check(store: &Store) -> Result<Vec<Finding>> {
    let checks: [(&str, Look); 5] = [
        ("integrity", integrity),
        ("foreign_keys", foreign_keys),
        ("schema", schema),
        ("audit", trail),
        ("orphans", orphans),
    ];
    carry_out(store, &checks)
}

/// Looks at what can be looked at without reading indexes against their tables, nor any backup set.
pub fn quick_check(store: &Store) -> Result<Vec<Finding>> {
    let checks: [(&str, Look); 4] = [
        ("integrity", quick_integrity),
        ("foreign_keys", foreign_keys),
        ("schema", schema),
        ("audit", trail),
    ];
    carry_out(store, &checks)
}

fn carry_out(store: &Store, checks: &[(&str, Look)]) -> Result<Vec<Finding>> {
    let look = |(check, look): &(&str, Look)| match look(store.read()) {
        // Where it cannot even be read, that is what was found.
        Err(error) if error.kind() == Kind::Integrity => Ok(Finding::of_problems(
            check,
            String::new(),
            &[told(&error)],
            RESTORE,
        )),
        found => found,
    };
    checks.iter().map(look).collect()
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
    Ok(Finding::of_problems("integrity", fine, &problems, RESTORE))
}

const QUICK_CHECK: &str = "SELECT quick_check FROM pragma_quick_check";

/// Pages and cells. Neither this nor the whole check notices most flipped bits.
fn quick_integrity(conn: &Connection) -> Result<Finding> {
    let mut problems = texts(conn, QUICK_CHECK)?;
    problems.retain(|text| text != "ok");
    let fine = "every page and row can be read; whether the backup sets are intact, only \
                tenantpilot backups verify says"
        .to_owned();
    Ok(Finding::of_problems("integrity", fine, &problems, RESTORE))
}

const FOREIGN_KEYS: &str = "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' refers to a row \
                            of ' || parent || ' that is not there' FROM pragma_foreign_key_check";

/// That no row refers to one that is not there.
pub(super) fn foreign_keys(conn: &Connection) -> Result<Finding> {
    let problems = texts(conn, FOREIGN_KEYS)?;
    let fine = "every reference leads somewhere".to_owned();
    Ok(Finding::of_problems(
        "foreign_keys",
        fine,
        &problems,
        RESTORE,
    ))
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
    Ok(Finding::of_problems("schema", fine, &problems, RESTORE))
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
    let fine = format!(
        "{}, the chain is whole",
        counted(verdict.events, "event", "events")
    );
    let hint = "compare it with a copy of the database: tenantpilot --db COPY audit list";
    Ok(Finding::of_problems("audit", fine, &problems, hint))
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
    let mut finding = Finding::of_problems(
        "orphans",
        "every content belongs to a backup set".to_owned(),
        &unknown,
        "tenantpilot backups verify",
    );
    if count > 0 && unknown.is_empty() {
        finding.level = Level::Warn;
        finding.message = format!(
            "{} room",
            counted(
                count,
                "content belongs to no backup set and only takes",
                "contents belong to no backup set and only take"
            )
        );
        finding.hint = Some("tenantpilot retention".to_owned());
    }
    Ok(finding)
}

fn texts(conn: &Connection, sql: &str) -> Result<Vec<String>> {
    conn.prepare(sql)
        .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
        .map_err(failed("check the database"))
}
