//! The table of collections: one row for each, see `collections.rs` for what the columns mean.

use super::collections::{Row, TokenStyle, Versions};

const CONFIG: &str =
    "DeviceManagementConfiguration.Read.All, DeviceManagementConfiguration.ReadWrite.All";
const SCRIPTS: &str = "DeviceManagementScripts.Read.All, DeviceManagementScripts.ReadWrite.All";
const SERVICE: &str = "DeviceManagementServiceConfig.Read.All, \
    DeviceManagementServiceConfig.ReadWrite.All, DeviceManagementServiceConfiguration.Read.All";
const APPS: &str = "DeviceManagementApps.Read.All, DeviceManagementApps.ReadWrite.All";
const RBAC: &str = "DeviceManagementRBAC.Read.All, DeviceManagementRBAC.ReadWrite.All";
const POLICY: &str = "Policy.Read.All, Policy.Read.ConditionalAccess";
const CLOUD_PC: &str = "CloudPC.Read.All, CloudPC.ReadWrite.All";

const ASSIGNMENTS: &[&str] = &["assignments"];
const PLATFORMS: (&str, &[&str]) = (
    "platforms",
    &["androidEnterprise", "aosp", "visionOS", "tvOS"],
);
const TECHNOLOGIES: (&str, &[&str]) = ("technologies", &["windowsOsRecovery", "android"]);

/// A list with assignments below and in `$expand`, everything in the list: the common case.
const LIST: Row = Row {
    path: "",
    versions: Versions::Beta,
    declared: "microsoft.graph.entity",
    singleton: false,
    page: 1000,
    style: TokenStyle::Single,
    list_nulls: &[],
    list_lacks: &[],
    only_selected: &[],
    expand_list: ASSIGNMENTS,
    expand_item: ASSIGNMENTS,
    expand_empty: &[],
    below: ASSIGNMENTS,
    below_type: &[],
    filters: &[],
    filter_in: &[],
    filter_between: &[],
    newer: &[],
    scopes: CONFIG,
};

/// A list of objects that have no assignments.
const PLAIN: Row = Row {
    expand_list: &[],
    expand_item: &[],
    below: &[],
    ..LIST
};

const SCRIPT: Row = Row {
    list_nulls: &["scriptContent"],
    scopes: SCRIPTS,
    ..LIST
};

const ENROLLMENT: Row = Row {
    scopes: SERVICE,
    ..LIST
};

const APP_PROTECTION: Row = Row {
    versions: Versions::Both,
    expand_list: &["apps", "assignments"],
    expand_item: &["apps", "assignments"],
    below: &["apps", "assignments"],
    scopes: APPS,
    ..LIST
};

const CONNECTOR: Row = Row {
    versions: Versions::Both,
    scopes: SERVICE,
    ..PLAIN
};

const SINGLETON: Row = Row {
    singleton: true,
    ..PLAIN
};

const CLOUD_PC_LIST: Row = Row {
    versions: Versions::Both,
    scopes: CLOUD_PC,
    ..LIST
};

const DIRECTORY: Row = Row {
    versions: Versions::Both,
    scopes: POLICY,
    ..PLAIN
};

/// What the directory keeps; a refusal does not say which permission is missing.
const PEOPLE: Row = Row {
    scopes: "",
    ..DIRECTORY
};

