//! Documents of several policy types, as they are stored.

use serde_json::{Value, json};

/// Each with the key of its type.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("settingsCatalogPolicy", settings_catalog()),
        ("deviceConfiguration", profile()),
        ("groupPolicyConfiguration", administrative_template()),
        ("deviceCompliancePolicy", compliance()),
        ("deviceManagementScript", script()),
    ]
}

fn assignments() -> Value {
    json!([
        {"id": "p_1", "source": "direct", "target": {
            "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g1",
            "deviceAndAppManagementAssignmentFilterId": "f1",
            "deviceAndAppManagementAssignmentFilterType": "include"}},
        {"id": "p_2", "source": "direct", "target": {
            "@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": "g2",
            "deviceAndAppManagementAssignmentFilterId": null,
            "deviceAndAppManagementAssignmentFilterType": "none"}},
    ])
}

fn settings_catalog() -> Value {
    json!({
        "@odata.context": "https://graph.example/$metadata", "id": "c0ffee", "name": "Baseline",
        "createdDateTime": "2026-01-01T00:00:00Z", "lastModifiedDateTime": "2026-02-01T00:00:00Z",
        "description": "d", "platforms": "windows10", "technologies": "mdm", "settingCount": 3,
        "creationSource": null, "isAssigned": true, "roleScopeTagIds": ["0", "1"],
        "templateReference": {"templateId": "t_1", "templateFamily": "baseline",
            "templateDisplayName": "T", "templateDisplayVersion": "V"},
        "settings": [
            {"id": "0", "settingInstance": {
                "@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance",
                "settingDefinitionId": "a", "settingInstanceTemplateReference": null,
                "choiceSettingValue": {"value": "a_1", "children": [
                    {"@odata.type": "#simple", "settingDefinitionId": "a_x",
                        "simpleSettingValue": {"@odata.type": "#int", "value": 15}},
                    {"@odata.type": "#simple", "settingDefinitionId": "a_y",
                        "simpleSettingValue": {"@odata.type": "#int", "value": 0.1}},
                ]}}},
            {"id": "1", "settingInstance": {
                "settingDefinitionId": "b", "groupSettingCollectionValue": [
                    {"children": [
                        {"settingDefinitionId": "b_n", "simpleSettingValue": {"value": "one"}},
                        {"settingDefinitionId": "b_l", "simpleSettingCollectionValue": [
                            {"value": "x"}, {"value": "y"}]},
                    ]},
                    {"children": [
                        {"settingDefinitionId": "b_n", "simpleSettingValue": {"value": "two"}}]},
                ]}},
            {"id": "2", "settingInstance": {
                "settingDefinitionId": "c", "choiceSettingCollectionValue": [
                    {"value": "c_1", "children": []}, {"value": "c_2", "children": []}]}},
        ],
        "assignments": assignments(),
    })
}

fn profile() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.windows10CustomConfiguration", "id": "beef",
        "displayName": "Custom", "version": 3, "supportsScopeTags": true,
        "createdDateTime": "2026-01-01T00:00:00Z", "roleScopeTagIds": ["0"],
        "since": "2026-03-01T10:00:00Z", "huge": 12_345_678_901_234_567_u64,
        "installationSchedule": {"activeHoursStart": "08:00:00.0000000", "days": ["monday", "friday"]},
        "omaSettings": [
            {"@odata.type": "#microsoft.graph.omaSettingString", "displayName": "Key", "omaUri": "./K",
                "secretReferenceValueId": "s1", "isEncrypted": true, "value": "****"},
            {"@odata.type": "#microsoft.graph.omaSettingInteger", "displayName": "Minutes",
                "omaUri": "./M", "secretReferenceValueId": null, "isEncrypted": false, "value": 15},
        ],
        "networks": [{"ssid": "a", "preSharedKey": {"redacted": "hmac-sha256:00"}}],
        "assignments": assignments(),
    })
}

fn administrative_template() -> Value {
    let value = |id: &str, name: &str| {
        json!({
            "id": format!("v{id}"), "enabled": true, "configurationType": "policy",
            "lastModifiedDateTime": "2026-01-01T00:00:00Z",
            "definition": {"id": format!("d{id}"), "displayName": name, "classType": "machine"},
            "presentationValues": [{
                "@odata.type": "#microsoft.graph.groupPolicyPresentationValueList",
                "id": format!("w{id}"), "values": [{"name": "2", "value": "b"}, {"name": "1", "value": "a"}],
                "presentation": {"id": format!("p{id}"), "label": "Value:"},
            }],
        })
    };
    json!({
        "id": "adad", "displayName": "ADMX", "policyConfigurationIngestionType": "builtIn",
        "definitionValues": [value("1", "Turn on"), value("2", "Turn off")],
        "assignments": assignments(),
    })
}

fn compliance() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.windows10CompliancePolicy", "id": "cccc",
        "displayName": "Compliance", "passwordMinimumLength": 8,
        "validOperatingSystemBuildRanges": [{"lowestVersion": "1", "highestVersion": "2"}],
        "scheduledActionsForRule": [{"id": "r", "ruleName": "PasswordRequired",
            "scheduledActionConfigurations": [
                {"id": "a1", "actionType": "block", "gracePeriodHours": 0, "notificationTemplateId": "",
                    "notificationMessageCCList": []},
                {"id": "a2", "actionType": "notification", "gracePeriodHours": 24,
                    "notificationTemplateId": "n", "notificationMessageCCList": ["g"]},
            ]}],
        "assignments": [],
    })
}

fn script() -> Value {
    json!({
        "id": "5c", "displayName": "Script", "fileName": "a.ps1", "runAsAccount": "system",
        "scriptContent": "V3JpdGUtSG9zdCAxCg==", "roleScopeTagIds": ["0"], "assignments": assignments(),
    })
}
