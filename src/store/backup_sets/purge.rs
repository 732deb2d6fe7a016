//! Removes expired sets, and the contents that no remaining set reaches.
//!
//! In two steps, see the protocol at the head of [`super`]: [`mark`] reads, [`purge`] writes.
//!
//! ```text
//! loop { mark = mark(conn, tenant, wanted)
//!        loop { in an IMMEDIATE transaction: purge(tx, &mark)     sets, and a portion of contents
//!               wait; mark = mark.after(&purged) } }              until nothing is left of it
//! ```
//!
//! until it is not [`Outcome::Stale`]. Marks made inside the same transaction are never stale.
//!
//! The first transaction removes all sets that go; contents go in portions, so that whoever wants to
//! write meanwhile (a dispatch that claims slots) waits for one portion and not for all. Each portion
//! looks again whether the sets are those that were marked and no run is going on. Contents go in the
//! order against that in which they were stored, so what builds on one goes before it does; and one
//! on which something was built meanwhile stays. So a crash between two portions leaves contents that
//! no set reaches, which the next purge removes, and never a set or a content of which something is
//! missing.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, Transaction};

use crate::backup_set::{BackupSetId, ContentHash};
use crate::error::{Error, Kind, Result};
use crate::lock::Owner;
use crate::tenant::TenantId;

use super::super::contents::Reader;
use super::super::failed;

/// What a tenant's sets reach, and which of them go.
#[derive(Debug)]
pub struct Mark {
    tenant: TenantId,
    wanted: BTreeSet<BackupSetId>,
    sets: Sets,
    contents: Contents,
    portion: usize,
}

/// How many contents go in one transaction: some 30 ms.
const PORTION: usize = 1000;

/// The sets of a tenant, by what a purge does to them.
#[derive(Debug, PartialEq, Eq)]
struct Sets {
    going: Vec<BackupSetId>,
    staying: Vec<(BackupSetId, ContentHash)>,
}

#[derive(Debug)]
enum Contents {
    /// These rows go, the newest first; each with how many bytes it holds.
    Going(Vec<(i64, u64)>),
    /// A remaining set cannot be read, so nobody can say.
    Unknown(Error),
}

/// What became of a purge.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The tenant's sets have changed since they were marked: nothing was done, mark again.
    Stale,
    /// Done.
    Purged(Purged),
}

/// What was removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// The sets that went.
    pub sets: Vec<BackupSetId>,
    /// How many contents went.
    pub contents: u64,
    /// How many bytes of the file they held; the file keeps them for what comes next.
    pub bytes: u64,
    /// Why contents were not reclaimed, where they were not; a later purge will.
    pub waiting: Option<Waiting>,
}

/// Why nobody can say yet which contents may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A run of the tenant is going on; it may reach what no set does.
    Run,
    /// A set that stays cannot be read: what it reaches is not known until that is mended.
    Unread(Error),
}

impl Waiting {
    /// The reason in words.
    pub fn why(&self) -> &str {
        match self {
            Self::Run => "a run of the tenant is going on",
            Self::Unread(error) => error.message(),
        }
    }
}

impl Mark {
    /// The sets that a purge with this mark removes.
    pub fn going(&self) -> &[BackupSetId] {
        &self.sets.going
    }

    /// What is left to do after a purge with it; nothing where all is done, or has to wait.
    pub fn after(mut self, purged: &Purged) -> Option<Self> {
        self.wanted.clear();
        self.sets.going.clear();
        match &mut self.contents {
            Contents::Going(rows) if purged.waiting.is_none() && rows.len() > self.portion => {
                rows.drain(..self.portion);
                Some(self)
            }
            _ => None,
        }
    }

    #[cfg(test)]
    pub(super) fn in_portions_of(mut self, contents: usize) -> Self {
        self.portion = contents;
        self
    }
}

const SETS: &str = "SELECT id, root_hash, expired_at IS NOT NULL AND pin_reason IS NULL
                    FROM backup_sets WHERE tenant_id = ?1 ORDER BY id";

