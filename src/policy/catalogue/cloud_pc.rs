//! Windows 365. A tenant without a licence for it may be answered as if a permission were missing.

use super::{ASSIGNMENTS, PLAIN, Platform, PolicyType};
use crate::graph::ServiceGroup;

/// What all of Windows 365 shares.
const CLOUD_PC: PolicyType = PolicyType {
    platforms: &["windows"],
    group: ServiceGroup::Devices,
    parts: &[ASSIGNMENTS],
    platform: Platform::Always("windows"),
    read_permissions: &["CloudPC.Read.All"],
    restore_permissions: &["CloudPC.ReadWrite.All"],
    default: false,
    may_lack: Some("a Windows 365 Enterprise licence"),
    ..PLAIN
};

pub(super) static ROWS: [PolicyType; 3] = [
    PolicyType {
        key: "cloudPcProvisioningPolicy",
        label: "Cloud PC provisioning policies",
        path: "deviceManagement/virtualEndpoint/provisioningPolicies",
        volatile: &["createdBy", "lastModifiedBy", "imageDisplayName"],
        ..CLOUD_PC
    },
    PolicyType {
        key: "cloudPcUserSetting",
        label: "Cloud PC user settings",
        path: "deviceManagement/virtualEndpoint/userSettings",
        ..CLOUD_PC
    },
    PolicyType {
        key: "cloudPcOnPremisesConnection",
        label: "Azure network connections for Cloud PCs (metadata)",
        path: "deviceManagement/virtualEndpoint/onPremisesConnections",
        parts: &[],
        volatile: &[
            "healthCheckStatus",
            "healthCheckStatusDetail",
            "healthCheckStatusDetails",
            "inUse",
            "inUseByCloudPc",
        ],
        redacted: &["adDomainPassword"],
        restore_step: Some(99),
        ..CLOUD_PC
    },
];
