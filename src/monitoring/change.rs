//! How a schedule stands, and what is told when that changes.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::plural::counted;
use crate::run::{ErrorCode, Run, Status};

/// How a schedule stands after its newest run that tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its run was a success.
    Well,
    /// Something is missing in its backup set.
    Partial,
    /// It left none, or was ended before it could.
    Failed,
    /// It did not run: its slot was missed.
    Missed,
}

impl State {
    const ALL: [Self; 4] = [Self::Well, Self::Partial, Self::Failed, Self::Missed];

    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Missed => "missed",
        }
    }

    /// The state of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Where a run that ended like this leaves its schedule; nowhere else than it was where the run was
    /// skipped in favour of another, which tells for itself. A run that was canceled left no backup set,
    /// by whatever hand, and a schedule that nobody has backed up is not well.
    pub fn after(status: Status, code: Option<ErrorCode>) -> Option<Self> {
        match (status, code) {
            (Status::Queued | Status::Running, _) => None,
            (Status::Success, _) => Some(Self::Well),
            (Status::Partial, _) => Some(Self::Partial),
            (_, Some(ErrorCode::LockHeld)) => None,
            (_, Some(ErrorCode::MissedSlot)) => Some(Self::Missed),
            (Status::Failed | Status::Skipped | Status::Canceled, _) => Some(Self::Failed),
        }
    }

    /// What it is called when a schedule gets there.
    fn event(self) -> &'static str {
        match self {
            Self::Well => "recovered",
            other => other.as_str(),
        }
    }
}

/// A change of state that waits to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the line.
    pub id: i64,
    /// What tells it from every other, each time that it is told.
    pub event_id: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// How the schedule stands.
    pub state: State,
    /// How it stood before.
    pub previous: State,
    /// The run that did it.
    pub run: Run,
}

impl Change {
    /// `failed`, `partial`, `missed` or `recovered`.
    pub fn event(&self) -> &'static str {
        self.state.event()
    }

    /// The same in a line. Nothing of it comes from the tenant.
    pub fn message(&self) -> String {
        let run = &self.run;
        let of = format!(
            "schedule {} (id {}) of tenant {}",
            run.schedule, run.schedule_id.0, run.tenant
        );
        let code = run.error_code.map_or("", ErrorCode::as_str);
        let id = run.id.0;
        match self.state {
            State::Well => format!("{of} recovered: run {id} is a success"),
            State::Missed => {
                let summary = run.summary.as_ref();
                let count = summary.and_then(|summary| summary.missed_count);
                let slots = match count.unwrap_or(1) {
                    1 => "a slot".to_owned(),
                    count => counted(count, "slot", "slots"),
                };
                let newest = run.scheduled_for.map(|slot| format!(", the newest {slot}"));
                format!("{of} missed {slots}{}", newest.unwrap_or_default())
            }
            State::Partial => format!("run {id} of {of} is partial: {code}"),
            State::Failed => format!("run {id} of {of} ended {}: {code}", run.status.as_str()),
        }
    }

    /// What a webhook gets. Members are only ever added.
    pub fn json(&self) -> Value {
        let run = &self.run;
        json!({
            "schema_version": 1,
            "id": self.event_id,
            "event": self.event(),
            "at": rfc3339(self.at),
            "tenant": run.tenant,
            "schedule": run.schedule,
            "schedule_id": run.schedule_id.0,
            "run_id": run.id.0,
            "trigger": run.trigger.as_str(),
            "scheduled_for": run.scheduled_for.map(|slot| slot.to_string()),
            "status": run.status.as_str(),
            "error_code": run.error_code.map(ErrorCode::as_str),
            "state": self.state.as_str(),
            "previous_state": self.previous.as_str(),
            "message": self.message(),
        })
    }

    /// What a hook finds in its environment; what there is none of is empty.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let run = &self.run;
        let slot = run.scheduled_for.map(|slot| slot.to_string());
        let code = run.error_code.map_or("", ErrorCode::as_str);
        vec![
            ("TENANTPILOT_EVENT", self.event().to_owned()),
            ("TENANTPILOT_EVENT_ID", self.event_id.clone()),
            ("TENANTPILOT_AT", rfc3339(self.at)),
            ("TENANTPILOT_TENANT", run.tenant.clone()),
            ("TENANTPILOT_SCHEDULE", run.schedule.clone()),
            ("TENANTPILOT_SCHEDULE_ID", run.schedule_id.0.to_string()),
            ("TENANTPILOT_RUN_ID", run.id.0.to_string()),
            ("TENANTPILOT_TRIGGER", run.trigger.as_str().to_owned()),
            ("TENANTPILOT_SCHEDULED_FOR", slot.unwrap_or_default()),
            ("TENANTPILOT_STATUS", run.status.as_str().to_owned()),
            ("TENANTPILOT_ERROR_CODE", code.to_owned()),
            ("TENANTPILOT_STATE", self.state.as_str().to_owned()),
            (
                "TENANTPILOT_PREVIOUS_STATE",
                self.previous.as_str().to_owned(),
            ),
            ("TENANTPILOT_MESSAGE", self.message()),
        ]
    }
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_run_but_a_held_lock_leads_somewhere() {
        use State as S;
        let after = |status, code| State::after(status, code);
        assert_eq!(after(Status::Success, None), Some(S::Well));
        let partial = after(Status::Partial, Some(ErrorCode::PermissionMissing));
        assert_eq!(partial, Some(S::Partial));
        for code in ErrorCode::ALL {
            let expected = match code {
                ErrorCode::LockHeld => None,
                ErrorCode::MissedSlot => Some(S::Missed),
                _ => Some(S::Failed),
            };
            for status in [Status::Failed, Status::Skipped, Status::Canceled] {
                assert_eq!(after(status, Some(code)), expected, "{status:?} {code}");
            }
        }
        for status in [Status::Queued, Status::Running] {
            assert_eq!(after(status, None), None);
        }
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
    }
}
