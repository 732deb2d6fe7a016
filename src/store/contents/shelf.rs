//! Contents taken out of the database with all that they build on, to be decoded by any thread.
//!
//! A connection belongs to one thread and decoding to none: who has many contents to read fetches
//! their rows here and lets several threads decode them. What cannot be decoded is none of a
//! shelf's business; [`Reader::read`] says what is wrong with it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::backup_set::ContentHash;
use crate::error::{Kind, Result};
use crate::tenant::TenantId;

use super::{BY_HASH, BY_ID, LONGEST_CHAIN, Reader, Stored};

/// Rows of contents, still encoded.
#[derive(Default)]
pub struct Shelf {
    rows: HashMap<i64, Stored>,
    addresses: HashMap<(TenantId, ContentHash), i64>,
}

/// What was decoded so far, for what builds on it.
pub type Decoded = HashMap<i64, Arc<[u8]>>;

impl Shelf {
    /// Fetches the content of this address and what it builds on. One that is missing or damaged is
    /// left out.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn fetch(&mut self, reader: &Reader<'_>, hash: &ContentHash) -> Result<()> {
        let address = (reader.tenant, *hash);
        if self.addresses.contains_key(&address) {
            return Ok(());
        }
        let mut found = self.row(reader, hash, BY_HASH, &hash.0)?;
        if let Some(row) = &found {
            self.addresses.insert(address, row.id);
        }
        while let Some(row) = found.take() {
            let base = row.base_id.filter(|base| !self.rows.contains_key(base));
            self.rows.insert(row.id, row);
            if let Some(base) = base {
                found = self.row(reader, hash, BY_ID, &base)?;
            }
        }
        Ok(())
    }

    fn row(
        &self,
        reader: &Reader<'_>,
        of: &ContentHash,
        query: &str,
        key: &dyn rusqlite::ToSql,
    ) -> Result<Option<Stored>> {
        match reader.row(of, query, key) {
            Err(error) if error.kind() == Kind::Integrity => Ok(None),
            row => row,
        }
    }

    /// The bytes of this address, checked; nothing where they were not fetched or are damaged.
    pub fn decode(
        &self,
        tenant: TenantId,
        hash: &ContentHash,
        decoded: &mut Decoded,
    ) -> Option<Arc<[u8]>> {
        let mut next = Some(*self.addresses.get(&(tenant, *hash))?);
        let mut bytes = Arc::from([]);
        let mut chain = Vec::new();
        while let Some(id) = next {
            if let Some(known) = decoded.get(&id) {
                bytes = Arc::clone(known);
                break;
            }
            if chain.len() > LONGEST_CHAIN {
                return None;
            }
            let row = self.rows.get(&id)?;
            chain.push(row);
            next = row.base_id;
        }
        while let Some(row) = chain.pop() {
            bytes = row.decode(&bytes).ok()?;
            decoded.insert(row.id, Arc::clone(&bytes));
        }
        (ContentHash::of(&bytes) == *hash).then_some(bytes)
    }
}