/// Finds which of the `wanted` sets may go, because they are expired and not pinned, and what all
/// the others reach. Reading many sets takes its time: call it outside of a transaction that
/// writes.
pub fn mark(conn: &Connection, tenant: TenantId, wanted: &BTreeSet<BackupSetId>) -> Result<Mark> {
    let view = super::view(conn)?;
    let sets = sets(conn, tenant, wanted)?;
    let contents = match reach(&Reader::new(conn, tenant), &sets) {
        Ok(reached) => {
            Contents::Going(unreached(conn, tenant, &reached).map_err(failed("read the contents"))?)
        }
        Err(error) if error.kind() == Kind::Integrity => Contents::Unknown(error),
        Err(error) => return Err(error),
    };
    drop(view);
    Ok(Mark {
        tenant,
        wanted: wanted.clone(),
        sets,
        contents,
        portion: PORTION,
    })
}

fn sets(conn: &Connection, tenant: TenantId, wanted: &BTreeSet<BackupSetId>) -> Result<Sets> {
    let read = failed("read the backup sets");
    let mut sets = Sets {
        going: Vec::new(),
        staying: Vec::new(),
    };
    let mut query = conn.prepare_cached(SETS).map_err(&read)?;
    let mut rows = query.query([tenant.0]).map_err(&read)?;
    while let Some(row) = rows.next().map_err(&read)? {
        let id = BackupSetId(row.get(0).map_err(&read)?);
        if row.get(2).map_err(&read)? && wanted.contains(&id) {
            sets.going.push(id);
        } else {
            sets.staying
                .push((id, ContentHash(row.get(1).map_err(&read)?)));
        }
    }
    Ok(sets)
}

/// Every content that the remaining sets name. Bases are not among them.
fn reach(reader: &Reader<'_>, sets: &Sets) -> Result<HashSet<ContentHash>> {
    let mut reached = HashSet::new();
    for (set, root_hash) in &sets.staying {
        if !reached.insert(*root_hash) {
            continue;
        }
        let named = |error: Error| error.during(format!("backup set {set}"));
        let manifest = super::read_manifest(reader, root_hash).map_err(named)?;
        reached.extend(manifest.references());
        for entry in manifest.types() {
            if entry.list.is_some_and(|list| reached.insert(list))
                && let Some(list) = super::list(reader, entry).map_err(named)?
            {
                reached.extend(list.entries().iter().map(|policy| policy.hash));
            }
        }
    }
    Ok(reached)
}

// Said twice, so that SQLite knows the index of the tenant's open runs to hold them all.
const RUNNING: &str = "
    SELECT owner FROM runs
    WHERE tenant_id = ?1 AND status IN ('queued', 'running') AND status = 'running'";
const OPEN: &str = "INSERT INTO purges (tenant_id) VALUES (?1)";
const REMOVE_SET: &str = "DELETE FROM backup_sets WHERE id = ?1 AND tenant_id = ?2";
const CLOSE: &str = "DELETE FROM purges WHERE tenant_id = ?1";

/// Removes what `mark` found to go, of contents a portion, in the caller's IMMEDIATE transaction.
/// `lives` says whether the process of a run does.
pub fn purge(
    tx: &Transaction<'_>,
    mark: &Mark,
    lives: impl Fn(&Owner) -> Result<bool>,
) -> Result<Outcome> {
    if sets(tx, mark.tenant, &mark.wanted)? != mark.sets {
        return Ok(Outcome::Stale);
    }
    let tenant = mark.tenant;
    let removed = failed("purge the backup sets");
    tx.execute(OPEN, [tenant.0]).map_err(&removed)?;
    for set in &mark.sets.going {
        tx.execute(REMOVE_SET, [set.0, tenant.0])
            .map_err(&removed)?;
    }
    let mut purged = Purged {
        sets: mark.sets.going.clone(),
        ..Purged::default()
    };
    let running = is_any_running(tx, tenant, lives)?;
    match &mark.contents {
        Contents::Unknown(error) => purged.waiting = Some(Waiting::Unread(error.clone())),
        Contents::Going(_) if running => purged.waiting = Some(Waiting::Run),
        Contents::Going(rows) => {
            let portion = rows.iter().take(mark.portion);
            (purged.contents, purged.bytes) = reclaim(tx, tenant, portion).map_err(&removed)?;
        }
    }
    tx.execute(CLOSE, [tenant.0]).map_err(&removed)?;
    Ok(Outcome::Purged(purged))
}

