use super::*;
use crate::backup_set::{ContentHash, ListEntry};
use crate::run::absent;
use crate::run::read::tests::script::Script;

/// What is said of two groups by an answer with these items.
fn said(items: &[&str]) -> [Option<Unresolved>; 2] {
    let ids = ["a", "b"].map(str::to_owned);
    let question = r#"{"ids":["a","b"],"types":["group"]}"#;
    let answers = ask(&Script::default().list(question, items), "group", &ids);
    assert_eq!(answers.error, None);
    ids.map(|id| answers.reference("group", &id).unresolved)
}

#[test]
fn what_an_answer_leaves_out_is_not_there_and_what_is_broken_in_it_is() {
    let named = r#"{"id":"A","displayName":"Pilot"}"#;
    let (missing, unread) = (Some(Unresolved::NotFound), Some(Unresolved::Unreadable));
    assert_eq!(said(&[named]), [None, missing]);
    let broken = r#"{"id":"B","displayName":"\ud800"}"#;
    assert_eq!(said(&[named, broken]), [None, unread]);
    for unidentified in [
        r#"{"displayName":"Pilot"}"#,
        r#"{"id":7}"#,
        r#"{"id":"\ud800"}"#,
        r#"{"displayName":"\ud800"}"#,
        "5",
    ] {
        assert_eq!(
            said(&[named, unidentified]),
            [None, unread],
            "{unidentified}"
        );
    }
}

#[test]
fn the_set_names_by_an_id_in_any_case() {
    let filter = catalogue::find("assignmentFilter").unwrap();
    let entry = ListEntry {
        id: "0aF1".to_owned(),
        name: "Corporate".to_owned(),
        platform: None,
        bytes: 0,
        hash: ContentHash::of(b""),
        warnings: Vec::new(),
    };
    let entries = BTreeMap::from([(entry.id.clone(), entry)]);
    let collected = Collected {
        readings: vec![absent::tests::complete(filter)],
        entries: BTreeMap::from([(filter.key, entries)]),
        ..Collected::default()
    };
    for id in ["0aF1", "0af1", "0AF1"] {
        let found = in_set(&collected, filter.key, id).unwrap();
        assert_eq!(
            (found.id.as_str(), found.name.as_deref()),
            (id, Some("Corporate"))
        );
    }
    let other = in_set(&collected, filter.key, "0af2").unwrap();
    assert_eq!(other.unresolved, Some(Unresolved::NotFound));
}
