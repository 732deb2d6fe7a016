//! How it is known what a run read of each policy type, and that a type that contradicts itself is
//! not called complete. Pure.

use super::collect::Collected;
use crate::backup_set::Proof;
use crate::policy::Outcome;
use crate::run::read::Reading;

/// How it is known what was read of a type.
pub(super) fn proof(collected: &Collected, reading: &Reading) -> Proof {
    let key = reading.policy_type.key;
    let of_policies: usize = collected
        .of(key)
        .iter()
        .map(|entry| entry.warnings.len())
        .sum();
    Proof {
        request: reading.policy_type.asked(),
        status: reading.status,
        last_page: reading.last_page,
        read: reading.read,
        deleted: reading.deleted,
        left_out: reading.left_out,
        extra_reads: reading.extra.reads,
        nested_links: reading.extra.nested_links,
        declared: reading.extra.declared,
        counted: reading.extra.counted,
        secrets_not_captured: collected.secrets_not_captured(key),
        warnings: (reading.warnings.len() + of_policies) as u64,
    }
}

/// A type whose numbers do not fit together is incomplete: somebody has to look, and nothing that
/// was read is lost for it.
pub(super) fn doubt(collected: &mut Collected) {
    let mut doubtful = Vec::new();
    for reading in &collected.readings {
        let policies = collected.of(reading.policy_type.key).len() as u64;
        let against = proof(collected, reading).contradiction(reading.listed, policies);
        doubtful.push(against.filter(|_| reading.outcome == Outcome::Complete));
    }
    for (reading, against) in collected.readings.iter_mut().zip(doubtful) {
        if let Some(against) = against {
            reading.outcome = Outcome::Incomplete;
            reading.reason = Some(format!("its numbers do not fit together: it is {against}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue;
    use crate::run::read::Extra;

    fn complete(change: fn(&mut Reading)) -> Collected {
        let mut reading = Reading {
            policy_type: catalogue::find("settingsCatalogPolicy").unwrap(),
            outcome: Outcome::Complete,
            reason: None,
            fault: None,
            permissions: Vec::new(),
            hint: None,
            pages: 1,
            listed: 0,
            read: 0,
            failed: 0,
            left_out: 0,
            deleted: 0,
            extra: Extra::default(),
            last_page: true,
            status: Some(200),
            warnings: Vec::new(),
        };
        change(&mut reading);
        Collected {
            readings: vec![reading],
            ..Collected::default()
        }
    }

    #[test]
    fn what_contradicts_itself_is_not_complete() {
        let judged = |change| {
            let mut collected = complete(change);
            doubt(&mut collected);
            let reading = collected.readings.remove(0);
            (reading.outcome, reading.reason.is_some())
        };
        assert_eq!(judged(|_| {}), (Outcome::Complete, false));
        let gone = |reading: &mut Reading| (reading.listed, reading.deleted) = (2, 2);
        assert_eq!(judged(gone), (Outcome::Complete, false));
        for wrong in [
            |reading: &mut Reading| reading.last_page = false,
            |reading: &mut Reading| reading.listed = 1,
            |reading: &mut Reading| (reading.listed, reading.read) = (1, 1),
            |reading: &mut Reading| reading.extra.declared = 26,
        ] {
            assert_eq!(judged(wrong), (Outcome::Incomplete, true));
        }
        let cut_off = |reading: &mut Reading| {
            (reading.outcome, reading.last_page) = (Outcome::Forbidden, false);
        };
        assert_eq!(judged(cut_off), (Outcome::Forbidden, false));
    }

    #[test]
    fn a_proof_names_what_was_asked_for() {
        let collected = complete(|_| {});
        let proof = proof(&collected, &collected.readings[0]);
        let request = &proof.request;
        assert!(
            request.starts_with("beta/deviceManagement/configurationPolicies"),
            "{request}"
        );
        for row in catalogue::all() {
            let asked = row.asked();
            assert!(asked.contains(row.path), "{asked}");
        }
    }
}
