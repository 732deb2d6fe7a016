//! The audit trail: who did what to what, when, with what outcome, as a chain of hashes.
//!
//! Pure: this module knows neither the store nor the clock. An event's hash is SHA-256 over the
//! hash of the event before it (32 zero bytes before the first) and the event itself, encoded so
//! that no two events have the same bytes:
//!
//! ```text
//! "tenantpilot audit event 1\n"
//! previous hash                       32 bytes
//! id, at                              8 bytes each, signed, big-endian; at in seconds since 1970
//! actor, action, object, outcome      each: length in 8 bytes big-endian, then UTF-8
//! tenant                              0x00, or 0x01 and its id in 8 bytes
//! details                             as a text: the JSON exactly as stored
//! ```
//!
//! Ids count up by one without gaps and the store remembers the highest it ever gave out, so that
//! a missing event shows, also at the end. Whoever can write the file can forge a whole new chain:
//! against that only a copy of the newest hash kept elsewhere helps.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::tenant::TenantId;

/// An event's place in the chain.
pub type Hash = [u8; 32];

/// What the first event continues.
pub const BEGINNING: Hash = [0; 32];

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As intended.
    Ok,
    /// In part.
    Partial,
    /// Not at all.
    Failed,
    /// The actor's role does not allow it.
    Denied,
}

impl Outcome {
    /// The word in the store and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }
}

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: &'a str,
    /// What: a noun and a verb, e.g. `schedule.add`.
    pub action: &'a str,
    /// In which tenant, if in one.
    pub tenant: Option<TenantId>,
    /// To what: a noun and an id, e.g. `schedule 3`.
    pub object: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What else there is to know; no secrets.
    pub details: Value,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number, from 1.
    pub id: i64,
    /// When, in seconds since 1970.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// In which tenant, if in one.
    pub tenant: Option<TenantId>,
    /// To what.
    pub object: String,
    /// How it ended.
    pub outcome: String,
    /// What else there is to know: a JSON text.
    pub details: String,
    /// Its place in the chain.
    pub hash: Hash,
}

impl Recorded {
    /// `event` as number `id`, after the event with the hash `previous`.
    pub fn new(previous: &Hash, id: i64, event: &Event<'_>) -> Self {
        let mut recorded = Self {
            id,
            at: event.at.timestamp(),
            actor: event.actor.to_owned(),
            action: event.action.to_owned(),
            tenant: event.tenant,
            object: event.object.clone(),
            outcome: event.outcome.as_str().to_owned(),
            details: event.details.to_string(),
            hash: BEGINNING,
        };
        recorded.hash = recorded.hash_after(previous);
        recorded
    }

    /// The hash this event must have after the event with the hash `previous`.
    fn hash_after(&self, previous: &Hash) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(b"tenantpilot audit event 1\n");
        hasher.update(previous);
        hasher.update(self.id.to_be_bytes());
        hasher.update(self.at.to_be_bytes());
        for text in [&self.actor, &self.action, &self.object, &self.outcome] {
            add_text(&mut hasher, text);
        }
        match self.tenant {
            None => hasher.update([0]),
            Some(TenantId(id)) => {
                hasher.update([1]);
                hasher.update(id.to_be_bytes());
            }
        }
        add_text(&mut hasher, &self.details);
        hasher.finalize().into()
    }
}

fn add_text(hasher: &mut Sha256, text: &str) {
    hasher.update((text.len() as u64).to_be_bytes());
    hasher.update(text.as_bytes());
}

/// Something wrong with the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The event, or its place in the chain, is not what was recorded.
    Changed {
        /// Its id.
        id: i64,
    },
    /// Events that were recorded are gone.
    Missing {
        /// The first that is gone.
        first: i64,
        /// The last that is gone.
        last: i64,
    },
}

/// What a walk along the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many events there are.
    pub events: u64,
    /// The hash of the newest; worth keeping elsewhere.
    pub head: Hash,
    /// What is wrong, oldest first; nothing where the trail is whole.
    pub problems: Vec<Problem>,
}

/// Walks along the chain. `events` come oldest first; `given_out` is the highest id the store ever
/// gave out.
///
/// # Errors
/// Only those that reading the events has.
pub fn verify<E>(
    events: impl IntoIterator<Item = Result<Recorded, E>>,
    given_out: i64,
) -> Result<Verdict, E> {
    let mut verdict = Verdict {
        events: 0,
        head: BEGINNING,
        problems: Vec::new(),
    };
    let mut last = 0;
    for event in events {
        let event = event?;
        let whole = note_gap(&mut verdict.problems, last, event.id);
        // After a gap the event's own hash cannot be checked: what it continued is gone.
        if whole && event.hash != event.hash_after(&verdict.head) {
            verdict.problems.push(Problem::Changed { id: event.id });
        }
        // Going on from the stored hash, each change is reported once and where it is.
        verdict.head = event.hash;
        verdict.events += 1;
        last = event.id;
    }
    note_gap(&mut verdict.problems, last, given_out.saturating_add(1));
    Ok(verdict)
}

