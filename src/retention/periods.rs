//! Which sets the rules keep, and why.
//!
//! Each rule is asked twice: about the complete sets alone, and about all of them, where it keeps
//! what is partial only if nothing complete stands for the same period. So a set that is added
//! never takes the place of one of a better kind.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{Datelike as _, NaiveDateTime, TimeDelta};

use super::rules::Rules;
use super::{Candidate, Terms};
use crate::backup_set::{BackupSetId, SetStatus};

/// A calendar period, by its name: `2026-11-22`, `2026-W47`, `2026-11`, `2026`.
type Period = fn(NaiveDateTime) -> String;

/// What the rules keep.
pub(super) struct Kept {
    reasons: HashMap<BackupSetId, Vec<String>>,
    /// The place of each set among all, and among the complete ones; from 1.
    places: HashMap<BackupSetId, (usize, usize)>,
}

impl Kept {
    /// Asks every rule about these sets, which are not hidden and come newest first.
    pub fn by(newest_first: &[&Candidate], terms: Terms<'_>) -> Self {
        let complete: Vec<&Candidate> = newest_first
            .iter()
            .filter(|set| is_complete(set))
            .copied()
            .collect();
        let mut kept = Self {
            reasons: HashMap::new(),
            places: places(newest_first),
        };
        let rules = terms.rules;
        kept.last(newest_first, rules.last.max(1));
        let periods: [(&str, u32, Period); 4] = [
            ("day", rules.daily, |at| at.date().to_string()),
            ("week", rules.weekly, |at| {
                let week = at.iso_week();
                format!("{}-W{:02}", week.year(), week.week())
            }),
            ("month", rules.monthly, |at| at.format("%Y-%m").to_string()),
            ("year", rules.yearly, |at| at.year().to_string()),
        ];
        for (name, count, period) in periods {
            let named = |set: &Candidate| period((terms.local)(set.time.min(terms.now)));
            kept.newest_of_each(name, count, &complete, newest_first, named);
        }
        kept.within(&complete, newest_first, terms);
        kept
    }

    /// By which rules a set stays; none if by none.
    pub fn reasons(&self, set: BackupSetId) -> Option<String> {
        self.reasons.get(&set).map(|reasons| reasons.join("; "))
    }

    /// Why no rule keeps a set.
    pub fn place(&self, set: &Candidate, rules: &Rules) -> String {
        let (among_all, among_complete) = self.places.get(&set.id).copied().unwrap_or_default();
        let stay = rules.last.max(1);
        let place = if is_complete(set) {
            format!("number {among_complete} of the complete, {stay} stay")
        } else {
            format!("number {among_all} and partial, {stay} stay")
        };
        if rules.is_last_alone() {
            place
        } else {
            format!("{place}; no other rule keeps it")
        }
    }

    fn keep(&mut self, set: &Candidate, reason: String) {
        self.reasons.entry(set.id).or_default().push(reason);
    }

    fn last(&mut self, newest_first: &[&Candidate], count: u32) {
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        for set in newest_first {
            let (among_all, among_complete) = self.places.get(&set.id).copied().unwrap_or_default();
            if is_complete(set) && among_complete <= most {
                let reason = format!("number {among_complete} of the last {count} complete");
                self.keep(set, reason);
            } else if among_all <= most {
                self.keep(set, format!("number {among_all} of the last {count}"));
            }
        }
    }

    fn newest_of_each(
        &mut self,
        name: &str,
        count: u32,
        complete: &[&Candidate],
        all: &[&Candidate],
        period: impl Fn(&Candidate) -> String,
    ) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count == 0 {
            return;
        }
        let with_complete: BTreeSet<String> = complete.iter().map(|set| period(set)).collect();
        let mut seen = HashSet::new();
        for set in complete {
            let period = period(set);
            if seen.insert(period.clone()) && seen.len() <= count {
                self.keep(set, format!("newest complete of the {name} {period}"));
            }
        }
        seen.clear();
        for set in all {
            let period = period(set);
            if seen.insert(period.clone())
                && seen.len() <= count
                && !with_complete.contains(&period)
            {
                self.keep(set, format!("newest of the {name} {period}"));
            }
        }
    }

    fn within(&mut self, complete: &[&Candidate], all: &[&Candidate], terms: Terms<'_>) {
        let within = terms.rules.within;
        if within.is_zero() {
            return;
        }
        let span = TimeDelta::from_std(within).unwrap_or(TimeDelta::MAX);
        let time = |set: &Candidate| set.time.min(terms.now);
        for (sets, kind) in [(complete, SetStatus::Complete), (all, SetStatus::Partial)] {
            let Some(newest) = sets.first().map(|set| time(set)) else {
                continue;
            };
            for set in sets.iter().filter(|set| set.status == kind) {
                if newest.signed_duration_since(time(set)) <= span {
                    let span = crate::duration::format(within);
                    self.keep(set, format!("within {span} of the newest"));
                }
            }
        }
    }
}

fn is_complete(set: &Candidate) -> bool {
    set.status == SetStatus::Complete
}

fn places(newest_first: &[&Candidate]) -> HashMap<BackupSetId, (usize, usize)> {
    let mut complete = 0;
    (1_usize..)
        .zip(newest_first)
        .map(|(place, set)| {
            complete += usize::from(is_complete(set));
            (set.id, (place, complete))
        })
        .collect()
}
