use super::*;
use crate::policy::catalogue::find;
use crate::run::read::tests::script::Script;

const FILTERS: &str = "beta/deviceManagement/assignmentFilters";
const PARENTS: &str = "beta/a/parents";

fn filters() -> &'static PolicyType {
    find("assignmentFilter").unwrap()
}

fn things() -> &'static PolicyType {
    Box::leak(Box::new(PolicyType {
        key: "thing",
        path: "a/parents/{parent}/things",
        ..*filters()
    }))
}

fn one(row: &'static PolicyType, id: &str, name: &str) -> Absent {
    Absent {
        row,
        id: id.to_owned(),
        name: name.to_owned(),
    }
}

fn numbered(row: &'static PolicyType, count: usize) -> Vec<Absent> {
    (0..count)
        .map(|number| one(row, &number.to_string(), ""))
        .collect()
}

/// How often each was found so: gone, there, unclear, not asked.
fn counts(answers: &[(Absent, Found)]) -> [usize; 4] {
    let count = |wanted: fn(&Found) -> bool| {
        let found = answers.iter().filter(|(_, found)| wanted(found));
        found.count()
    };
    [
        count(|found| *found == Found::Gone),
        count(|found| *found == Found::There),
        count(|found| matches!(found, Found::Unclear(_))),
        count(|found| *found == Found::NotAsked),
    ]
}

