//! Room that the file no longer needs, and how it is given back.
//!
//! What a purge removes leaves free pages in the file. They are used again by what comes next; and
//! with `auto_vacuum = INCREMENTAL` they can be given back to the disk a few at a time, each time in
//! a transaction of its own that is over in milliseconds, so that nobody waits long. A file that was
//! made without it must be rewritten once as a whole, which keeps writers out meanwhile.

use rusqlite::Connection;

use super::failed;
use crate::error::Result;

/// The value of `PRAGMA auto_vacuum` that lets a file shrink step by step.
pub(super) const INCREMENTAL: i64 = 2;

/// Rewrites the whole file, without free pages and able to give room back. Writers wait meanwhile.
pub fn rewrite(conn: &Connection) -> Result<()> {
    conn.pragma_update(None, "auto_vacuum", INCREMENTAL)
        .and_then(|()| conn.execute_batch("VACUUM"))
        .and_then(|()| checkpoint(conn))
        .map_err(failed("rewrite the database"))
}

/// Moves what is in the log into the file, as far as readers allow, and waits for none.
fn checkpoint(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
