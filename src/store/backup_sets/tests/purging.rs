use proptest::prelude::*;

use super::*;
use crate::progress::Gauge;
use crate::store::contents;

#[test]
fn a_purge_waits_for_a_run_and_for_its_cutoff() {
    let mut fixture = Fixture::new();
    let old = back_up(&mut fixture, &types(&[("a", "1", 0), ("a", "2", 0)]));
    let new = back_up(&mut fixture, &types(&[("a", "1", 1)]));
    set_expiry(&mut fixture, old, Some(100));
    assert_eq!(
        run_purge(&mut fixture, 100),
        Purged::default(),
        "not before its time"
    );

    let run = fixture.begin_run(fixture.tenant, fixture.schedule);
    let purged = run_purge(&mut fixture, 101);
    assert_eq!((purged.sets, purged.contents), (vec![old], 0));
    assert!(purged.waiting.is_some());
    fixture.finish_run(run);
    let before = count(&fixture, "contents");
    let purged = run_purge(&mut fixture, 101);
    assert!(purged.contents > 0 && purged.bytes > 0 && purged.waiting.is_none());
    assert_eq!(
        count(&fixture, "contents").cast_unsigned(),
        before.cast_unsigned() - purged.contents
    );
    assert_eq!(read_back(&fixture, new), types(&[("a", "1", 1)]));
    assert_eq!(run_purge(&mut fixture, 101), Purged::default());
}

#[test]
fn a_purge_waits_for_no_run_whose_process_is_gone() {
    let mut fixture = Fixture::new();
    let old = back_up(&mut fixture, &types(&[("a", "1", 0), ("a", "2", 0)]));
    back_up(&mut fixture, &types(&[("a", "1", 1)]));
    set_expiry(&mut fixture, old, Some(1));
    fixture.begin_run(fixture.tenant, fixture.schedule);
    let marks = mark(&fixture.conn, fixture.tenant, &expired_before(&fixture, 9)).unwrap();
    let tx = fixture.conn.transaction().unwrap();
    let unsure = purge(&tx, &marks, |_| Err(Error::internal("no answer"))).unwrap();
    let PurgeOutcome::Purged(purged) = unsure else {
        panic!("nobody else writes");
    };
    let waits = purged.contents == 0 && purged.waiting.is_some();
    assert!(waits, "nobody can say whether it lives: {purged:?}");
    drop(tx);
    let tx = fixture.conn.transaction().unwrap();
    let gone = purge(&tx, &marks, |owner| Ok(owner.0 != "p")).unwrap();
    let PurgeOutcome::Purged(purged) = gone else {
        panic!("nobody else writes");
    };
    assert!(
        purged.contents > 0 && purged.waiting.is_none(),
        "{purged:?}"
    );
}

#[test]
fn marks_are_stale_once_a_set_was_added_or_brought_back() {
    let mut fixture = Fixture::new();
    let tenant = fixture.tenant;
    let id = back_up(&mut fixture, &types(&[("a", "1", 0)]));
    set_expiry(&mut fixture, id, Some(1));
    let marks = mark(&fixture.conn, tenant, &expired_before(&fixture, 9)).unwrap();
    assert_eq!(marks.going(), [id]);
    set_expiry(&mut fixture, id, None);
    let outcome = |fixture: &mut Fixture, marks| {
        let tx = fixture.conn.transaction().unwrap();
        let outcome = purge(&tx, marks, |_| Ok(true)).unwrap();
        tx.commit().unwrap();
        outcome
    };
    assert_eq!(outcome(&mut fixture, &marks), PurgeOutcome::Stale);
    let marks = mark(&fixture.conn, tenant, &expired_before(&fixture, 9)).unwrap();
    back_up(&mut fixture, &types(&[("a", "1", 2)]));
    assert_eq!(outcome(&mut fixture, &marks), PurgeOutcome::Stale);
    assert!(
        verify(&fixture.conn, &Scope::default(), &Gauge::default())
            .unwrap()
            .damaged
            .is_empty()
    );
}

#[test]
fn contents_go_in_portions_and_whatever_comes_between_two_of_them_loses_nothing() {
    let mut fixture = Fixture::new();
    let tenant = fixture.tenant;
    for version in 0..4 {
        let state = types(&[
            ("a", "1", version),
            ("a", "2", version),
            ("b", "3", version),
        ]);
        let id = back_up(&mut fixture, &state);
        set_expiry(&mut fixture, id, Some(1));
    }
    let last = types(&[("a", "1", 9)]);
    let kept = back_up(&mut fixture, &last);
    let purge_one = |fixture: &mut Fixture, mark: &purge::Mark| {
        let tx = fixture.conn.transaction().unwrap();
        let outcome = purge(&tx, mark, |_| Ok(true)).unwrap();
        tx.commit().unwrap();
        outcome
    };
    let marks = mark(&fixture.conn, tenant, &expired_before(&fixture, 9)).unwrap();
    let marks = marks.in_portions_of(3);
    let PurgeOutcome::Purged(first) = purge_one(&mut fixture, &marks) else {
        panic!("nobody else writes");
    };
    assert_eq!((first.sets.len(), first.contents), (4, 3));
    let rest = marks.after(&first).unwrap();
    // A crash here leaves what no set reaches, and nothing else.
    let found = verify(&fixture.conn, &Scope::default(), &Gauge::default()).unwrap();
    assert_eq!((found.sets, found.damaged.len()), (1, 0));
    assert_eq!(read_back(&fixture, kept), last);
    // A run that goes on stops it, one that failed has built upon what goes, a set makes it stale.
    let run = fixture.begin_run(tenant, fixture.schedule);
    let PurgeOutcome::Purged(waits) = purge_one(&mut fixture, &rest) else {
        panic!("no set was added");
    };
    assert_eq!(waits.contents, 0);
    assert!(waits.waiting.is_some());
    fixture.finish_run(run);
    let base = ContentHash::of(&document("1", 0));
    let tx = fixture.conn.transaction().unwrap();
    contents::put(&tx, tenant, &document("1", 77), Some(&base)).unwrap();
    tx.commit().unwrap();
    let mut left = Some(rest);
    while let Some(rest) = left.take() {
        let PurgeOutcome::Purged(purged) = purge_one(&mut fixture, &rest) else {
            panic!("no set was added");
        };
        assert!(purged.contents <= 3 && purged.waiting.is_none());
        left = rest.after(&purged);
    }
    let reader = Reader::new(&fixture.conn, tenant);
    assert!(reader.read(&ContentHash::of(&document("1", 77))).is_ok());
    drop(reader);
    assert!(run_purge(&mut fixture, 9).contents > 0);
    assert_eq!(read_back(&fixture, kept), last);
    assert_eq!(run_purge(&mut fixture, 9), Purged::default());
}

