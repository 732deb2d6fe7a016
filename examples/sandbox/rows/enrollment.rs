//! How devices come in.

use super::super::collections::{Row, Versions};
use super::{ENROLLMENT, LIST, PLAIN, SERVICE};

pub const ROWS: &[Row] = &[
    Row {
        path: "deviceManagement/deviceEnrollmentConfigurations",
        versions: Versions::Both,
        declared: "microsoft.graph.deviceEnrollmentConfiguration",
        ..ENROLLMENT
    },
    Row {
        path: "deviceManagement/windowsAutopilotDeploymentProfiles",
        declared: "microsoft.graph.windowsAutopilotDeploymentProfile",
        ..ENROLLMENT
    },
    Row {
        path: "deviceManagement/depOnboardingSettings",
        declared: "microsoft.graph.depOnboardingSetting",
        below: &[
            "enrollmentProfiles",
            "defaultIosEnrollmentProfile",
            "defaultMacOsEnrollmentProfile",
            "defaultTvOSEnrollmentProfile",
            "defaultVisionOSEnrollmentProfile",
        ],
        scopes: SERVICE,
        ..PLAIN
    },
    Row {
        path: "deviceManagement/appleUserInitiatedEnrollmentProfiles",
        declared: "microsoft.graph.appleUserInitiatedEnrollmentProfile",
        ..ENROLLMENT
    },
    Row {
        path: "deviceManagement/androidDeviceOwnerEnrollmentProfiles",
        declared: "microsoft.graph.androidDeviceOwnerEnrollmentProfile",
        ..PLAIN
    },
    Row {
        path: "deviceManagement/androidForWorkEnrollmentProfiles",
        declared: "microsoft.graph.androidForWorkEnrollmentProfile",
        ..PLAIN
    },
    Row {
        path: "deviceManagement/termsAndConditions",
        versions: Versions::Both,
        declared: "microsoft.graph.termsAndConditions",
        expand_list: &[],
        expand_item: &[],
        scopes: SERVICE,
        ..LIST
    },
    Row {
        path: "deviceManagement/deviceCategories",
        versions: Versions::Both,
        declared: "microsoft.graph.deviceCategory",
        ..PLAIN
    },
];