/// Notes what is missing between the events `last` and `next`; whether nothing is.
fn note_gap(problems: &mut Vec<Problem>, last: i64, next: i64) -> bool {
    let expected = last.saturating_add(1);
    if next > expected {
        problems.push(Problem::Missing {
            first: expected,
            last: next.saturating_sub(1),
        });
    }
    next <= expected
}

/// Lower-case hexadecimal.
pub fn hex(hash: &Hash) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let halves = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves
        .filter_map(|half| DIGITS.get(usize::from(half)))
        .collect()
}

/// What an edit changed: each field that differs, with its value before and after.
pub fn changes(before: &Value, after: &Value) -> Value {
    let mut changes = serde_json::Map::new();
    if let (Some(before), Some(after)) = (before.as_object(), after.as_object()) {
        for (field, value) in after {
            let old = before.get(field).unwrap_or(&Value::Null);
            if old != value {
                let change = serde_json::json!({ "before": old, "after": value });
                changes.insert(field.clone(), change);
            }
        }
    }
    Value::Object(changes)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use serde_json::json;

    use super::*;

    fn trail(length: i64) -> Vec<Recorded> {
        let mut previous = BEGINNING;
        (1..=length)
            .map(|id| {
                let event = Event {
                    at: DateTime::from_timestamp(1_790_000_000 + id, 0).unwrap(),
                    actor: "anna",
                    action: "schedule.add",
                    tenant: (id % 2 == 0).then_some(TenantId(7)),
                    object: format!("schedule {id}"),
                    outcome: Outcome::Ok,
                    details: json!({ "name": "nightly" }),
                };
                let recorded = Recorded::new(&previous, id, &event);
                previous = recorded.hash;
                recorded
            })
            .collect()
    }

    fn problems(trail: Vec<Recorded>, given_out: i64) -> Vec<Problem> {
        verify(trail.into_iter().map(Ok::<_, Infallible>), given_out)
            .unwrap()
            .problems
    }

    #[test]
    fn a_whole_trail_has_no_problem() {
        let trail = trail(5);
        let head = trail[4].hash;
        let verdict = verify(trail.into_iter().map(Ok::<_, Infallible>), 5).unwrap();
        assert_eq!((verdict.events, verdict.head), (5, head));
        assert_eq!(verdict.problems, []);
        assert_eq!(problems(Vec::new(), 0), []);
    }

    #[test]
    fn a_change_of_any_field_shows_where_it_is() {
        let changes: [fn(&mut Recorded); 8] = [
            |event| event.at += 1,
            |event| event.actor.push('x'),
            |event| event.action.push('x'),
            |event| event.tenant = Some(TenantId(8)),
            |event| event.object.push('x'),
            |event| event.outcome.push('x'),
            |event| event.details.push(' '),
            // The boundary between two texts moves, their concatenation stays.
            |event| event.action.insert(0, event.actor.pop().unwrap()),
        ];
        for change in changes {
            let mut trail = trail(5);
            change(&mut trail[2]);
            assert_eq!(problems(trail, 5), [Problem::Changed { id: 3 }]);
        }
    }

    #[test]
    fn an_event_rewritten_with_its_hash_breaks_the_next() {
        let mut trail = trail(5);
        trail[2].actor = "eve".into();
        trail[2].hash = trail[2].hash_after(&trail[1].hash);
        assert_eq!(problems(trail, 5), [Problem::Changed { id: 4 }]);
    }

    #[test]
    fn missing_events_show_also_at_both_ends() {
        let missing = |first, last| Problem::Missing { first, last };
        let mut middle = trail(5);
        middle.drain(1..3);
        assert_eq!(problems(middle, 5), [missing(2, 3)]);
        assert_eq!(problems(trail(5).split_off(1), 5), [missing(1, 1)]);
        assert_eq!(problems(trail(3), 5), [missing(4, 5)]);
        assert_eq!(problems(Vec::new(), 2), [missing(1, 2)]);
    }

    #[test]
    fn the_encoding_never_changes() {
        assert_eq!(
            hex(&trail(2)[1].hash),
            "05f46d438ddffcbc99a4829b9641332302ea25653e3c71fd36eb1860f1ab4c7f"
        );
    }

    #[test]
    fn an_edit_names_what_differs() {
        let before = json!({ "a": 1, "b": "x" });
        let after = json!({ "a": 1, "b": "y" });
        assert_eq!(
            changes(&before, &after),
            json!({ "b": { "before": "x", "after": "y" } })
        );
    }
}
