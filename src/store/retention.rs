//! The defaults of retention: one row.

use std::time::Duration;

use rusqlite::{Connection, Transaction, params};

use super::failed;
use crate::error::{Error, Result};
use crate::retention::rules::Rules;

const DEFAULTS: &str = "
    SELECT keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly, keep_within_s
    FROM retention_defaults";

/// What holds where a schedule does not say otherwise.
pub fn defaults(conn: &Connection) -> Result<Rules> {
    conn.query_row(DEFAULTS, [], |row| {
        Ok(Rules {
            last: row.get(0)?,
            daily: row.get(1)?,
            weekly: row.get(2)?,
            monthly: row.get(3)?,
            yearly: row.get(4)?,
            within: Duration::from_secs(row.get::<_, i64>(5)?.unsigned_abs()),
        })
    })
    .map_err(failed("read the retention defaults"))
}

const SET_DEFAULTS: &str = "
    UPDATE retention_defaults
    SET keep_last = ?1, keep_daily = ?2, keep_weekly = ?3, keep_monthly = ?4, keep_yearly = ?5,
        keep_within_s = ?6";

/// Changes what holds where a schedule does not say otherwise.
pub fn set_defaults(tx: &Transaction<'_>, rules: &Rules) -> Result<()> {
    let within = i64::try_from(rules.within.as_secs())
        .map_err(|_| Error::usage("a duration is too long"))?;
    tx.execute(
        SET_DEFAULTS,
        params![
            rules.last,
            rules.daily,
            rules.weekly,
            rules.monthly,
            rules.yearly,
            within
        ],
    )
    .map(drop)
    .map_err(failed("change the retention defaults"))
}
