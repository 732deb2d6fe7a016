use std::collections::HashSet;

use super::*;
use crate::graph::Request;

/// Application permissions of Microsoft Graph that a row may ask for.
const PERMISSIONS: &[&str] = &[
    "Agreement.Read.All",
    "Agreement.ReadWrite.All",
    "AuthenticationContext.Read.All",
    "AuthenticationContext.ReadWrite.All",
    "CloudPC.Read.All",
    "CloudPC.ReadWrite.All",
    "DeviceManagementApps.Read.All",
    "DeviceManagementApps.ReadWrite.All",
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementRBAC.Read.All",
    "DeviceManagementRBAC.ReadWrite.All",
    "DeviceManagementScripts.Read.All",
    "DeviceManagementScripts.ReadWrite.All",
    "DeviceManagementServiceConfig.Read.All",
    "DeviceManagementServiceConfig.ReadWrite.All",
    "MicrosoftTunnelGateway.Read.All",
    "OrganizationalBranding.Read.All",
    "OrganizationalBranding.ReadWrite.All",
    "Policy.Read.All",
    "Policy.Read.AuthenticationMethod",
    "Policy.Read.ConditionalAccess",
    "Policy.ReadWrite.ConditionalAccess",
];

/// The requests that a row stands for, as URLs below the root of Graph.
fn requests(row: &PolicyType) -> Vec<String> {
    let written = |request: Request| {
        let query: Vec<String> = request
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut url = format!("{}/{}", request.version.segment(), request.path);
        if !query.is_empty() {
            url.push('?');
            url.push_str(&query.join("&"));
        }
        url
    };
    let mut requests: Vec<String> = row.parents().map(written).into_iter().collect();
    let parent = row.parents().map(|_| "PARENT");
    requests.push(written(row.list(parent, true).unwrap()));
    if row.read_each {
        requests.push(written(row.object(parent, "ID", true).unwrap()));
    }
    let mut open: Vec<(String, &Part)> = row
        .parts
        .iter()
        .map(|part| (row.object_place(parent, "ID").unwrap(), part))
        .collect();
    while let Some((place, part)) = open.pop() {
        requests.push(written(row.part(&place, part, true)));
        let element = requests::below(&format!("{place}/{}", part.segments()), "ID").unwrap();
        open.extend(part.parts.iter().map(|inner| (element.clone(), inner)));
    }
    let place = row.object_place(parent, "ID").unwrap();
    for reference in row.references {
        let first = reference.types.first().copied();
        requests.push(written(row.reference(&place, first, reference).unwrap()));
    }
    if let Some(sealed) = &row.sealed {
        requests.push(written(row.unsealed(&place, sealed, "it's")));
    }
    requests
}

#[test]
fn every_row_keeps_the_rules_of_the_table() {
    let mut keys = HashSet::new();
    for row in all() {
        let key = row.key;
        assert!(keys.insert(key), "{key} is there twice");
        assert!(
            key.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{key}"
        );
        assert!(!row.label.is_empty() && !row.name.is_empty(), "{key}");
        assert!(
            !row.path.starts_with('/') && !row.path.ends_with('/'),
            "{key}"
        );
        assert!(!row.path.contains('?'), "{key}: options belong into query");
        assert!(!row.read_permissions.is_empty(), "{key}");
        assert_eq!(
            row.restore_permissions.is_empty(),
            row.restore_step.is_none(),
            "{key}"
        );
        for permission in row.read_permissions.iter().chain(row.restore_permissions) {
            assert!(PERMISSIONS.contains(permission), "{key}: {permission}");
        }
        for permission in row.read_permissions {
            assert!(
                !permission.contains("Write"),
                "{key} is read with {permission}"
            );
        }
        for platform in row.platforms {
            assert_eq!(platform_word(platform), Some(*platform), "{key}");
        }
        if let Platform::Always(platform) = row.platform {
            assert_eq!(row.platforms, [platform], "{key}");
        }
        assert!(
            row.not_app_only.is_none() || !row.default,
            "{key} cannot be read by an app and is a default"
        );
        let paths = row.volatile.iter().chain(row.referred);
        for path in paths.chain(row.sets.iter().map(|set| &set.path)) {
            assert!(
                path.split('/')
                    .all(|name| !name.trim_end_matches("[]").is_empty()),
                "{key}: {path}"
            );
        }
        assert!(
            row.left_out.is_none() || row.members == Members::All,
            "{key}"
        );
        assert!(row.parent_as.is_none() || row.parents().is_some(), "{key}");
        assert!(!row.may_be_absent || row.shape == Shape::Single, "{key}");
        for part in row.parts {
            assert!(!part.property.is_empty(), "{key}");
            let file = part.form == Form::File;
            assert!(!file || part.via == Via::Path, "{key}/{}", part.property);
        }
        for set in row.sets {
            assert!(!set.path.ends_with("[]"), "{key}: {}", set.path);
        }
        let mut named = HashSet::new();
        for reference in row.references {
            let property = reference.property;
            assert!(named.insert(property), "{key}/{property} is there twice");
            assert!(
                row.parts.iter().all(|part| part.property != property),
                "{key}/{property} is a part, too"
            );
            for name in reference.types {
                assert!(row.names(name), "{key}/{property}: {name} is not its type");
            }
            assert!(reference.owned.is_none() || reference.many, "{property}");
        }
        for note in row.notes {
            assert!(!note.text.ends_with('.'), "{key}: {}", note.text);
        }
        if let Some(sealed) = row.sealed {
            assert!(PERMISSIONS.contains(&sealed.permission), "{key}");
        }
        let query = row.query.iter().chain(row.parent_query);
        for (name, _) in query {
            assert!(name.starts_with('$'), "{key}: {name}");
        }
        assert!(
            row.parent_query.is_empty() || row.parents().is_some(),
            "{key}"
        );
        assert!(!row.unpublished || !row.default, "{key} is not sure enough");
    }
}

