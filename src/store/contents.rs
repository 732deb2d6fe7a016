//! Contents: the byte strings that backup sets are made of, by the SHA-256 of what they say.
//!
//! Owns the table `contents` and the format of its rows. Knows nothing of policies or sets.
//!
//! # Format
//!
//! A content is stored once per tenant, as a sealed zstd frame (`contents/frame.rs`). Where it is a
//! new version of something stored before, that earlier version's bytes are the frame's dictionary:
//! `base_id` names it, `depth` is one more than the base's. A chain of bases is at most 64 long;
//! then, and wherever a base does not help clearly, the frame stands alone. So a policy in which
//! one value changed costs some hundred bytes, and reading it costs one small decompression per
//! version since the last frame that stands alone.
//!
//! Measured with `examples/storage.rs`, 365 daily sets of 1,000 policies (8.2 MB a state as
//! indented JSON) of which 1 % change each day: the whole file has 4.2 MB, with its runs and audit
//! events, where `git gc --aggressive` needs 2.1 MB. Storing an unchanged policy costs a look-up
//! and a read. Pages of 8 KiB save 2 % of the file, pages of 16 KiB cost 2 %: SQLite's own 4 KiB
//! stay.
//!
//! What a base is, is the writer's choice alone: a reader follows `base_id` wherever it leads. A
//! later program may choose better bases and repack old rows, under the same addresses.
//!
//! # Invariants
//!
//! - What [`Reader::read`] gives has the SHA-256 that was asked for. A damaged base makes each
//!   content that builds on it fail this check, so damage travels but never unnoticed.
//! - [`put`] leaves a content that can be read back. Where the address is there already, it proves
//!   that by reading; where the proof fails, it mends the row from the bytes in hand, and with it
//!   whatever builds on it. A damaged base is never built upon.
//! - A row is made once and never changed, mending apart: the schema refuses (trigger
//!   `contents_do_not_change`).

mod frame;
pub mod order;
pub mod shelf;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::backup_set::ContentHash;
use crate::error::{Error, Kind, Result};
use crate::tenant::TenantId;

use super::failed;

/// How many bases a content may have below it. With 32, the file of a year of daily sets is 6 %
/// larger, and the newest set reads no faster.
const MAX_DEPTH: i64 = 64;

/// How many bases a reader follows before it takes the chain for a circle. More than
/// [`MAX_DEPTH`], so that a later program may choose longer chains.
const LONGEST_CHAIN: usize = 1024;

/// How many bytes of decoded contents a reader keeps for the next one that builds on them.
const CACHE_BYTES: usize = 32 << 20;

/// What [`put`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// The address.
    pub hash: ContentHash,
    /// Whether the content was not there before.
    pub added: bool,
    /// Whether it was there, could not be read any more, and has been stored again.
    pub mended: bool,
}

const INSERT: &str = "INSERT INTO contents (tenant_id, hash, base_id, depth, size_bytes, data)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const OPEN_FOR_MENDING: &str = "INSERT INTO purges (tenant_id) VALUES (?1)";
const MEND: &str = "UPDATE contents SET base_id = NULL, depth = 0, size_bytes = ?3, data = ?4
                    WHERE tenant_id = ?1 AND hash = ?2";
const CLOSE_AFTER_MENDING: &str = "DELETE FROM purges WHERE tenant_id = ?1";

