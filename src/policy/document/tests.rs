use super::*;
use crate::policy::catalogue::find;

fn key() -> RedactionKey {
    RedactionKey::new([9; 32])
}

fn finished(policy_type: &str, object: &str) -> Document {
    finish(
        find(policy_type).unwrap(),
        object.to_owned(),
        &Unsealed::default(),
        Vec::new(),
        &key(),
    )
    .unwrap()
}

fn with(text: &str, property: &str, elements: &[&str]) -> String {
    Object::parse(text).unwrap().with_array(property, elements)
}

#[test]
fn a_part_is_appended_and_every_other_byte_stays() {
    assert_eq!(
        with(
            "{ \"id\" : \"\\u0061\", \"n\":1.50e+2\n}",
            "settings",
            &["{\"a\": 1}", "2"]
        ),
        "{ \"id\" : \"\\u0061\", \"n\":1.50e+2,\"settings\":[{\"a\": 1},2]\n}"
    );
    assert_eq!(with("{}", "s", &[]), "{\"s\":[]}");
    assert_eq!(with(" {\n} ", "s", &["1"]), "{\"s\":[1]\n}");
}

#[test]
fn a_part_that_is_there_is_replaced_and_its_link_goes() {
    let link = "\"s@odata.nextLink\":\"https://x\"";
    assert_eq!(
        with(
            &format!("{{\"a\":1,\"s\":[1] ,{link} , \"b\":2}}"),
            "s",
            &["1", "2"]
        ),
        "{\"a\":1,\"s\":[1,2] , \"b\":2}"
    );
    assert_eq!(
        with(&format!("{{{link}, \"s\":[]}}"), "s", &["1"]),
        "{ \"s\":[1]}"
    );
    assert_eq!(
        with(&format!("{{\"s\":[],{link}}}"), "s", &["1"]),
        "{\"s\":[1]}"
    );
    assert_eq!(with(&format!("{{ {link} }}"), "s", &["1"]), "{\"s\":[1]}");
    assert_eq!(
        with("{\"s\":null,\"s@odata.context\":\"c\"}", "s", &["1"]),
        "{\"s\":[1],\"s@odata.context\":\"c\"}"
    );
}