#[test]
fn rows_of_a_shared_list_fit_together() {
    for row in all() {
        let mut taken = HashSet::new();
        let rows: Vec<_> = row.sharing().collect();
        assert!(
            rows.iter().filter(|other| other.is_general()).count() <= 1,
            "{}",
            row.key
        );
        for other in &rows {
            assert_eq!(
                other.list(None, true),
                row.list(None, true),
                "{}",
                other.key
            );
            match other.members {
                Members::All => assert_eq!(rows.len(), 1, "{}", other.key),
                Members::Types(names) | Members::Rest(names) => {
                    assert!(rows.iter().any(|row| row.is_general()), "{}", other.key);
                    for name in names {
                        assert!(taken.insert(*name), "{name} is taken twice");
                    }
                }
            }
        }
    }
}

#[test]
fn the_foundations_and_what_is_off_are_as_documented() {
    let keys = |wanted: fn(&PolicyType) -> bool| -> Vec<_> {
        all().filter(|row| wanted(row)).map(|row| row.key).collect()
    };
    assert_eq!(
        keys(|row| row.foundation),
        [
            "notificationMessageTemplate",
            "assignmentFilter",
            "roleScopeTag"
        ]
    );
    assert_eq!(
        keys(|row| !row.default),
        [
            "inventoryPolicy",
            "resourceAccessProfile",
            "androidForWorkEnrollmentProfile",
            "mobileApp",
            "mobileAppCategory",
            "mdmWindowsInformationProtectionPolicy",
            "windowsInformationProtectionPolicy",
            "defaultManagedAppProtection",
            "iosLobAppProvisioningConfiguration",
            "wdacSupplementalPolicy",
            "managedEBook",
            "vppToken",
            "intuneBrandingProfile",
            "deviceManagementSettings",
            "managedDeviceCleanupRule",
            "operationApprovalPolicy",
            "applePushNotificationCertificate",
            "androidManagedStoreAccountEnterpriseSettings",
            "mobileThreatDefenseConnector",
            "complianceManagementPartner",
            "deviceManagementPartner",
            "remoteAssistancePartner",
            "ndesConnector",
            "microsoftTunnelConfiguration",
            "microsoftTunnelSite",
            "derivedCredential",
            "cloudPcProvisioningPolicy",
            "cloudPcUserSetting",
            "cloudPcOnPremisesConnection",
            "authenticationContextClassReference",
            "termsOfUseAgreement",
            "organizationalBranding",
        ]
    );
    assert_eq!(
        keys(|row| row.not_app_only.is_some()),
        ["termsOfUseAgreement"]
    );
}