/// Stores `bytes` for `tenant` unless they are there. `base` is the address of an earlier version,
/// or of anything like it; one that is missing or damaged does no harm.
///
/// Call it in an IMMEDIATE transaction, and only for a run whose row says `running` or where the same
/// transaction inserts the set that reaches it: that is what keeps a purge from taking a content that
/// was found to be there ([`super::backup_sets`]).
pub fn put(
    tx: &Transaction<'_>,
    tenant: TenantId,
    bytes: &[u8],
    base: Option<&ContentHash>,
) -> Result<Put> {
    let hash = ContentHash::of(bytes);
    let deed = format!("store content {hash}");
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    if bytes.len() > frame::MAX_BYTES {
        return Err(Error::new(
            Kind::BadResponse,
            format!("cannot {deed}: {size} bytes are more than the 64 MiB that a policy may have"),
        ));
    }
    let compress = |dictionary: &[u8]| {
        frame::encode(bytes, dictionary)
            .map_err(|reason| Error::internal(format!("cannot {deed}: {reason}")))
    };
    let reader = Reader::new(tx, tenant);
    if reader.exists(&hash)? {
        let mended = match reader.read(&hash) {
            Ok(_) => false,
            Err(error) if error.kind() == Kind::Integrity => {
                log::warn!("{error}; storing it again");
                mend(tx, tenant, &hash, size, &compress(&[])?).map_err(failed(&deed))?;
                true
            }
            Err(error) => return Err(error),
        };
        return Ok(Put {
            hash,
            added: false,
            mended,
        });
    }

    let mut data = compress(&[])?;
    let mut below = None;
    if let Some(base) = base.and_then(|base| reader.base(base)) {
        // A dictionary that happens to begin like a trained one is refused by zstd. Then, as where
        // it saves less than a quarter, the frame stands alone.
        if let Ok(delta) = frame::encode(bytes, &base.bytes)
            && delta.len() < data.len() / 4 * 3
        {
            data = delta;
            below = Some(base);
        }
    }
    let (base_id, depth) = below.map_or((None, 0), |base| (Some(base.id), base.depth + 1));
    tx.prepare_cached(INSERT)
        .and_then(|mut insert| {
            insert.execute(params![tenant.0, hash.0, base_id, depth, size, data])
        })
        .map_err(failed(&deed))?;
    Ok(Put {
        hash,
        added: true,
        mended: false,
    })
}

// One step of the index for each tenant, however many contents it has.
const TENANTS: &str = "
    WITH RECURSIVE found (id) AS (
        SELECT min(tenant_id) FROM contents
        UNION ALL
        SELECT (SELECT min(tenant_id) FROM contents WHERE tenant_id > found.id) FROM found
        WHERE found.id IS NOT NULL
    )
    SELECT id FROM found WHERE id IS NOT NULL";

/// The tenants that have contents.
pub fn tenants(conn: &Connection) -> Result<Vec<TenantId>> {
    conn.prepare_cached(TENANTS)
        .and_then(|mut query| {
            query
                .query_map([], |row| row.get(0).map(TenantId))?
                .collect()
        })
        .map_err(failed("read the contents"))
}

/// Replaces a row that can no longer be read. Its address, and so what it must say, stays.
fn mend(
    tx: &Transaction<'_>,
    tenant: TenantId,
    hash: &ContentHash,
    size: i64,
    data: &[u8],
) -> rusqlite::Result<()> {
    tx.execute(OPEN_FOR_MENDING, [tenant.0])?;
    tx.execute(MEND, params![tenant.0, hash.0, size, data])?;
    tx.execute(CLOSE_AFTER_MENDING, [tenant.0])?;
    Ok(())
}

const BY_HASH: &str = "SELECT id, hash, base_id, depth, size_bytes, data FROM contents
                       WHERE tenant_id = ?1 AND hash = ?2";
const BY_ID: &str = "SELECT id, hash, base_id, depth, size_bytes, data FROM contents
                     WHERE tenant_id = ?1 AND id = ?2";
// From the row itself: what an index holds, SQLite reads there.
const ADDRESS: &str = "SELECT tenant_id, hash FROM contents NOT INDEXED WHERE id = ?1";
const EXISTS: &str = "SELECT 1 FROM contents WHERE tenant_id = ?1 AND hash = ?2";

/// A row as it is stored, believed in nothing.
struct Stored {
    id: i64,
    hash: Vec<u8>,
    base_id: Option<i64>,
    depth: i64,
    size: i64,
    data: Vec<u8>,
}

impl Stored {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            hash: row.get(1)?,
            base_id: row.get(2)?,
            depth: row.get(3)?,
            size: row.get(4)?,
            data: row.get(5)?,
        })
    }

    fn decode(&self, base: &[u8]) -> Result<Arc<[u8]>, String> {
        let size = usize::try_from(self.size).map_err(|_| "its recorded length is negative")?;
        frame::decode(&self.data, base, size).map(Arc::from)
    }
}

