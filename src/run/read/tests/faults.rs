//! What goes wrong, and what it means for a type.

use super::*;
use crate::error::Kind;

#[test]
fn each_fault_of_a_list_has_its_outcome() {
    for (fault, outcome) in [
        (Fault::Forbidden, Outcome::Forbidden),
        (Fault::NotLicensed, Outcome::NotOffered),
        (Fault::NotFound, Outcome::NotOffered),
        (Fault::Refused, Outcome::Incomplete),
        (Fault::Throttled, Outcome::Incomplete),
        (Fault::Unavailable, Outcome::Incomplete),
        (Fault::BadResponse, Outcome::Incomplete),
        (Fault::Network, Outcome::Incomplete),
        (Fault::Paging, Outcome::Incomplete),
    ] {
        let graph = Script::default()
            .fails(FILTERS, fault)
            .list("beta/deviceManagement/roleScopeTags", &[]);
        let out = read(&graph, &["assignmentFilter", "roleScopeTag"]);
        assert_eq!(out.of("assignmentFilter"), (outcome, 0, 0, 0), "{fault:?}");
        assert_eq!(out.readings["assignmentFilter"].fault, Some(fault));
        let needs = match fault {
            Fault::Forbidden => " (needs DeviceManagementConfiguration.Read.All)",
            _ => "",
        };
        assert_eq!(
            out.reason("assignmentFilter"),
            format!("scripted {fault:?}{needs}")
        );
        assert_eq!(
            out.of("roleScopeTag"),
            (Outcome::Complete, 0, 0, 0),
            "and goes on"
        );
        assert!(out.ended.is_none());
    }
}

#[test]
fn a_missing_permission_is_named() {
    let mut named = graph::Error::new(Fault::Forbidden, "refused");
    named.permissions = vec!["DeviceManagementRBAC.Read.All".to_owned()];
    let graph = Script::default()
        .fails(FILTERS, Fault::Forbidden)
        .answer("beta/deviceManagement/roleScopeTags", Err(named));
    let out = read(&graph, &["assignmentFilter", "roleScopeTag"]);
    let filters = &out.readings["assignmentFilter"];
    assert_eq!(
        filters.permissions,
        ["DeviceManagementConfiguration.Read.All"]
    );
    let tags = &out.readings["roleScopeTag"];
    assert_eq!(tags.permissions, ["DeviceManagementRBAC.Read.All"]);
}