#[test]
fn what_is_no_object_is_a_flaw() {
    for text in [
        "",
        "[]",
        "null",
        "{\"a\":1",
        "{\"a\":1}x",
        "{\"\\ud800\":1}",
    ] {
        assert!(Object::parse(text).is_err(), "{text}");
    }
    let object = Object::parse(r#"{"id":"","name":7,"x":"\ud800"}"#).unwrap();
    assert!(object.id().is_err());
    assert!(object.string("name").is_err());
    assert!(object.string("x").is_err());
    assert_eq!(object.string("y"), Ok(None));
}

#[test]
fn a_document_has_the_objects_own_bytes() {
    let object = r#"{"id":"1","name":"Tab\u0009","platforms":"windows10,iOS","n":12345678901234567890123,"f":0.1000}"#;
    let document = finished("settingsCatalogPolicy", object);
    assert_eq!(document.bytes, object.as_bytes());
    assert_eq!(document.name, "Tab\t");
    assert_eq!(document.platform.as_deref(), Some("ios,windows"));
    assert_eq!(document.warnings, [""; 0]);
    assert_eq!(finished("settingsCatalogPolicy", r#"{"id":"1"}"#).name, "");
}

#[test]
fn the_platform_comes_from_where_the_row_says() {
    let platform = |key: &str, object: &str| finished(key, object).platform;
    let typed = |name: &str| {
        let object = format!(r##"{{"id":"1","@odata.type":"#microsoft.graph.{name}"}}"##);
        platform("deviceConfiguration", &object)
    };
    assert_eq!(typed("iosikEv2VpnConfiguration").as_deref(), Some("ios"));
    assert_eq!(typed("sharedPCConfiguration").as_deref(), Some("windows"));
    assert_eq!(typed("unsupportedDeviceConfiguration"), None);
    assert_eq!(
        platform("deviceShellScript", r#"{"id":"1"}"#).as_deref(),
        Some("macos")
    );
    assert_eq!(
        platform(
            "assignmentFilter",
            r#"{"id":"1","platform":"androidForWork"}"#
        )
        .as_deref(),
        Some("android")
    );
    assert_eq!(platform("roleScopeTag", r#"{"id":"0"}"#), None);
}

#[test]
fn a_document_warns_of_what_is_not_in_it() {
    let object = r##"{"id":"1","@odata.type":"#microsoft.graph.windows10CustomConfiguration",
        "omaSettings":[{"omaUri":"./a","isEncrypted":true,"value":"****"},
                       {"omaUri":"./b","isEncrypted":true,"value":"****"},
                       {"omaUri":"./c","isEncrypted":false,"value":"x"}],
        "mode":"unknownFutureValue","preSharedKey":"hunter2"}"##;
    let document = finished("deviceConfiguration", object);
    assert_eq!(
        document.warnings,
        [
            "holds a value this Graph version does not tell (unknownFutureValue)",
            "2 secrets not captured",
            "1 secret kept as a digest only",
        ]
    );
    assert!(
        !String::from_utf8(document.bytes)
            .unwrap()
            .contains("hunter2")
    );
    let sealed = r##"{"id":"1","name":"n","settings":[{"settingInstance":{"simpleSettingValue":{
        "@odata.type":"#microsoft.graph.deviceManagementConfigurationSecretSettingValue",
        "value":"token","valueState":"encryptedValueToken"}}}]}"##;
    assert_eq!(
        finished("settingsCatalogPolicy", sealed).warnings,
        ["1 secret not captured"]
    );
    let unsupported =
        r##"{"id":"1","@odata.type":"#microsoft.graph.unsupportedDeviceConfiguration"}"##;
    assert!(finished("deviceConfiguration", unsupported).warnings[0].contains("no content"));
}

const SEALED: &str = r##"{"id":"1","@odata.type":"#microsoft.graph.windows10CustomConfiguration","omaSettings":[
    {"omaUri":"./a","secretReferenceValueId":"r1","isEncrypted":true,"value":"****","n":1.0},
    {"omaUri":"./b","secretReferenceValueId":null,"isEncrypted":true,"value":"****"},
    {"omaUri":"./c","secretReferenceValueId":"r3","isEncrypted":false,"value":"plain"}]}"##;

fn with_value(value: &str) -> Document {
    let row = find("deviceConfiguration").unwrap();
    let mut unsealed = Unsealed::default();
    unsealed.insert("r1".to_owned(), value.to_owned());
    assert!(!format!("{unsealed:?}").contains("hunter"));
    finish(row, SEALED.to_owned(), &unsealed, Vec::new(), &key()).unwrap()
}

