use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::lines::{Limits, lines};
use super::*;
use crate::policy::catalogue::find;

mod documents;
mod properties;

fn named() -> Names {
    let mut names = Names::default();
    names.learn("group", "6a1f0c9e-0000-4c5b-9a57-0d5b7a3e0000", "Sales");
    names.learn(
        "assignmentFilter",
        "f1170000-1111-4222-8333-000000000001",
        "Corporate devices",
    );
    names.learn("roleScopeTag", "1", "Pilot");
    names
}

fn changes(key: &str, before: &Value, after: &Value) -> Changes {
    let names = named();
    let view = View {
        before: &names,
        after: &names,
        across: false,
        one_key: true,
    };
    let (before, after) = (before.to_string(), after.to_string());
    diff(row_of(key), before.as_bytes(), after.as_bytes(), &view).unwrap()
}

fn told(key: &str, before: &Value, after: &Value) -> String {
    let lines = lines(&changes(key, before, after), Limits::NONE);
    let texts: Vec<String> = lines.into_iter().map(|line| line.text).collect();
    texts.join("\n")
}

fn choice(definition: &str, option: u32, children: &Value) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance",
        "settingDefinitionId": definition,
        "settingInstanceTemplateReference": null,
        "choiceSettingValue": {"value": format!("{definition}_{option}"), "children": children},
    })
}

fn simple(definition: &str, value: &Value) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
        "settingDefinitionId": definition,
        "simpleSettingValue": {
            "@odata.type": "#microsoft.graph.deviceManagementConfigurationStringSettingValue",
            "value": value,
        },
    })
}

fn strings(definition: &str, values: &[&str]) -> Value {
    let values: Vec<Value> = values.iter().map(|value| json!({"value": value})).collect();
    json!({"settingDefinitionId": definition, "simpleSettingCollectionValue": values})
}

fn catalog(instances: &[Value]) -> Value {
    let settings: Vec<Value> = instances
        .iter()
        .enumerate()
        .map(|(id, instance)| json!({"id": id.to_string(), "settingInstance": instance}))
        .collect();
    json!({"id": "p", "name": "Baseline", "settings": settings})
}

