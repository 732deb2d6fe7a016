//! Profiles of Windows updates. Rings are device configuration profiles.

use super::{APART, ASSIGNMENTS, PLAIN, Part, Platform, PolicyType, Set};

/// What they share.
const UPDATE: PolicyType = PolicyType {
    platforms: &["windows"],
    parts: &[ASSIGNMENTS],
    platform: Platform::Always("windows"),
    ..PLAIN
};

pub(super) static ROWS: [PolicyType; 4] = [
    PolicyType {
        key: "windowsFeatureUpdateProfile",
        label: "Feature update profiles",
        path: "deviceManagement/windowsFeatureUpdateProfiles",
        volatile: &["deployableContentDisplayName", "endOfSupportDate"],
        ..UPDATE
    },
    PolicyType {
        key: "windowsQualityUpdateProfile",
        label: "Expedited quality update profiles",
        path: "deviceManagement/windowsQualityUpdateProfiles",
        volatile: &["deployableContentDisplayName", "releaseDateDisplayName"],
        ..UPDATE
    },
    PolicyType {
        key: "windowsQualityUpdatePolicy",
        label: "Quality update policies (hotpatch)",
        path: "deviceManagement/windowsQualityUpdatePolicies",
        ..UPDATE
    },
    PolicyType {
        key: "windowsDriverUpdateProfile",
        label: "Driver update profiles",
        path: "deviceManagement/windowsDriverUpdateProfiles",
        parts: &[
            ASSIGNMENTS,
            // Which drivers are approved is what the profile is about.
            Part {
                property: "driverInventories",
                ..APART
            },
        ],
        volatile: &[
            "deviceReporting",
            "newUpdates",
            "inventorySyncStatus",
            "driverInventories[]/applicableDeviceCount",
        ],
        sets: &[Set {
            path: "driverInventories",
            key: &["manufacturer", "name", "version", "driverClass"],
        }],
        ..UPDATE
    },
];
