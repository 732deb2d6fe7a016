//! Rows and notifications.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, Transaction, params};

use super::{failed, runs};
use crate::error::Result;
use crate::notification::{Notification, message};
use crate::run::{RunId, Trigger};
use crate::tenant::TenantId;

const LEAVE: &str = "
    INSERT INTO notifications (at, user, tenant_id, run_id, message) VALUES (?1, ?2, ?3, ?4, ?5)";

/// Leaves word of a run that has just ended, in the same transaction, for the user who asked for it;
/// nothing where a slot started it.
pub fn leave(tx: &Transaction<'_>, run: RunId, at: DateTime<Utc>) -> Result<()> {
    let run = runs::get(tx, run)?;
    if run.trigger == Trigger::Schedule {
        return Ok(());
    }
    tx.prepare_cached(LEAVE)
        .and_then(|mut leave| {
            leave.execute(params![
                at.timestamp(),
                run.actor,
                run.tenant_id.0,
                run.id.0,
                message(&run),
            ])
        })
        .map(drop)
        .map_err(failed("leave a notification"))
}

// Two statements, so that the unread ones have an index of their own to go by.
const ALL: &str = "
    SELECT id, at, user, tenant_id, run_id, message, read_at FROM notifications
    WHERE user = ?1 ORDER BY id DESC";
const UNREAD: &str = "
    SELECT id, at, user, tenant_id, run_id, message, read_at FROM notifications
    WHERE user = ?1 AND read_at IS NULL ORDER BY id DESC";

/// The notifications of `user`, the newest first; all, or those that are unread.
pub fn list(conn: &Connection, user: &str, all: bool) -> Result<Vec<Notification>> {
    conn.prepare_cached(if all { ALL } else { UNREAD })
        .and_then(|mut query| query.query_map([user], notification)?.collect())
        .map_err(failed("read the notifications"))
}

fn notification(row: &Row<'_>) -> rusqlite::Result<Notification> {
    let time = |index, seconds: i64| {
        DateTime::from_timestamp(seconds, 0)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(index, seconds))
    };
    Ok(Notification {
        id: row.get(0)?,
        at: time(1, row.get(1)?)?,
        user: row.get(2)?,
        tenant_id: TenantId(row.get(3)?),
        run_id: RunId(row.get(4)?),
        message: row.get(5)?,
        read_at: row
            .get::<_, Option<i64>>(6)?
            .map(|seconds| time(6, seconds))
            .transpose()?,
    })
}

const MARK: &str = "UPDATE notifications SET read_at = ?2 WHERE id = ?1 AND read_at IS NULL";

/// Marks a notification as read; whether it was not yet.
pub fn mark_read(tx: &Transaction<'_>, id: i64, at: DateTime<Utc>) -> Result<bool> {
    tx.prepare_cached(MARK)
        .and_then(|mut mark| mark.execute(params![id, at.timestamp()]))
        .map(|changed| changed == 1)
        .map_err(failed("mark a notification as read"))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn the_unread_ones_are_read_by_their_index() {
        let fixture = Fixture::new();
        let by = |index| format!("SEARCH notifications USING INDEX {index} (user=?)");
        fixture.assert_plan(UNREAD, &by("notifications_unread"));
        fixture.assert_plan(ALL, &by("notifications_user"));
    }

    #[test]
    fn the_schema_refuses_word_of_a_run_that_goes_on_or_that_nobody_asked_for() {
        let fixture = Fixture::new();
        let run = fixture.begin_run(fixture.tenant, fixture.schedule);
        let leave = format!(
            "INSERT INTO notifications (at, user, tenant_id, run_id, message)
             VALUES (0, 'anna', 1, {run}, 'm')"
        );
        assert!(fixture.conn.execute_batch(&leave).is_err(), "it goes on");
        fixture.finish_run(run);
        fixture.sql(&leave);
        assert!(fixture.conn.execute_batch(&leave).is_err(), "one is enough");
        let change = "UPDATE notifications SET message = 'other'";
        assert!(fixture.conn.execute_batch(change).is_err());
        fixture.sql("UPDATE notifications SET read_at = 7");
        let read = list(&fixture.conn, "anna", true).unwrap();
        assert_eq!(read[0].read_at, DateTime::from_timestamp(7, 0));
        fixture.sql(
            "INSERT INTO runs (tenant_id, schedule_id, trigger, actor, scheduled_for, created_at,
                               finished_at, status, error_code)
             VALUES (1, 1, 'schedule', 'anna', 60, 0, 0, 'failed', 'INTERNAL')",
        );
        let scheduled = leave.replace(&format!(", {run}, "), &format!(", {}, ", run + 1));
        assert!(fixture.conn.execute_batch(&scheduled).is_err());
    }
}
