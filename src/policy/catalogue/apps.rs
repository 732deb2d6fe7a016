//! Apps, their configuration and protection, and what is bought or built for them. The list of all
//! app policies gives neither apps nor assignments, so the concrete collections are read.

use super::{
    APART, ASSIGNMENTS, ASSIGNMENTS_APART, EXPANDED, Expiring, LeftOut, PLAIN, Part, Platform,
    PolicyType, Set,
};
use crate::graph::ServiceGroup;

/// What all of them share.
const APP: PolicyType = PolicyType {
    group: ServiceGroup::Applications,
    read_permissions: &["DeviceManagementApps.Read.All"],
    restore_permissions: &["DeviceManagementApps.ReadWrite.All"],
    ..PLAIN
};

/// The apps that a policy is for.
const TARGETED_APPS: Part = Part {
    property: "apps",
    ..EXPANDED
};

const TARGETED_APPS_SET: Set = Set {
    path: "apps",
    key: &[
        "mobileAppIdentifier/@odata.type",
        "mobileAppIdentifier/bundleId",
        "mobileAppIdentifier/packageId",
        "mobileAppIdentifier/windowsAppId",
    ],
};

/// What the policies for managed apps share.
const MANAGED_APP_POLICY: PolicyType = PolicyType {
    parts: &[TARGETED_APPS, ASSIGNMENTS],
    volatile: &[
        "version",
        "apps[]/version",
        "deployedAppCount",
        "deploymentSummary",
    ],
    sets: &[TARGETED_APPS_SET],
    ..APP
};

/// What both kinds of Windows Information Protection share.
const INFORMATION_PROTECTION: PolicyType = PolicyType {
    platforms: &["windows"],
    parts: &[
        Part {
            property: "protectedAppLockerFiles",
            ..EXPANDED
        },
        Part {
            property: "exemptAppLockerFiles",
            ..EXPANDED
        },
        ASSIGNMENTS,
    ],
    platform: Platform::Always("windows"),
    default: false,
    volatile: &[
        "version",
        "protectedAppLockerFiles[]/version",
        "exemptAppLockerFiles[]/version",
    ],
    sets: &[
        Set {
            path: "protectedAppLockerFiles",
            key: &["displayName", "fileHash"],
        },
        Set {
            path: "exemptAppLockerFiles",
            key: &["displayName", "fileHash"],
        },
    ],
    ..APP
};

