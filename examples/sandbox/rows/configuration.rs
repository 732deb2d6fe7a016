//! What devices are set to, what they must comply with, what runs on them, and their updates.

use super::super::collections::{Row, TokenStyle, Versions};
use super::{ENROLLMENT, LIST, PLAIN, PLATFORMS, SCRIPT, SERVICE, TECHNOLOGIES};

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
];
