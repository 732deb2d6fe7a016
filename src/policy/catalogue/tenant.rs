//! What other types refer to all over a tenant, and the administration of Intune itself: filters,
//! scope tags, roles, branding, tenant-wide settings, connectors and partners.

use super::{
    ASSIGNMENTS_APART, EXPANDED, Expiring, Form, PLAIN, Part, Platform, PolicyType, Reference, Set,
    Shape, Via,
};
use crate::graph::ServiceGroup;

/// What roles share.
const ROLE: PolicyType = PolicyType {
    group: ServiceGroup::Rbac,
    read_permissions: &["DeviceManagementRBAC.Read.All"],
    restore_permissions: &["DeviceManagementRBAC.ReadWrite.All"],
    ..PLAIN
};

/// What connectors and partners share.
const CONNECTOR: PolicyType = PolicyType {
    group: ServiceGroup::Enrollment,
    read_permissions: &["DeviceManagementServiceConfig.Read.All"],
    restore_permissions: &["DeviceManagementServiceConfig.ReadWrite.All"],
    default: false,
    volatile: &["lastHeartbeatDateTime"],
    ..PLAIN
};

/// What both parts of Microsoft Tunnel share. Which of the two permissions counts is documented in
/// two ways.
const TUNNEL: PolicyType = PolicyType {
    platforms: &["ios", "android"],
    read_permissions: &[
        "DeviceManagementConfiguration.Read.All",
        "MicrosoftTunnelGateway.Read.All",
    ],
    default: false,
    may_lack: Some("a licence for Microsoft Tunnel"),
    ..PLAIN
};

/// A picture of the company portal; no list and no object gives it.
const fn picture(property: &'static str) -> Part {
    Part {
        property,
        form: Form::One,
        via: Via::Path,
        ..EXPANDED
    }
}