/// A content to build upon.
struct Base {
    id: i64,
    depth: i64,
    bytes: Arc<[u8]>,
}

/// Decoded contents whose address was checked, by row; the oldest go first.
#[derive(Default)]
struct Cache {
    contents: HashMap<i64, (ContentHash, Arc<[u8]>)>,
    order: VecDeque<i64>,
    bytes: usize,
}

impl Cache {
    fn get(&self, id: i64) -> Option<&(ContentHash, Arc<[u8]>)> {
        self.contents.get(&id)
    }

    fn insert(&mut self, id: i64, hash: ContentHash, bytes: &Arc<[u8]>) {
        if self
            .contents
            .insert(id, (hash, Arc::clone(bytes)))
            .is_none()
        {
            self.order.push_back(id);
            self.bytes += bytes.len();
        }
        while self.bytes > CACHE_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some((_, gone)) = self.contents.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(gone.len());
            }
        }
    }
}

/// Reads the contents of one tenant, and keeps the last ones for those that build on them.
pub struct Reader<'c> {
    conn: &'c Connection,
    tenant: TenantId,
    cache: RefCell<Cache>,
    /// Rows in which, and below which, [`examine`](Self::examine) found nothing; their depths.
    examined: RefCell<HashMap<i64, i64>>,
}