#[test]
fn nothing_is_reclaimed_while_a_remaining_set_cannot_be_read() {
    let mut fixture = Fixture::new();
    let old = back_up(&mut fixture, &types(&[("a", "1", 0)]));
    let kept = back_up(&mut fixture, &types(&[("a", "1", 1)]));
    set_expiry(&mut fixture, old, Some(1));
    let root = get(&fixture.conn, kept).unwrap().unwrap().root_hash;
    fixture.allow_damage();
    fixture
        .conn
        .execute("UPDATE contents SET data = x'00' WHERE hash = ?1", [root.0])
        .unwrap();
    let before = count(&fixture, "contents");
    let purged = run_purge(&mut fixture, 9);
    assert_eq!((purged.sets, purged.contents), (vec![old], 0));
    assert!(purged.waiting.unwrap().why().contains(&root.to_string()));
    assert_eq!(count(&fixture, "contents"), before);
}

/// What may happen to a tenant.
#[derive(Debug, Clone)]
enum Event {
    BackUp(Vec<(u8, u8, u8)>),
    FailedRun(Vec<(u8, u8, u8)>),
    Expire(prop::sample::Index),
    Unexpire(prop::sample::Index),
    Purge,
}

fn event() -> impl Strategy<Value = Event> {
    let state = || proptest::collection::vec((0..3_u8, 0..4_u8, 0..4_u8), 0..8);
    prop_oneof![
        4 => state().prop_map(Event::BackUp),
        1 => state().prop_map(Event::FailedRun),
        3 => any::<prop::sample::Index>().prop_map(Event::Expire),
        1 => any::<prop::sample::Index>().prop_map(Event::Unexpire),
        2 => Just(Event::Purge),
    ]
}

fn state_of(policies: &[(u8, u8, u8)]) -> Types {
    let mut types = Types::new();
    for (policy_type, id, version) in policies {
        types
            .entry(format!("type{policy_type}"))
            .or_default()
            .insert(
                format!("{id}"),
                document(&format!("{policy_type}{id}"), (*version).into()),
            );
    }
    types
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_remaining_sets_stay_whole_and_a_purge_leaves_nothing_else(
        events in proptest::collection::vec(event(), 1..24),
    ) {
        let mut fixture = Fixture::new();
        let mut expected: BTreeMap<BackupSetId, (Types, bool)> = BTreeMap::new();
        for event in events {
            let ids: Vec<BackupSetId> = expected.keys().copied().collect();
            match event {
                Event::BackUp(policies) => {
                    let state = state_of(&policies);
                    let id = back_up(&mut fixture, &state);
                    expected.insert(id, (state, false));
                }
                Event::FailedRun(policies) => {
                    let (tenant, schedule) = (fixture.tenant, fixture.schedule);
                    let tx = fixture.conn.transaction().unwrap();
                    put_set(&tx, tenant, schedule, &state_of(&policies));
                    tx.commit().unwrap();
                }
                Event::Expire(at) if !ids.is_empty() => {
                    let id = *at.get(&ids);
                    set_expiry(&mut fixture, id, Some(1));
                    expected.get_mut(&id).unwrap().1 = true;
                }
                Event::Unexpire(at) if !ids.is_empty() => {
                    let id = *at.get(&ids);
                    set_expiry(&mut fixture, id, None);
                    expected.get_mut(&id).unwrap().1 = false;
                }
                Event::Expire(_) | Event::Unexpire(_) => {}
                Event::Purge => {
                    run_purge(&mut fixture, 9);
                    expected.retain(|_, (_, expired)| !*expired);
                    prop_assert_eq!(run_purge(&mut fixture, 9), Purged::default());
                    if expected.is_empty() {
                        prop_assert_eq!(count(&fixture, "contents"), 0);
                    }
                }
            }
        }
        let found = verify(&fixture.conn, &Scope::default(), &Gauge::default()).unwrap();
        prop_assert_eq!(found.damaged, Vec::new());
        prop_assert_eq!(found.sets, expected.len() as u64);
        for (id, (state, _)) in expected {
            prop_assert_eq!(read_back(&fixture, id), state);
        }
    }
}
