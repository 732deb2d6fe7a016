//! App protection. The list of all app policies gives neither apps nor assignments, so the concrete
//! collections are read.

use super::{ASSIGNMENTS, EXPANDED, PLAIN, Part, Platform, PolicyType, Set};
use crate::graph::ServiceGroup;

/// What the kinds of app protection share.
const PROTECTION: PolicyType = PolicyType {
    group: ServiceGroup::Applications,
    parts: &[
        Part {
            property: "apps",
            ..EXPANDED
        },
        ASSIGNMENTS,
    ],
    read_permissions: &["DeviceManagementApps.Read.All"],
    restore_permissions: &["DeviceManagementApps.ReadWrite.All"],
    volatile: &[
        "version",
        "apps[]/version",
        "deployedAppCount",
        "deploymentSummary",
    ],
    sets: &[Set {
        path: "apps",
        key: &[
            "mobileAppIdentifier/@odata.type",
            "mobileAppIdentifier/bundleId",
            "mobileAppIdentifier/packageId",
        ],
    }],
    ..PLAIN
};

pub(super) static ROWS: [PolicyType; 2] = [
    PolicyType {
        key: "iosManagedAppProtection",
        label: "App protection policies for iOS",
        platforms: &["ios"],
        path: "deviceAppManagement/iosManagedAppProtections",
        platform: Platform::Always("ios"),
        ..PROTECTION
    },
    PolicyType {
        key: "androidManagedAppProtection",
        label: "App protection policies for Android",
        platforms: &["android"],
        path: "deviceAppManagement/androidManagedAppProtections",
        platform: Platform::Always("android"),
        ..PROTECTION
    },
];