impl<'c> Reader<'c> {
    pub(super) fn conn(&self) -> &'c Connection {
        self.conn
    }

    /// A reader of `tenant`'s contents.
    pub fn new(conn: &'c Connection, tenant: TenantId) -> Self {
        Self {
            conn,
            tenant,
            cache: RefCell::default(),
            examined: RefCell::default(),
        }
    }

    /// The tenant whose contents it reads.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The connection it reads through.
    pub(super) fn connection(&self) -> &'c Connection {
        self.conn
    }

    /// Whether there is a content of this address. Says nothing of its condition.
    pub fn exists(&self, hash: &ContentHash) -> Result<bool> {
        self.conn
            .prepare_cached(EXISTS)
            .and_then(|mut query| query.exists(params![self.tenant.0, hash.0]))
            .map_err(failed(&format!("look up content {hash}")))
    }

    /// The bytes of this address, checked. Missing or damaged: `Kind::Integrity`.
    pub fn read(&self, hash: &ContentHash) -> Result<Arc<[u8]>> {
        self.read_row(hash).map(|(_, bytes)| bytes)
    }

    /// As [`read`](Self::read), and fails as well where its row, or one below it, has changed in a
    /// way that does not show yet. Costs least where the base was examined just before.
    pub fn examine(&self, hash: &ContentHash) -> Result<Arc<[u8]>> {
        let (mut row, bytes) = self.read_row(hash)?;
        if !self.says(row.id, hash)? {
            let reason = format!("row {} and the index do not agree on its address", row.id);
            return Err(damaged(hash, &reason));
        }
        let mut passed = Vec::new();
        loop {
            let latent = |what: &str| {
                let reason = format!("{what} of row {} changed, though it still reads", row.id);
                damaged(hash, &reason)
            };
            if !frame::is_sealed(&row.data) {
                return Err(latent("the stored bytes"));
            }
            passed.push((row.id, row.depth));
            let Some(id) = row.base_id else {
                if row.depth == 0 {
                    break;
                }
                return Err(latent("the depth"));
            };
            let known = self.examined.borrow().get(&id).copied();
            if known.is_some_and(|depth| depth < row.depth) {
                break;
            }
            row = match self.row(hash, BY_ID, &id)? {
                Some(base) if base.depth < row.depth => base,
                _ => return Err(latent("the depth or base")),
            };
            if !self.is_addressed(&row) {
                return Err(damaged(hash, &format!("row {id} has another address")));
            }
        }
        self.examined.borrow_mut().extend(passed);
        Ok(bytes)
    }

    /// Whether a row, which was found by an index, has this address itself.
    fn says(&self, id: i64, hash: &ContentHash) -> Result<bool> {
        self.conn
            .prepare_cached(ADDRESS)
            .and_then(|mut query| {
                query.query_row([id], |row| {
                    let address: (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
                    Ok(address.0 == self.tenant.0 && address.1[..] == hash.0[..])
                })
            })
            .map_err(failed(&format!("read content {hash}")))
    }

    /// Whether a row has the address of what is in it. Costs nothing where it was read just before.
    fn is_addressed(&self, row: &Stored) -> bool {
        if self.cache.borrow().get(row.id).is_some() {
            return true;
        }
        let hash = <[u8; 32]>::try_from(row.hash.as_slice()).map(ContentHash);
        hash.is_ok_and(|hash| {
            self.read_row(&hash)
                .is_ok_and(|(found, _)| found.id == row.id)
        })
    }

    /// The content as something to build upon; none where it is missing, damaged or too deep.
    fn base(&self, hash: &ContentHash) -> Option<Base> {
        match self.read_row(hash) {
            Ok((row, bytes)) => (0..MAX_DEPTH).contains(&row.depth).then_some(Base {
                id: row.id,
                depth: row.depth,
                bytes,
            }),
            Err(error) => {
                log::warn!("not building on an earlier version: {error}");
                None
            }
        }
    }

    fn row(
        &self,
        of: &ContentHash,
        query: &str,
        key: &dyn rusqlite::ToSql,
    ) -> Result<Option<Stored>> {
        self.conn
            .prepare_cached(query)
            .and_then(|mut query| {
                query
                    .query_row(params![self.tenant.0, key], Stored::from_row)
                    .optional()
            })
            .map_err(failed(&format!("read content {of}")))
    }

    fn read_row(&self, hash: &ContentHash) -> Result<(Stored, Arc<[u8]>)> {
        let asked = self
            .row(hash, BY_HASH, &hash.0)?
            .ok_or_else(|| Error::new(Kind::Integrity, format!("content {hash} is missing")))?;
        let cached = self.cache.borrow().get(asked.id).cloned();
        if let Some((known, bytes)) = cached
            && known == *hash
        {
            return Ok((asked, bytes));
        }
        let (mut bases, mut bytes) = self.bases_of(hash, &asked)?;
        let mut suspect = String::new();
        while let Some(base) = bases.pop() {
            bytes = base.decode(&bytes).map_err(|reason| {
                damaged(hash, &format!("its base (row {}): {reason}", base.id))
            })?;
            let found = ContentHash::of(&bytes);
            if found.0[..] == base.hash[..] {
                self.cache.borrow_mut().insert(base.id, found, &bytes);
            } else {
                suspect = format!(", as does its base (row {})", base.id);
            }
        }
        bytes = asked
            .decode(&bytes)
            .map_err(|reason| damaged(hash, &(reason + &suspect)))?;
        if ContentHash::of(&bytes) != *hash {
            return Err(damaged(
                hash,
                &format!("its bytes have another SHA-256{suspect}"),
            ));
        }
        self.cache.borrow_mut().insert(asked.id, *hash, &bytes);
        Ok((asked, bytes))
    }

    /// What has to be decoded before `asked` can be: the rows below it, nearest first, and the
    /// bytes that the last of them builds on.
    fn bases_of(&self, hash: &ContentHash, asked: &Stored) -> Result<(Vec<Stored>, Arc<[u8]>)> {
        let mut rows: Vec<Stored> = Vec::new();
        let mut next = asked.base_id;
        while let Some(id) = next {
            if let Some((_, bytes)) = self.cache.borrow().get(id) {
                return Ok((rows, Arc::clone(bytes)));
            }
            if rows.len() == LONGEST_CHAIN {
                return Err(damaged(hash, "its bases go round in a circle"));
            }
            let row = self
                .row(hash, BY_ID, &id)?
                .ok_or_else(|| damaged(hash, &format!("its base (row {id}) is missing")))?;
            next = row.base_id;
            rows.push(row);
        }
        Ok((rows, Arc::from([])))
    }
}

fn damaged(hash: &ContentHash, reason: &str) -> Error {
    Error::new(
        Kind::Integrity,
        format!("content {hash} is damaged: {reason}"),
    )
}

#[cfg(any(test, fuzzing))]
pub(crate) use frame::probe as probe_frame;

#[cfg(test)]
mod tests;
