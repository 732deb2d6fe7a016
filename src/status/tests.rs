use super::*;
use crate::recurrence::Recurrence;
use crate::retention::rules::{Keep, Rules};
use crate::schedule::{ScheduleId, Settings};
use crate::tenant::TenantId;

const HOUR: Duration = Duration::from_secs(3600);

fn at(hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + hour * 3600, 0).unwrap()
}

/// A schedule `nightly` (id 1) of tenant `contoso`.
pub(crate) fn schedule() -> Schedule {
    Schedule {
        rules: Rules::default(),
        id: ScheduleId(1),
        tenant_id: TenantId(1),
        tenant: "contoso".to_owned(),
        settings: Settings {
            name: "nightly".to_owned(),
            recurrence: Recurrence::cron("0 2 * * *").unwrap(),
            timezone: "UTC".to_owned(),
            policy_types: vec!["default".to_owned()],
            exclude_types: Vec::new(),
            include_foundations: true,
            keep: Keep::default(),
            grace: Duration::ZERO,
            max_runtime: HOUR,
            spread: Duration::ZERO,
            labels: std::collections::BTreeMap::new(),
            enabled: true,
            ping_url: None,
        },
        created_at: at(-100),
        archived_at: None,
        slots_begin: Slot::containing(at(0)),
        slots_from: Slot::containing(at(0)),
        next_slot: None,
    }
}

fn standing(last: Status, missed: u64, last_success: Option<i64>) -> Standing {
    Standing {
        schedule: schedule(),
        record: Record {
            last_success_at: last_success.map(at),
            last: Some((RunId(7), last, None)),
            missed,
        },
        undecided: Some(Slot::containing(at(2))),
        abandoned: None,
    }
}

#[test]
fn a_schedule_that_runs_is_in_no_trouble() {
    let well = standing(Status::Success, 0, Some(-3));
    assert_eq!(well.troubles(at(0), None), []);
    assert_eq!(
        well.troubles(at(0), Some(3 * HOUR)),
        [],
        "not older than that"
    );
    assert_eq!(well.age(at(0)), Some(3 * HOUR));
    assert_eq!(
        well.age(at(-9)),
        Some(Duration::ZERO),
        "the clock went back"
    );
    let skipped = standing(Status::Skipped, 0, Some(-3));
    assert_eq!(
        skipped.troubles(at(0), None),
        [Trouble::LastRun(RunId(7), Status::Skipped, None)],
        "a run that was skipped has backed nothing up"
    );
}

#[test]
fn each_trouble_is_named_and_the_gravest_comes_first() {
    let failed = standing(Status::Failed, 2, Some(-30));
    let troubles = failed.troubles(at(0), Some(26 * HOUR));
    assert_eq!(
        troubles,
        [
            Trouble::Stale(30 * HOUR),
            Trouble::LastRun(RunId(7), Status::Failed, None),
            Trouble::Missed(2)
        ]
    );
    let partial = standing(Status::Partial, 0, Some(-3)).troubles(at(0), None);
    assert_eq!(partial[0].gravity(), Gravity::Warning);
    let never = standing(Status::Failed, 0, None).troubles(at(0), Some(26 * HOUR));
    assert_eq!(never[0], Trouble::NeverSucceeded(100 * HOUR));
    assert_eq!(never[0].text(), "no success since it was added 4d 4h ago");
}

#[test]
fn a_slot_that_waits_says_that_nobody_dispatches() {
    let well = standing(Status::Success, 0, Some(-3));
    assert_eq!(well.troubles(at(2) + OVERDUE, None), []);
    let late = at(2) + OVERDUE + TimeDelta::seconds(1);
    let slot = Slot::containing(at(2));
    assert_eq!(well.troubles(late, None), [Trouble::Overdue(slot)]);
}

#[test]
fn a_run_whose_process_is_gone_is_as_grave_as_one_that_failed() {
    let mut killed = standing(Status::Success, 0, Some(-3));
    killed.abandoned = Some(RunId(8));
    let troubles = killed.troubles(at(0), None);
    assert_eq!(troubles, [Trouble::Abandoned(RunId(8))]);
    assert_eq!(troubles[0].gravity(), Gravity::Critical);
    assert_eq!(troubles[0].text(), "the process of run 8 is gone");
}

#[test]
fn a_disabled_schedule_is_never_in_trouble() {
    let mut disabled = standing(Status::Failed, 9, None);
    disabled.abandoned = Some(RunId(8));
    disabled.schedule.settings.enabled = false;
    assert_eq!(disabled.troubles(at(9), Some(HOUR)), []);
    assert!(!disabled.is_stale(at(9), Some(HOUR)));
}