/// Filters of which the first so many are gone, and how Graph fails for the rest.
fn scripted(total: usize, gone: usize, fault: Option<Fault>) -> Script {
    (0..total).fold(Script::default(), |graph, number| {
        let url = format!("{FILTERS}/{number}");
        match fault {
            _ if number < gone => graph.fails(&url, Fault::NotFound),
            Some(fault) => graph.fails(&url, fault),
            None => graph.on(&url, format!(r#"{{"id":"{number}"}}"#)),
        }
    })
}

pub(in crate::run) fn complete(row: &'static PolicyType) -> Reading {
    Reading {
        policy_type: row,
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
        extra: crate::run::read::Extra::default(),
        last_page: true,
        status: Some(200),
        warnings: Vec::new(),
    }
}

#[test]
fn an_object_is_of_the_type_that_names_it() {
    let ring = find("windowsUpdateRing").unwrap();
    let general = find("deviceConfiguration").unwrap();
    let body = |name: &str| format!(r##"{{"@odata.type":"#microsoft.graph.{name}"}}"##);
    let of_ring = body("windowsUpdateForBusinessConfiguration");
    let unknown = body("visionOSCustomConfiguration");
    assert!(is_of(ring, of_ring.as_bytes()));
    assert!(!is_of(general, of_ring.as_bytes()));
    assert!(is_of(general, unknown.as_bytes()));
    assert!(!is_of(ring, unknown.as_bytes()));
    assert!(is_of(ring, b"{}"), "nothing to the contrary");
}

#[test]
fn all_that_are_gone_are_asked_for_however_many() {
    let graph = scripted(460, 460, None);
    let (answers, ended) = probe(&graph, 8, numbered(filters(), 460));
    assert_eq!(counts(&answers), [460, 0, 0, 0]);
    assert_eq!(ended, None);
    assert!(graph.most_in_flight() <= 8);
    let mut readings = [complete(filters())];
    assert!(believe(&mut readings, &answers).is_empty());
    assert_eq!(readings[0].outcome, Outcome::Complete);
}

#[test]
fn where_many_may_be_there_no_more_are_asked_for_and_all_are_unread() {
    for (fault, expected) in [
        (None, [0, 50, 0, 250]),
        (Some(Fault::Unavailable), [0, 0, 50, 250]),
    ] {
        let graph = scripted(300, 0, fault);
        let (answers, ended) = probe(&graph, 4, numbered(filters(), 300));
        assert_eq!(counts(&answers), expected, "{fault:?}");
        assert_eq!(ended, None);
        let mut readings = [complete(filters())];
        let unread = believe(&mut readings, &answers);
        assert_eq!(unread["assignmentFilter"].len(), 300);
        assert_eq!(readings[0].outcome, Outcome::Incomplete);
        assert_eq!(readings[0].failed, 300);
        assert_eq!(readings[0].fault, fault);
    }
}

#[test]
fn one_answer_that_tells_nothing_keeps_the_type_from_being_complete() {
    for fault in [
        Fault::Unavailable,
        Fault::Throttled,
        Fault::Forbidden,
        Fault::Network,
        Fault::Refused,
        Fault::BadResponse,
    ] {
        let graph = scripted(3, 2, Some(fault));
        let (answers, ended) = probe(&graph, 2, numbered(filters(), 3));
        assert_eq!((counts(&answers), ended), ([2, 0, 1, 0], None));
        let mut readings = [complete(filters())];
        let unread = believe(&mut readings, &answers);
        assert_eq!(readings[0].outcome, Outcome::Incomplete, "{fault:?}");
        assert_eq!(readings[0].fault, Some(fault));
        assert_eq!(unread["assignmentFilter"][0].id, "2");
        let why = readings[0].reason.as_deref().unwrap();
        assert!(why.contains("scripted"), "{why}");
    }
}

#[test]
fn an_error_that_ends_the_reading_leaves_the_rest_unread() {
    let graph = scripted(20, 5, Some(Fault::Auth));
    let (answers, ended) = probe(&graph, 1, numbered(filters(), 20));
    assert_eq!(counts(&answers), [5, 0, 15, 0]);
    assert_eq!(ended.unwrap().fault, Fault::Auth);
    assert_eq!(graph.times(&format!("{FILTERS}/6")), 0);
    let parents = Script::default().fails(PARENTS, Fault::Auth);
    let (answers, ended) = probe(&parents, 2, numbered(things(), 3));
    assert_eq!(counts(&answers), [0, 0, 3, 0]);
    assert_eq!(ended.unwrap().fault, Fault::Auth);
    assert_eq!(parents.times(PARENTS), 1);
}

#[test]
fn a_policy_is_looked_for_below_its_parent() {
    let below = |parent: &str, id: &str| format!("{PARENTS}/{parent}/things/{id}");
    let graph = Script::default()
        .list(PARENTS, &[r#"{"id":"p1"}"#, r#"{"id":"p2"}"#])
        .fails(&below("p1", "gone"), Fault::NotFound)
        .fails(&below("p2", "gone"), Fault::NotFound)
        .fails(&below("p1", "here"), Fault::NotFound)
        .on(&below("p2", "here"), r#"{"id":"here"}"#)
        .on(&below("p2", "0"), r#"{"id":"0"}"#)
        .fails(&below("p1", "hidden"), Fault::Unavailable);
    let row = things();
    let all = ["gone", "here", "p2/0", "hidden"].map(|id| one(row, id, ""));
    let (answers, ended) = probe(&graph, 1, all.into());
    let found: Vec<&Found> = answers.iter().map(|(_, found)| found).collect();
    assert_eq!(found[..3], [&Found::Gone, &Found::There, &Found::There]);
    assert!(matches!(found[3], Found::Unclear(error) if error.fault == Fault::Unavailable));
    assert_eq!(ended, None);
    assert_eq!(graph.times(PARENTS), 1, "parents are asked for once");
    // Where an object has a path of its own, no parent is asked for.
    let own = Script::default().on("beta/a/things/x", r#"{"id":"x"}"#);
    let row: &'static PolicyType = Box::leak(Box::new(PolicyType {
        object_path: Some("a/things"),
        ..*row
    }));
    let (answers, _) = probe(&own, 1, vec![one(row, "x", "")]);
    assert_eq!(answers[0].1, Found::There);
}

#[test]
fn what_another_type_of_the_list_names_is_not_absent() {
    let ring = find("windowsUpdateRing").unwrap();
    let entry = |id: &str| ListEntry {
        id: id.to_owned(),
        name: String::new(),
        platform: None,
        bytes: 0,
        hash: crate::backup_set::ContentHash::of(b""),
        warnings: Vec::new(),
    };
    let before = [entry("a"), entry("b"), entry("c")];
    let ids = ["a", "b"].map(str::to_owned);
    let mut named = Named::default();
    named.add("deviceConfiguration", &ids[..1]);
    named.add("assignmentFilter", &ids[1..]);
    let found = absent(&complete(ring), &before, &named);
    let found: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(found, ["b", "c"]);
    let cut = Reading {
        outcome: Outcome::Incomplete,
        ..complete(ring)
    };
    assert!(absent(&cut, &before, &named).is_empty());
}

#[test]
fn a_single_object_that_went_is_looked_for_once_more() {
    let row = find("applePushNotificationCertificate").unwrap();
    let url = "beta/deviceManagement/applePushNotificationCertificate";
    let probed = |graph: Script| {
        let (answers, _) = probe(&graph, 1, vec![one(row, "x", "X")]);
        let mut readings = [complete(row)];
        believe(&mut readings, &answers);
        let [reading] = readings;
        (reading.outcome, reading.warnings.len())
    };
    let gone = Script::default().fails(url, Fault::NotFound);
    assert_eq!(probed(gone), (Outcome::Complete, 1));
    let empty = Script::default().on(url, "");
    assert_eq!(probed(empty), (Outcome::Complete, 1));
    let back = Script::default().on(url, r#"{"id":"x"}"#);
    assert_eq!(probed(back), (Outcome::Incomplete, 0));
    let unclear = Script::default().fails(url, Fault::Unavailable);
    assert_eq!(probed(unclear), (Outcome::Incomplete, 0));
}

#[test]
fn a_reason_counts_all_and_names_a_few() {
    let there = |id: &str, name: &str| (one(filters(), id, name), Found::There);
    let unclear = Found::Unclear(Error::new(Fault::Unavailable, "x answered 503"));
    let all = [
        there("a", "A"),
        there("b", ""),
        there("c", "C"),
        there("d", "D"),
        (one(filters(), "e", "E"), unclear),
    ];
    let all: Vec<&(Absent, Found)> = all.iter().collect();
    assert_eq!(
        why(&all[..4]),
        "Graph's list left out 4 policies that are still there: A (a), id \"b\", C (c), …"
    );
    assert_eq!(
        why(&all[3..]),
        "Graph's list left out 1 policy that is still there: D (d); 1 policy is not listed any \
         more, and whether deleted could not be seen (E (e)): x answered 503"
    );
}

#[test]
fn a_deleted_policy_may_be_answered_by_a_400_that_says_so() {
    let refused = |resource_not_found: bool| {
        let mut error = Error::new(Fault::Refused, "400");
        error.status = Some(400);
        error.resource_not_found = resource_not_found;
        Err(error)
    };
    let graph = Script::default()
        .answer(&format!("{FILTERS}/gone"), refused(true))
        .answer(&format!("{FILTERS}/odd"), refused(false));
    let asked = vec![one(filters(), "gone", ""), one(filters(), "odd", "")];
    let (answers, _) = probe(&graph, 1, asked);
    assert_eq!(counts(&answers), [1, 0, 1, 0]);
}

#[test]
fn where_deleted_ones_are_given_the_list_is_asked_again() {
    let row = find("hardwareConfiguration").unwrap();
    let list = format!("beta/{}", row.path);
    let given = |id: &str| format!(r#"{{"id":"{id}","displayName":"BIOS"}}"#);
    let ask = |graph: Script| {
        let graph = graph.on(&format!("{list}/one"), given("one"));
        let (mut answers, _) = probe(&graph, 1, vec![one(row, "one", "BIOS")]);
        let mut readings = [complete(row)];
        believe(&mut readings, &answers);
        let [reading] = readings;
        (answers.remove(0).1, reading.outcome, reading.warnings)
    };
    let other = given("other");
    let (found, outcome, warnings) = ask(Script::default().list(&list, &[&other]));
    assert_eq!((found, outcome), (Found::Unlisted, Outcome::Complete));
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("BIOS (one) is taken for removed: Graph's list, asked twice, "),
        "{warnings:?}"
    );
    let (found, outcome, warnings) = ask(Script::default().list(&list, &[&other, &given("ONE")]));
    assert_eq!((found, outcome), (Found::There, Outcome::Incomplete));
    assert_eq!(warnings, [""; 0]);
    for unsure in [
        Script::default().list(&list, &[r#"{"id":7}"#]),
        Script::default().fails(&list, Fault::Unavailable),
    ] {
        let (found, outcome, warnings) = ask(unsure);
        assert!(matches!(found, Found::Unclear(_)), "{found:?}");
        assert_eq!(outcome, Outcome::Incomplete);
        assert_eq!(warnings, [""; 0]);
    }
}

#[test]
fn the_list_is_asked_again_once_for_all_that_it_names_no_more() {
    let row = find("hardwareConfiguration").unwrap();
    let list = format!("beta/{}", row.path);
    let count = 2 * MOST_DOUBTFUL;
    let graph = (1..count).fold(Script::default().list(&list, &[]), |graph, number| {
        let body = format!(r#"{{"id":"{number}"}}"#);
        graph.on(&format!("{list}/{number}"), body)
    });
    let graph = graph.fails(&format!("{list}/0"), Fault::NotFound);
    let (answers, ended) = probe(&graph, 4, numbered(row, count));
    assert_eq!((counts(&answers), ended), ([1, 0, 0, 0], None));
    assert_eq!(graph.times(&list), 1);
    let mut readings = [complete(row)];
    assert!(believe(&mut readings, &answers).is_empty());
    // What Graph does not find needs no word.
    assert_eq!(readings[0].warnings.len(), count - 1);
}
