use super::*;

const GROUP: &str = "0A110000-1111-4222-8333-000000000001";

fn known() -> Known {
    let named = |kind: &str, id: &str, name: &str, odata_type: Option<&str>| {
        let named = Named {
            name: name.to_owned(),
            odata_type: odata_type.map(str::to_owned),
        };
        ((kind.to_owned(), id.to_lowercase()), named)
    };
    Known::from([
        named("group", GROUP, "Pilot", None),
        named("assignmentFilter", "f1", "Laptops", None),
        named("roleScopeTag", "7", "EMEA", None),
        named(APP, "a1", "Outlook", Some("iosStoreApp")),
        named(APP, "a2", "Teams", Some("iosStoreApp")),
        named("notificationMessageTemplate", "n1", "Hurry", None),
        named("deviceComplianceScript", "s1", "BIOS", None),
        named("reusablePolicySetting", "r1", "Kernel", None),
    ])
}

fn secret() -> Value {
    json!({"redacted": format!("hmac-sha256:{}", "0".repeat(64))})
}

#[test]
fn what_is_of_a_tenant_goes_and_what_has_a_name_is_named() {
    let document_of = |given: Value| document("deviceConfiguration", given, &known());
    let made = document_of(json!({
        "id": "x", "version": 3, "displayName": "a", "isAssigned": true, "n": 1.50,
        "preSharedKey": secret(), "sharedSecret": {"redacted": "not captured"},
        "roleScopeTagIds": ["0", "7", "8"],
        "rootCertificateForServerValidation": {"id": "c", "displayName": "Root"},
        "assignments@odata.context": "c",
        "assignments": [{
            "id": "y", "source": "direct", "sourceId": "x",
            "target": {"groupId": GROUP, "deviceAndAppManagementAssignmentFilterId": "f1"},
        }, {
            "id": "z", "target": {"groupId": "unknown"},
        }],
    }));
    let group = json!({"groupName": "Pilot", "groupType": "StaticMembership",
        "deviceAndAppManagementAssignmentFilterId": "Laptops"});
    assert_eq!(
        made,
        json!({
            "displayName": "a", "n": 1.50, "roleScopeTagIds": ["Default", "EMEA", "8"],
            "assignments": [
                {"source": "direct", "target": group},
                {"target": {"groupId": "unknown"}},
            ],
        })
    );
    assert_eq!(
        document_of(json!({"id": "x", "assignments": []})),
        json!({})
    );
}

#[test]
fn what_graph_would_not_take_with_the_rest_is_left_out() {
    for (policy_type, part) in [
        ("androidManagedAppProtection", "apps"),
        ("targetedManagedAppConfiguration", "settings"),
        ("windowsInformationProtectionPolicy", "exemptAppLockerFiles"),
        ("windowsDriverUpdateProfile", "driverInventories"),
        ("deviceComplianceScript", "assignments"),
    ] {
        let given = json!({"displayName": "a", part: [{"id": "1"}]});
        let made = document(policy_type, given, &known());
        assert_eq!(made, json!({"displayName": "a"}), "{policy_type}");
    }
    let settings = json!({"name": "a", "settings": [{"id": "0"}]});
    let made = document("settingsCatalogPolicy", settings.clone(), &known());
    assert_eq!(made, settings);
}

