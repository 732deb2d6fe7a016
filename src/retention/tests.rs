use proptest::prelude::*;

use super::*;

/// Sets from a picture, oldest first: `c` complete, `p` partial, `C`/`P` pinned, `x` complete and
/// expired a day ago, `y` partial and expired a month ago, `z` complete and expired a month ago, `s`
/// complete after most policies were lost, which nobody acknowledged.
fn sets(picture: &str) -> Vec<Candidate> {
    (1..)
        .zip(picture.chars())
        .map(|(n, shape)| Candidate {
            id: BackupSetId(n),
            time: now() - TimeDelta::seconds(86_400 * (100 - n)),
            status: if "pPy".contains(shape) {
                SetStatus::Partial
            } else {
                SetStatus::Complete
            },
            pinned: "CP".contains(shape),
            expired_at: match shape {
                'x' => Some(now() - TimeDelta::seconds(86_400)),
                'y' | 'z' => Some(now() - TimeDelta::seconds(86_400 * 30)),
                _ => None,
            },
            unacknowledged: shape == 's',
        })
        .collect()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn last(count: u32) -> Rules {
    Rules {
        last: count,
        ..Rules::default()
    }
}

/// The plan of a schedule in a zone that is five and a half hours ahead.
fn planned(sets: &[Candidate], rules: &Rules, now: DateTime<Utc>) -> Vec<Item> {
    let local = |at: DateTime<Utc>| at.naive_utc() + TimeDelta::seconds(19_800);
    plan(
        sets,
        Terms {
            rules,
            archived: false,
            local: &local,
            now,
        },
    )
}

/// What becomes of each set, oldest first: `k`eep, `e`xpire, `p`urge.
fn decided(picture: &str, keep_last: u32) -> String {
    let mut items = planned(&sets(picture), &last(keep_last), now());
    items.sort_by_key(|item| item.id);
    items
        .iter()
        .map(|item| match item.decision {
            Decision::Keep => 'k',
            Decision::Expire => 'e',
            Decision::Purge => 'p',
        })
        .collect()
}

#[test]
fn the_last_n_complete_sets_stay() {
    assert_eq!(decided("ccccc", 2), "eeekk");
    assert_eq!(decided("cc", 5), "kk");
    assert_eq!(decided("", 5), "");
}

#[test]
fn a_partial_set_never_pushes_out_a_complete_one() {
    assert_eq!(decided("ccppp", 2), "kkekk");
    assert_eq!(decided("cpppp", 1), "keeek", "one of either kind");
    assert_eq!(
        decided("pppp", 2),
        "eekk",
        "there need not be a complete one"
    );
}

#[test]
fn the_newest_complete_set_stays_whatever_came_after_it() {
    assert_eq!(decided("cpppppp", 2), "keeeekk");
    assert_eq!(decided("ccz", 0), "ekp", "N below 1 counts as 1");
}

#[test]
fn pinned_sets_stay() {
    assert_eq!(decided("CPccc", 1), "kkeek");
}

#[test]
fn an_expired_set_is_purged_after_its_week_unless_it_is_the_last_complete_one() {
    assert_eq!(decided("zyxc", 1), "ppkk");
    assert_eq!(decided("zypp", 1), "kpek", "the only complete set there is");
    assert_eq!(decided("zzp", 1), "pkk", "of two, the newer");
}

#[test]
fn a_clock_that_went_back_purges_nothing_early() {
    let mut sets = sets("cc");
    sets[0].expired_at = Some(now() + TimeDelta::seconds(86_400 * 400));
    let items = planned(&sets, &last(1), now());
    assert!(
        items.iter().all(|item| item.decision == Decision::Keep),
        "{items:?}"
    );
}

#[test]
fn sets_dated_in_the_future_push_out_no_new_one() {
    let mut sets = sets("cccccc");
    // A clock that was ahead for three runs; then it was right again.
    for ahead in &mut sets[1..4] {
        ahead.time = now() + TimeDelta::seconds(86_400 * 3650);
    }
    let decided = |sets: &[Candidate], now| {
        let mut items = planned(sets, &last(2), now);
        items.sort_by_key(|item| item.id);
        let kept = items.iter().filter(|item| item.decision == Decision::Keep);
        kept.map(|item| item.id.0).collect::<Vec<_>>()
    };
    let newest = sets[5].time;
    assert_eq!(decided(&sets, newest), [4, 6], "the new one stays");
    assert_eq!(decided(&sets, now()), [3, 4, 6], "a day later too");
}

mod calendar;

#[test]
fn each_line_says_by_which_rule() {
    let reasons: Vec<String> = planned(&sets("zcpCc"), &last(2), now())
        .into_iter()
        .map(|item| item.reason)
        .collect();
    assert_eq!(
        reasons,
        [
            "newest complete backup set",
            "pinned",
            "number 3 and partial, 2 stay",
            "number 3 of the complete, 2 stay",
            "expired 2026-08-22T14:13:20Z",
        ]
    );
}

proptest! {
    #[test]
    fn the_last_good_sets_and_the_pinned_ones_always_survive(
        picture in "[cpCPxyz]{0,40}", keep_last in 0_u32..10,
    ) {
        let sets = sets(&picture);
        let items = planned(&sets, &last(keep_last), now());
        prop_assert_eq!(items.len(), sets.len());
        let kept = |id| items.iter().any(|item| item.id == id && item.decision == Decision::Keep);
        let complete: Vec<_> =
            sets.iter().rev().filter(|set| set.status == SetStatus::Complete).collect();
        let live: Vec<_> =
            complete.iter().filter(|set| set.expired_at.is_none()).copied().collect();
        for set in live.iter().take(keep_last.max(1) as usize) {
            prop_assert!(kept(set.id), "one of the last {} complete", keep_last);
        }
        if let Some(newest) = live.first().or(complete.first()) {
            prop_assert!(kept(newest.id), "the newest complete");
        }
        for set in sets.iter().filter(|set| set.pinned) {
            prop_assert!(kept(set.id), "pinned");
        }
        for item in &items {
            let set = sets.iter().find(|set| set.id == item.id).unwrap();
            if item.decision == Decision::Purge {
                prop_assert!(set.expired_at.is_some(), "nothing goes that was not hidden first");
            }
        }
    }
}