/// Whether a run of the tenant is going on. One whose process is gone adds nothing any more, whether or
/// not somebody has closed it yet; where nobody can say, it goes on.
fn is_any_running(
    tx: &Transaction<'_>,
    tenant: TenantId,
    lives: impl Fn(&Owner) -> Result<bool>,
) -> Result<bool> {
    let read = failed("read the open runs");
    let mut query = tx.prepare_cached(RUNNING).map_err(&read)?;
    let mut rows = query.query([tenant.0]).map_err(&read)?;
    while let Some(row) = rows.next().map_err(&read)? {
        let alive = lives(&Owner(row.get(0).map_err(&read)?)).unwrap_or_else(|error| {
            log::warn!("whether the process of a run lives is not known: {error}");
            true
        });
        if alive {
            return Ok(true);
        }
    }
    Ok(false)
}

const CONTENTS: &str = "SELECT id, hash, base_id, length(data) FROM contents WHERE tenant_id = ?1";
// What a run that failed meanwhile built upon stays: the next purge takes both.
const REMOVE_CONTENT: &str = "DELETE FROM contents WHERE id = ?1 AND tenant_id = ?2
                              AND NOT EXISTS (SELECT 1 FROM contents WHERE base_id = ?1)";

/// Removes these contents of the tenant. Gives how many, and how many bytes they held.
fn reclaim<'r>(
    tx: &Transaction<'_>,
    tenant: TenantId,
    going: impl Iterator<Item = &'r (i64, u64)>,
) -> rusqlite::Result<(u64, u64)> {
    let mut remove = tx.prepare_cached(REMOVE_CONTENT)?;
    let (mut contents, mut bytes) = (0, 0);
    for (id, length) in going {
        if remove.execute([*id, tenant.0])? == 1 {
            contents += 1;
            bytes += length;
        }
    }
    Ok((contents, bytes))
}

/// What is neither reached nor a base of what is: each row with its length, the newest first. A
/// base is older than what builds on it.
fn unreached(
    conn: &Connection,
    tenant: TenantId,
    reached: &HashSet<ContentHash>,
) -> rusqlite::Result<Vec<(i64, u64)>> {
    let mut going: HashMap<i64, (Option<i64>, i64)> = HashMap::new();
    let mut staying: Vec<i64> = Vec::new();
    let mut query = conn.prepare_cached(CONTENTS)?;
    let mut rows = query.query([tenant.0])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        going.insert(id, (row.get(2)?, row.get(3)?));
        if reached.contains(&ContentHash(row.get(1)?)) {
            staying.push(id);
        }
    }
    while let Some(id) = staying.pop() {
        if let Some((base, _)) = going.remove(&id) {
            staying.extend(base);
        }
    }
    let rows = going.into_iter();
    let mut rows: Vec<(i64, u64)> = rows
        .map(|(id, (_, length))| (id, length.unsigned_abs()))
        .collect();
    rows.sort_unstable_by(|one, other| other.cmp(one));
    Ok(rows)
}

/// The rows of contents that no set of the tenant needs, oldest first: what failed runs left. None
/// where a set cannot be read, so that nobody can say.
pub fn orphans(conn: &Connection, tenant: TenantId) -> Result<Option<Vec<i64>>> {
    let Contents::Going(rows) = mark(conn, tenant, &BTreeSet::new())?.contents else {
        return Ok(None);
    };
    Ok(Some(rows.into_iter().rev().map(|(id, _)| id).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn a_running_run_is_looked_for_among_the_open_ones_alone() {
        let plan = "SEARCH runs USING INDEX runs_open_tenant (tenant_id=?)";
        Fixture::new().assert_plan(RUNNING, plan);
    }
}
