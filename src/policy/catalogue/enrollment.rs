//! Enrollment. One collection holds seven kinds of configurations; the service refuses to filter
//! it by type, so its rows take their own from one list.

use super::{ASSIGNMENTS, Members, PLAIN, Platform, PolicyType};
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

pub(super) static ROWS: [PolicyType; 9] = [
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
];
