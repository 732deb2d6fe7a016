//! Parts that are no collections, objects that are nobody's policies, and what is added to an object
//! beside what Graph says of it.

use super::*;
use crate::policy::catalogue::{Form, LeftOut, Part, Shape, Via};

const PART: Part = Part {
    property: "",
    form: Form::Many,
    via: Via::Path,
    cast: None,
    told_by: None,
    expand: &[],
    parts: &[],
    count: None,
};

fn row(row: PolicyType) -> &'static PolicyType {
    Box::leak(Box::new(row))
}

fn plain() -> PolicyType {
    PolicyType {
        key: "thing",
        path: "a/things",
        ..*find("assignmentFilter").unwrap()
    }
}

const THINGS: &str = "beta/a/things";

#[test]
fn objects_and_files_are_put_in_where_they_exist() {
    let things = row(PolicyType {
        parts: &[
            Part {
                property: "logo",
                form: Form::One,
                ..PART
            },
            Part {
                property: "image",
                form: Form::File,
                told_by: Some("imageUrl"),
                ..PART
            },
        ],
        ..plain()
    });
    let graph = Script::default()
        .list(
            THINGS,
            &[
                r#"{"id":"a","logo":null,"imageUrl":"x"}"#,
                r#"{"id":"b","logo":null,"imageUrl":null}"#,
                r#"{"id":"c","logo":{"type":"t"},"imageUrl":""}"#,
                r#"{"id":"d","imageUrl":"y"}"#,
            ],
        )
        .on(
            &format!("{THINGS}/a/logo"),
            r#"{"type":"png","value":"eA=="}"#,
        )
        .on(&format!("{THINGS}/a/image"), [0x89, b'P', 0xff])
        .on(&format!("{THINGS}/b/logo"), "")
        .on(
            &format!("{THINGS}/d/logo"),
            r#"{"@odata.context":"c","@odata.null":true}"#,
        )
        .fails(&format!("{THINGS}/d/image"), Fault::NotFound);
    let out = read_rows(&graph, &[things], 2);
    assert_eq!(
        out.text("a"),
        r#"{"id":"a","logo":{"type":"png","value":"eA=="},"imageUrl":"x","image":"iVD/"}"#
    );
    assert_eq!(out.text("b"), r#"{"id":"b","logo":null,"imageUrl":null}"#);
    assert_eq!(
        out.text("c"),
        r#"{"id":"c","logo":{"type":"t"},"imageUrl":""}"#
    );
    assert_eq!(out.text("d"), r#"{"id":"d","imageUrl":"y"}"#);
    assert_eq!(out.of("thing"), (Outcome::Complete, 4, 4, 0));
}

#[test]
fn a_file_that_is_too_large_or_refused_costs_its_object() {
    let things = row(PolicyType {
        parts: &[Part {
            property: "image",
            form: Form::File,
            ..PART
        }],
        ..plain()
    });
    let graph = Script::default()
        .list(THINGS, &[r#"{"id":"a"}"#, r#"{"id":"b"}"#])
        .on(&format!("{THINGS}/a/image"), vec![0; (8 << 20) + 1])
        .fails(&format!("{THINGS}/b/image"), Fault::Forbidden);
    let out = read_rows(&graph, &[things], 1);
    assert_eq!(out.of("thing"), (Outcome::Incomplete, 2, 0, 2));
    let large = out.unread.iter().find(|unread| unread.id == "a").unwrap();
    assert_eq!(
        large.reason,
        "image has 8388609 bytes, and at most 8388608 are kept"
    );
}

#[test]
fn a_property_of_a_derived_type_is_asked_for_with_that_type() {
    let things = row(PolicyType {
        read_each: true,
        parts: &[Part {
            property: "tags",
            via: Via::Expanded,
            cast: Some("special"),
            ..PART
        }],
        ..plain()
    });
    let graph = Script::default()
        .list(THINGS, &[r#"{"id":"a"}"#, r#"{"id":"b"}"#])
        .on(
            &format!("{THINGS}/a?$expand=microsoft.graph.special/tags"),
            r#"{"id":"a","tags":[1]}"#,
        )
        .on(
            &format!("{THINGS}/b?$expand=microsoft.graph.special/tags"),
            r#"{"id":"b"}"#,
        )
        .list(&format!("{THINGS}/b/microsoft.graph.special/tags"), &["{}"]);
    let out = read_rows(&graph, &[things], 1);
    assert_eq!(out.text("a"), r#"{"id":"a","tags":[1]}"#);
    assert_eq!(out.text("b"), r#"{"id":"b","tags":[{}]}"#);
}

#[test]
fn what_nobody_made_is_left_out_and_counted() {
    let things = row(PolicyType {
        left_out: Some(LeftOut {
            property: "availability",
            value: "global",
            unless: "isAssigned",
            called: "stubs",
        }),
        ..plain()
    });
    let graph = Script::default().page(
        THINGS,
        &[
            r#"{"id":"stub","availability":"global","isAssigned":false}"#,
            r#"{"id":"used","availability":"global","isAssigned":true}"#,
            r#"{"id":"own","availability":null,"isAssigned":false}"#,
            r#"{"id":"other","isAssigned":false}"#,
            r#"{"id":"untold","availability":"global"}"#,
        ],
        "https://graph/2",
    );
    let graph = graph.list(
        "https://graph/2",
        &[
            r#"{"id":"stub","availability":"global","isAssigned":false}"#,
            r#"{"id":"stub2","availability":"global","isAssigned":false}"#,
        ],
    );
    let out = read_rows(&graph, &[things], 1);
    let kept: Vec<&str> = out.documents.keys().map(String::as_str).collect();
    assert_eq!(kept, ["other", "own", "untold", "used"]);
    assert_eq!(out.of("thing"), (Outcome::Complete, 4, 4, 0));
    let reading = &out.readings["thing"];
    assert_eq!(reading.left_out, 2);
    assert_eq!(reading.warnings, ["left out on purpose: 2 stubs"]);
}

#[test]
fn type_and_parent_are_added_where_graph_leaves_them_out() {
    let things = row(PolicyType {
        path: "a/parents/{parent}/things",
        declared: Some("thing"),
        parent_as: Some("owner"),
        ..plain()
    });
    let graph = Script::default()
        .list("beta/a/parents", &[r#"{"id":"p\"1"}"#])
        .list(
            "beta/a/parents/p%221/things",
            &[
                r#"{ "id":"bare","n":1.0 }"#,
                r##"{"id":"told","@odata.type":"#microsoft.graph.other","owner":null}"##,
            ],
        );
    let out = read_rows(&graph, &[things], 1);
    assert_eq!(
        out.text("bare"),
        r##"{ "id":"bare","n":1.0,"@odata.type":"#microsoft.graph.thing","owner":{"id":"p\"1"} }"##
    );
    assert_eq!(
        out.text("told"),
        r##"{"id":"told","@odata.type":"#microsoft.graph.other","owner":{"id":"p\"1"}}"##
    );
}

#[test]
fn a_single_object_that_may_be_absent_is_none_and_not_missing() {
    let single = |may_be_absent| {
        row(PolicyType {
            path: "a/one",
            shape: Shape::Single,
            may_be_absent,
            ..plain()
        })
    };
    let absent = || Script::default().fails("beta/a/one", Fault::NotFound);
    let out = read_rows(&absent(), &[single(true)], 1);
    assert_eq!(out.of("thing"), (Outcome::Complete, 0, 0, 0));
    assert_eq!(out.readings["thing"].status, Some(404));
    let none = Script::default().on("beta/a/one", "");
    let out = read_rows(&none, &[single(true)], 1);
    assert_eq!(out.readings["thing"].status, Some(204));
    let out = read_rows(&absent(), &[single(false)], 1);
    assert_eq!(out.of("thing"), (Outcome::NotOffered, 0, 0, 0));
    let there = Script::default().on("beta/a/one", r#"{"id":"x"}"#);
    let out = read_rows(&there, &[single(true)], 1);
    assert_eq!(out.of("thing"), (Outcome::Complete, 1, 1, 0));
    assert_eq!(out.readings["thing"].status, Some(200));
}
