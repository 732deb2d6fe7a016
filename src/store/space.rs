//! Room that the file no longer needs, and how it is given back.
//!
//! What a purge removes leaves free pages in the file. They are used again by what comes next; and
//! with `auto_vacuum = INCREMENTAL` they can be given back to the disk a few at a time, each time in
//! a transaction of its own that is over in milliseconds, so that nobody waits long. A file that was
//! made without it must be rewritten once as a whole, which keeps writers out meanwhile.
//!
//! The file itself gets shorter when the log is moved into it: by whoever closes it last, or by a
//! writer that finds the log long.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, fallible_streaming_iterator::FallibleStreamingIterator as _};

use super::{Store, about, failed};
use crate::error::Result;

/// The value of `PRAGMA auto_vacuum` that lets a file shrink step by step.
pub(super) const INCREMENTAL: i64 = 2;

/// How many pages a step gives back, at 4 KiB half a megabyte.
const STEP: &str = "PRAGMA incremental_vacuum(128)";

/// How the file is made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// How many bytes a page has.
    pub size: u64,
    /// How many pages there are.
    pub all: u64,
    /// How many of them are free.
    pub free: u64,
    /// Whether free ones can be given back step by step.
    pub can_shrink: bool,
}

impl Pages {
    /// Whether so much is free that what comes next will not need it soon: an eighth of the file.
    pub fn are_many_free(self) -> bool {
        self.free > self.all / 8
    }
}

/// How the file is made up.
pub fn pages(conn: &Connection) -> Result<Pages> {
    let pragma = |name: &str| {
        conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(failed("read how the file is made up"))
    };
    Ok(Pages {
        size: pragma("page_size")?.unsigned_abs(),
        all: pragma("page_count")?.unsigned_abs(),
        free: pragma("freelist_count")?.unsigned_abs(),
        can_shrink: pragma("auto_vacuum")? == INCREMENTAL,
    })
}

const FIRST_SET: &str = "SELECT min(created_at) FROM backup_sets";

/// Contents come in the order of the sets that brought them, and a manifest after all of its set.
const ADDED: &str = "
    SELECT (SELECT coalesce(sum(length(data)), 0) FROM contents
            WHERE id > (SELECT coalesce(max(c.id), 0) FROM backup_sets AS b
                        JOIN contents AS c ON c.tenant_id = b.tenant_id AND c.hash = b.root_hash
                        WHERE b.created_at < ?1))
         + (SELECT coalesce(sum(200 + coalesce(length(summary), 0)), 0) FROM runs
            WHERE created_at >= ?1)
         + (SELECT coalesce(sum(200 + length(details)), 0) FROM audit_events WHERE at >= ?1)";

/// When the oldest backup set that is there was made.
pub fn first_set(conn: &Connection) -> Result<Option<DateTime<Utc>>> {
    let seconds: Option<i64> = conn
        .query_row(FIRST_SET, [], |row| row.get(0))
        .map_err(failed("look for the oldest backup set"))?;
    Ok(seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)))
}

/// About how many bytes what came since then takes: contents, runs, audit events. What was purged
/// since is not among them.
pub fn added_since(conn: &Connection, since: DateTime<Utc>) -> Result<u64> {
    conn.query_row(ADDED, [since.timestamp()], |row| row.get::<_, i64>(0))
        .map(i64::unsigned_abs)
        .map_err(failed("add up what came"))
}

/// Gives some free pages back, in a transaction of its own; how many bytes, 0 where none are free
/// or the file cannot shrink.
pub fn give_back_some(store: &Store) -> Result<u64> {
    let before = pages(store.read())?;
    if before.free == 0 || !before.can_shrink {
        return Ok(0);
    }
    store
        .read()
        .prepare(STEP)
        // Each row is a page: the statement has to be walked to its end.
        .and_then(|mut step| step.raw_query().count())
        .map_err(|error| about(failed("give room back")(error), store.path()))?;
    let given = before.all.saturating_sub(pages(store.read())?.all);
    Ok(given * before.size)
}

/// Rewrites the whole file, without free pages and able to give room back. Writers wait meanwhile.
pub fn rewrite(store: &Store) -> Result<()> {
    rewrite_file(store.read()).map_err(|error| about(error, store.path()))
}

/// The same on a connection.
pub(super) fn rewrite_file(conn: &Connection) -> Result<()> {
    conn.pragma_update(None, "auto_vacuum", INCREMENTAL)
        .and_then(|()| conn.execute_batch("VACUUM"))
        .and_then(|()| checkpoint(conn))
        .map_err(failed("rewrite the database"))
}

/// Moves what is in the log into the file, as far as readers allow, and waits for none.
fn checkpoint(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_pages_are_given_back_step_by_step_and_the_file_shrinks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tp.db");
        let store = Store::open_or_create(&path).unwrap();
        store
            .read()
            .execute_batch(
                "CREATE TABLE filler (x BLOB);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                 INSERT INTO filler SELECT randomblob(4000) FROM n;
                 DELETE FROM filler WHERE rowid % 4 > 0;",
            )
            .unwrap();
        let before = pages(store.read()).unwrap();
        assert!(before.are_many_free() && before.can_shrink, "{before:?}");
        let mut steps = 0;
        while give_back_some(&store).unwrap() > 0 {
            steps += 1;
        }
        let after = pages(store.read()).unwrap();
        assert!(steps > 1 && after.free == 0, "{steps} steps: {after:?}");
        assert!(after.all < before.all / 2, "{after:?} of {before:?}");
        let kept = "SELECT count(*) FROM filler WHERE length(x) = 4000";
        let kept: i64 = store.read().query_row(kept, [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 125);
        drop(store);
        let size = std::fs::metadata(&path).unwrap().len();
        assert_eq!(size, after.all * after.size);
    }

    #[test]
    fn a_file_that_cannot_shrink_can_after_it_was_rewritten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(&folder.path().join("tp.db")).unwrap();
        store
            .read()
            .execute_batch("PRAGMA auto_vacuum = NONE; VACUUM; CREATE TABLE t (x); DROP TABLE t")
            .unwrap();
        assert!(!pages(store.read()).unwrap().can_shrink);
        assert_eq!(give_back_some(&store).unwrap(), 0);
        rewrite(&store).unwrap();
        let after = pages(store.read()).unwrap();
        assert!(after.can_shrink && after.free == 0, "{after:?}");
    }
}