pub(super) static ROWS: [PolicyType; 15] = [
    PolicyType {
        key: "mobileApp",
        label: "Apps: metadata, rules and assignments, without the binaries",
        platforms: &["windows", "macos", "ios", "android"],
        path: "deviceAppManagement/mobileApps",
        left_out: Some(LeftOut {
            property: "appAvailability",
            value: "global",
            unless: "isAssigned",
            called: "store apps that Intune offers and nobody has assigned",
        }),
        // Scope tags and the bodies of scripts are not in the list.
        read_each: true,
        parts: &[
            ASSIGNMENTS,
            Part {
                property: "categories",
                ..EXPANDED
            },
            Part {
                property: "relationships",
                ..APART
            },
        ],
        platform: Platform::Type,
        default: false,
        volatile: &[
            "uploadState",
            "publishingState",
            "size",
            "committedContentVersion",
            "dependentAppCount",
            "supersedingAppCount",
            "supersededAppCount",
            "usedLicenseCount",
            "totalLicenseCount",
            "revokeLicenseActionResults",
            // Of the other app, and told by it.
            "relationships[]/targetDisplayName",
            "relationships[]/targetDisplayVersion",
            "relationships[]/targetPublisher",
            "relationships[]/targetPublisherDisplayName",
            "relationships[]/sourceDisplayName",
            "relationships[]/sourceDisplayVersion",
            "relationships[]/sourcePublisherDisplayName",
            "relationships[]/dependentAppCount",
            "relationships[]/dependsOnAppCount",
            "relationships[]/supersededAppCount",
            "relationships[]/supersedingAppCount",
        ],
        referred: &["categories[]"],
        sets: &[
            Set {
                path: "categories",
                key: &["id"],
            },
            Set {
                path: "relationships",
                key: &["@odata.type", "targetType", "targetId", "sourceId"],
            },
        ],
        restore_step: Some(60),
        ..APP
    },
    PolicyType {
        key: "mobileAppCategory",
        label: "App categories",
        path: "deviceAppManagement/mobileAppCategories",
        default: false,
        restore_step: Some(60),
        ..APP
    },
    PolicyType {
        key: "mobileAppConfiguration",
        label: "App configuration for managed devices",
        platforms: &["ios", "android"],
        path: "deviceAppManagement/mobileAppConfigurations",
        parts: &[ASSIGNMENTS],
        platform: Platform::Type,
        sets: &[Set {
            path: "targetedMobileApps",
            key: &[],
        }],
        ..APP
    },
    PolicyType {
        key: "targetedManagedAppConfiguration",
        label: "App configuration for managed apps",
        platforms: &["ios", "android"],
        path: "deviceAppManagement/targetedManagedAppConfigurations",
        declared: Some("targetedManagedAppConfiguration"),
        parts: &[
            TARGETED_APPS,
            ASSIGNMENTS,
            // Where the newer ones keep their content.
            Part {
                property: "settings",
                ..APART
            },
        ],
        sets: &[
            TARGETED_APPS_SET,
            Set {
                path: "settings",
                key: &["settingInstance/settingDefinitionId"],
            },
        ],
        ..MANAGED_APP_POLICY
    },
    PolicyType {
        key: "iosManagedAppProtection",
        label: "App protection policies for iOS",
        platforms: &["ios"],
        path: "deviceAppManagement/iosManagedAppProtections",
        declared: Some("iosManagedAppProtection"),
        platform: Platform::Always("ios"),
        ..MANAGED_APP_POLICY
    },
    PolicyType {
        key: "androidManagedAppProtection",
        label: "App protection policies for Android",
        platforms: &["android"],
        path: "deviceAppManagement/androidManagedAppProtections",
        declared: Some("androidManagedAppProtection"),
        platform: Platform::Always("android"),
        ..MANAGED_APP_POLICY
    },
    PolicyType {
        key: "windowsManagedAppProtection",
        label: "App protection policies for Windows",
        platforms: &["windows"],
        path: "deviceAppManagement/windowsManagedAppProtections",
        declared: Some("windowsManagedAppProtection"),
        platform: Platform::Always("windows"),
        ..MANAGED_APP_POLICY
    },
    PolicyType {
        key: "mdmWindowsInformationProtectionPolicy",
        label: "Windows Information Protection with enrollment (retired)",
        path: "deviceAppManagement/mdmWindowsInformationProtectionPolicies",
        declared: Some("mdmWindowsInformationProtectionPolicy"),
        ..INFORMATION_PROTECTION
    },
    PolicyType {
        key: "windowsInformationProtectionPolicy",
        label: "Windows Information Protection without enrollment (retired)",
        path: "deviceAppManagement/windowsInformationProtectionPolicies",
        declared: Some("windowsInformationProtectionPolicy"),
        ..INFORMATION_PROTECTION
    },
    PolicyType {
        key: "defaultManagedAppProtection",
        label: "Default app protection (legacy)",
        platforms: &["ios", "android"],
        path: "deviceAppManagement/defaultManagedAppProtections",
        declared: Some("defaultManagedAppProtection"),
        parts: &[TARGETED_APPS],
        default: false,
        ..MANAGED_APP_POLICY
    },
    PolicyType {
        key: "policySet",
        label: "Policy sets",
        path: "deviceAppManagement/policySets",
        // The list is a header and refuses every expansion.
        read_each: true,
        parts: &[
            Part {
                property: "items",
                ..EXPANDED
            },
            ASSIGNMENTS,
        ],
        read_permissions: &["DeviceManagementConfiguration.Read.All"],
        restore_permissions: &["DeviceManagementConfiguration.ReadWrite.All"],
        volatile: &[
            "status",
            "errorCode",
            "items[]/status",
            "items[]/errorCode",
            "items[]/displayName",
            "items[]/itemType",
        ],
        sets: &[Set {
            path: "items",
            key: &["@odata.type", "payloadId"],
        }],
        restore_step: Some(200),
        ..APP
    },
    PolicyType {
        key: "iosLobAppProvisioningConfiguration",
        label: "App provisioning profiles for iOS",
        platforms: &["ios"],
        path: "deviceAppManagement/iosLobAppProvisioningConfigurations",
        // Nobody has seen whether the list gives the payload.
        read_each: true,
        parts: &[ASSIGNMENTS_APART],
        platform: Platform::Always("ios"),
        default: false,
        ..APP
    },
    PolicyType {
        key: "wdacSupplementalPolicy",
        label: "Application Control supplemental policies (S mode)",
        platforms: &["windows"],
        path: "deviceAppManagement/wdacSupplementalPolicies",
        // Nobody has seen whether the list gives the content.
        read_each: true,
        parts: &[ASSIGNMENTS_APART],
        platform: Platform::Always("windows"),
        default: false,
        volatile: &["deploySummary"],
        ..APP
    },
    PolicyType {
        key: "managedEBook",
        label: "Managed e-books",
        platforms: &["ios"],
        path: "deviceAppManagement/managedEBooks",
        parts: &[ASSIGNMENTS_APART],
        platform: Platform::Type,
        default: false,
        volatile: &["usedLicenseCount", "totalLicenseCount"],
        ..APP
    },
    PolicyType {
        key: "vppToken",
        label: "Apple volume purchase tokens (metadata)",
        platforms: &["macos", "ios"],
        path: "deviceAppManagement/vppTokens",
        read_permissions: &["DeviceManagementServiceConfig.Read.All"],
        restore_permissions: &[],
        default: false,
        volatile: &[
            "token",
            "state",
            "expirationDateTime",
            "lastSyncDateTime",
            "lastSyncStatus",
            "tokenActionResults",
        ],
        redacted: &["token"],
        expiring: Some(Expiring {
            property: "expirationDateTime",
            what: "Apple volume purchase token",
            renew: "download a new one from Apple Business or School Manager, or no app is licensed any more",
        }),
        restore_step: None,
        ..APP
    },
];