#[test]
fn settings_of_the_catalog_are_told_by_their_definitions() {
    let group = |children: &Value| json!({"settingDefinitionId": "rules", "groupSettingCollectionValue": [{"children": children}]});
    let before = catalog(&[
        choice("lock", 0, &json!([simple("minutes", &json!(15))])),
        simple("gone", &json!("x")),
        strings("ranges", &["10.0.0.0/8", "LocalSubnet"]),
        group(&json!([
            simple("rule_name", &json!("Allow")),
            choice("rule_on", 1, &json!([]))
        ])),
        strings("ordered", &["a", "b"]),
    ]);
    let after = catalog(&[
        strings("ordered", &["b", "a"]),
        choice("new", 1, &json!([choice("deep", 2, &json!([]))])),
        group(&json!([
            choice("rule_on", 0, &json!([])),
            simple("rule_name", &json!("Allow"))
        ])),
        strings("ranges", &["10.0.0.0/8", "192.168.0.0/16", "LocalSubnet"]),
        choice("lock", 1, &json!([simple("minutes", &json!(30))])),
    ]);
    insta::assert_snapshot!(told("settingsCatalogPolicy", &before, &after), @r#"
    - gone: x
    ~ lock: 0 -> 1
    ~ lock / minutes: 15 -> 30
    + new: 1
    + new / deep: 2
    ~ ordered: ["a","b"] -> ["b","a"] (only the order changed)
    + ranges: 192.168.0.0/16
    ~ rules / rule_on: 1 -> 0
    "#);
    let paths: Vec<String> = changes("settingsCatalogPolicy", &before, &after)
        .fields
        .into_iter()
        .map(|field| field.path)
        .collect();
    insta::assert_snapshot!(paths.join("\n"), @r"
    settings/gone
    settings/lock
    settings/lock/minutes
    settings/new
    settings/new/deep
    settings/ordered
    settings/ranges[]
    settings/rules[]/rule_on
    ");
}

#[test]
fn administrative_templates_are_told_by_the_names_of_their_definitions() {
    let value = |enabled: bool, given: &str| {
        json!({"displayName": "ADMX", "definitionValues": [{
            "id": given, "enabled": enabled,
            "definition": {"id": "d1", "displayName": "Turn on feature", "classType": "user"},
            "presentationValues": [{"id": given, "value": given,
                "presentation": {"id": "p1", "label": "Address:"}}],
        }]})
    };
    let (before, after) = (value(true, "a"), value(false, "b"));
    insta::assert_snapshot!(told("groupPolicyConfiguration", &before, &after), @r"
    ~ Turn on feature (user) / enabled: true -> false
    ~ Turn on feature (user) / Address: a -> b
    ");
    let changes = changes("groupPolicyConfiguration", &before, &after);
    assert_eq!(
        changes.fields[1].path,
        "definitionValues[d1]/presentationValues[p1]/value"
    );
}

#[test]
fn profiles_are_told_by_names_and_properties() {
    let before = json!({
        "displayName": "Old", "roleScopeTagIds": ["0"], "passcodeMinimumLength": 6,
        "omaSettings": [{"displayName": "Minutes", "omaUri": "./A", "value": 15},
                        {"displayName": "", "omaUri": "./B", "value": 1}],
        "installationSchedule": {"activeHoursStart": "08:00"},
        "kioskModeApps": ["one", "two"], "servers": [{"host": "a", "port": 1}],
    });
    let after = json!({
        "displayName": "New", "roleScopeTagIds": ["1", "0"], "description": "",
        "omaSettings": [{"displayName": "Minutes", "omaUri": "./A", "value": 30}],
        "installationSchedule": {"activeHoursStart": "09:00"},
        "kioskModeApps": ["two", "three"], "servers": [{"host": "a", "port": 2}, {"host": "b"}],
    });
    insta::assert_snapshot!(told("deviceConfiguration", &before, &after), @r#"
    + description: ""
    ~ displayName: Old -> New
    ~ installationSchedule / activeHoursStart: 08:00 -> 09:00
    - kioskModeApps: one
    + kioskModeApps: three
    ~ Minutes: 15 -> 30
    - ./B: 1
    - passcodeMinimumLength: 6
    + roleScopeTagIds: Pilot (1)
    ~ servers[0] / port: 1 -> 2
    + servers[1]: {"host":"b"}
    "#);
    let renamed = changes("deviceConfiguration", &before, &after);
    assert_eq!(renamed.renamed, Some(("Old".to_owned(), "New".to_owned())));
    assert!(!renamed.only_renamed());
    let only = changes(
        "deviceConfiguration",
        &json!({"displayName": "a"}),
        &json!({"displayName": "b"}),
    );
    assert!(only.only_renamed());
}

#[test]
fn actions_of_compliance_are_paired_by_what_they_do() {
    let action = |hours: u32, kind: &str| json!({"id": "x", "actionType": kind, "gracePeriodHours": hours, "notificationTemplateId": ""});
    let policy = |actions: Value| json!({"scheduledActionsForRule": [{"ruleName": null, "scheduledActionConfigurations": actions}]});
    let before = policy(json!([action(0, "block"), action(24, "notification")]));
    let after = policy(json!([
        action(72, "notification"),
        action(0, "block"),
        action(99, "retire")
    ]));
    insta::assert_snapshot!(told("deviceCompliancePolicy", &before, &after), @r"
    ~ notification / gracePeriodHours: 24 -> 72
    + retire / gracePeriodHours: 99
    ");
}

#[test]
fn assignments_are_a_set_with_names() {
    let to = |target: Value| json!({"id": target.to_string(), "target": target});
    let group = "6a1f0c9e-0000-4c5b-9a57-0d5b7a3e0000";
    let filter = "f1170000-1111-4222-8333-000000000001";
    let before = json!({"assignments": [
        to(json!({"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"})),
        to(json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group})),
    ]});
    let after = json!({"assignments": [
        to(json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group,
            "deviceAndAppManagementAssignmentFilterId": filter,
            "deviceAndAppManagementAssignmentFilterType": "exclude"})),
        to(json!({"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"})),
        to(json!({"@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": "g2"})),
    ]});
    insta::assert_snapshot!(told("settingsCatalogPolicy", &before, &after), @r"
    - assigned: include group Sales (6a1f0c9e-0000-4c5b-9a57-0d5b7a3e0000)
    + assigned: exclude group g2
    + assigned: include group Sales (6a1f0c9e-0000-4c5b-9a57-0d5b7a3e0000), exclude filter Corporate devices (f1170000-1111-4222-8333-000000000001)
    ");
    let changes = changes("settingsCatalogPolicy", &before, &after);
    let told = serde_json::to_string(&json::changes(&changes)["assignments"]).unwrap();
    insta::assert_snapshot!(told, @r#"{"added":[{"exclude":true,"filter":null,"filter_id":null,"filter_mode":null,"group":null,"group_id":"g2","intent":null,"target":"exclusionGroup"},{"exclude":false,"filter":"Corporate devices","filter_id":"f1170000-1111-4222-8333-000000000001","filter_mode":"exclude","group":"Sales","group_id":"6a1f0c9e-0000-4c5b-9a57-0d5b7a3e0000","intent":null,"target":"group"}],"removed":[{"exclude":false,"filter":null,"filter_id":null,"filter_mode":null,"group":"Sales","group_id":"6a1f0c9e-0000-4c5b-9a57-0d5b7a3e0000","intent":null,"target":"group"}]}"#);
}

#[test]
fn scripts_and_payloads_come_as_unified_diffs() {
    let script = |text: &str| json!({"scriptContent": STANDARD.encode(text)});
    let long: String = (0..20)
        .map(|line| format!("$x{line} = {line}\r\n"))
        .collect();
    let before = script(&long);
    let after = script(&long.replace("$x9 = 9", "$x9 = 'changed'"));
    insta::assert_snapshot!(told("deviceManagementScript", &before, &after), @r"
    ~ scriptContent:
        @@ -7,7 +7,7 @@
         $x6 = 6
         $x7 = 7
         $x8 = 8
        -$x9 = 9
        +$x9 = 'changed'
         $x10 = 10
         $x11 = 11
         $x12 = 12
    ");
    let unix = script(&long.replace('\r', ""));
    let marked = script(&format!("\u{feff}{long}"));
    for (other, remark) in [
        (&unix, "only line endings changed"),
        (&marked, "only the byte-order mark changed"),
    ] {
        let told = told("deviceManagementScript", &before, other);
        assert!(told.contains(remark), "{told}");
    }
    let rules = |operand: &str| {
        let rules = json!({"Rules": [{"SettingName": "BiosVersion", "Operand": operand}, {"SettingName": "TPM", "DataType": "Boolean", "Operand": "true", "MoreInfoUrl": "https://example.com/tpm"}]});
        json!({"deviceCompliancePolicyScript": {"rulesContent": STANDARD.encode(rules.to_string())}})
    };
    insta::assert_snapshot!(told("deviceCompliancePolicy", &rules("2.3"), &rules("2.4")), @r#"
    ~ deviceCompliancePolicyScript / rulesContent:
        @@ -1,7 +1,7 @@
         {
           "Rules": [
             {
        -      "Operand": "2.3",
        +      "Operand": "2.4",
               "SettingName": "BiosVersion"
             },
             {
    "#);
}

#[test]
fn bytes_are_told_by_length_and_hash() {
    let certificate = |byte: u8| json!({"trustedRootCertificate": STANDARD.encode([byte, 0, 255])});
    insta::assert_snapshot!(told("deviceConfiguration", &certificate(1), &certificate(2)), @"~ trustedRootCertificate: 3 bytes, sha256 b7ae7729555e -> 3 bytes, sha256 2d86e7f954fc");
}

#[test]
fn a_secret_is_never_told() {
    let marker = |digit: &str| json!({"redacted": format!("hmac-sha256:{}", digit.repeat(64))});
    let sealed = |token: &str| {
        json!({"settingDefinitionId": "psk", "simpleSettingValue": {
            "@odata.type": "#microsoft.graph.deviceManagementConfigurationSecretSettingValue",
            "value": token, "valueState": "encryptedValueToken"}})
    };
    let document = |one: &str, digit: &str, extra: bool| {
        let mut document = json!({
            "name": "n", "preSharedKey": marker(digit), "wifi": {"sharedSecret": one},
            "omaSettings": [{"omaUri": "./K", "isEncrypted": true, "value": one}],
            "settings": [{"settingInstance": sealed(one)}],
        });
        if extra {
            document["list"] = json!([{"preSharedKey": marker(digit), "x": 1}]);
            document["settings"].as_array_mut().unwrap().push(json!({"settingInstance":
                {"settingDefinitionId": "psk2", "simpleSettingValue": {
                    "@odata.type": "#microsoft.graph.deviceManagementConfigurationSecretSettingValue",
                    "value": one}}}));
        }
        document
    };
    let (before, after) = (
        document("tokenaaaa", "a", false),
        document("tokenbbbb", "b", true),
    );
    let changes = changes("deviceConfiguration", &before, &after);
    assert!(
        changes
            .fields
            .iter()
            .filter(|field| field.is_secret())
            .count()
            >= 4
    );
    let text = told("deviceConfiguration", &before, &after);
    let json = Value::from(json::changes(&changes)).to_string();
    for output in [&text, &json] {
        for secret in ["token", "aaaa", "bbbb", "hmac"] {
            assert!(
                !output
                    .replace("valueState", "")
                    .replace("encryptedValueToken", "")
                    .contains(secret),
                "{output}"
            );
        }
    }
    assert!(text.contains("~ preSharedKey: secret changed"), "{text}");
}

#[test]
fn a_secret_that_graph_did_not_give_on_one_side_is_not_told_as_changed() {
    let setting = |value: Value| json!({"omaSettings": [{"omaUri": "./K", "displayName": "k", "isEncrypted": true, "value": value}]});
    let digest = |of: &str| setting(json!({"redacted": format!("hmac-sha256:{of}")}));
    let unknown = setting(json!({"redacted": "not captured"}));
    for (before, after) in [
        (digest("a"), unknown.clone()),
        (unknown.clone(), digest("a")),
    ] {
        let changes = changes("deviceConfiguration", &before, &after);
        assert!(changes.is_empty(), "{changes:?}");
        let why: Vec<Unlike> = changes.incomparable.iter().map(|one| one.why).collect();
        assert_eq!(why, [Unlike::NotCaptured]);
        let told = told("deviceConfiguration", &before, &after);
        assert!(told.contains("captured on one side only"), "{told}");
    }
    let clear = changes("deviceConfiguration", &setting("x".into()), &unknown);
    assert_eq!(
        clear.fields.len(),
        1,
        "a value that became one that is not given"
    );
    let changed = changes("deviceConfiguration", &digest("a"), &digest("b"));
    assert_eq!((changed.fields.len(), changed.incomparable.len()), (1, 0));
}

#[test]
fn between_tenants_ids_count_by_the_names_they_stand_for() {
    let (one, other) = (
        "6a1f0c9e-0000-4c5b-9a57-0d5b7a3e0001",
        "6a1f0c9e-0000-4c5b-9a57-0d5b7a3e0002",
    );
    let mut before = Names::default();
    before.learn("group", one, "Sales");
    before.learn("roleScopeTag", "1", "Pilot");
    let mut after = Names::default();
    after.learn("group", other, "Sales");
    after.learn("roleScopeTag", "7", "Pilot");
    let view = View {
        before: &before,
        after: &after,
        across: true,
        one_key: false,
    };
    let document = |id: &str, group: &str, tag: &str, key: &str| {
        json!({"id": id, "roleScopeTagIds": ["0", tag], "preSharedKey": {"redacted": format!("hmac-sha256:{key}")},
            "assignments": [{"id": id, "target": {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group}}]})
        .to_string()
    };
    let row = find("deviceConfiguration").unwrap();
    let compare =
        |one: &str, other: &str| diff(row, one.as_bytes(), other.as_bytes(), &view).unwrap();
    let same = compare(
        &document("a", one, "1", "x"),
        &document("b", other, "7", "y"),
    );
    assert!(same.is_empty(), "{same:?}");
    let secret = |why| Incomparable {
        name: "preSharedKey".to_owned(),
        why,
    };
    assert_eq!(same.incomparable, [secret(Unlike::Keys)]);
    let changed = compare(&document("a", one, "1", "x"), &document("b", one, "1", "x"));
    assert_eq!(changed.assignments.added.len(), 1, "{changed:?}");
    assert_eq!(changed.fields.len(), 2, "{changed:?}");
}
