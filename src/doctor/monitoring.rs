//! Whether those who are to be told how runs went can be told.

use chrono::{DateTime, Utc};

use super::Surroundings;
use crate::error::Result;
use crate::finding::{Finding, told};
use crate::monitoring::{Condition, Monitor};
use crate::plural::counted;
use crate::store::{self, Store};

pub(super) fn examine(around: &Surroundings, store: &Store) -> Result<Vec<Finding>> {
    let conditions = store::monitors::list(store.read())?;
    let mut waiting = 0;
    for monitor in [Monitor::Webhook, Monitor::Hook] {
        waiting += store::state_changes::waiting(store.read(), monitor)?;
    }
    Ok(vec![judge(&conditions, waiting, around.now)])
}

fn judge(conditions: &[Condition], waiting: u64, now: DateTime<Utc>) -> Finding {
    let failing: Vec<String> = conditions
        .iter()
        .filter(|condition| condition.is_failing(now))
        .map(Condition::text)
        .collect();
    let given_up: u64 = conditions.iter().map(|one| one.given_up).sum();
    let mut parts = Vec::new();
    if waiting > 0 {
        parts.push(counted(
            waiting,
            "change of state waits to be told",
            "changes of state wait to be told",
        ));
    }
    if given_up > 0 {
        parts.push(counted(given_up, "was never told", "were never told"));
    }
    let rest = parts.join(", ");
    match (failing.is_empty(), rest.is_empty()) {
        (true, true) => Finding::ok(
            "monitoring",
            "no monitor fails, and nothing waits to be told",
        ),
        (true, false) if given_up > 0 => {
            let hint = "what was not told is in: tenantpilot history";
            Finding::warn("monitoring", rest, hint)
        }
        (true, false) => Finding::ok("monitoring", rest),
        (false, _) => {
            parts.insert(0, told(&failing));
            let hint = "mend what it names; where that is a URL: tenantpilot schedules edit \
                        SCHEDULE --ping-url URL, or the variable in the crontab";
            Finding::fail("monitoring", parts.join("; "), hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;
    use crate::monitoring::Subject;

    #[test]
    fn what_fails_is_told_with_what_waits() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        assert_eq!(judge(&[], 0, now).level, Level::Ok);
        let mut condition = Condition {
            subject: Subject::Dispatch(Monitor::Webhook),
            failing_from: None,
            failed_at: None,
            failures: 0,
            reason: None,
            given_up: 4,
        };
        let found = judge(std::slice::from_ref(&condition), 2, now);
        assert_eq!(
            (found.level, found.message.as_str()),
            (
                Level::Warn,
                "2 changes of state wait to be told, 4 were never told"
            )
        );
        let waits = Condition {
            given_up: 0,
            ..condition.clone()
        };
        assert_eq!(judge(&[waits], 2, now).level, Level::Ok);
        condition.failed_at = Some(now);
        condition.failing_from = Some(now);
        condition.failures = 3;
        condition.reason = Some("h.example answers 500".to_owned());
        let found = judge(&[condition], 2, now);
        assert_eq!(found.level, Level::Fail);
        for part in [
            "the webhook fails since",
            "answers 500; 2 changes",
            "4 were never",
        ] {
            assert!(found.message.contains(part), "{found:?}");
        }
    }
}
