//! Lists that types share, duplicates, broken items, and many objects at a time.

use super::*;

fn profile(id: &str, odata_type: &str) -> String {
    format!(r##"{{"id":"{id}","@odata.type":"#microsoft.graph.{odata_type}","assignments":[]}}"##)
}

#[test]
fn a_shared_list_is_read_once_and_split() {
    let graph = Script::default().list(
        PROFILES_LIST,
        &[
            &profile("ring", "windowsUpdateForBusinessConfiguration"),
            &profile("ios", "iosUpdateConfiguration"),
            &profile("wifi", "iosWiFiConfiguration"),
            &profile("new", "visionOSCustomConfiguration"),
            r#"{"id":"bare","assignments":[]}"#,
        ],
    );
    let out = read(&graph, &["deviceConfiguration", "windowsUpdateRing"]);
    assert_eq!(graph.times(PROFILES_LIST), 1);
    assert_eq!(out.documents["ring"].policy_type, "windowsUpdateRing");
    assert_eq!(out.documents["wifi"].policy_type, "deviceConfiguration");
    assert_eq!(out.documents["wifi"].warnings, [""; 0]);
    assert!(
        !out.documents.contains_key("ios"),
        "its type has a row, which is not selected"
    );
    assert_eq!(
        out.documents["new"].warnings,
        [
            "kept under deviceConfiguration: its type #microsoft.graph.visionOSCustomConfiguration is not known"
        ]
    );
    assert!(out.documents["bare"].warnings[0].contains("does not tell its type"));
    assert_eq!(out.of("deviceConfiguration"), (Outcome::Complete, 3, 3, 0));
    assert_eq!(out.of("windowsUpdateRing"), (Outcome::Complete, 1, 1, 0));
}

#[test]
fn a_broken_item_costs_itself_and_leaves_its_list_in_doubt() {
    let graph = Script::default()
        .list(
            PROFILES_LIST,
            &[
                &profile("a", "iosCustomConfiguration"),
                r#"{"id":"b","displayName":"half \ud800","assignments":[]}"#,
                &profile("c", "windowsUpdateForBusinessConfiguration"),
            ],
        )
        .list(FILTERS, &[r#"{"displayName":"no id"}"#, r#"{"id":"f"}"#]);
    let out = read(
        &graph,
        &[
            "deviceConfiguration",
            "windowsUpdateRing",
            "assignmentFilter",
        ],
    );
    assert_eq!(
        out.of("deviceConfiguration"),
        (Outcome::Incomplete, 2, 1, 1)
    );
    assert_eq!(out.of("windowsUpdateRing"), (Outcome::Incomplete, 1, 1, 0));
    assert_eq!(out.of("assignmentFilter"), (Outcome::Incomplete, 2, 1, 1));
    assert!(
        out.reason("deviceConfiguration")
            .starts_with("1 of 2 could not be read")
    );
    assert!(out.reason("windowsUpdateRing").contains("broken"));
    let broken = out.unread.iter().find(|unread| unread.id == "b").unwrap();
    assert_eq!(broken.policy_type, "deviceConfiguration");
    assert!(broken.name.starts_with("half"));
    let nameless = out
        .unread
        .iter()
        .find(|unread| unread.id.is_empty())
        .unwrap();
    assert_eq!(
        (nameless.name.as_str(), nameless.reason.as_str()),
        ("no id", "it has no id")
    );
}

#[test]
fn of_an_object_that_comes_twice_the_last_stays() {
    let graph = Script::default()
        .page(
            FILTERS,
            &[r#"{"id":"a","rule":"1"}"#, r#"{"id":"b"}"#],
            "https://graph/2",
        )
        .list(
            "https://graph/2",
            &[r#"{"id":"b"}"#, r#"{"id":"a","rule":"2"}"#],
        );
    let out = read(&graph, &["assignmentFilter"]);
    assert_eq!(out.text("a"), r#"{"id":"a","rule":"2"}"#);
    assert!(out.documents["a"].warnings[0].contains("twice"));
    assert_eq!(out.documents["b"].warnings, [""; 0]);
    assert_eq!(out.of("assignmentFilter"), (Outcome::Complete, 2, 2, 0));
}

#[test]
fn an_object_that_failed_and_came_again_counts_once() {
    let graph = Script::default()
        .list(
            CATALOG_LIST,
            &[
                r#"{"id":"a","name":"1","assignments":[]}"#,
                r#"{"id":"a","name":"2","assignments":[]}"#,
            ],
        )
        .fails(&settings("a"), Fault::Unavailable)
        .list(&settings("a"), &[]);
    let out = read(&graph, &["settingsCatalogPolicy"]);
    assert_eq!(out.documents["a"].name, "2");
    let (_, listed, read, failed) = out.of("settingsCatalogPolicy");
    assert_eq!((listed, read, failed), (1, 1, 0));
}

#[test]
fn many_objects_are_read_within_the_bound() {
    let items: Vec<String> = (0..500)
        .map(|id| format!(r#"{{"id":"{id}","assignments":[]}}"#))
        .collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let mut graph = Script::default()
        .list(CATALOG_LIST, &items)
        .list(FILTERS, &[]);
    for id in 0..500 {
        graph = graph.list(&settings(&id.to_string()), &[r#"{"id":"0"}"#]);
    }
    let types = [
        find("settingsCatalogPolicy").unwrap(),
        find("assignmentFilter").unwrap(),
    ];
    for in_flight in [0, 1, 3] {
        let out = read_rows(&graph, &types, in_flight);
        assert_eq!(
            out.of("settingsCatalogPolicy"),
            (Outcome::Complete, 500, 500, 0)
        );
        assert!(graph.most_in_flight() <= in_flight.max(1));
    }
}

#[test]
fn nothing_selected_is_nothing_read() {
    let out = read(&Script::default(), &[]);
    assert!(out.ended.is_none());
}