#[test]
fn a_list_that_is_cut_off_is_incomplete_and_keeps_what_came() {
    for fault in [Fault::Unavailable, Fault::Forbidden, Fault::NotFound] {
        let graph = Script::default()
            .page(FILTERS, &[r#"{"id":"a"}"#], "https://graph/2")
            .fails("https://graph/2", fault);
        let out = read(&graph, &["assignmentFilter"]);
        assert_eq!(out.of("assignmentFilter"), (Outcome::Incomplete, 1, 1, 0));
        assert!(
            out.reason("assignmentFilter")
                .contains("cut off after 1 page:")
        );
    }
    let graph = Script::default().on(FILTERS, r#"{"value":[{"id":"a"}"#);
    let out = read(&graph, &["assignmentFilter"]);
    assert_eq!(
        out.readings["assignmentFilter"].outcome,
        Outcome::Incomplete
    );
}

#[test]
fn a_part_that_fails_costs_its_object() {
    let graph = Script::default()
        .list(
            CATALOG_LIST,
            &[
                r#"{"id":"a","name":"A","assignments":[]}"#,
                r#"{"id":"b","assignments":[]}"#,
            ],
        )
        .page(&settings("a"), &["{}"], "https://graph/cut")
        .fails("https://graph/cut", Fault::Unavailable)
        .list(&settings("b"), &[]);
    let out = read(&graph, &["settingsCatalogPolicy"]);
    assert_eq!(
        out.of("settingsCatalogPolicy"),
        (Outcome::Incomplete, 2, 1, 1)
    );
    assert_eq!(
        out.reason("settingsCatalogPolicy"),
        "1 of 2 could not be read, the first A (id a): scripted Unavailable"
    );
    assert_eq!(out.unread[0].id, "a");
    assert_eq!(
        out.readings["settingsCatalogPolicy"].fault,
        Some(Fault::Unavailable)
    );
}

#[test]
fn a_part_that_is_forbidden_names_the_permission() {
    let list = |graph: Script| {
        graph.list(
            CATALOG_LIST,
            &[
                r#"{"id":"a","assignments":[]}"#,
                r#"{"id":"b","assignments":[]}"#,
            ],
        )
    };
    let none = list(Script::default())
        .fails(&settings("a"), Fault::Forbidden)
        .fails(&settings("b"), Fault::Forbidden);
    let out = read(&none, &["settingsCatalogPolicy"]);
    assert_eq!(
        out.of("settingsCatalogPolicy"),
        (Outcome::Forbidden, 2, 0, 2)
    );
    assert!(
        out.unread[0]
            .reason
            .contains("DeviceManagementConfiguration.Read.All")
    );
    let some = list(Script::default())
        .fails(&settings("a"), Fault::Forbidden)
        .list(&settings("b"), &[]);
    let out = read(&some, &["settingsCatalogPolicy"]);
    assert_eq!(
        out.of("settingsCatalogPolicy"),
        (Outcome::Incomplete, 2, 1, 1)
    );
    assert_eq!(
        out.readings["settingsCatalogPolicy"].permissions,
        ["DeviceManagementConfiguration.Read.All"]
    );
}

#[test]
fn an_object_deleted_in_between_is_no_failure() {
    let script = "beta/deviceManagement/deviceShellScripts";
    let graph = Script::default()
        .list(CATALOG_LIST, &[r#"{"id":"a","name":"A","assignments":[]}"#])
        .fails(&settings("a"), Fault::NotFound)
        .fails(&format!("{CATALOG}/a?$expand=assignments"), Fault::NotFound)
        .list(script, &[r#"{"id":"s","displayName":"S"}"#])
        .fails(&format!("{script}/s?$expand=assignments"), Fault::NotFound)
        .list(CATALOG_LIST, &[])
        .list(script, &[r#"{"id":"other"}"#]);
    let out = read(&graph, &["settingsCatalogPolicy", "deviceShellScript"]);
    for (key, label) in [
        ("settingsCatalogPolicy", "A (id a)"),
        ("deviceShellScript", "S (id s)"),
    ] {
        assert_eq!(out.of(key), (Outcome::Complete, 1, 0, 0));
        let warning = format!("{label} was deleted while it was read");
        assert_eq!(out.readings[key].warnings, [warning]);
    }
    assert!(out.unread.is_empty());
}

#[test]
fn an_object_not_found_and_still_listed_is_no_deletion() {
    let script = "beta/deviceManagement/deviceShellScripts";
    let object = format!("{script}/s?$expand=assignments");
    let listed = r#"{"id":"s","displayName":"S"}"#;
    let lies = Script::default()
        .list(script, &[listed])
        .fails(&object, Fault::NotFound);
    let out = read(&lies, &["deviceShellScript"]);
    assert_eq!(out.of("deviceShellScript"), (Outcome::Incomplete, 1, 0, 1));
    assert_eq!(
        out.reason("deviceShellScript"),
        "1 of 1 could not be read, the first S (id s): Graph lists it and answers 404 for it"
    );
    assert_eq!(out.unread[0].id, "s");
    assert_eq!(lies.times(script), 2);

    let unproved = Script::default()
        .list(script, &[listed])
        .fails(&object, Fault::NotFound)
        .fails(script, Fault::Unavailable);
    let out = read(&unproved, &["deviceShellScript"]);
    assert_eq!(out.of("deviceShellScript"), (Outcome::Incomplete, 1, 0, 1));
    assert!(out.reason("deviceShellScript").contains("once more"));

    let over = Script::default()
        .list(script, &[listed])
        .fails(&object, Fault::NotFound)
        .fails(script, Fault::Canceled);
    let out = read(&over, &["deviceShellScript"]);
    assert_eq!(out.ended.unwrap().fault, Fault::Canceled);
}

#[test]
fn an_object_that_moved_to_a_type_that_is_not_selected_is_still_listed() {
    let item = |odata_type: &str| {
        format!(r##"{{"id":"a","@odata.type":"#microsoft.graph.{odata_type}"}}"##)
    };
    let graph = Script::default()
        .list(
            PROFILES_LIST,
            &[&item("windowsUpdateForBusinessConfiguration")],
        )
        .list(PROFILES_LIST, &[&item("iosUpdateConfiguration")])
        .fails(&format!("{PROFILES}/a/assignments"), Fault::NotFound)
        .fails(
            &format!("{PROFILES}/a?$expand=assignments"),
            Fault::NotFound,
        );
    let out = read(&graph, &["windowsUpdateRing"]);
    assert_eq!(out.of("windowsUpdateRing"), (Outcome::Incomplete, 1, 0, 1));
}

#[test]
fn a_part_not_found_of_an_object_that_lives_is_a_failure() {
    let graph = Script::default()
        .list(CATALOG_LIST, &[r#"{"id":"a","assignments":[]}"#])
        .fails(&settings("a"), Fault::NotFound)
        .on(&format!("{CATALOG}/a?$expand=assignments"), r#"{"id":"a"}"#);
    let out = read(&graph, &["settingsCatalogPolicy"]);
    assert_eq!(
        out.of("settingsCatalogPolicy"),
        (Outcome::Incomplete, 1, 0, 1)
    );
}

#[test]
fn a_fault_that_ends_the_run_ends_the_reading() {
    for fault in [
        Fault::Auth,
        Fault::Credential,
        Fault::TimedOut,
        Fault::Canceled,
    ] {
        // One thread, so that the order is certain: the list of filters is whole before.
        let graph = Script::default()
            .list(FILTERS, &[r#"{"id":"f"}"#])
            .list(
                CATALOG_LIST,
                &[
                    r#"{"id":"a","assignments":[]}"#,
                    r#"{"id":"b","assignments":[]}"#,
                ],
            )
            .fails(&settings("a"), fault)
            .fails(&settings("b"), fault);
        let types: Vec<_> = [
            "assignmentFilter",
            "settingsCatalogPolicy",
            "roleScopeTag",
            "namedLocation",
        ]
        .iter()
        .map(|key| find(key).unwrap())
        .collect();
        let out = read_rows(&graph, &types, 1);
        assert_eq!(out.ended.as_ref().unwrap().fault, fault);
        assert_eq!(out.of("assignmentFilter"), (Outcome::Complete, 1, 1, 0));
        for key in ["settingsCatalogPolicy", "roleScopeTag", "namedLocation"] {
            assert_eq!(out.readings[key].outcome, Outcome::Incomplete, "{key}");
            assert_eq!(out.readings[key].fault, Some(fault));
            assert!(
                out.reason(key).contains("ended early"),
                "{}",
                out.reason(key)
            );
        }
        assert!(out.unread.is_empty(), "nothing is wrong with the policies");
    }
    let graph = Script::default().fails(FILTERS, Fault::Canceled);
    let out = read(&graph, &["assignmentFilter"]);
    assert_eq!(out.ended.unwrap().message, "scripted Canceled");
}

#[test]
fn the_reason_of_the_end_is_graphs_and_not_that_threads_stopped() {
    let items: Vec<String> = (0..200)
        .map(|id| format!(r#"{{"id":"{id}","assignments":[]}}"#))
        .collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let mut graph = Script::default()
        .list(CATALOG_LIST, &items)
        .list(FILTERS, &items);
    for id in 0..200 {
        graph = graph.fails(&settings(&id.to_string()), Fault::TimedOut);
    }
    let out = read(&graph, &["settingsCatalogPolicy", "assignmentFilter"]);
    assert_eq!(out.ended.unwrap().fault, Fault::TimedOut);
}

#[test]
fn a_failing_sink_ends_everything() {
    let items: Vec<String> = (0..300).map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let tags = "beta/deviceManagement/roleScopeTags";
    let mut graph = Script::default().list(FILTERS, &items).list(tags, &items);
    for id in 0..300 {
        graph = graph.list(&format!("{tags}/{id}/assignments"), &[]);
    }
    let types = [
        find("assignmentFilter").unwrap(),
        find("roleScopeTag").unwrap(),
    ];
    let mut events = 0;
    let key = RedactionKey::new([1; 32]);
    let error = read_types(&graph, &types, FOUR, &key, &mut |_| {
        events += 1;
        if events == 10 {
            return Err(Error::new(Kind::StorageFull, "disk full"));
        }
        Ok(())
    })
    .unwrap_err();
    assert_eq!(error.kind(), Kind::StorageFull);
    assert_eq!(events, 10, "and is not called again");
}

#[test]
fn a_panic_in_a_thread_or_in_the_sink_comes_out_and_hangs_nothing() {
    let key = RedactionKey::new([1; 32]);
    let types = [
        find("assignmentFilter").unwrap(),
        find("roleScopeTag").unwrap(),
    ];
    let panics = |graph: &Script, sink: &mut dyn FnMut(Event) -> Result<()>| {
        let read = std::panic::AssertUnwindSafe(|| read_types(graph, &types, FOUR, &key, sink));
        std::panic::catch_unwind(read).is_err()
    };
    let nothing_scripted = Script::default();
    assert!(panics(&nothing_scripted, &mut |_| Ok(())));
    let graph = Script::default()
        .list(FILTERS, &[])
        .list("beta/deviceManagement/roleScopeTags", &[]);
    assert!(panics(&graph, &mut |_| panic!("the sink")));
}
