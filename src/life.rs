//! The life of one policy over the backup sets of its tenant: when it came, changed, went and came
//! back.
//!
//! Pure. That a policy went is concluded only from a set that read its type whole; a set that says
//! nothing is passed over, so a change lies somewhere between the set that shows it and the last
//! one before that said something.

use crate::backup_set::{ContentHash, ListEntry};
use crate::store::backup_sets::sightings::Sighting;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The first set that says something of it holds it already, or an earlier one did not.
    Added,
    /// Something in it is another, or only its name.
    Changed,
    /// It was there and is not any more.
    Removed,
    /// It was gone and is there again.
    Returned,
}

impl Turn {
    /// The word in tables and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Returned => "returned",
        }
    }
}

/// One turn in the life of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'s> {
    /// What happened.
    pub turn: Turn,
    /// The place of the set that shows it.
    pub at: usize,
    /// The place of the last set before it that said something of the policy.
    pub since: Option<usize>,
    /// The policy as it was held before, and
    pub before: Option<&'s ListEntry>,
    /// as it is held after; none where it went.
    pub after: Option<&'s ListEntry>,
}

/// The turns that these sightings show, oldest first. `same` says of two documents whether they mean
/// the same.
pub fn events<E>(
    sightings: &[Sighting],
    mut same: impl FnMut(&ContentHash, &ContentHash) -> Result<bool, E>,
) -> Result<Vec<Event<'_>>, E> {
    let mut events = Vec::new();
    let mut known: Option<&ListEntry> = None;
    let mut there = false;
    let mut since = None;
    for (at, sighting) in sightings.iter().enumerate() {
        let event = |turn, before, after| Event {
            turn,
            at,
            since,
            before,
            after,
        };
        match sighting {
            Sighting::Unread => continue,
            Sighting::Missing if there => {
                there = false;
                events.push(event(Turn::Removed, known, None));
            }
            Sighting::Missing => {}
            Sighting::Held(entry) => {
                match known {
                    None => events.push(event(Turn::Added, None, Some(entry))),
                    Some(before) if !there => {
                        events.push(event(Turn::Returned, Some(before), Some(entry)));
                    }
                    Some(before) if before.hash == entry.hash => {}
                    Some(before) if same(&before.hash, &entry.hash)? => {}
                    Some(before) => events.push(event(Turn::Changed, Some(before), Some(entry))),
                }
                known = Some(entry);
                there = true;
            }
        }
        since = Some(at);
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn held(version: u8) -> Sighting {
        Sighting::Held(ListEntry {
            id: "x".to_owned(),
            name: "a".to_owned(),
            platform: None,
            bytes: 1,
            hash: ContentHash([version; 32]),
            warnings: Vec::new(),
        })
    }

    fn told(sightings: &[Sighting]) -> Vec<(Turn, usize, Option<usize>)> {
        // Versions 8 and 9 mean the same.
        let same = |one: &ContentHash, other: &ContentHash| {
            Ok::<_, Infallible>(one.0[0] >= 8 && other.0[0] >= 8)
        };
        let events = events(sightings, same).unwrap();
        events
            .iter()
            .map(|event| (event.turn, event.at, event.since))
            .collect()
    }

    #[test]
    fn only_what_was_read_says_something() {
        use Sighting::{Missing, Unread};
        use Turn::{Added, Changed, Removed, Returned};
        assert_eq!(told(&[Unread, Missing]), []);
        assert_eq!(
            told(&[
                Unread,
                Missing,
                Unread,
                held(1),
                held(1),
                Unread,
                held(2),
                Unread,
                Unread,
                Missing,
                Missing,
                held(2),
                held(3),
                Unread,
            ]),
            [
                (Added, 3, Some(1)),
                (Changed, 6, Some(4)),
                (Removed, 9, Some(6)),
                (Returned, 11, Some(10)),
                (Changed, 12, Some(11)),
            ]
        );
        assert_eq!(told(&[held(8), held(9), held(8)]), [(Added, 0, None)]);
    }
}