#[test]
fn a_placeholder_is_never_kept_as_if_it_were_the_value() {
    let text = |document: &Document| String::from_utf8(document.bytes.clone()).unwrap();
    let without = finished("deviceConfiguration", SEALED);
    assert!(!text(&without).contains("****"), "{}", text(&without));
    assert_eq!(without.warnings, ["2 secrets not captured"]);
    assert_eq!(
        text(&without)
            .matches(r#"{"redacted":"not captured"}"#)
            .count(),
        2
    );
    assert!(text(&without).contains(r#""isEncrypted":false,"value":"plain"}"#));

    let first = with_value(r#""hunter2""#);
    assert_eq!(
        first.warnings,
        ["1 secret not captured", "1 secret kept as a digest only"]
    );
    let kept = text(&first);
    assert!(!kept.contains("hunter") && !kept.contains("****"), "{kept}");
    assert!(
        kept.contains(r#""value":{"redacted":"hmac-sha256:"#),
        "{kept}"
    );
    assert!(kept.contains(r#""n":1.0}"#), "{kept}");
    assert_eq!(first.bytes, with_value(r#""h\u0075nter2""#).bytes);
    assert_ne!(first.bytes, with_value(r#""hunter3""#).bytes);
    // What stands for a value stays when a document is made of one.
    assert_eq!(finished("deviceConfiguration", &kept).bytes, first.bytes);
}

#[test]
fn a_secret_of_the_settings_catalog_that_is_no_token_is_redacted() {
    let of = |state: &str| {
        let object = format!(
            r##"{{"id":"1","name":"n","settings":[{{"settingInstance":{{"simpleSettingValue":{{
            "@odata.type":"#microsoft.graph.deviceManagementConfigurationSecretSettingValue",
            "value":"hunter2","valueState":"{state}"}}}}}}]}}"##
        );
        let document = finished("settingsCatalogPolicy", &object);
        (
            String::from_utf8(document.bytes).unwrap(),
            document.warnings,
        )
    };
    let (text, warnings) = of("notEncrypted");
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(warnings, ["1 secret kept as a digest only"]);
    let (text, warnings) = of("encryptedValueToken");
    assert!(text.contains("hunter2"), "a token is no secret: {text}");
    assert_eq!(warnings, ["1 secret not captured"]);
}

#[test]
fn a_row_has_something_to_say_of_its_policies() {
    let of = |global: bool| {
        let object = format!(r#"{{"id":"1","displayName":"n","isGlobalScript":{global}}}"#);
        finished("deviceHealthScript", &object).warnings
    };
    assert_eq!(of(false), [""; 0]);
    assert!(of(true)[0].contains("Microsoft's own"));
    let file = finished("groupPolicyUploadedDefinitionFile", r#"{"id":"1"}"#);
    assert!(file.warnings[0].contains("keep the original ADMX"));
}

#[test]
fn an_object_that_cannot_be_kept_is_a_flaw() {
    let row = find("settingsCatalogPolicy").unwrap();
    let deep = format!(
        "{{\"id\":\"1\",\"a\":{}{}}}",
        "[".repeat(200),
        "]".repeat(200)
    );
    for object in [
        r#"{"name":"n"}"#,
        r#"{"id":"1","name":"\udfff"}"#,
        deep.as_str(),
    ] {
        assert!(
            finish(
                row,
                object.to_owned(),
                &Unsealed::default(),
                Vec::new(),
                &key()
            )
            .is_err(),
            "{object}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn setting_a_part_changes_nothing_else(
        names in proptest::collection::vec("[a-e]|s|s@odata\\.nextLink", 0..6),
        blank in "[ \n]{0,2}",
    ) {
        let members: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(at, name)| format!("{blank}\"{name}\"{blank}:{blank}{at}.0{blank}"))
            .collect();
        let text = format!("{{{}{blank}}}", members.join(","));
        let after = with(&text, "s", &["7"]);
        let after = Object::parse(&after).unwrap();
        proptest::prop_assert_eq!(after.get("s"), Some("[7]"));
        proptest::prop_assert_eq!(after.get("s@odata.nextLink"), None);
        let before = Object::parse(&text).unwrap();
        for name in names.iter().filter(|name| !name.starts_with('s')) {
            proptest::prop_assert_eq!(after.get(name), before.get(name));
        }
    }

    #[test]
    fn no_text_makes_a_panic(text in "\\PC*") {
        let _ = Object::parse(&text).map(|object| object.with_array("s", &["1"]));
        let row = find("deviceConfiguration").unwrap();
        let _ = finish(row, text, &Unsealed::default(), Vec::new(), &key());
    }
}

#[test]
fn an_object_larger_than_the_store_takes_is_a_flaw() {
    let row = find("assignmentFilter").unwrap();
    let key = key();
    let mut object = r#"{"id":"a"}"#.to_owned();
    object.push_str(&" ".repeat(MAX_BYTES + 1 - object.len()));
    let flaw = finish(row, object.clone(), &Unsealed::default(), Vec::new(), &key).unwrap_err();
    assert!(flaw.0.contains("67108865 bytes"), "{flaw}");
    object.pop();
    assert!(finish(row, object, &Unsealed::default(), Vec::new(), &key).is_ok());
}
