mod faults;
mod forms;
mod lists;
mod parents;
mod references;
pub(in crate::run) mod script;
mod trials;

use std::collections::BTreeMap;

use super::*;
use crate::policy::catalogue::find;
use script::Script;

const CATALOG: &str = "beta/deviceManagement/configurationPolicies";
const CATALOG_LIST: &str = "beta/deviceManagement/configurationPolicies?$expand=assignments";
const PROFILES: &str = "beta/deviceManagement/deviceConfigurations";
const PROFILES_LIST: &str = "beta/deviceManagement/deviceConfigurations?$expand=assignments";
const FILTERS: &str = "beta/deviceManagement/assignmentFilters";

const FOUR: Width = Width {
    lists: 2,
    objects: 2,
};

/// Everything that came out of a reading.
#[derive(Default)]
struct Out {
    documents: BTreeMap<String, Document>,
    unread: Vec<Unread>,
    readings: BTreeMap<&'static str, Reading>,
    ended: Option<graph::Error>,
}

impl Out {
    fn text(&self, id: &str) -> &str {
        std::str::from_utf8(&self.documents[id].bytes).unwrap()
    }

    /// Outcome, listed, read and failed of the type.
    fn of(&self, key: &str) -> (Outcome, u64, u64, u64) {
        let reading = &self.readings[key];
        (
            reading.outcome,
            reading.listed,
            reading.read,
            reading.failed,
        )
    }

    fn reason(&self, key: &str) -> &str {
        self.readings[key].reason.as_deref().unwrap_or_default()
    }
}

fn read(graph: &dyn Graph, keys: &[&str]) -> Out {
    let types: Vec<_> = keys.iter().map(|key| find(key).unwrap()).collect();
    read_rows(graph, &types, 4)
}