/// Every collection the sandbox knows. A path that is not here is answered with 400.
pub const ROWS: &[Row] = &[
    Row {
        path: "deviceManagement/configurationPolicies",
        declared: "microsoft.graph.deviceManagementConfigurationPolicy",
        page: 25,
        style: TokenStyle::Double,
        expand_item: &["assignments", "settings"],
        below: &["assignments", "settings"],
        newer: &[PLATFORMS, TECHNOLOGIES],
        ..LIST
    },
    Row {
        path: "deviceManagement/deviceConfigurations",
        versions: Versions::Both,
        declared: "microsoft.graph.deviceConfiguration",
        below_type: &[
            "rootCertificate",
            "rootCertificateForServerValidation",
            "rootCertificatesForServerValidation",
            "rootCertificateForClientValidation",
            "identityCertificate",
            "identityCertificateForClientAuthentication",
            "smimeSigningCertificate",
            "smimeEncryptionCertificate",
            "singleSignOnExtensionPkinitCertificate",
            "derivedCredentialSettings",
            "networkAccessConfigurations",
            "privacyAccessControls",
        ],
        ..LIST
    },
    Row {
        path: "deviceManagement/groupPolicyConfigurations",
        declared: "microsoft.graph.groupPolicyConfiguration",
        below: &["assignments", "definitionValues"],
        ..LIST
    },
    Row {
        path: "deviceManagement/groupPolicyUploadedDefinitionFiles",
        declared: "microsoft.graph.groupPolicyUploadedDefinitionFile",
        list_nulls: &["content"],
        ..PLAIN
    },
    Row {
        path: "deviceManagement/reusablePolicySettings",
        declared: "microsoft.graph.deviceManagementReusablePolicySetting",
        page: 25,
        style: TokenStyle::Double,
        only_selected: &["settingInstance"],
        ..PLAIN
    },
    Row {
        path: "deviceManagement/intents",
        declared: "microsoft.graph.deviceManagementIntent",
        below: &["assignments", "settings", "categories"],
        expand_item: &["assignments", "settings"],
        ..LIST
    },
    Row {
        path: "deviceManagement/templates",
        declared: "microsoft.graph.deviceManagementTemplate",
        ..PLAIN
    },
    Row {
        path: "deviceManagement/hardwareConfigurations",
        declared: "microsoft.graph.hardwareConfiguration",
        list_nulls: &["configurationFileContent"],
        ..LIST
    },
    // Not in Microsoft's metadata; tools that know it read each policy with its settings.
    Row {
        path: "deviceManagement/inventoryPolicies",
        declared: "microsoft.graph.deviceManagementInventoryPolicy",
        page: 25,
        style: TokenStyle::Double,
        expand_item: &["assignments", "settings"],
        below: &["assignments", "settings"],
        ..LIST
    },
    Row {
        path: "deviceManagement/resourceAccessProfiles",
        declared: "microsoft.graph.deviceManagementResourceAccessProfileBase",
        ..ENROLLMENT
    },
    Row {
        path: "deviceManagement/deviceCompliancePolicies",
        versions: Versions::Both,
        declared: "microsoft.graph.deviceCompliancePolicy",
        expand_list: &["assignments", "scheduledActionsForRule"],
        expand_item: &["assignments", "scheduledActionsForRule"],
        below: &["assignments", "scheduledActionsForRule"],
        ..LIST
    },
    Row {
        path: "deviceManagement/compliancePolicies",
        declared: "microsoft.graph.deviceManagementCompliancePolicy",
        page: 25,
        style: TokenStyle::Double,
        expand_list: &["assignments", "settings"],
        expand_item: &["assignments", "settings", "scheduledActionsForRule"],
        below: &["assignments", "settings", "scheduledActionsForRule"],
        newer: &[PLATFORMS],
        ..LIST
    },
    Row {
        path: "deviceManagement/deviceComplianceScripts",
        declared: "microsoft.graph.deviceComplianceScript",
        list_nulls: &["detectionScriptContent"],
        ..SCRIPT
    },
    Row {
        path: "deviceManagement/notificationMessageTemplates",
        declared: "microsoft.graph.notificationMessageTemplate",
        expand_list: &["localizedNotificationMessages"],
        expand_item: &["localizedNotificationMessages"],
        below: &["localizedNotificationMessages"],
        versions: Versions::Both,
        scopes: SERVICE,
        ..LIST
    },
    Row {
        path: "deviceManagement/deviceManagementScripts",
        declared: "microsoft.graph.deviceManagementScript",
        ..SCRIPT
    },
    Row {
        path: "deviceManagement/deviceShellScripts",
        declared: "microsoft.graph.deviceShellScript",
        ..SCRIPT
    },
    Row {
        path: "deviceManagement/deviceCustomAttributeShellScripts",
        declared: "microsoft.graph.deviceCustomAttributeShellScript",
        ..SCRIPT
    },
    Row {
        path: "deviceManagement/deviceHealthScripts",
        declared: "microsoft.graph.deviceHealthScript",
        list_nulls: &["detectionScriptContent", "remediationScriptContent"],
        ..SCRIPT
    },
    Row {
        path: "deviceManagement/windowsFeatureUpdateProfiles",
        declared: "microsoft.graph.windowsFeatureUpdateProfile",
        ..LIST
    },
    Row {
        path: "deviceManagement/windowsQualityUpdateProfiles",
        declared: "microsoft.graph.windowsQualityUpdateProfile",
        ..LIST
    },
    Row {
        path: "deviceManagement/windowsQualityUpdatePolicies",
        declared: "microsoft.graph.windowsQualityUpdatePolicy",
        ..LIST
    },
    Row {
        path: "deviceManagement/windowsDriverUpdateProfiles",
        declared: "microsoft.graph.windowsDriverUpdateProfile",
        below: &["assignments", "driverInventories"],
        ..LIST
    },
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
    Row {
        path: "deviceAppManagement/mobileApps",
        versions: Versions::Both,
        declared: "microsoft.graph.mobileApp",
        list_lacks: &["roleScopeTagIds"],
        below: &["assignments", "categories", "relationships"],
        expand_item: &["assignments", "categories"],
        scopes: APPS,
        ..LIST
    },
    Row {
        path: "deviceAppManagement/mobileAppCategories",
        declared: "microsoft.graph.mobileAppCategory",
        scopes: APPS,
        ..CONNECTOR
    },
    Row {
        path: "deviceAppManagement/mobileAppConfigurations",
        versions: Versions::Both,
        declared: "microsoft.graph.managedDeviceMobileAppConfiguration",
        scopes: APPS,
        ..LIST
    },
    Row {
        path: "deviceAppManagement/targetedManagedAppConfigurations",
        declared: "microsoft.graph.targetedManagedAppConfiguration",
        below: &["apps", "assignments", "settings"],
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/iosManagedAppProtections",
        declared: "microsoft.graph.iosManagedAppProtection",
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/androidManagedAppProtections",
        declared: "microsoft.graph.androidManagedAppProtection",
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/windowsManagedAppProtections",
        versions: Versions::Beta,
        declared: "microsoft.graph.windowsManagedAppProtection",
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/mdmWindowsInformationProtectionPolicies",
        declared: "microsoft.graph.mdmWindowsInformationProtectionPolicy",
        expand_list: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        expand_item: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        below: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/windowsInformationProtectionPolicies",
        declared: "microsoft.graph.windowsInformationProtectionPolicy",
        expand_list: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        expand_item: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        below: &[
            "protectedAppLockerFiles",
            "exemptAppLockerFiles",
            "assignments",
        ],
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/defaultManagedAppProtections",
        declared: "microsoft.graph.defaultManagedAppProtection",
        expand_list: &["apps"],
        expand_item: &["apps"],
        below: &["apps"],
        ..APP_PROTECTION
    },
    Row {
        path: "deviceAppManagement/policySets",
        declared: "microsoft.graph.policySet",
        expand_list: &[],
        expand_item: &["items", "assignments"],
        below: &["items", "assignments"],
        ..LIST
    },
    Row {
        path: "deviceAppManagement/iosLobAppProvisioningConfigurations",
        declared: "microsoft.graph.iosLobAppProvisioningConfiguration",
        list_nulls: &["payload"],
        scopes: APPS,
        ..LIST
    },
    Row {
        path: "deviceAppManagement/wdacSupplementalPolicies",
        declared: "microsoft.graph.windowsDefenderApplicationControlSupplementalPolicy",
        list_nulls: &["content"],
        scopes: APPS,
        ..LIST
    },
    Row {
        path: "deviceAppManagement/managedEBooks",
        versions: Versions::Both,
        declared: "microsoft.graph.managedEBook",
        scopes: APPS,
        ..LIST
    },
    Row {
        path: "deviceAppManagement/vppTokens",
        declared: "microsoft.graph.vppToken",
        ..CONNECTOR
    },
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
        path: super::events::PATH,
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
    Row {
        path: "identity/conditionalAccess/policies",
        declared: "microsoft.graph.conditionalAccessPolicy",
        ..DIRECTORY
    },
    Row {
        path: "identity/conditionalAccess/namedLocations",
        declared: "microsoft.graph.namedLocation",
        ..DIRECTORY
    },
    Row {
        path: "identity/conditionalAccess/authenticationContextClassReferences",
        declared: "microsoft.graph.authenticationContextClassReference",
        ..DIRECTORY
    },
    Row {
        path: "policies/authenticationStrengthPolicies",
        declared: "microsoft.graph.authenticationStrengthPolicy",
        expand_list: &["combinationConfigurations"],
        expand_item: &["combinationConfigurations"],
        below: &["combinationConfigurations"],
        ..DIRECTORY
    },
    Row {
        path: "organization",
        declared: "microsoft.graph.organization",
        below: &["branding"],
        ..DIRECTORY
    },
    Row {
        path: "groups",
        declared: "microsoft.graph.group",
        ..PEOPLE
    },
    Row {
        path: "users",
        declared: "microsoft.graph.user",
        ..PEOPLE
    },
    Row {
        path: "servicePrincipals",
        declared: "microsoft.graph.servicePrincipal",
        filter_in: &["appId"],
        ..PEOPLE
    },
    Row {
        path: "directoryRoleTemplates",
        declared: "microsoft.graph.directoryRoleTemplate",
        ..PEOPLE
    },
    Row {
        path: super::directory::PATH,
        declared: "microsoft.graph.directoryObject",
        ..PEOPLE
    },
    Row {
        path: "identity/conditionalAccess/templates",
        declared: "microsoft.graph.conditionalAccessTemplate",
        ..DIRECTORY
    },
];
