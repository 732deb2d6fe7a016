//! The order in which contents are decoded with the least work: each base before what builds on it,
//! and what builds on it right after.
//!
//! Reads no content and judges nothing. A row whose base is missing, or whose bases go round in a
//! circle, has its place all the same: reading it tells what is wrong.

use std::collections::{HashMap, HashSet};

use rusqlite::Row;

use crate::backup_set::ContentHash;
use crate::error::Result;

use super::super::failed;
use super::Reader;

const ROWS: &str = "SELECT id, hash, base_id FROM contents WHERE tenant_id = ?1 ORDER BY id";

/// Where a row of `contents` says that it belongs.
pub struct Place {
    /// Its id.
    pub id: i64,
    /// Its address; none where that is no SHA-256.
    pub hash: Option<ContentHash>,
    /// The row that it builds on.
    pub base_id: Option<i64>,
}

impl Place {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            hash: row.get(1).ok().map(ContentHash),
            base_id: row.get(2)?,
        })
    }
}

impl Reader<'_> {
    /// All rows of the tenant, each base before what builds on it.
    pub fn in_base_order(&self) -> Result<Vec<Place>> {
        let rows: Vec<Place> = self
            .conn
            .prepare_cached(ROWS)
            .and_then(|mut query| query.query_map([self.tenant.0], Place::from_row)?.collect())
            .map_err(failed("read the contents"))?;
        Ok(ordered(rows))
    }
}

fn ordered(rows: Vec<Place>) -> Vec<Place> {
    let mut waiting: HashMap<i64, Vec<Place>> = HashMap::new();
    let known: HashSet<i64> = rows.iter().map(|row| row.id).collect();
    let mut next = Vec::new();
    let mut order = Vec::with_capacity(rows.len());
    for row in rows.into_iter().rev() {
        match row.base_id.filter(|base| known.contains(base)) {
            Some(base) => waiting.entry(base).or_default().push(row),
            None => next.push(row),
        }
    }
    while let Some(row) = next.pop() {
        next.extend(waiting.remove(&row.id).into_iter().flatten());
        order.push(row);
    }
    let mut circles: Vec<Place> = waiting.into_values().flatten().collect();
    circles.sort_unstable_by_key(|row| row.id);
    order.extend(circles);
    order
}

/// Those of the `rows` that are neither `reached` nor below one that is.
pub fn unreached<'r>(rows: &'r [Place], reached: &HashSet<ContentHash>) -> Vec<&'r Place> {
    let mut left: HashMap<i64, &Place> = rows.iter().map(|row| (row.id, row)).collect();
    let is_reached = |row: &&Place| row.hash.is_some_and(|hash| reached.contains(&hash));
    let mut staying: Vec<i64> = rows.iter().filter(is_reached).map(|row| row.id).collect();
    while let Some(id) = staying.pop() {
        if let Some(row) = left.remove(&id) {
            staying.extend(row.base_id);
        }
    }
    rows.iter()
        .filter(|row| left.contains_key(&row.id))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_of(rows: &[(i64, Option<i64>)]) -> Vec<i64> {
        let rows = rows.iter().map(|(id, base_id)| Place {
            id: *id,
            hash: None,
            base_id: *base_id,
        });
        ordered(rows.collect()).iter().map(|row| row.id).collect()
    }

    #[test]
    fn each_base_comes_before_what_builds_on_it_and_that_right_after() {
        let rows = [
            (1, None),
            (2, None),
            (3, Some(1)),
            (4, Some(2)),
            (5, Some(3)),
            (6, Some(1)),
            (7, Some(9)),
            (9, None),
        ];
        assert_eq!(order_of(&rows), [1, 3, 5, 6, 2, 4, 9, 7]);
    }

    #[test]
    fn what_has_no_beginning_comes_last_and_is_not_lost() {
        let rows = [
            (1, Some(2)),
            (2, Some(1)),
            (3, Some(3)),
            (4, Some(77)),
            (5, None),
        ];
        assert_eq!(order_of(&rows), [4, 5, 1, 2, 3]);
    }
}
