//! Lists below the objects of another list: some without one, some that vanish, ids that two have.

use super::*;
use crate::policy::catalogue::Shape;
use crate::run::read::trial::try_types;

const PARENTS: &str = "beta/a/parents";
const KEY: &str = "thing";

fn things() -> &'static PolicyType {
    Box::leak(Box::new(PolicyType {
        key: KEY,
        path: "a/parents/{parent}/things",
        shape: Shape::List,
        ..*find("assignmentFilter").unwrap()
    }))
}

fn below(parent: &str) -> String {
    format!("{PARENTS}/{parent}/things")
}

fn named(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| format!(r#"{{"id":"{id}"}}"#)).collect()
}

trait Parents {
    fn parents(self, ids: &[&str]) -> Self;
}

impl Parents for Script {
    fn parents(self, ids: &[&str]) -> Self {
        let items = named(ids);
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        self.list(PARENTS, &items)
    }
}

#[test]
fn one_parent_without_a_list_is_not_a_type_that_is_not_offered() {
    for (fault, first) in [
        (Fault::NotFound, true),
        (Fault::NotFound, false),
        (Fault::NotLicensed, true),
    ] {
        let (lacking, other) = if first { ("p1", "p2") } else { ("p2", "p1") };
        let graph = Script::default()
            .parents(&["p2", "p1"])
            .fails(&below(lacking), fault)
            .list(&below(other), &[r#"{"id":"x"}"#]);
        let out = read_rows(&graph, &[things()], 1);
        assert_eq!(out.of(KEY), (Outcome::Incomplete, 1, 1, 0), "{fault:?}");
        let reason = out.reason(KEY);
        assert!(reason.contains(&format!("a/parents/{lacking}")), "{reason}");
        assert!(!out.readings[KEY].last_page);
    }
}

#[test]
fn what_is_below_other_parents_is_read_though_some_fail() {
    for fault in [
        Fault::Forbidden,
        Fault::Unavailable,
        Fault::Refused,
        Fault::BadResponse,
    ] {
        let graph = Script::default()
            .parents(&["p1", "p2", "p3", "p4", "p5"])
            .fails(&below("p1"), fault)
            .list(&below("p2"), &[r#"{"id":"x"}"#])
            .page(&below("p3"), &[r#"{"id":"y"}"#], "https://graph/p3")
            .fails("https://graph/p3", fault)
            .fails(&below("p4"), Fault::NotFound)
            .list(&below("p5"), &[r#"{"id":"z"}"#]);
        let out = read_rows(&graph, &[things()], 1);
        assert_eq!(out.of(KEY), (Outcome::Incomplete, 3, 3, 0), "{fault:?}");
        assert_eq!(out.readings[KEY].fault, Some(fault));
        let reason = out.reason(KEY);
        assert!(reason.contains("a/parents/p1, p3, p4:"), "{reason}");
        assert!(!out.readings[KEY].last_page);
    }
    let none = Script::default()
        .parents(&["p1", "p2"])
        .fails(&below("p1"), Fault::Forbidden)
        .fails(&below("p2"), Fault::Forbidden);
    let out = read_rows(&none, &[things()], 1);
    assert_eq!(out.of(KEY), (Outcome::Forbidden, 0, 0, 0));
    let mixed = Script::default()
        .parents(&["p1", "p2"])
        .fails(&below("p1"), Fault::Forbidden)
        .fails(&below("p2"), Fault::Unavailable);
    let out = read_rows(&mixed, &[things()], 1);
    assert_eq!(out.of(KEY), (Outcome::Incomplete, 0, 0, 0));
    let ended = Script::default()
        .parents(&["p1", "p2"])
        .fails(&below("p1"), Fault::Auth)
        .list(&below("p2"), &[]);
    let out = read_rows(&ended, &[things()], 1);
    assert_eq!(out.ended.map(|error| error.fault), Some(Fault::Auth));
    assert_eq!(ended.times(&below("p2")), 0);
}

#[test]
fn a_parent_that_is_gone_by_now_is_a_warning() {
    let graph = Script::default()
        .parents(&["p1", "p2"])
        .parents(&["p2"])
        .fails(&below("p1"), Fault::NotFound)
        .list(&below("p2"), &[r#"{"id":"x"}"#]);
    let out = read_rows(&graph, &[things()], 1);
    assert_eq!(out.of(KEY), (Outcome::Complete, 1, 1, 0));
    assert_eq!(
        out.readings[KEY].warnings,
        ["a/parents/p1 was deleted while its list was read"]
    );
    let unsure = Script::default()
        .parents(&["p1", "p2"])
        .fails(PARENTS, Fault::Unavailable)
        .fails(&below("p1"), Fault::NotFound)
        .list(&below("p2"), &[r#"{"id":"x"}"#]);
    let out = read_rows(&unsure, &[things()], 1);
    assert_eq!(out.readings[KEY].outcome, Outcome::Incomplete);
}

#[test]
fn what_no_parent_has_or_their_own_list_lacks_is_not_offered() {
    let none = Script::default()
        .parents(&["p1", "p2"])
        .fails(&below("p1"), Fault::NotFound)
        .fails(&below("p2"), Fault::NotFound);
    let out = read_rows(&none, &[things()], 1);
    assert_eq!(out.of(KEY), (Outcome::NotOffered, 0, 0, 0));
    let parents = Script::default().fails(PARENTS, Fault::NotFound);
    let out = read_rows(&parents, &[things()], 1);
    assert_eq!(out.of(KEY), (Outcome::NotOffered, 0, 0, 0));
}

#[test]
fn two_parents_with_objects_of_one_id_keep_both() {
    for order in [["p1", "p2"], ["p2", "p1"]] {
        let graph = Script::default()
            .parents(&order)
            .list(&below("p1"), &[r#"{"id":"0","n":1}"#])
            .list(
                &below("p2"),
                &[
                    r#"{"id":"0","n":2}"#,
                    r#"{"id":"y"}"#,
                    r#"{"id":"0","n":3}"#,
                ],
            );
        let out = read_rows(&graph, &[things()], 1);
        let kept: Vec<&str> = out.documents.keys().map(String::as_str).collect();
        assert_eq!(kept, ["0", "p2/0", "y"], "{order:?}");
        assert_eq!(out.text("0"), r#"{"id":"0","n":1}"#);
        assert_eq!(out.text("p2/0"), r#"{"id":"0","n":3}"#);
        assert_eq!(out.documents["0"].warnings, [""; 0]);
        assert_eq!(out.documents["p2/0"].warnings.len(), 1, "twice below p2");
        assert_eq!(out.of(KEY), (Outcome::Complete, 3, 3, 0));
    }
}

#[test]
fn a_trial_agrees_with_a_run() {
    let one = |path: &str| format!("{path}?$top=1");
    let graph = |others: &[&str]| {
        Script::default()
            .list(&one(PARENTS), &[r#"{"id":"p1"}"#])
            .parents(others)
            .fails(&one(&below("p1")), Fault::NotFound)
    };
    let outcome = |graph: &Script| try_types(graph, &[things()], &Gauge::default())[0].outcome;
    let fine = graph(&["p1", "p2"]).list(&one(&below("p2")), &[]);
    assert_eq!(outcome(&fine), Outcome::Complete);
    assert_eq!(outcome(&graph(&["p1"])), Outcome::NotOffered);
    assert_eq!(outcome(&graph(&[])), Outcome::Complete);
    let forbidden = graph(&["p1", "p2"]).fails(&one(&below("p2")), Fault::Forbidden);
    assert_eq!(outcome(&forbidden), Outcome::Forbidden);
}
