//! What holds for all documents: noise is no change, and no change is lost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{changes, documents};
use crate::policy::canonical::canonical;
use crate::policy::catalogue;
use crate::policy::diff::lines::{Limits, lines};
use crate::policy::diff::{Changes, Names, View, diff, diff_whole, row_of, same};

/// Paths of all leaves, in the form that `Value::pointer` takes.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(elements) if !elements.is_empty() => elements
            .iter()
            .enumerate()
            .for_each(|(index, element)| leaves(element, &format!("{at}/{index}"), found)),
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(member, &format!("{at}/{name}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

fn another(leaf: &Value) -> Value {
    match leaf {
        Value::Null => json!("no longer null"),
        Value::Bool(is) => json!(!is),
        Value::Number(number) => format!("{number}7").parse().map_or(json!(7), Value::Number),
        Value::String(text) => json!(format!("{text}x")),
        Value::Array(_) => json!(["x"]),
        Value::Object(_) => json!({"x": 1}),
    }
}

/// Whether the leaf may change without the policy changing. Written apart from the canonical form,
/// from what the documents of the tests hold.
fn is_noise(pointer: &str) -> bool {
    let last = pointer.rsplit('/').next().unwrap();
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    let annotation = parts
        .iter()
        .any(|part| part.contains('@') && *part != "@odata.type" || part.starts_with('#'));
    let dated = last.ends_with("DateTime")
        && (last.starts_with("created") || last.starts_with("lastModified"));
    let generated = last == "id"
        && parts.len() > 1
        && !matches!(parts[parts.len() - 2], "definition" | "presentation");
    let referred = last != "id"
        && parts
            .iter()
            .any(|part| matches!(*part, "definition" | "presentation"));
    let volatile = [
        "isAssigned",
        "supportsScopeTags",
        "settingCount",
        "creationSource",
        "templateDisplayName",
        "templateDisplayVersion",
        "secretReferenceValueId",
        "policyConfigurationIngestionType",
        "version",
    ]
    .contains(&last);
    annotation || dated || generated || referred || volatile
}

#[test]
fn every_change_of_a_leaf_is_found_and_noise_is_not() {
    let mut found = 0;
    for (key, document) in documents::all() {
        let mut pointers = Vec::new();
        leaves(&document, "", &mut pointers);
        for pointer in pointers {
            let mut other = document.clone();
            let leaf = other.pointer_mut(&pointer).unwrap();
            *leaf = another(leaf);
            let changes = changes(key, &document, &other);
            assert_eq!(
                changes.is_empty(),
                is_noise(&pointer),
                "{key} {pointer}: {changes:?}"
            );
            found += usize::from(!changes.is_empty());
            if !changes.is_empty() {
                assert!(!lines(&changes, Limits::SHORT).is_empty());
            }
        }
    }
    assert!(found > 100, "{found}");
}

#[test]
fn taking_anything_out_is_found() {
    for (key, document) in documents::all() {
        let mut pointers = Vec::new();
        leaves(&document, "", &mut pointers);
        for pointer in pointers {
            let (parent, last) = pointer.rsplit_once('/').unwrap();
            let mut other = document.clone();
            let was_null = document.pointer(&pointer).unwrap().is_null();
            match other.pointer_mut(parent).unwrap() {
                Value::Array(elements) => drop(elements.remove(last.parse().unwrap())),
                Value::Object(members) => drop(members.remove(&last.replace("~1", "/")).unwrap()),
                _ => unreachable!(),
            }
            for (one, two) in [(&document, &other), (&other, &document)] {
                let changes = changes(key, one, two);
                assert_eq!(
                    changes.is_empty(),
                    is_noise(&pointer) || was_null,
                    "{key} {pointer}: {changes:?}"
                );
            }
        }
    }
}

/// The document with everything that means nothing done to it.
fn shaken(value: &Value, turn: usize) -> Value {
    match value {
        Value::Object(members) => {
            let mut all: Map<String, Value> = members
                .iter()
                .map(|(name, member)| {
                    let mut member = shaken(member, turn);
                    let is_set = [
                        "assignments",
                        "settings",
                        "children",
                        "definitionValues",
                        "presentationValues",
                        "roleScopeTagIds",
                        "omaSettings",
                        "scheduledActionsForRule",
                        "scheduledActionConfigurations",
                    ];
                    if let Value::Array(elements) = &mut member
                        && is_set.contains(&name.as_str())
                        && !elements.is_empty()
                    {
                        let by = turn % elements.len();
                        elements.rotate_left(by);
                    }
                    if let Value::String(text) = &mut member
                        && let Some(seconds) = text.strip_suffix('Z')
                        && text.len() == 20
                        && text.contains('T')
                    {
                        *text = [
                            format!("{seconds}.000Z"),
                            format!("{seconds}+00:00"),
                            format!("{seconds}.0000000-00:00"),
                        ][turn % 3]
                            .clone();
                    }
                    (name.clone(), member)
                })
                .collect();
            all.insert("lastModifiedDateTime".to_owned(), json!(turn));
            all.insert(format!("x{turn}@odata.context"), json!("c"));
            all.insert("nothing".to_owned(), Value::Null);
            Value::Object(all)
        }
        Value::Array(elements) => elements
            .iter()
            .map(|element| shaken(element, turn))
            .collect(),
        other => other.clone(),
    }
}

/// The document with something done to what `pointer` names and to what holds it.
fn edited(document: &Value, pointer: &str, edit: usize) -> Value {
    let mut other = document.clone();
    let (parent, _) = pointer.rsplit_once('/').unwrap_or_default();
    if let (Some(Value::Array(elements)), 1..) = (other.pointer_mut(parent), edit) {
        match edit {
            1 => elements.rotate_left(1),
            2 => elements.extend(elements.last().cloned()),
            3 => drop(elements.pop()),
            _ => elements.reverse(),
        }
    } else if let Some(leaf) = other.pointer_mut(pointer) {
        *leaf = another(leaf);
    }
    other
}

/// What is told of the excerpts of two documents, and what of the whole.
fn both_ways(key: &str, before: &Value, after: &Value) -> (Changes, Changes) {
    let names = Names::default();
    let view = View {
        before: &names,
        after: &names,
        across: false,
        one_key: true,
    };
    let (before, after) = (before.to_string(), after.to_string());
    let (before, after) = (before.as_bytes(), after.as_bytes());
    (
        diff(row_of(key), before, after, &view).unwrap(),
        diff_whole(row_of(key), before, after, &view).unwrap(),
    )
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_i64..4).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
        Just(json!("2026-01-01T00:00:00Z")),
    ];
    let name = "id|displayName|version|assignments|settings|roleScopeTagIds|target|children|value|settingInstance|\
        settingDefinitionId|omaSettings|omaUri|isEncrypted|preSharedKey|redacted|[a-c]|@odata\\.type|simpleSettingValue|\
        groupSettingCollectionValue|definitionValues|presentationValues|definition|scheduledActionsForRule";
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_means_nothing_is_no_change(turn in 0_usize..12) {
        for (key, document) in documents::all() {
            let changes = changes(key, &document, &shaken(&document, turn));
            prop_assert!(changes.is_empty(), "{} {:?}", key, changes);
        }
    }

    #[test]
    fn nothing_is_found_exactly_where_the_canonical_forms_are_the_same(
        row in prop::sample::select(catalogue::all().collect::<Vec<_>>()),
        before in json_value(),
        after in json_value(),
    ) {
        let form = |value: &Value| canonical(row, value.to_string().as_bytes()).unwrap();
        for (one, two) in [(&before, &after), (&before, &before)] {
            let changes = changes(row.key, one, two);
            prop_assert_eq!(changes.is_empty(), form(one) == form(two), "{:?}", changes);
            let same = same(row, one.to_string().as_bytes(), two.to_string().as_bytes()).unwrap();
            prop_assert_eq!(changes.is_empty(), same);
        }
    }

    #[test]
    fn what_two_documents_have_in_common_says_nothing(
        (key, document) in prop::sample::select(documents::all()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..5), 1..6),
    ) {
        let mut other = document.clone();
        for (at, edit) in edits {
            let mut pointers = Vec::new();
            leaves(&other, "", &mut pointers);
            if !pointers.is_empty() {
                other = edited(&other, at.get::<String>(&pointers), edit);
            }
        }
        for (one, two) in [(&document, &other), (&other, &document)] {
            let (of_excerpts, of_whole) = both_ways(key, one, two);
            prop_assert_eq!(of_excerpts, of_whole);
        }
    }

    #[test]
    fn what_any_two_objects_have_in_common_says_nothing(
        row in prop::sample::select(catalogue::all().collect::<Vec<_>>()),
        before in json_value(),
        after in json_value(),
        shared in json_value(),
    ) {
        let with_shared = |value: &Value| {
            let mut value = value.clone();
            if let (Value::Object(members), Value::Object(shared)) = (&mut value, &shared) {
                members.extend(shared.clone());
            }
            value
        };
        for (one, two) in [(&before, &after), (&with_shared(&before), &with_shared(&after))] {
            let (of_excerpts, of_whole) = both_ways(row.key, one, two);
            prop_assert_eq!(of_excerpts, of_whole);
        }
    }

    #[test]
    fn no_bytes_make_a_panic(before in prop::collection::vec(any::<u8>(), 0..64), text in "\\PC*") {
        let names = Names::default();
        let view = View { before: &names, after: &names, across: true, one_key: false };
        let _ = diff(row_of("nonsense"), &before, b"{}", &view);
        let document = json!({"scriptContent": text, "payload": STANDARD.encode(&before)}).to_string();
        let found = diff(row_of("nonsense"), document.as_bytes(), b"{\"payload\":\"QUJD\"}", &view).unwrap();
        let _ = lines(&found, Limits::SHORT);
    }
}

/// Documents as they came, for changes to their bytes.
fn as_bytes() -> Vec<Vec<u8>> {
    let documents = documents::all();
    let texts = documents.iter().map(|(_, document)| document.to_string());
    texts.map(String::into_bytes).collect()
}

proptest! {
    #![proptest_config(crate::mutation::config())]

    #[test]
    fn whatever_an_object_holds_it_is_kept_and_told_or_a_flaw(
        row in prop::sample::select(catalogue::all().collect::<Vec<_>>()),
        bytes in crate::mutation::mutated(as_bytes()),
        good in prop::sample::select(as_bytes()),
    ) {
        crate::probe::document(row, &bytes, &good);
    }
}
