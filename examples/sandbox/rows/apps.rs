//! Apps, their settings and their protection.

use super::super::collections::{Row, Versions};
use super::{APP_PROTECTION, APPS, CONNECTOR, LIST};

pub const ROWS: &[Row] = &[
    Row {
        path: "deviceAppManagement/mobileApps",
        versions: Versions::Both,
        declared: "microsoft.graph.mobileApp",
        list_lacks: &["roleScopeTagIds"],
        below: &["assignments", "categories", "relationships"],
        expand_item: &["assignments", "categories"],
        scopes: APPS,
        ..LIST
    },
    Row {
        path: "deviceAppManagement/mobileAppCategories",
        declared: "microsoft.graph.mobileAppCategory",
        scopes: APPS,
        ..CONNECTOR
    },
    Row {
        path: "deviceAppManagement/mobileAppConfigurations",
        versions: Versions::Both,
        declared: "microsoft.graph.managedDeviceMobileAppConfiguration",
        scopes: APPS,
        ..LIST
    },
    Row {
        path: "deviceAppManagement/targetedManagedAppConfigurations",
        declared: "microsoft.graph.targetedManagedAppConfiguration",
        below: &["apps", "assignments", "settings"],
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/iosManagedAppProtections",
        declared: "microsoft.graph.iosManagedAppProtection",
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/androidManagedAppProtections",
        declared: "microsoft.graph.androidManagedAppProtection",
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/windowsManagedAppProtections",
        versions: Versions::Beta,
        declared: "microsoft.graph.windowsManagedAppProtection",
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/mdmWindowsInformationProtectionPolicies",
        declared: "microsoft.graph.mdmWindowsInformationProtectionPolicy",
        expand_list: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        expand_item: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        below: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/windowsInformationProtectionPolicies",
        declared: "microsoft.graph.windowsInformationProtectionPolicy",
        expand_list: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        expand_item: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        below: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/defaultManagedAppProtections",
        declared: "microsoft.graph.defaultManagedAppProtection",
        expand_list: &["apps"],
        expand_item: &["apps"],
        below: &["apps"],
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/policySets",
        declared: "microsoft.graph.policySet",
        expand_list: &[],
        expand_item: &["items", "assignments"],
        below: &["items", "assignments"],
        ..LIST
    },
    Row {
        path: "deviceAppManagement/iosLobAppProvisioningConfigurations",
        declared: "microsoft.graph.iosLobAppProvisioningConfiguration",
        list_nulls: &["payload"],
        scopes: APPS,
        ..LIST
    },
    Row {
        path: "deviceAppManagement/wdacSupplementalPolicies",
        declared: "microsoft.graph.windowsDefenderApplicationControlSupplementalPolicy",
        list_nulls: &["content"],
        scopes: APPS,
        ..LIST
    },
    Row {
        path: "deviceAppManagement/managedEBooks",
        versions: Versions::Both,
        declared: "microsoft.graph.managedEBook",
        scopes: APPS,
        ..LIST
    },
    Row {
        path: "deviceAppManagement/vppTokens",
        declared: "microsoft.graph.vppToken",
        ..CONNECTOR
    },
];
