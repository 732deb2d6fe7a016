//! Days, weeks, months, years, spans; and what no combination of rules ever does.

use std::time::Duration;

use super::*;

/// Complete sets at these times (UTC), with ids from 1 on.
fn at(times: &[&str]) -> Vec<Candidate> {
    let time = |text: &str| {
        let text = if text.len() == 10 {
            format!("{text}T01:00:00Z")
        } else {
            format!("{text}:00Z")
        };
        DateTime::parse_from_rfc3339(&text).unwrap().to_utc()
    };
    (1..)
        .zip(times)
        .map(|(id, text)| Candidate {
            id: BackupSetId(id),
            time: time(text),
            status: SetStatus::Complete,
            pinned: false,
            expired_at: None,
            unacknowledged: false,
        })
        .collect()
}

fn kept(sets: &[Candidate], rules: &Rules) -> Vec<i64> {
    let later = now() + TimeDelta::seconds(86_400 * 400);
    let mut items = planned(sets, rules, later);
    items.retain(|item| item.decision == Decision::Keep);
    let mut ids: Vec<i64> = items.iter().map(|item| item.id.0).collect();
    ids.sort_unstable();
    ids
}

fn only(change: impl FnOnce(&mut Rules)) -> Rules {
    let mut rules = last(1);
    change(&mut rules);
    rules
}

#[test]
fn the_newest_of_each_day_week_month_and_year_stays() {
    let sets = at(&[
        "2024-12-30", // Monday of week 1 of 2025
        "2025-01-05", // Sunday of that week
        "2025-01-06",
        "2025-01-31",
        "2025-02-01T06:00",
        "2025-02-01T12:00",
        "2026-02-01",
    ]);
    assert_eq!(kept(&sets, &only(|rules| rules.daily = 3)), [4, 6, 7]);
    assert_eq!(kept(&sets, &only(|rules| rules.weekly = 9)), [2, 3, 6, 7]);
    assert_eq!(kept(&sets, &only(|rules| rules.monthly = 3)), [4, 6, 7]);
    assert_eq!(kept(&sets, &only(|rules| rules.yearly = 9)), [1, 6, 7]);
    assert_eq!(kept(&sets, &only(|rules| rules.yearly = 2)), [6, 7]);
    let both = only(|rules| (rules.daily, rules.yearly) = (2, 3));
    assert_eq!(kept(&sets, &both), [1, 6, 7], "any rule is enough");
}

#[test]
fn a_day_is_one_of_the_schedules_zone() {
    // 18:29 and 18:31 UTC: the day ends between them, five and a half hours ahead.
    let sets = at(&["2026-03-01T12:00", "2026-03-01T18:29", "2026-03-01T18:31"]);
    assert_eq!(kept(&sets, &only(|rules| rules.daily = 5)), [2, 3]);
}

#[test]
fn within_counts_from_the_newest_set_and_not_from_now() {
    let sets = at(&["2026-03-01", "2026-03-02", "2026-03-09", "2026-03-09T01:01"]);
    let week = only(|rules| rules.within = Duration::from_secs(7 * 86_400));
    assert_eq!(kept(&sets, &week), [3, 4]);
    let more = only(|rules| rules.within = Duration::from_secs(7 * 86_400 + 60));
    assert_eq!(kept(&sets, &more), [2, 3, 4]);
}

#[test]
fn a_partial_set_stands_for_a_day_that_has_no_complete_one() {
    let mut sets = at(&[
        "2026-03-01T06:00",
        "2026-03-01T09:00",
        "2026-03-02T06:00",
        "2026-03-02T09:00",
        "2026-03-04",
    ]);
    for partial in [1, 2, 3] {
        sets[partial].status = SetStatus::Partial;
    }
    assert_eq!(kept(&sets, &only(|rules| rules.daily = 3)), [1, 4, 5]);
}

#[test]
fn each_rule_that_keeps_a_set_is_named() {
    let sets = at(&["2026-03-01", "2026-03-02", "2026-03-03"]);
    let mut rules = last(2);
    rules.daily = 2;
    rules.monthly = 1;
    rules.within = Duration::from_secs(86_400);
    let mut sets: Vec<Candidate> = sets;
    sets.push(Candidate {
        id: BackupSetId(9),
        ..sets[2].clone()
    });
    let reasons: Vec<String> = planned(&sets, &rules, now() + TimeDelta::seconds(86_400 * 400))
        .into_iter()
        .map(|item| item.reason)
        .collect();
    assert_eq!(
        reasons,
        [
            "newest complete backup set",
            "number 2 of the last 2 complete; within 1d of the newest",
            "newest complete of the day 2026-03-02; within 1d of the newest",
            "number 4 of the complete, 2 stay; no other rule keeps it",
        ]
    );
}

#[test]
fn while_a_loss_is_not_acknowledged_nothing_goes() {
    assert_eq!(decided("cccsc", 1), "kkkkk");
    assert_eq!(decided("zyscc", 1), "kkkkk");
    assert_eq!(decided("ccccc", 1), "eeeek");
    let reasons = planned(&sets("zcsc"), &last(1), now());
    assert_eq!(
        reasons[2].reason,
        "would expire (number 3 of the complete, 1 stay), but backup set 3 lost most of its \
         policies and is not acknowledged"
    );
    assert!(reasons[3].reason.starts_with("would purge (expired 2026-"));
}

