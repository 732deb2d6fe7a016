//! The documents of policies that are on both sides: read and compared, several at once.
//!
//! ```text
//! this thread ── rows of both documents, a portion of pairs at a time ──► decode, parse, compare
//!                                                                         (all threads)
//! ```
//!
//! Reading is this thread's alone, as the connections are. All else takes most of the time and is
//! done by as many threads as there are processors, this one among them once everything is read.
//! What comes of it does not depend on how many there are: it is put back in the order of pairs.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Side;
use super::side::Held;
use crate::backup_set::ListEntry;
use crate::error::Result;
use crate::policy::diff::{self as policy_diff, Changes, View};
use crate::store::contents::shelf::{Decoded, Shelf};

/// How many pairs are handed over at a time.
const PORTION: usize = 24;

/// More threads than this gain nothing: one reads for them all.
const MOST_THREADS: usize = 8;

/// A policy as it is on either side.
pub(super) struct Pair {
    /// Key of its type.
    pub key: String,
    /// On the one side,
    pub old: ListEntry,
    /// on the other.
    pub new: ListEntry,
}

impl Pair {
    /// What changed from one document to the other.
    pub fn changes(&self, before: &[u8], after: &[u8], view: &View<'_>) -> Changes {
        let (old, new) = (&self.old, &self.new);
        let row = policy_diff::row_of(&self.key);
        policy_diff::diff(row, before, after, view).unwrap_or_else(|flaw| {
            log::warn!("{} {} ({}): {flaw}", self.key, new.name, new.id);
            Changes::of_bytes(before, after, (&old.name, &new.name))
        })
    }
}

/// Some pairs, each with its place, and the rows of their documents.
struct Portion<'a> {
    pairs: Vec<(usize, &'a Pair)>,
    shelf: Shelf,
}

/// What changed in a pair; nothing where a document could not be decoded.
type Told = (usize, Option<Changes>);

/// What changed in each of the pairs, in their order.
///
/// # Errors
/// A document is missing or damaged: the policy is named.
pub(super) fn compare(
    from: &Side<'_>,
    to: &Side<'_>,
    pairs: &[Pair],
    view: &View<'_>,
) -> Result<Vec<Changes>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let helpers = (threads.min(MOST_THREADS) - 1).min(pairs.len() / PORTION);
    let held = (from.held(), to.held());
    let (give, take) = mpsc::channel();
    let take = Mutex::new(take);
    let mut told = thread::scope(|scope| -> Result<Vec<Told>> {
        let work = || compare_all(&take, held, view);
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let running: Vec<_> = (0..helpers).filter_map(start).collect();
        let read = || -> Result<()> {
            let numbered: Vec<(usize, &Pair)> = pairs.iter().enumerate().collect();
            for pairs in numbered.chunks(PORTION) {
                let mut shelf = Shelf::default();
                for (_, pair) in pairs {
                    from.fetch(&mut shelf, &pair.old)?;
                    to.fetch(&mut shelf, &pair.new)?;
                }
                let pairs = pairs.to_vec();
                // The other end is held by this function.
                let _ = give.send(Portion { pairs, shelf });
            }
            Ok(())
        };
        let read = read();
        drop(give);
        let mut told = read.map(|()| work())?;
        for helper in running {
            told.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        Ok(told)
    })?;
    told.sort_unstable_by_key(|(place, _)| *place);
    let told = pairs.iter().zip(told);
    told.map(|(pair, (_, changes))| match changes {
        Some(changes) => Ok(changes),
        // Reading it once more says what is wrong with it, and of which set.
        None => {
            let before = from.document(&pair.key, &pair.old)?;
            let after = to.document(&pair.key, &pair.new)?;
            Ok(pair.changes(&before, &after, view))
        }
    })
    .collect()
}

/// Compares portions until no more come.
fn compare_all(
    portions: &Mutex<Receiver<Portion<'_>>>,
    held: (Held<'_>, Held<'_>),
    view: &View<'_>,
) -> Vec<Told> {
    let mut told = Vec::new();
    let mut decoded = Decoded::default();
    loop {
        let portion = portions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(Portion { pairs, shelf }) = portion else {
            return told;
        };
        for (place, pair) in pairs {
            decoded.clear();
            let before = held.0.document(&shelf, &pair.old.hash, &mut decoded);
            let after = held.1.document(&shelf, &pair.new.hash, &mut decoded);
            let changes = before
                .zip(after)
                .map(|(before, after)| pair.changes(&before, &after, view));
            told.push((place, changes));
        }
    }
}
