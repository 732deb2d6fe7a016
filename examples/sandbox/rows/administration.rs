//! What the service itself is set to, who administers it, and what it is connected to.

use super::super::collections::{Row, Versions};
use super::{APPS, ASSIGNMENTS, CLOUD_PC_LIST, CONNECTOR, LIST, PLAIN, RBAC, SINGLETON};

pub const ROWS: &[Row] = &[
    Row {
        path: "deviceManagement/assignmentFilters",
        declared: "microsoft.graph.deviceAndAppManagementAssignmentFilter",
        ..PLAIN
    },
    Row {
        path: "deviceManagement/roleScopeTags",
        declared: "microsoft.graph.roleScopeTag",
        expand_list: &[],
        expand_item: &[],
        expand_empty: ASSIGNMENTS,
        scopes: RBAC,
        ..LIST
    },
    Row {
        path: "deviceManagement/roleDefinitions",
        declared: "microsoft.graph.roleDefinition",
        below: &["roleAssignments"],
        filters: &[("isBuiltIn eq false", "isBuiltIn")],
        versions: Versions::Both,
        scopes: RBAC,
        ..PLAIN
    },
    Row {
        path: "deviceManagement/roleAssignments",
        declared: "microsoft.graph.deviceAndAppManagementRoleAssignment",
        list_lacks: &["members", "scopeMembers", "resourceScopes"],
        expand_item: &["roleScopeTags"],
        below: &["roleScopeTags"],
        versions: Versions::Both,
        scopes: RBAC,
        ..PLAIN
    },
    Row {
        path: "deviceManagement/intuneBrandingProfiles",
        declared: "microsoft.graph.intuneBrandingProfile",
        below: &[
            "assignments",
            "themeColorLogo",
            "lightBackgroundLogo",
            "landingPageCustomizedImage",
        ],
        scopes: APPS,
        ..LIST
    },
    Row {
        path: super::super::events::PATH,
        versions: Versions::Both,
        declared: "microsoft.graph.auditEvent",
        filter_between: &["activityDateTime"],
        scopes: APPS,
        ..PLAIN
    },
    Row {
        path: "deviceManagement/settings",
        versions: Versions::Both,
        declared: "microsoft.graph.deviceManagementSettings",
        ..SINGLETON
    },
    Row {
        path: "deviceManagement/managedDeviceCleanupRules",
        declared: "microsoft.graph.managedDeviceCleanupRule",
        ..PLAIN
    },
    Row {
        path: "deviceManagement/operationApprovalPolicies",
        declared: "microsoft.graph.operationApprovalPolicy",
        ..PLAIN
    },
    Row {
        path: "deviceManagement/applePushNotificationCertificate",
        versions: Versions::Both,
        declared: "microsoft.graph.applePushNotificationCertificate",
        ..SINGLETON
    },
    Row {
        path: "deviceManagement/androidManagedStoreAccountEnterpriseSettings",
        declared: "microsoft.graph.androidManagedStoreAccountEnterpriseSettings",
        ..SINGLETON
    },
    Row {
        path: "deviceManagement/mobileThreatDefenseConnectors",
        declared: "microsoft.graph.mobileThreatDefenseConnector",
        ..CONNECTOR
    },
    Row {
        path: "deviceManagement/complianceManagementPartners",
        declared: "microsoft.graph.complianceManagementPartner",
        ..CONNECTOR
    },
    Row {
        path: "deviceManagement/deviceManagementPartners",
        declared: "microsoft.graph.deviceManagementPartner",
        ..CONNECTOR
    },
    Row {
        path: "deviceManagement/remoteAssistancePartners",
        declared: "microsoft.graph.remoteAssistancePartner",
        ..CONNECTOR
    },
    Row {
        path: "deviceManagement/ndesConnectors",
        declared: "microsoft.graph.ndesConnector",
        ..PLAIN
    },
    Row {
        path: "deviceManagement/microsoftTunnelSites",
        declared: "microsoft.graph.microsoftTunnelSite",
        below: &["microsoftTunnelConfiguration"],
        ..PLAIN
    },
    Row {
        path: "deviceManagement/microsoftTunnelConfigurations",
        declared: "microsoft.graph.microsoftTunnelConfiguration",
        ..PLAIN
    },
    Row {
        path: "deviceManagement/derivedCredentials",
        declared: "microsoft.graph.deviceManagementDerivedCredentialSettings",
        ..PLAIN
    },
    Row {
        path: "deviceManagement/virtualEndpoint/provisioningPolicies",
        declared: "microsoft.graph.cloudPcProvisioningPolicy",
        ..CLOUD_PC_LIST
    },
    Row {
        path: "deviceManagement/virtualEndpoint/userSettings",
        declared: "microsoft.graph.cloudPcUserSetting",
        ..CLOUD_PC_LIST
    },
    Row {
        path: "deviceManagement/virtualEndpoint/onPremisesConnections",
        declared: "microsoft.graph.cloudPcOnPremisesConnection",
        expand_list: &[],
        expand_item: &[],
        below: &[],
        ..CLOUD_PC_LIST
    },
];
