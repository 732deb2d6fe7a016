//! What other types refer to all over a tenant: assignment filters and scope tags.

use super::{ASSIGNMENTS_APART, PLAIN, Platform, PolicyType};
use crate::graph::ServiceGroup;

pub(super) static ROWS: [PolicyType; 2] = [
    PolicyType {
        key: "assignmentFilter",
        label: "Assignment filters",
        platforms: &["windows", "macos", "ios", "android"],
        path: "deviceManagement/assignmentFilters",
        platform: Platform::Property("platform"),
        foundation: true,
        volatile: &["payloads"],
        restore_step: Some(15),
        ..PLAIN
    },
    PolicyType {
        key: "roleScopeTag",
        label: "Scope tags",
        group: ServiceGroup::Rbac,
        path: "deviceManagement/roleScopeTags",
        // An expansion of these assignments is always empty.
        parts: &[ASSIGNMENTS_APART],
        read_permissions: &[
            "DeviceManagementConfiguration.Read.All",
            "DeviceManagementRBAC.Read.All",
        ],
        foundation: true,
        restore_step: Some(10),
        ..PLAIN
    },
];
