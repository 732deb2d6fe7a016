//! Scripts. Their lists leave the bodies out, so each is read alone.

use super::{ASSIGNMENTS, ASSIGNMENTS_APART, Note, PLAIN, Platform, PolicyType};
use crate::graph::ServiceGroup;

/// What all scripts share.
const SCRIPT: PolicyType = PolicyType {
    group: ServiceGroup::Devices,
    read_each: true,
    parts: &[ASSIGNMENTS],
    read_permissions: &["DeviceManagementScripts.Read.All"],
    restore_permissions: &["DeviceManagementScripts.ReadWrite.All"],
    ..PLAIN
};

pub(super) static ROWS: [PolicyType; 5] = [
    PolicyType {
        key: "deviceManagementScript",
        label: "PowerShell platform scripts",
        platforms: &["windows"],
        path: "deviceManagement/deviceManagementScripts",
        platform: Platform::Always("windows"),
        ..SCRIPT
    },
    PolicyType {
        key: "deviceShellScript",
        label: "macOS shell scripts",
        platforms: &["macos"],
        path: "deviceManagement/deviceShellScripts",
        platform: Platform::Always("macos"),
        ..SCRIPT
    },
    PolicyType {
        key: "deviceCustomAttributeShellScript",
        label: "macOS custom attributes",
        platforms: &["macos"],
        path: "deviceManagement/deviceCustomAttributeShellScripts",
        platform: Platform::Always("macos"),
        ..SCRIPT
    },
    PolicyType {
        key: "deviceComplianceScript",
        label: "Custom compliance discovery scripts",
        platforms: &["windows", "linux", "macos"],
        path: "deviceManagement/deviceComplianceScripts",
        platform: Platform::Property("platform"),
        volatile: &["version"],
        restore_step: Some(80),
        ..SCRIPT
    },
    PolicyType {
        key: "deviceHealthScript",
        label: "Remediations",
        platforms: &["windows"],
        path: "deviceManagement/deviceHealthScripts",
        // Schedules of remediations come from the path of the assignments.
        parts: &[ASSIGNMENTS_APART],
        platform: Platform::Always("windows"),
        volatile: &[
            "isGlobalScript",
            "highestAvailableVersion",
            "deviceHealthScriptType",
            "version",
        ],
        // Kept all the same: whom they are assigned to, and when they run, is the tenant's own.
        notes: &[Note {
            when: Some("isGlobalScript"),
            text: "one of Microsoft's own: only its assignments can be restored",
        }],
        ..SCRIPT
    },
];
