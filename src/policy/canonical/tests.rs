use proptest::prelude::*;

use super::*;
use crate::policy::catalogue::find;

fn form(key: &str, document: &str) -> String {
    String::from_utf8(canonical(find(key).unwrap(), document.as_bytes()).unwrap()).unwrap()
}

fn catalog(document: &str) -> String {
    form("settingsCatalogPolicy", document)
}

#[test]
fn what_the_service_changes_by_itself_does_not_count() {
    assert_eq!(
        catalog(
            r##"{"@odata.context":"c","@odata.type":"#x","id":"1","name":"n","version":3,
            "createdDateTime":"2026-01-01T00:00:00Z","isAssigned":true,"settingCount":1,
            "settings@odata.context":"c","#microsoft.graph.assign":{},"description":null,
            "templateReference":{"templateId":"t","templateDisplayName":"d"},
            "settings":[{"id":"0","settingInstance":{"settingDefinitionId":"s","version":2}}]}"##
        ),
        r##"{"@odata.type":"#x","id":"1","name":"n","settings":[{"settingInstance":{"settingDefinitionId":"s","version":2}}],"templateReference":{"templateId":"t"}}"##
    );
}

#[test]
fn a_version_that_somebody_wrote_counts() {
    assert_eq!(catalog(r#"{"version":"1.2"}"#), r#"{"version":"1.2"}"#);
    assert_eq!(
        form("iosManagedAppProtection", r#"{"version":"\"x\""}"#),
        "{}"
    );
}

#[test]
fn sets_have_no_order_and_lists_have() {
    let one = r#"{"assignments":[{"id":"1","target":{"groupId":"b"}},{"id":"2","target":{"groupId":"a"}}],
        "roleScopeTagIds":["1","0"],"list":["b","a"]}"#;
    let other = r#"{"roleScopeTagIds":["0","1"],"list":["b","a"],
        "assignments":[{"id":"9","target":{"groupId":"a"}},{"id":"8","target":{"groupId":"b"}}]}"#;
    assert_eq!(catalog(one), catalog(other));
    assert_eq!(
        catalog(one),
        r#"{"assignments":[{"target":{"groupId":"a"}},{"target":{"groupId":"b"}}],"list":["b","a"],"roleScopeTagIds":["0","1"]}"#
    );
    assert_ne!(catalog(r#"{"list":[1,2]}"#), catalog(r#"{"list":[2,1]}"#));
}

#[test]
fn administrative_templates_count_by_the_ids_of_their_definitions() {
    let value = |id: &str, definition: &str, name: &str, presentation: &str| {
        format!(
            r#"{{"id":"{id}","createdDateTime":"2026-01-01T00:00:00Z","enabled":true,
            "definition":{{"id":"{definition}","displayName":"{name}"}},
            "presentationValues":[{{"id":"{id}","value":"v","presentation":{{"id":"{presentation}","label":"{name}"}}}}]}}"#
        )
    };
    let of = |values: [String; 2]| {
        let document = format!(r#"{{"definitionValues":[{}]}}"#, values.join(","));
        form("groupPolicyConfiguration", &document)
    };
    let one = of([value("1", "d1", "x", "p1"), value("2", "d2", "y", "p2")]);
    assert_eq!(
        one,
        of([value("7", "d2", "Y", "p2"), value("8", "d1", "X", "p1")])
    );
    assert_ne!(
        one,
        of([value("1", "d1", "x", "p1"), value("2", "d2", "y", "p3")])
    );
    assert!(
        one.contains(r#"{"definition":{"id":"d1"},"enabled":true,"#),
        "{one}"
    );
}

#[test]
fn expanded_references_count_by_id_only() {
    let policy = |name: &str, id: &str| {
        let document = format!(
            r#"{{"grantControls":{{"authenticationStrength":{{"id":"{id}","displayName":"{name}"}}}}}}"#
        );
        form("conditionalAccessPolicy", &document)
    };
    assert_eq!(policy("a", "1"), policy("b", "1"));
    assert_ne!(policy("a", "1"), policy("a", "2"));
}

#[test]
fn the_same_in_other_words_is_the_same() {
    for (one, other) in [
        (r#"{"n":[1.0,1e2,0.1000,-0]}"#, r#"{"n":[1,100,0.1,0]}"#),
        (
            r#"{"t":"2026-01-01T01:00:00.50+01:00"}"#,
            r#"{"t":"2026-01-01T00:00:00.5Z"}"#,
        ),
        (
            r#"{"platforms":"macOS,iOS"}"#,
            r#"{"platforms":"iOS, macOS"}"#,
        ),
        (r#"{"x":null,"y":"\u0041"}"#, r#"{"y":"A"}"#),
    ] {
        assert_eq!(catalog(one), catalog(other));
    }
    for (one, other) in [
        (
            r#"{"n":12345678901234567890123}"#,
            r#"{"n":12345678901234567890124}"#,
        ),
        (r#"{"s":"b,a"}"#, r#"{"s":"a,b"}"#),
        (r#"{"s":"a\r\n"}"#, r#"{"s":"a\n"}"#),
        (r#"{"a":[null]}"#, r#"{"a":[]}"#),
        (r#"{"@odata.type":"a"}"#, r#"{"@odata.type":"b"}"#),
        (r#"{"id":"1"}"#, r#"{"id":"2"}"#),
    ] {
        assert_ne!(catalog(one), catalog(other));
    }
}

#[test]
fn a_document_that_is_none_is_a_flaw() {
    let row = find("settingsCatalogPolicy").unwrap();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for document in [
        "",
        "{",
        "{\"a\":\"\\ud800\"}",
        deep.as_str(),
        "{\"n\":1e99999999999999999999}",
    ] {
        assert!(canonical(row, document.as_bytes()).is_err(), "{document}");
    }
    assert!(canonical(row, b"\xff").is_err());
}

/// A document as text, its properties in any order.
fn written(value: &Value, turn: usize) -> String {
    match value {
        Value::Object(members) => {
            let mut parts: Vec<String> = members
                .iter()
                .map(|(name, member)| {
                    format!("{}:{}", text(&name.as_str().into()), written(member, turn))
                })
                .collect();
            let by = turn % parts.len().max(1);
            parts.rotate_left(by);
            format!("{{{}}}", parts.join(" ,"))
        }
        Value::Array(elements) => {
            let parts: Vec<String> = elements.iter().map(|e| written(e, turn)).collect();
            format!("[{}]", parts.join(", "))
        }
        other => other.to_string(),
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "-?[0-9]\\.[0-9]{1,5}(e[0-9])?"
            .prop_map(|text| text.parse().map_or(Value::Null, Value::Number)),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    let name = "id|name|version|assignments|settings|roleScopeTagIds|target|platforms|[a-c]|@odata\\.type|a@odata\\.x|settingInstance";
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn row() -> impl Strategy<Value = &'static PolicyType> {
    prop::sample::select(catalogue::all().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn the_canonical_form_is_its_own(row in row(), value in json()) {
        let once = canonical(row, value.to_string().as_bytes()).unwrap();
        let twice = canonical(row, &once).unwrap();
        prop_assert_eq!(String::from_utf8(once), String::from_utf8(twice));
    }

    #[test]
    fn the_order_of_properties_does_not_count(row in row(), value in json(), turn in 0_usize..7) {
        let one = canonical(row, written(&value, 0).as_bytes()).unwrap();
        prop_assert_eq!(one, canonical(row, written(&value, turn).as_bytes()).unwrap());
    }

    #[test]
    fn the_order_of_sets_does_not_count(mut elements in prop::collection::vec(json(), 0..6), turn in 0_usize..6) {
        let document = |elements: &[Value]| {
            format!(r#"{{"settings":{}}}"#, Value::from(elements.to_vec()))
        };
        let one = catalog(&document(&elements));
        let by = turn % elements.len().max(1);
        elements.rotate_left(by);
        prop_assert_eq!(one, catalog(&document(&elements)));
    }

    #[test]
    fn no_bytes_make_a_panic(row in row(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = canonical(row, &bytes);
    }
}

#[test]
fn of_what_is_referred_to_only_the_id_counts_and_what_is_owned_counts_whole() {
    let wifi = |roots: &str, client: &str| {
        form(
            "deviceConfiguration",
            &format!(
                r#"{{"id":"w","rootCertificatesForServerValidation":[{roots}],"rootCertificateForClientValidation":{client}}}"#
            ),
        )
    };
    let before = wifi(
        r#"{"id":"a","displayName":"A"},{"id":"b"}"#,
        r#"{"id":"c","displayName":"C"}"#,
    );
    assert_eq!(
        before,
        wifi(
            r#"{"id":"b","displayName":"New"},{"id":"a"}"#,
            r#"{"id":"c"}"#
        )
    );
    assert_ne!(before, wifi(r#"{"id":"a"}"#, r#"{"id":"c"}"#));
    assert_ne!(before, wifi(r#"{"id":"a"},{"id":"b"}"#, "null"));
    let controls = |controls: &str| {
        form(
            "deviceConfiguration",
            &format!(r#"{{"privacyAccessControls":[{controls}]}}"#),
        )
    };
    let deny = r#"{"id":"1","dataCategory":"camera","accessLevel":"forceDeny"}"#;
    let more = r#"{"id":"2","dataCategory":"email","accessLevel":"forceDeny"}"#;
    assert_eq!(
        controls(&format!("{deny},{more}")),
        controls(&format!("{},{deny}", more.replace('2', "9")))
    );
    assert_ne!(controls(deny), controls(&deny.replace("Deny", "Allow")));
}

#[test]
fn how_many_devices_have_a_driver_does_not_count_and_its_approval_does() {
    let drivers = |count: u32, status: &str| {
        form(
            "windowsDriverUpdateProfile",
            &format!(
                r#"{{"newUpdates":{count},"deviceReporting":{count},"driverInventories":[{{"id":"{count}","name":"d","applicableDeviceCount":{count},"approvalStatus":"{status}"}}]}}"#
            ),
        )
    };
    assert_eq!(drivers(1, "approved"), drivers(2, "approved"));
    assert_ne!(drivers(1, "approved"), drivers(1, "declined"));
}
