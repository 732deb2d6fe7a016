//! Enrollment. One collection holds seven kinds of configurations; the service refuses to filter
//! it by type, so its rows take their own from one list.

use super::{
    ASSIGNMENTS, ASSIGNMENTS_APART, Expiring, Members, PLAIN, Platform, PolicyType, Reference, Set,
};
use crate::graph::ServiceGroup;

/// What all of enrollment shares.
const ENROLLMENT: PolicyType = PolicyType {
    group: ServiceGroup::Enrollment,
    parts: &[ASSIGNMENTS],
    read_permissions: &["DeviceManagementServiceConfig.Read.All"],
    restore_permissions: &["DeviceManagementServiceConfig.ReadWrite.All"],
    ..PLAIN
};

/// What the rows of the shared collection share.
const CONFIGURATION: PolicyType = PolicyType {
    path: "deviceManagement/deviceEnrollmentConfigurations",
    ..ENROLLMENT
};

pub(super) static ROWS: [PolicyType; 16] = [
    PolicyType {
        key: "deviceEnrollmentLimit",
        label: "Device limit restrictions",
        members: Members::Types(&["deviceEnrollmentLimitConfiguration"]),
        ..CONFIGURATION
    },
    PolicyType {
        key: "deviceEnrollmentPlatformRestriction",
        label: "Device platform restrictions",
        members: Members::Types(&[
            "deviceEnrollmentPlatformRestrictionConfiguration",
            "deviceEnrollmentPlatformRestrictionsConfiguration",
        ]),
        platform: Platform::Property("platformType"),
        ..CONFIGURATION
    },
    PolicyType {
        key: "enrollmentStatusPage",
        label: "Enrollment status pages",
        platforms: &["windows"],
        members: Members::Types(&["windows10EnrollmentCompletionPageConfiguration"]),
        platform: Platform::Always("windows"),
        ..CONFIGURATION
    },
    PolicyType {
        key: "windowsHelloForBusinessEnrollment",
        label: "Windows Hello for Business (tenant-wide)",
        platforms: &["windows"],
        members: Members::Types(&["deviceEnrollmentWindowsHelloForBusinessConfiguration"]),
        platform: Platform::Always("windows"),
        ..CONFIGURATION
    },
    PolicyType {
        key: "coManagementSettings",
        label: "Co-management settings",
        platforms: &["windows"],
        members: Members::Types(&["deviceComanagementAuthorityConfiguration"]),
        platform: Platform::Always("windows"),
        ..CONFIGURATION
    },
    PolicyType {
        key: "deviceEnrollmentNotification",
        label: "Enrollment notifications",
        members: Members::Types(&["deviceEnrollmentNotificationConfiguration"]),
        platform: Platform::Property("platformType"),
        ..CONFIGURATION
    },
    PolicyType {
        key: "windowsRestoreEnrollment",
        label: "Windows backup and restore enrollment setting",
        platforms: &["windows"],
        members: Members::Types(&["windowsRestoreDeviceEnrollmentConfiguration"]),
        platform: Platform::Always("windows"),
        ..CONFIGURATION
    },
    PolicyType {
        key: "deviceEnrollmentConfiguration",
        label: "Other enrollment configurations",
        members: Members::Rest(&[]),
        ..CONFIGURATION
    },
    PolicyType {
        key: "windowsAutopilotDeploymentProfile",
        label: "Autopilot deployment profiles",
        platforms: &["windows"],
        path: "deviceManagement/windowsAutopilotDeploymentProfiles",
        platform: Platform::Always("windows"),
        volatile: &["managementServiceAppId", "assignedDevices"],
        ..ENROLLMENT
    },
    PolicyType {
        key: "depOnboardingSetting",
        label: "Apple automated enrollment tokens (metadata)",
        platforms: APPLE,
        path: TOKENS,
        query: TOKENS_QUERY,
        parts: &[],
        references: &[
            default_profile("defaultIosEnrollmentProfile"),
            default_profile("defaultMacOsEnrollmentProfile"),
            default_profile("defaultTvOSEnrollmentProfile"),
            default_profile("defaultVisionOSEnrollmentProfile"),
        ],
        name: "tokenName",
        restore_permissions: &[],
        volatile: &[
            "syncedDeviceCount",
            "lastSuccessfulSyncDateTime",
            "lastSyncTriggeredDateTime",
            "lastSyncErrorCode",
            "tokenExpirationDateTime",
        ],
        expiring: Some(Expiring {
            property: "tokenExpirationDateTime",
            what: "Apple enrollment token",
            renew: "download a new one from Apple Business or School Manager, or no device is enrolled any more",
        }),
        restore_step: None,
        ..ENROLLMENT
    },
    PolicyType {
        key: "depEnrollmentProfile",
        label: "Apple automated enrollment profiles",
        platforms: APPLE,
        path: "deviceManagement/depOnboardingSettings/{parent}/enrollmentProfiles",
        parent_query: TOKENS_QUERY,
        parts: &[],
        platform: Platform::Type,
        redacted: &["adminAccountPassword"],
        ..ENROLLMENT
    },
    PolicyType {
        key: "appleUserInitiatedEnrollmentProfile",
        label: "Apple user-initiated enrollment types",
        platforms: &["ios"],
        path: "deviceManagement/appleUserInitiatedEnrollmentProfiles",
        platform: Platform::Property("platform"),
        sets: &[Set {
            path: "availableEnrollmentTypeOptions",
            key: &["ownerType", "enrollmentType"],
        }],
        ..ENROLLMENT
    },
    PolicyType {
        key: "androidDeviceOwnerEnrollmentProfile",
        label: "Android Enterprise corporate enrollment profiles",
        path: "deviceManagement/androidDeviceOwnerEnrollmentProfiles",
        ..ANDROID
    },
    PolicyType {
        key: "androidForWorkEnrollmentProfile",
        label: "Android work profile enrollment profiles (legacy)",
        path: "deviceManagement/androidForWorkEnrollmentProfiles",
        default: false,
        volatile: &[
            "tokenValue",
            "qrCodeContent",
            "qrCodeImage",
            "enrolledDeviceCount",
            "tokenExpirationDateTime",
        ],
        redacted: &["tokenValue", "qrCodeContent", "qrCodeImage"],
        ..ANDROID
    },
    PolicyType {
        key: "termsAndConditions",
        label: "Terms and conditions of the Company Portal",
        path: "deviceManagement/termsAndConditions",
        // An expansion of these assignments is refused.
        parts: &[ASSIGNMENTS_APART],
        ..ENROLLMENT
    },
    PolicyType {
        key: "deviceCategory",
        label: "Device categories",
        path: "deviceManagement/deviceCategories",
        parts: &[],
        read_permissions: PLAIN.read_permissions,
        restore_permissions: PLAIN.restore_permissions,
        ..ENROLLMENT
    },
];

const APPLE: &[&str] = &["ios", "macos", "tvOS", "visionOS"];
const TOKENS: &str = "deviceManagement/depOnboardingSettings";
const TOKENS_QUERY: &[(&str, &str)] = &[("$top", "100")];

/// What the profiles of Android share: a token that enrolls whoever has it, by itself and in a code.
const ANDROID: PolicyType = PolicyType {
    platforms: &["android"],
    group: ServiceGroup::Enrollment,
    platform: Platform::Always("android"),
    volatile: &[
        "tokenValue",
        "qrCodeContent",
        "qrCodeImage",
        "enrollmentTokenUsageCount",
        "enrolledDeviceCount",
        "tokenCreationDateTime",
        "tokenExpirationDateTime",
    ],
    redacted: &["tokenValue", "qrCodeContent", "qrCodeImage", "wifiPassword"],
    ..PLAIN
};

/// A profile that devices of a token get unless they are given another.
const fn default_profile(property: &'static str) -> Reference {
    Reference {
        property,
        types: &[],
        many: false,
        owned: None,
    }
}
