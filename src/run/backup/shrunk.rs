//! Whether a backup set lost most of what the one before held: somebody may have emptied a tenant,
//! or taken a permission away in a way that nothing else shows.
//!
//! A policy type counts that is complete in both sets and held at least [`FEWEST`] policies, more
//! than half of which are gone. New ones do not make up for them.

use super::changes::Baselines;
use crate::backup_set::Shrunk;
use crate::run::summary::Summary;

/// Of fewer policies than this, any number may go without a warning.
const FEWEST: u64 = 5;

/// The policy types that lost most of their policies; none if no type did.
pub(super) fn shrunk(summary: &Summary, baselines: &Baselines) -> Option<Shrunk> {
    let mut shrunk = Shrunk::new();
    for (key, changes) in &summary.type_breakdown {
        let before = baselines.before(key).len() as u64;
        if lost_most(before, changes.removed) {
            let left = before.saturating_sub(changes.removed);
            shrunk.insert(key.clone(), [before, left]);
        }
    }
    (!shrunk.is_empty()).then_some(shrunk)
}

fn lost_most(before: u64, removed: u64) -> bool {
    before >= FEWEST && removed > before / 2
}

/// The warning of a run whose set lost most of its policies.
pub(super) fn warning(shrunk: &Shrunk) -> String {
    let lost = shrunk
        .iter()
        .map(|(key, [before, left])| format!("{} of {before} {key}", before.saturating_sub(*left)));
    format!(
        "most policies are gone since the backup set before: {}",
        lost.collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::lost_most;

    #[test]
    fn over_half_of_at_least_five_is_most() {
        assert!(lost_most(5, 3) && lost_most(10, 6) && lost_most(7, 7));
        assert!(!lost_most(5, 2) && !lost_most(10, 5) && !lost_most(4, 4) && !lost_most(0, 0));
    }
}
