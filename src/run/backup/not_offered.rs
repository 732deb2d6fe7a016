//! A type that is not offered any more: whether that can be believed. Pure.

use super::changes::Baselines;
use super::collect::Collected;
use crate::plural::counted;
use crate::policy::Outcome;

/// A type that is not offered now and held policies before is incomplete: Graph gives the same
/// answer where a licence or a service is missing for an hour.
pub(super) fn doubt(collected: &mut Collected, baselines: &Baselines) {
    for reading in &mut collected.readings {
        let key = reading.policy_type.key;
        let Some((set, policies @ 1..)) = baselines.held(key) else {
            continue;
        };
        if reading.outcome != Outcome::NotOffered {
            continue;
        }
        let held = counted(policies, "policy", "policies");
        let why =
            format!("Graph answers as if it were not offered; backup set {set} held {held} of it");
        reading.outcome = Outcome::Incomplete;
        reading.warnings.extend(reading.reason.replace(why));
        collected.withdrawn.insert(key);
    }
}