#[test]
fn foundations_are_restored_before_what_refers_to_them() {
    let step = |key: &str| find(key).unwrap().restore_step.unwrap();
    assert!(step("roleScopeTag") < step("assignmentFilter"));
    assert!(step("assignmentFilter") < step("settingsCatalogPolicy"));
    assert!(step("notificationMessageTemplate") < step("deviceCompliancePolicy"));
    assert!(step("reusablePolicySetting") < step("settingsCatalogPolicy"));
    assert!(step("roleDefinition") < step("roleAssignment"));
    assert!(step("mobileApp") < step("mobileAppConfiguration"));
    assert!(step("derivedCredential") < step("deviceConfiguration"));
    assert!(step("microsoftTunnelConfiguration") < step("microsoftTunnelSite"));
    assert!(step("cloudPcOnPremisesConnection") < step("cloudPcProvisioningPolicy"));
    for referred in [
        "namedLocation",
        "authenticationStrengthPolicy",
        "authenticationContextClassReference",
    ] {
        assert!(step(referred) < step("conditionalAccessPolicy"));
    }
    assert!(all().all(|row| {
        let before = row.restore_step.is_none_or(|own| own <= step("policySet"));
        before || row.key == "operationApprovalPolicy"
    }));
    assert!(step("deviceComplianceScript") < step("deviceCompliancePolicy"));
    assert!(step("reusablePolicySetting") < step("compliancePolicyV2"));
    assert!(step("groupPolicyUploadedDefinitionFile") < step("groupPolicyConfiguration"));
}

#[test]
fn requests_are_those_that_graph_documents() {
    let mut text = String::new();
    for row in all() {
        text.push_str(row.key);
        for request in requests(row) {
            text.push_str("\n  ");
            text.push_str(&request);
        }
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}

#[test]
fn nested_lists_and_single_objects_have_their_paths() {
    let nested = PolicyType {
        key: "roleAssignment",
        path: "deviceManagement/roleDefinitions/{parent}/roleAssignments",
        object_path: Some("deviceManagement/roleAssignments"),
        read_each: true,
        ..PLAIN
    };
    assert_eq!(
        nested.parents().unwrap().path,
        "deviceManagement/roleDefinitions"
    );
    assert_eq!(
        nested.list(Some("a/b"), true).unwrap().path,
        "deviceManagement/roleDefinitions/a%2Fb/roleAssignments"
    );
    assert_eq!(nested.list(Some(".."), true), None);
    assert_eq!(
        nested.object(Some("r"), "x y", true).unwrap().path,
        "deviceManagement/roleAssignments/x%20y"
    );
    let single = PolicyType {
        path: "deviceManagement/settings",
        shape: Shape::Single,
        ..PLAIN
    };
    assert_eq!(single.parents(), None);
    assert_eq!(
        single.object(None, "anything", true).unwrap().path,
        "deviceManagement/settings"
    );
}

#[test]
fn a_mistyped_key_finds_the_one_that_was_meant() {
    assert_eq!(
        suggest("settingscatalogpolicies"),
        Some("settingsCatalogPolicy")
    );
    assert_eq!(suggest("WINDOWSUPDATERINGS"), Some("windowsUpdateRing"));
    assert_eq!(
        suggest("conditionalAccess"),
        Some("conditionalAccessPolicy")
    );
    assert_eq!(suggest("zzz"), None);
}

#[test]
fn platforms_have_one_word_each() {
    for (graph, word) in [
        ("windows10", Some("windows")),
        ("windows10AndLater", Some("windows")),
        ("editionUpgradeConfiguration", Some("windows")),
        ("macOS", Some("macos")),
        ("mac", Some("macos")),
        ("iOS", Some("ios")),
        ("iosikEv2VpnConfiguration", Some("ios")),
        ("androidForWork", Some("android")),
        ("aospDeviceOwnerWiFiConfiguration", Some("android")),
        ("visionOS", Some("visionOS")),
        ("none", None),
    ] {
        assert_eq!(platform_word(graph), word, "{graph}");
    }
}

#[test]
fn values_that_are_not_given_do_not_take_their_profiles_with_them() {
    let rows: Vec<_> = all().filter(|row| row.sealed.is_some()).collect();
    assert!(!rows.is_empty());
    for row in rows {
        let value = row.unsealed("a/b", &row.sealed.unwrap(), "x");
        let policies = row.list(None, false).unwrap();
        assert_ne!(value.endpoint, policies.endpoint, "{}", row.key);
    }
}