pub(super) static ROWS: [PolicyType; 18] = [
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
    PolicyType {
        key: "roleDefinition",
        label: "Intune roles (custom)",
        path: "deviceManagement/roleDefinitions",
        query: &[("$filter", "isBuiltIn eq false")],
        // The first says what `rolePermissions` says, the second what `isBuiltIn` says.
        volatile: &["permissions", "isBuiltInRoleDefinition"],
        restore_step: Some(20),
        ..ROLE
    },
    PolicyType {
        key: "roleAssignment",
        label: "Intune role assignments",
        // Of every role: those that are built in are assigned too.
        path: "deviceManagement/roleDefinitions/{parent}/roleAssignments",
        object_path: Some("deviceManagement/roleAssignments"),
        parent_as: Some("roleDefinition"),
        // The list has names only; members and scopes are with the object.
        read_each: true,
        parts: &[Part {
            property: "roleScopeTags",
            cast: Some("deviceAndAppManagementRoleAssignment"),
            ..EXPANDED
        }],
        referred: &["roleScopeTags[]", "roleDefinition"],
        sets: &[
            Set {
                path: "roleScopeTags",
                key: &["id"],
            },
            Set {
                path: "members",
                key: &[],
            },
            Set {
                path: "scopeMembers",
                key: &[],
            },
            Set {
                path: "resourceScopes",
                key: &[],
            },
        ],
        restore_step: Some(21),
        ..ROLE
    },
    PolicyType {
        key: "intuneBrandingProfile",
        label: "Company Portal branding",
        group: ServiceGroup::Applications,
        path: "deviceManagement/intuneBrandingProfiles",
        parts: &[
            ASSIGNMENTS_APART,
            picture("themeColorLogo"),
            picture("lightBackgroundLogo"),
            picture("landingPageCustomizedImage"),
        ],
        name: "profileName",
        read_permissions: &["DeviceManagementApps.Read.All"],
        restore_permissions: &["DeviceManagementApps.ReadWrite.All"],
        default: false,
        ..PLAIN
    },
    PolicyType {
        key: "deviceManagementSettings",
        label: "Tenant-wide device settings",
        path: "deviceManagement/settings",
        shape: Shape::Single,
        default: false,
        ..PLAIN
    },
    PolicyType {
        key: "managedDeviceCleanupRule",
        label: "Device clean-up rules",
        platforms: &["windows", "macos", "ios", "android"],
        path: "deviceManagement/managedDeviceCleanupRules",
        platform: Platform::Property("deviceCleanupRulePlatformType"),
        default: false,
        ..PLAIN
    },
    PolicyType {
        key: "operationApprovalPolicy",
        label: "Access policies for multi admin approval",
        path: "deviceManagement/operationApprovalPolicies",
        read_permissions: &[
            "DeviceManagementConfiguration.Read.All",
            "DeviceManagementRBAC.Read.All",
        ],
        default: false,
        sets: &[Set {
            path: "approverGroupIds",
            key: &[],
        }],
        // Last of all: from then on the other changes need an approval.
        restore_step: Some(250),
        ..PLAIN
    },
    PolicyType {
        key: "applePushNotificationCertificate",
        label: "Apple MDM push certificate (metadata)",
        platforms: &["macos", "ios"],
        path: "deviceManagement/applePushNotificationCertificate",
        shape: Shape::Single,
        may_be_absent: true,
        name: "appleIdentifier",
        read_permissions: &[
            "DeviceManagementConfiguration.Read.All",
            "DeviceManagementManagedDevices.Read.All",
        ],
        restore_permissions: &[],
        default: false,
        volatile: &["certificate", "expirationDateTime"],
        expiring: Some(Expiring {
            property: "expirationDateTime",
            what: "Apple MDM push certificate",
            renew: "renew it with the Apple ID that made it, or every Apple device has to be enrolled again",
        }),
        redacted: &["certificate"],
        restore_step: None,
        ..PLAIN
    },
    PolicyType {
        key: "androidManagedStoreAccountEnterpriseSettings",
        label: "Managed Google Play binding (metadata)",
        platforms: &["android"],
        path: "deviceManagement/androidManagedStoreAccountEnterpriseSettings",
        shape: Shape::Single,
        platform: Platform::Always("android"),
        restore_permissions: &[],
        default: false,
        volatile: &["companyCodes", "lastAppSyncDateTime", "lastAppSyncStatus"],
        redacted: &["companyCodes"],
        restore_step: None,
        ..PLAIN
    },
    PolicyType {
        key: "mobileThreatDefenseConnector",
        label: "Mobile threat defense connectors (metadata)",
        path: "deviceManagement/mobileThreatDefenseConnectors",
        name: "id",
        ..CONNECTOR
    },
    PolicyType {
        key: "complianceManagementPartner",
        label: "Compliance partners (metadata)",
        path: "deviceManagement/complianceManagementPartners",
        ..CONNECTOR
    },
    PolicyType {
        key: "deviceManagementPartner",
        label: "Device management partners (metadata)",
        path: "deviceManagement/deviceManagementPartners",
        ..CONNECTOR
    },
    PolicyType {
        key: "remoteAssistancePartner",
        label: "Remote assistance partners (metadata)",
        path: "deviceManagement/remoteAssistancePartners",
        may_lack: Some("a remote assistance partner"),
        volatile: &["lastConnectionDateTime"],
        ..CONNECTOR
    },
    PolicyType {
        key: "ndesConnector",
        label: "Certificate connectors (metadata)",
        platforms: &["windows"],
        path: "deviceManagement/ndesConnectors",
        platform: Platform::Always("windows"),
        read_permissions: &["DeviceManagementConfiguration.Read.All"],
        restore_permissions: &[],
        volatile: &["lastConnectionDateTime", "healthChecks", "healthStatus"],
        restore_step: None,
        ..CONNECTOR
    },
    PolicyType {
        key: "microsoftTunnelConfiguration",
        label: "Microsoft Tunnel server configurations",
        path: "deviceManagement/microsoftTunnelConfigurations",
        restore_step: Some(99),
        ..TUNNEL
    },
    PolicyType {
        key: "microsoftTunnelSite",
        label: "Microsoft Tunnel sites",
        path: "deviceManagement/microsoftTunnelSites",
        references: &[Reference {
            property: "microsoftTunnelConfiguration",
            types: &[],
            many: false,
            owned: None,
        }],
        volatile: &["upgradeAvailable"],
        ..TUNNEL
    },
    PolicyType {
        key: "derivedCredential",
        label: "Derived credential settings",
        path: "deviceManagement/derivedCredentials",
        default: false,
        restore_step: Some(70),
        ..PLAIN
    },
];
