//! Audit events: append, read, check the chain.
//!
//! An event is appended in the transaction of what it tells about. That transaction is IMMEDIATE,
//! so nobody else appends between reading the end of the chain and extending it.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::failed;
use crate::audit::{BEGINNING, Event, Hash, Recorded, Verdict, verify};
use crate::error::Result;
use crate::tenant::TenantId;

const GIVEN_OUT: &str =
    "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit_events'";

const HEAD: &str = "SELECT hash FROM audit_events ORDER BY id DESC LIMIT 1";

const APPEND: &str = "
    INSERT INTO audit_events (id, at, actor, action, tenant_id, object, outcome, details, hash)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const OLDEST_FIRST: &str = "
    SELECT id, at, actor, action, tenant_id, object, outcome, details, hash
    FROM audit_events ORDER BY id";

// Two statements rather than one, so that the events of a tenant have an index to go by.
macro_rules! newest_first {
    ($which:literal) => {
        concat!(
            "SELECT id, at, actor, action, tenant_id, object, outcome, details, hash,
                    (SELECT name FROM tenants WHERE tenants.id = tenant_id)
             FROM audit_events ",
            $which,
            " ORDER BY id DESC LIMIT ?2"
        )
    };
}

const NEWEST: &str = newest_first!("WHERE ?1 IS NULL");
const NEWEST_OF_TENANT: &str = newest_first!("WHERE tenant_id = ?1");

/// Appends `event`; returns its id.
pub fn append(tx: &Transaction<'_>, event: &Event<'_>) -> Result<i64> {
    let failed = failed("record the audit event");
    let id = given_out(tx)?.saturating_add(1);
    let head: Option<Hash> = tx
        .query_row(HEAD, [], |row| row.get(0))
        .optional()
        .map_err(&failed)?;
    let recorded = Recorded::new(&head.unwrap_or(BEGINNING), id, event);
    tx.prepare_cached(APPEND)
        .and_then(|mut append| {
            append.execute(params![
                recorded.id,
                recorded.at,
                recorded.actor,
                recorded.action,
                recorded.tenant.map(|tenant| tenant.0),
                recorded.object,
                recorded.outcome,
                recorded.details,
                recorded.hash,
            ])
        })
        .map_err(failed)?;
    Ok(id)
}

/// The newest events, newest first, of one tenant or of all, each with its tenant's name.
pub fn newest(
    conn: &Connection,
    tenant: Option<TenantId>,
    limit: u32,
) -> Result<Vec<(Recorded, Option<String>)>> {
    let sql = match tenant {
        None => NEWEST,
        Some(_) => NEWEST_OF_TENANT,
    };
    let read = || {
        conn.prepare_cached(sql)?
            .query_map(params![tenant.map(|tenant| tenant.0), limit], |row| {
                Ok((recorded(row)?, row.get(9)?))
            })?
            .collect::<rusqlite::Result<_>>()
    };
    read().map_err(failed("read the audit events"))
}

const NEWEST_TIME: &str = "SELECT max(at) FROM audit_events";

/// The latest time that any event has, which the newest need not have.
pub fn newest_time(conn: &Connection) -> Result<Option<DateTime<Utc>>> {
    let seconds: Option<i64> = conn
        .query_row(NEWEST_TIME, [], |row| row.get(0))
        .map_err(failed("read the audit events"))?;
    Ok(seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)))
}

/// Walks along the whole chain.
pub fn verify_chain(conn: &Connection) -> Result<Verdict> {
    let failed = failed("read the audit events");
    let given_out = given_out(conn)?;
    let mut events = conn.prepare(OLDEST_FIRST).map_err(&failed)?;
    let events = events.query_map([], recorded).map_err(&failed)?;
    verify(events, given_out).map_err(failed)
}

/// The highest id that was ever given out.
fn given_out(conn: &Connection) -> Result<i64> {
    conn.query_row(GIVEN_OUT, [], |row| row.get(0))
        .map_err(failed("read the audit events"))
}

fn recorded(row: &Row<'_>) -> rusqlite::Result<Recorded> {
    Ok(Recorded {
        id: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        tenant: row.get::<_, Option<i64>>(4)?.map(TenantId),
        object: row.get(5)?,
        outcome: row.get(6)?,
        details: row.get(7)?,
        hash: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::audit::{Outcome, Problem};
    use crate::store::Store;

    #[test]
    fn the_events_of_a_tenant_are_read_by_their_index() {
        let fixture = crate::store::fixture::Fixture::new();
        let reads = fixture.reads(NEWEST_OF_TENANT);
        let plan = "SEARCH audit_events USING INDEX audit_events_tenant (tenant_id=?)";
        assert_eq!(reads[0], plan, "{reads:?}");
    }

    fn store_with_events(folder: &tempfile::TempDir) -> Store {
        let store = Store::open_or_create(&folder.path().join("test.db")).unwrap();
        for id in 1..=4 {
            let event = Event {
                at: DateTime::from_timestamp(id, 0).unwrap(),
                actor: "anna",
                action: "tenant.add",
                tenant: None,
                object: format!("tenant {id}"),
                outcome: Outcome::Ok,
                details: json!({}),
            };
            assert_eq!(store.write(|tx| append(tx, &event)).unwrap(), id);
        }
        store
    }

    fn problems_after(tampering: &str) -> Vec<Problem> {
        let folder = tempfile::tempdir().unwrap();
        let store = store_with_events(&folder);
        let triggers =
            "DROP TRIGGER audit_events_do_not_change; DROP TRIGGER audit_events_do_not_go;";
        store.read().execute_batch(triggers).unwrap();
        store.read().execute_batch(tampering).unwrap();
        verify_chain(store.read()).unwrap().problems
    }

    #[test]
    fn tampering_with_the_file_shows() {
        assert_eq!(problems_after(""), []);
        assert_eq!(
            problems_after("UPDATE audit_events SET actor = 'eve' WHERE id = 2"),
            [Problem::Changed { id: 2 }]
        );
        assert_eq!(
            problems_after("DELETE FROM audit_events WHERE id >= 3"),
            [Problem::Missing { first: 3, last: 4 }]
        );
        assert_eq!(
            problems_after("DELETE FROM audit_events"),
            [Problem::Missing { first: 1, last: 4 }]
        );
    }

    #[test]
    fn a_cut_tail_still_shows_after_new_events() {
        let folder = tempfile::tempdir().unwrap();
        let store = store_with_events(&folder);
        store
            .read()
            .execute_batch(
                "DROP TRIGGER audit_events_do_not_go; DELETE FROM audit_events WHERE id = 4",
            )
            .unwrap();
        let event = Event {
            at: DateTime::from_timestamp(9, 0).unwrap(),
            actor: "anna",
            action: "tenant.add",
            tenant: None,
            object: "tenant 9".into(),
            outcome: Outcome::Ok,
            details: json!({}),
        };
        store.write(|tx| append(tx, &event)).unwrap();
        let verdict = verify_chain(store.read()).unwrap();
        assert_eq!(verdict.problems, [Problem::Missing { first: 4, last: 4 }]);
        let newest = newest(store.read(), None, 2).unwrap();
        assert_eq!(
            newest.iter().map(|(event, _)| event.id).collect::<Vec<_>>(),
            [5, 3]
        );
    }

    #[test]
    fn the_schema_itself_refuses_to_change_the_trail() {
        let folder = tempfile::tempdir().unwrap();
        let store = store_with_events(&folder);
        for tampering in [
            "UPDATE audit_events SET actor = 'eve'",
            "DELETE FROM audit_events",
        ] {
            assert!(store.read().execute_batch(tampering).is_err());
        }
    }
}