#[test]
fn apps_templates_and_scripts_are_named() {
    let app = |ids: Value| {
        let given = json!({ "targetedMobileApps": ids });
        document("mobileAppConfiguration", given, &known())["targetedMobileApps"].clone()
    };
    let named = json!({"appName": "Teams", "type": "#microsoft.graph.iosStoreApp"});
    assert_eq!(
        app(json!(["a1", "a2", "gone"])),
        named,
        "the last that is there"
    );
    assert_eq!(app(json!(["gone"])), json!([]));
    let page = json!({"selectedMobileAppIds": ["a1", "gone"]});
    assert_eq!(
        document("enrollmentStatusPage", page, &known()),
        json!({"selectedMobileAppNames": [
            {"name": "Outlook", "type": "#microsoft.graph.iosStoreApp"}]})
    );
    let rules = |named: bool| {
        let mut action = json!({"actionType": "notification", "notificationTemplateId": "n1"});
        if named {
            action["notificationTemplateName"] = json!("Hurry");
        } else {
            action["id"] = json!("i");
        }
        let mut rule = json!({ "scheduledActionConfigurations": [action] });
        if !named {
            rule["id"] = json!("i");
            rule["scheduledActionConfigurations@odata.context"] = json!("c");
        }
        json!([rule])
    };
    let script = json!({"deviceComplianceScriptId": "s1"});
    let given = json!({"scheduledActionsForRule": rules(false),
        "deviceCompliancePolicyScript": script});
    assert_eq!(
        document("deviceCompliancePolicy", given, &known()),
        json!({"scheduledActionsForRule": rules(true),
            "deviceCompliancePolicyScript": script, "deviceComplianceScriptName": "BIOS"})
    );
    let settings = json!([{"settingInstance": {"settingDefinitionId": DISCOVERY,
        "simpleSettingValue": {"value": "r1"}}}]);
    let made = document(
        "compliancePolicyV2",
        json!({ "settings": settings }),
        &known(),
    );
    assert_eq!(made["detectionScriptName"], "Kernel");
}

#[test]
fn what_would_be_made_anew_or_written_over_is_left_out() {
    let left = |policy_type: &str, document: Value| left_out(policy_type, &document).is_some();
    let template = "notificationMessageTemplate";
    assert!(left(template, json!({"displayName": MICROSOFTS_TEMPLATE})));
    assert!(!left(template, json!({"displayName": "Hurry"})));
    assert!(left("deviceHealthScript", json!({"isGlobalScript": true})));
    assert!(!left(
        "deviceHealthScript",
        json!({"isGlobalScript": false})
    ));
    let values = |value: Value| json!({"omaSettings": [{"value": 1}, {"value": value}]});
    assert!(left("deviceConfiguration", values(secret())));
    assert!(!left("deviceConfiguration", values(json!("x"))));
}

#[test]
fn the_bodies_it_looks_for_are_there_to_the_last() {
    let encode = |bytes: &[u8]| STANDARD.encode(bytes);
    let latin = encode(b"caf\xe9");
    let told = |policy_type: &str, document: Value| -> Vec<(String, Vec<u8>)> {
        let found = scripts(policy_type, &document, false).into_iter();
        found
            .map(|script| (script.property, script.bytes))
            .collect()
    };
    let detection = json!({"detectionScriptContent": encode(b"exit 1\r\n"),
        "remediationScriptContent": ""});
    assert_eq!(
        told("deviceHealthScript", detection),
        [
            ("detectionScriptContent".to_owned(), b"exit 1\r\n".to_vec()),
            ("remediationScriptContent".to_owned(), Vec::new()),
        ]
    );
    let script = json!({"scriptContent": latin});
    assert_eq!(
        told("deviceShellScript", script),
        [("scriptContent".to_owned(), latin.into_bytes())],
        "IntuneCD leaves encoded what is no UTF-8"
    );
    let profile = |kind: &str| {
        json!({"@odata.type": format!("#microsoft.graph.{kind}"),
            "payloadFileName": "dock.mobileconfig", "payload": encode(b"<plist/>")})
    };
    let apple = profile("macOSCustomConfiguration");
    assert_eq!(payload(&apple), Some("dock.mobileconfig"));
    assert_eq!(told("deviceConfiguration", apple).len(), 1);
    let other = profile("windows10CustomConfiguration");
    assert_eq!(
        (
            payload(&other),
            told("deviceConfiguration", other.clone()).len()
        ),
        (None, 0)
    );
}