fn read_rows(graph: &dyn Graph, types: &[&'static PolicyType], in_flight: usize) -> Out {
    let mut out = Out::default();
    let key = RedactionKey::new([1; 32]);
    let width = Width {
        lists: in_flight.div_ceil(2),
        objects: in_flight / 2,
    };
    out.ended = read_types(graph, types, width, &key, &mut |event| {
        match event {
            Event::Document(document) => {
                out.documents.insert(document.id.clone(), document);
            }
            Event::Unread(unread) => out.unread.push(unread),
            Event::Reading(reading) => {
                let key = reading.policy_type.key;
                assert!(out.readings.insert(key, reading).is_none(), "{key} twice");
            }
        }
        Ok(())
    })
    .unwrap();
    let keys: Vec<&str> = out.readings.keys().copied().collect();
    let mut wanted: Vec<&str> = types.iter().map(|row| row.key).collect();
    wanted.sort_unstable();
    assert_eq!(keys, wanted, "each type has one reading");
    out
}

fn settings(id: &str) -> String {
    format!("{CATALOG}/{id}/settings")
}

#[test]
fn a_document_is_graphs_own_bytes_with_its_parts() {
    let graph = Script::default()
        .page(CATALOG_LIST, &[], "https://graph/next")
        .list(
            "https://graph/next",
            &[r#"{ "id":"a" , "name":"A","n":0.1000,"big":12345678901234567890123,"settingCount":3,"assignments":[{"id":"1"}],"s":"\u00e9\/" }"#],
        )
        .page(&settings("a"), &[r#"{"v":1e5}"#, r#"{"v": 2.0}"#], "https://graph/settings")
        .list("https://graph/settings", &[r#"{"v":3}"#]);
    let out = read(&graph, &["settingsCatalogPolicy"]);
    assert_eq!(
        out.text("a"),
        r#"{ "id":"a" , "name":"A","n":0.1000,"big":12345678901234567890123,"settingCount":3,"assignments":[{"id":"1"}],"s":"\u00e9\/","settings":[{"v":1e5},{"v": 2.0},{"v":3}] }"#
    );
    assert_eq!(
        out.of("settingsCatalogPolicy"),
        (Outcome::Complete, 1, 1, 0)
    );
    assert_eq!(out.readings["settingsCatalogPolicy"].pages, 2);
    assert_eq!(out.reason("settingsCatalogPolicy"), "");
}

#[test]
fn an_expansion_that_is_missing_or_goes_on_is_completed() {
    let graph = Script::default()
        .list(
            PROFILES_LIST,
            &[
                r##"{"id":"a","@odata.type":"#microsoft.graph.iosCustomConfiguration"}"##,
                r##"{"id":"b","@odata.type":"#microsoft.graph.iosCustomConfiguration","assignments":[{"n":1}],"assignments@odata.nextLink":"https://graph/b"}"##,
                r##"{"id":"c","@odata.type":"#microsoft.graph.iosCustomConfiguration","assignments":[]}"##,
            ],
        )
        .list(&format!("{PROFILES}/a/assignments"), &[r#"{"n":7}"#])
        .list("https://graph/b", &[r#"{"n":2}"#]);
    let out = read(&graph, &["deviceConfiguration"]);
    assert!(out.text("a").ends_with(r#","assignments":[{"n":7}]}"#));
    assert!(
        out.text("b")
            .ends_with(r#""assignments":[{"n":1},{"n":2}]}"#)
    );
    assert!(out.text("c").ends_with(r#""assignments":[]}"#));
    assert_eq!(out.of("deviceConfiguration"), (Outcome::Complete, 3, 3, 0));
    assert_eq!(out.documents["a"].platform.as_deref(), Some("ios"));
}

#[test]
fn an_expansion_that_is_refused_is_done_without() {
    let script = "beta/deviceManagement/deviceShellScripts";
    let graph = Script::default()
        .fails(CATALOG_LIST, Fault::Refused)
        .list(CATALOG, &[r#"{"id":"a"}"#])
        .list(&settings("a"), &[])
        .list(&format!("{CATALOG}/a/assignments"), &[])
        .list(script, &[r#"{"id":"s","scriptContent":null}"#])
        .fails(&format!("{script}/s?$expand=assignments"), Fault::Refused)
        .on(
            &format!("{script}/s"),
            r#"{"id":"s","scriptContent":"eA=="}"#,
        )
        .list(&format!("{script}/s/assignments"), &[r#"{"n":1}"#]);
    let out = read(&graph, &["settingsCatalogPolicy", "deviceShellScript"]);
    assert_eq!(
        out.text("a"),
        r#"{"id":"a","assignments":[],"settings":[]}"#
    );
    assert_eq!(
        out.text("s"),
        r#"{"id":"s","scriptContent":"eA==","assignments":[{"n":1}]}"#
    );
    assert_eq!(
        out.readings["settingsCatalogPolicy"].outcome,
        Outcome::Complete
    );
    assert_eq!(out.readings["deviceShellScript"].outcome, Outcome::Complete);
}

#[test]
fn parts_of_parts_go_where_graph_would_put_them() {
    let template = "beta/deviceManagement/groupPolicyConfigurations";
    let compliance = "beta/deviceManagement/deviceCompliancePolicies";
    let expand =
        "$expand=assignments,scheduledActionsForRule($expand=scheduledActionConfigurations)";
    let graph = Script::default()
        .list(&format!("{template}?$expand=assignments"), &[r#"{"id":"g","assignments":[]}"#])
        .list(
            &format!("{template}/g/definitionValues?$expand=definition"),
            &[r#"{"id":"d/1","enabled":true}"#, r#"{"id":"d2"}"#],
        )
        .list(
            &format!("{template}/g/definitionValues/d%2F1/presentationValues?$expand=presentation"),
            &[r#"{"value":1.0}"#],
        )
        .list(
            &format!("{template}/g/definitionValues/d2/presentationValues?$expand=presentation"),
            &[],
        )
        .list(
            &format!("{compliance}?{expand}"),
            &[r#"{"id":"c","scheduledActionsForRule":[{"id":"r1","scheduledActionConfigurations":[{}]},{"id":"r2"}],"assignments":[]}"#],
        )
        .list(
            &format!("{compliance}/c/scheduledActionsForRule/r2/scheduledActionConfigurations"),
            &[r#"{"actionType":"block"}"#],
        );
    let out = read(
        &graph,
        &["groupPolicyConfiguration", "deviceCompliancePolicy"],
    );
    assert_eq!(
        out.text("g"),
        r#"{"id":"g","assignments":[],"definitionValues":[{"id":"d/1","enabled":true,"presentationValues":[{"value":1.0}]},{"id":"d2","presentationValues":[]}]}"#
    );
    assert_eq!(
        out.text("c"),
        r#"{"id":"c","scheduledActionsForRule":[{"id":"r1","scheduledActionConfigurations":[{}]},{"id":"r2","scheduledActionConfigurations":[{"actionType":"block"}]}],"assignments":[]}"#
    );
    assert_eq!(
        out.readings["groupPolicyConfiguration"].outcome,
        Outcome::Complete
    );
}

#[test]
fn remediations_are_read_one_by_one_with_assignments_from_their_own_path() {
    let path = "beta/deviceManagement/deviceHealthScripts";
    let graph = Script::default()
        .list(path, &[r#"{"id":"h"}"#])
        .on(
            &format!("{path}/h"),
            r#"{"@odata.context":"c","id":"h","detectionScriptContent":"eA=="}"#,
        )
        .list(
            &format!("{path}/h/assignments"),
            &[r#"{"runSchedule":{"interval":1}}"#],
        );
    let out = read(&graph, &["deviceHealthScript"]);
    assert_eq!(
        out.text("h"),
        r#"{"@odata.context":"c","id":"h","detectionScriptContent":"eA==","assignments":[{"runSchedule":{"interval":1}}]}"#
    );
}

#[test]
fn a_count_that_does_not_fit_is_read_again_and_then_said() {
    let item =
        |id: &str| format!(r#"{{"id":"{id}","name":"N","settingCount":2,"assignments":[]}}"#);
    let again = |id: &str| format!("{CATALOG}/{id}?$expand=assignments");
    let graph = Script::default()
        .list(
            CATALOG_LIST,
            &[&item("edited"), &item("short"), &item("fine")],
        )
        .list(&settings("edited"), &["{}"])
        .on(
            &again("edited"),
            r#"{"id":"edited","settingCount":1,"assignments":[]}"#,
        )
        .list(&settings("short"), &["{}"])
        .on(&again("short"), item("short"))
        .list(&settings("fine"), &["{}", "{}"]);
    let out = read(&graph, &["settingsCatalogPolicy"]);
    assert_eq!(
        out.of("settingsCatalogPolicy"),
        (Outcome::Incomplete, 3, 3, 0)
    );
    assert_eq!(
        out.reason("settingsCatalogPolicy"),
        "N (id short): 1 of 2 settings were read"
    );
    assert_eq!(
        out.documents["short"].warnings,
        ["1 of 2 settings were read"]
    );
    assert_eq!(out.documents["edited"].warnings, [""; 0]);
    assert_eq!(graph.times(&again("fine")), 0);
}

#[test]
fn nested_lists_and_single_objects_are_read() {
    let row = |row: PolicyType| -> &'static PolicyType { Box::leak(Box::new(row)) };
    let plain = *find("assignmentFilter").unwrap();
    let nested = row(PolicyType {
        key: "nested",
        path: "a/b/{parent}/c",
        object_path: Some("a/c"),
        read_each: true,
        ..plain
    });
    let single = row(PolicyType {
        key: "single",
        path: "a/settings",
        shape: crate::policy::catalogue::Shape::Single,
        ..plain
    });
    let graph = Script::default()
        .list("beta/a/b", &[r#"{"id":"p1"}"#, r#"{"id":"p2"}"#])
        .list("beta/a/b/p1/c", &[r#"{"id":"x"}"#])
        .list("beta/a/b/p2/c", &[r#"{"id":"y"}"#])
        .on("beta/a/c/x", r#"{"id":"x","members":[1]}"#)
        .on("beta/a/c/y", r#"{"id":"y","members":[2]}"#)
        .on("beta/a/settings", r#"{"n":1.0}"#);
    let out = read_rows(&graph, &[nested, single], 2);
    assert_eq!(out.text("y"), r#"{"id":"y","members":[2]}"#);
    assert_eq!(out.text("single"), r#"{"n":1.0}"#);
    assert_eq!(out.of("nested"), (Outcome::Complete, 2, 2, 0));
    assert_eq!(out.of("single"), (Outcome::Complete, 1, 1, 0));
}
