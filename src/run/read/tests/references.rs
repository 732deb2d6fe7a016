//! What objects refer to at paths of their own, and values that Graph gives one at a time.

use super::*;

fn profile(id: &str, odata_type: &str, more: &str) -> String {
    format!(
        r##"{{"id":"{id}","@odata.type":"#microsoft.graph.{odata_type}","displayName":"N","assignments":[]{more}}}"##
    )
}

fn custom(id: &str, names: &[&str]) -> String {
    let settings: Vec<String> = names
        .iter()
        .map(|name| {
            format!(r#"{{"omaUri":"./{name}","secretReferenceValueId":"{name}","isEncrypted":true,"value":"****"}}"#)
        })
        .collect();
    let settings = format!(r#","omaSettings":[{}]"#, settings.join(","));
    profile(id, "windows10CustomConfiguration", &settings)
}

fn value_of(id: &str, name: &str) -> String {
    format!("{PROFILES}/{id}/getOmaSettingPlainTextValue(secretReferenceValueId='{name}')")
}

fn refused(status: u16) -> graph::Error {
    graph::Error {
        status: Some(status),
        ..graph::Error::new(Fault::Refused, "scripted")
    }
}

/// The read by which it is seen that a profile is still there.
fn proof_of(id: &str) -> String {
    format!("{PROFILES}/{id}?$expand=assignments")
}

#[test]
fn a_profile_keeps_the_identity_of_what_it_refers_to() {
    let cast = format!("{PROFILES}/w/microsoft.graph.windowsWifiEnterpriseEAPConfiguration");
    let graph = Script::default()
        .list(
            PROFILES_LIST,
            &[
                &profile("w", "windowsWifiEnterpriseEAPConfiguration", ""),
                &profile("p", "iosCustomConfiguration", ""),
                &profile(
                    "r",
                    "windows10GeneralConfiguration",
                    r#","privacyAccessControls":[]"#,
                ),
            ],
        )
        .page(
            &format!("{cast}/rootCertificatesForServerValidation"),
            &[r##"{"@odata.type":"#microsoft.graph.x","id":"c1","displayName":"A \/","n":1.0}"##],
            "https://graph/more",
        )
        .list("https://graph/more", &[r#"{"id":"c2","displayName":null}"#])
        .fails(
            &format!("{cast}/rootCertificateForClientValidation"),
            Fault::NotFound,
        )
        .answer(
            &format!("{cast}/identityCertificateForClientAuthentication"),
            Err(refused(400)),
        )
        .on(&proof_of("w"), r#"{"id":"w"}"#)
        .list(
            &format!(
                "{PROFILES}/r/microsoft.graph.windows10GeneralConfiguration/privacyAccessControls"
            ),
            &[r#"{"id":"x","dataCategory":"camera","accessLevel":"forceDeny"}"#],
        );
    let out = read(&graph, &["deviceConfiguration"]);
    assert_eq!(out.of("deviceConfiguration"), (Outcome::Complete, 3, 3, 0));
    assert_eq!(
        graph.times(&proof_of("w")),
        1,
        "once for all that is not there"
    );
    assert_eq!(graph.times(&proof_of("r")), 0);
    let wifi = out.text("w");
    assert!(
        wifi.contains(
            r##""rootCertificatesForServerValidation":[{"@odata.type":"#microsoft.graph.x","id":"c1","displayName":"A \/"},{"id":"c2","displayName":null}]"##
        ),
        "{wifi}"
    );
    assert!(
        wifi.contains(r#""rootCertificateForClientValidation":null"#),
        "{wifi}"
    );
    assert!(wifi.contains(r#""identityCertificateForClientAuthentication":null"#));
    assert!(!out.text("p").contains("Certificate"));
    // What exists as part of the profile only is kept whole, in the place of what the list gave.
    let restrictions = out.text("r");
    assert_eq!(restrictions.matches("privacyAccessControls").count(), 1);
    assert!(
        restrictions.contains(r#"[{"id":"x","dataCategory":"camera","accessLevel":"forceDeny"}]"#)
    );
}

#[test]
fn a_single_object_that_is_not_there_is_nothing() {
    let path = "beta/deviceManagement/depOnboardingSettings";
    let graph = Script::default()
        .list(&format!("{path}?$top=100"), &[r#"{"id":"t","tokenName":"T"}"#])
        .on(
            &format!("{path}/t/defaultIosEnrollmentProfile"),
            r##"{"@odata.context":"c","@odata.type":"#microsoft.graph.depIOSEnrollmentProfile","id":"t_1","displayName":"I","isDefault":true}"##,
        )
        .on(&format!("{path}/t/defaultMacOsEnrollmentProfile"), "")
        .on(&format!("{path}/t/defaultTvOSEnrollmentProfile"), r#"{"@odata.null":true}"#)
        .fails(&format!("{path}/t/defaultVisionOSEnrollmentProfile"), Fault::NotFound)
        .on(&format!("{path}/t"), r#"{"id":"t"}"#);
    let out = read(&graph, &["depOnboardingSetting"]);
    assert_eq!(
        out.text("t"),
        r##"{"id":"t","tokenName":"T","defaultIosEnrollmentProfile":{"@odata.type":"#microsoft.graph.depIOSEnrollmentProfile","id":"t_1","displayName":"I"},"defaultMacOsEnrollmentProfile":null,"defaultTvOSEnrollmentProfile":null,"defaultVisionOSEnrollmentProfile":null}"##
    );
    assert_eq!(out.documents["t"].name, "T");
}

const SCEP: &str = "iosScepCertificateProfile";
const WIFI: &str = "windowsWifiEnterpriseEAPConfiguration";

#[test]
fn a_reference_that_is_not_found_is_nothing_only_of_a_profile_that_is_there() {
    let reference = format!("{PROFILES}/s/microsoft.graph.{SCEP}/rootCertificate");
    let graph = |status| {
        Script::default()
            .list(PROFILES_LIST, &[&profile("s", SCEP, "")])
            .answer(&reference, Err(refused(status)))
    };
    let deleted = Script::default()
        .list(PROFILES_LIST, &[&profile("s", SCEP, "")])
        .list(PROFILES_LIST, &[])
        .answer(&reference, Err(refused(400)))
        .fails(&proof_of("s"), Fault::NotFound);
    let out = read(&deleted, &["deviceConfiguration"]);
    assert_eq!(out.of("deviceConfiguration"), (Outcome::Complete, 1, 0, 0));
    assert_eq!(out.readings["deviceConfiguration"].deleted, 1);
    assert!(out.documents.is_empty());
    let unsure = graph(400).fails(&proof_of("s"), Fault::Unavailable);
    let out = read(&unsure, &["deviceConfiguration"]);
    assert_eq!(
        out.of("deviceConfiguration"),
        (Outcome::Incomplete, 1, 0, 1)
    );
}

#[test]
fn a_reference_list_that_breaks_off_is_not_empty() {
    let cast = format!("{PROFILES}/w/microsoft.graph.{WIFI}");
    for status in [400, 404] {
        let graph = Script::default()
            .list(PROFILES_LIST, &[&profile("w", WIFI, "")])
            .page(
                &format!("{cast}/rootCertificatesForServerValidation"),
                &[r#"{"id":"c1"}"#],
                "https://graph/expired",
            )
            .answer("https://graph/expired", Err(refused(status)))
            .on(
                &format!("{cast}/rootCertificateForClientValidation"),
                r#"{"@odata.null":true}"#,
            )
            .on(
                &format!("{cast}/identityCertificateForClientAuthentication"),
                r#"{"@odata.null":true}"#,
            );
        let out = read(&graph, &["deviceConfiguration"]);
        assert_eq!(
            out.of("deviceConfiguration"),
            (Outcome::Incomplete, 1, 0, 1),
            "{status}"
        );
    }
}

#[test]
fn an_object_without_an_id_is_no_reference_to_nothing() {
    let reference = format!("{PROFILES}/s/microsoft.graph.{SCEP}/rootCertificate");
    for (body, outcome) in [
        ("{}", Outcome::Incomplete),
        (r#"{"displayName":"Root"}"#, Outcome::Incomplete),
        (r#"{"@odata.null":false}"#, Outcome::Incomplete),
        (r#"{"@odata.null":true}"#, Outcome::Complete),
        ("", Outcome::Complete),
    ] {
        let graph = Script::default()
            .list(PROFILES_LIST, &[&profile("s", SCEP, "")])
            .on(&reference, body)
            .on(&proof_of("s"), r#"{"id":"s"}"#);
        let out = read(&graph, &["deviceConfiguration"]);
        assert_eq!(
            out.readings["deviceConfiguration"].outcome, outcome,
            "{body}"
        );
        let nothing = out
            .documents
            .get("s")
            .is_some_and(|_| out.text("s").contains(r#""rootCertificate":null"#));
        assert_eq!(nothing, outcome == Outcome::Complete, "{body}");
    }
}

#[test]
fn what_cannot_be_read_costs_its_profile() {
    for (fault, outcome) in [
        (Fault::Forbidden, Outcome::Forbidden),
        (Fault::Unavailable, Outcome::Incomplete),
        (Fault::NotLicensed, Outcome::Incomplete),
    ] {
        let graph = Script::default()
            .list(
                PROFILES_LIST,
                &[&profile("s", "iosScepCertificateProfile", "")],
            )
            .fails(
                &format!("{PROFILES}/s/microsoft.graph.iosScepCertificateProfile/rootCertificate"),
                fault,
            );
        let out = read(&graph, &["deviceConfiguration"]);
        assert_eq!(
            out.of("deviceConfiguration"),
            (outcome, 1, 0, 1),
            "{fault:?}"
        );
    }
}

#[test]
fn without_the_right_a_value_is_asked_for_once() {
    let items: Vec<String> = (0..20)
        .map(|id| custom(&id.to_string(), &["a", "b"]))
        .collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let mut graph = Script::default().list(PROFILES_LIST, &items);
    for id in 0..20 {
        for name in ["a", "b"] {
            graph = graph.fails(&value_of(&id.to_string(), name), Fault::Forbidden);
        }
    }
    let out = read(&graph, &["deviceConfiguration"]);
    assert_eq!(
        out.of("deviceConfiguration"),
        (Outcome::Complete, 20, 20, 0)
    );
    let asked: usize = (0..20)
        .flat_map(|id| ["a", "b"].map(|name| graph.times(&value_of(&id.to_string(), name))))
        .sum();
    assert_eq!(asked, 1);
    for id in out.documents.keys() {
        assert!(!out.text(id).contains("****"));
        assert_eq!(out.documents[id].warnings, ["2 secrets not captured"]);
    }
}

#[test]
fn with_the_right_a_value_is_kept_as_a_digest() {
    let value = |value: &str| format!(r#"{{"@odata.context":"c","value":"{value}"}}"#);
    let graph = Script::default()
        .list(
            PROFILES_LIST,
            &[&custom("1", &["a", "b"]), &custom("2", &["it's"])],
        )
        .on(&value_of("1", "a"), value("hunter2"))
        .answer(&value_of("1", "b"), Err(refused(400)))
        .on(&value_of("2", "it%27%27s"), value("hunter2"));
    let out = read(&graph, &["deviceConfiguration"]);
    assert_eq!(out.of("deviceConfiguration"), (Outcome::Complete, 2, 2, 0));
    for id in ["1", "2"] {
        assert!(!out.text(id).contains("hunter2"));
        assert!(
            out.text(id)
                .contains(r#""value":{"redacted":"hmac-sha256:"#)
        );
    }
    assert_eq!(
        out.documents["1"].warnings,
        [
            "a secret was not given: Graph answers 400",
            "1 secret not captured",
            "1 secret kept as a digest only"
        ]
    );
    assert_eq!(
        out.documents["2"].warnings,
        ["1 secret kept as a digest only"]
    );
}

#[test]
fn an_answer_without_a_value_is_never_quoted() {
    let graph = Script::default()
        .list(PROFILES_LIST, &[&custom("1", &["a"])])
        .on(&value_of("1", "a"), r#"{"valve":"hunter2"}"#);
    let out = read(&graph, &["deviceConfiguration"]);
    assert_eq!(
        out.of("deviceConfiguration"),
        (Outcome::Incomplete, 1, 1, 0)
    );
    let warnings = &out.documents["1"].warnings;
    assert_eq!(
        warnings[0],
        "a secret was not given: the answer holds no value"
    );
    assert!(!format!("{warnings:?}").contains("hunter2"));
}

#[test]
fn a_value_that_graph_fails_to_give_makes_the_type_incomplete() {
    for (fault, outcome) in [
        (Fault::Unavailable, Outcome::Incomplete),
        (Fault::Throttled, Outcome::Incomplete),
        (Fault::Network, Outcome::Incomplete),
        (Fault::BadResponse, Outcome::Incomplete),
        (Fault::NotFound, Outcome::Complete),
        (Fault::NotLicensed, Outcome::Complete),
    ] {
        let graph = Script::default()
            .list(PROFILES_LIST, &[&custom("1", &["a", "b"])])
            .on(&value_of("1", "a"), r#"{"value":"hunter2"}"#)
            .fails(&value_of("1", "b"), fault);
        let out = read(&graph, &["deviceConfiguration"]);
        assert_eq!(
            out.of("deviceConfiguration"),
            (outcome, 1, 1, 0),
            "{fault:?}"
        );
        assert_eq!(out.documents["1"].secrets_not_captured, 1);
        let told = "a secret was not given";
        assert!(out.documents["1"].warnings[0].starts_with(told));
        assert_eq!(
            out.reason("deviceConfiguration").contains(told),
            outcome == Outcome::Incomplete
        );
    }
}
