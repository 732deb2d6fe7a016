//! Device configuration beside the profiles: settings catalog, administrative templates, intents.

use super::{APART, ASSIGNMENTS, EXPANDED, Note, PLAIN, Part, Platform, PolicyType, Set};
use crate::graph::ServiceGroup;

/// What the service sets by itself in all that is made of settings.
const SETTINGS_VOLATILE: &[&str] = &[
    "settingCount",
    "creationSource",
    "templateReference/templateDisplayName",
    "templateReference/templateDisplayVersion",
];

/// The settings of a policy.
const SETTINGS: &[Set] = &[Set {
    path: "settings",
    key: &["settingInstance/settingDefinitionId"],
}];

pub(super) static ROWS: [PolicyType; 8] = [
    PolicyType {
        key: "settingsCatalogPolicy",
        label: "Settings catalog policies, endpoint security, baselines",
        platforms: &["windows", "macos", "ios", "linux", "android"],
        group: ServiceGroup::DeviceConfigurationV2,
        path: "deviceManagement/configurationPolicies",
        parts: &[
            ASSIGNMENTS,
            // The list has no settings, and an expansion of them is not known to be complete for
            // large policies. Their own path gives pages of 25.
            Part {
                property: "settings",
                count: Some("settingCount"),
                ..APART
            },
        ],
        name: "name",
        platform: Platform::Property("platforms"),
        volatile: SETTINGS_VOLATILE,
        sets: SETTINGS,
        ..PLAIN
    },
    PolicyType {
        key: "groupPolicyConfiguration",
        label: "Administrative templates",
        platforms: &["windows"],
        path: "deviceManagement/groupPolicyConfigurations",
        parts: &[
            ASSIGNMENTS,
            Part {
                property: "definitionValues",
                expand: &["definition"],
                parts: &[Part {
                    property: "presentationValues",
                    expand: &["presentation"],
                    ..APART
                }],
                ..APART
            },
        ],
        platform: Platform::Always("windows"),
        volatile: &["policyConfigurationIngestionType"],
        referred: &[
            "definitionValues[]/definition",
            "definitionValues[]/presentationValues[]/presentation",
        ],
        sets: &[
            Set {
                path: "definitionValues",
                key: &["definition/id"],
            },
            Set {
                path: "definitionValues[]/presentationValues",
                key: &["presentation/id"],
            },
        ],
        ..PLAIN
    },
    PolicyType {
        key: "groupPolicyUploadedDefinitionFile",
        label: "Imported ADMX files (metadata)",
        platforms: &["windows"],
        path: "deviceManagement/groupPolicyUploadedDefinitionFiles",
        name: "fileName",
        platform: Platform::Always("windows"),
        volatile: &[
            "status",
            "uploadDateTime",
            "groupPolicyOperations",
            "content",
            "groupPolicyUploadedLanguageFiles[]/content",
        ],
        sets: &[
            Set {
                path: "languageCodes",
                key: &[],
            },
            Set {
                path: "groupPolicyUploadedLanguageFiles",
                key: &["languageCode"],
            },
        ],
        notes: &[Note {
            when: None,
            text: "Graph does not give the files themselves: keep the original ADMX and ADML",
        }],
        restore_step: Some(45),
        ..PLAIN
    },
    PolicyType {
        key: "reusablePolicySetting",
        label: "Reusable settings groups",
        platforms: &["windows", "linux"],
        group: ServiceGroup::DeviceConfigurationV2,
        path: "deviceManagement/reusablePolicySettings",
        // Graph leaves settingInstance out unless it is asked for by name.
        query: &[(
            "$select",
            "id,displayName,description,settingDefinitionId,settingInstance,version",
        )],
        volatile: &["referencingConfigurationPolicyCount"],
        restore_step: Some(70),
        ..PLAIN
    },
    PolicyType {
        key: "deviceManagementIntent",
        label: "Endpoint security and baselines, legacy intents",
        platforms: &["windows", "macos"],
        path: "deviceManagement/intents",
        parts: &[
            ASSIGNMENTS,
            Part {
                property: "settings",
                ..APART
            },
        ],
        volatile: &["isMigratingToConfigurationPolicy"],
        sets: &[Set {
            path: "settings",
            key: &["definitionId"],
        }],
        ..PLAIN
    },
    PolicyType {
        key: "hardwareConfiguration",
        label: "BIOS and firmware configurations",
        platforms: &["windows"],
        path: "deviceManagement/hardwareConfigurations",
        // Seen in 2024: microsoftgraph/powershell-intune-samples #278.
        outlives_deletion: true,
        // Whether the list gives the file is not known.
        read_each: true,
        parts: &[ASSIGNMENTS],
        platform: Platform::Always("windows"),
        ..PLAIN
    },
    PolicyType {
        key: "inventoryPolicy",
        label: "Device inventory policies (properties catalog)",
        platforms: &["windows"],
        group: ServiceGroup::DeviceConfigurationV2,
        path: "deviceManagement/inventoryPolicies",
        unpublished: true,
        read_each: true,
        parts: &[
            ASSIGNMENTS,
            Part {
                property: "settings",
                count: Some("settingCount"),
                ..EXPANDED
            },
        ],
        name: "name",
        platform: Platform::Property("platforms"),
        default: false,
        volatile: SETTINGS_VOLATILE,
        sets: SETTINGS,
        ..PLAIN
    },
    PolicyType {
        key: "resourceAccessProfile",
        label: "Resource access profiles (Windows 10X)",
        platforms: &["windows"],
        path: "deviceManagement/resourceAccessProfiles",
        parts: &[ASSIGNMENTS],
        platform: Platform::Always("windows"),
        read_permissions: &["DeviceManagementServiceConfig.Read.All"],
        restore_permissions: &["DeviceManagementServiceConfig.ReadWrite.All"],
        default: false,
        ..PLAIN
    },
];