#[test]
fn of_an_archived_schedule_only_what_has_expired_goes() {
    let local = |at: DateTime<Utc>| at.naive_utc();
    let terms = Terms {
        rules: &last(1),
        archived: true,
        local: &local,
        now: now(),
    };
    let items = plan(&sets("zccc"), terms);
    let decisions: Vec<Decision> = items.iter().map(|item| item.decision).collect();
    let keep = Decision::Keep;
    assert_eq!(decisions, [keep, keep, keep, Decision::Purge]);
}

fn rules() -> impl Strategy<Value = Rules> {
    let few = || 0_u32..5;
    (0..6_u32, few(), few(), few(), few(), 0..20_u64).prop_map(
        |(last, daily, weekly, monthly, yearly, days)| Rules {
            last,
            daily,
            weekly,
            monthly,
            yearly,
            within: Duration::from_secs(days * 86_400),
        },
    )
}

/// Sets over two years, some in the future: hours before now, status, pinned, days since expiry.
fn history() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (
        -500_i64..17_000,
        any::<bool>(),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.2, -3_i64..20),
    );
    proptest::collection::vec(one, 0..40).prop_map(|all| {
        let candidate = |(id, (hours, complete, pinned, expired)): (i64, _)| {
            let days_ago = |days: i64| now() - TimeDelta::seconds(days * 86_400);
            let hours: i64 = hours;
            Candidate {
                id: BackupSetId(id),
                time: now() - TimeDelta::seconds(hours * 3600),
                status: if complete {
                    SetStatus::Complete
                } else {
                    SetStatus::Partial
                },
                pinned: pinned && Option::<i64>::is_none(&expired),
                expired_at: expired.map(days_ago),
                unacknowledged: false,
            }
        };
        (1..).zip(all).map(candidate).collect()
    })
}

fn going(sets: &[Candidate], rules: &Rules, now: DateTime<Utc>) -> Vec<BackupSetId> {
    let items = planned(sets, rules, now);
    let gone = items.iter().filter(|item| item.decision != Decision::Keep);
    gone.map(|item| item.id).collect()
}

proptest! {
    #[test]
    fn the_newest_complete_set_and_the_pinned_ones_never_go(sets in history(), rules in rules()) {
        let gone = going(&sets, &rules, now());
        for set in sets.iter().filter(|set| set.pinned) {
            prop_assert!(!gone.contains(&set.id), "pinned {}", set.id);
        }
        let complete: Vec<_> = sets
            .iter()
            .filter(|set| set.status == SetStatus::Complete && set.expired_at.is_none())
            .collect();
        let newest = complete.iter().max_by_key(|set| (set.time.min(now()), set.id));
        let made_last = complete.iter().max_by_key(|set| set.id);
        for set in newest.into_iter().chain(made_last) {
            prop_assert!(!gone.contains(&set.id), "{}", set.id);
        }
        let stay = complete.iter().filter(|set| !gone.contains(&set.id)).count();
        prop_assert!(stay >= complete.len().min(rules.last.max(1) as usize));
    }

    #[test]
    fn more_rules_never_remove_more(
        sets in history(), rules in rules(), which in 0_usize..6, more in 1_u32..4,
    ) {
        let mut wider = rules.clone();
        match which {
            0 => wider.last += more,
            1 => wider.daily += more,
            2 => wider.weekly += more,
            3 => wider.monthly += more,
            4 => wider.yearly += more,
            _ => wider.within += Duration::from_secs(u64::from(more) * 86_400),
        }
        let before = going(&sets, &rules, now());
        for gone in going(&sets, &wider, now()) {
            prop_assert!(before.contains(&gone), "{gone} goes by {wider:?} alone");
        }
    }

    #[test]
    fn partial_sets_never_push_out_complete_ones(sets in history(), rules in rules()) {
        let complete: Vec<Candidate> = sets
            .iter()
            .filter(|set| set.status == SetStatus::Complete)
            .cloned()
            .collect();
        let alone = going(&complete, &rules, now());
        for gone in going(&sets, &rules, now()) {
            let set = sets.iter().find(|set| set.id == gone).unwrap();
            prop_assert!(set.status == SetStatus::Partial || alone.contains(&gone), "{gone}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_purges_nothing_more(
        sets in history(), rules in rules(), back in 0_i64..40_000,
    ) {
        let purged = |now| {
            let items = planned(&sets, &rules, now);
            let purged = items.into_iter().filter(|item| item.decision == Decision::Purge);
            purged.map(|item| item.id).collect::<Vec<_>>()
        };
        let then = now() - TimeDelta::seconds(back * 3600);
        let before = purged(now());
        let complete = sets.iter().filter(|set| {
            set.status == SetStatus::Complete && set.expired_at.is_none()
        });
        let count = complete.clone().count();
        for gone in purged(then) {
            // The one exception: which of several expired sets stands for the last complete one.
            prop_assert!(before.contains(&gone) || count == 0, "{gone}");
        }
        let gone = going(&sets, &rules, then);
        let stay = complete.filter(|set| !gone.contains(&set.id)).count();
        prop_assert!(stay >= count.min(rules.last.max(1) as usize));
    }
}
