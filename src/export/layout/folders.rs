//! Which folder each policy type has in the layouts of other tools.
//!
//! Where several policy types share a folder, an object tells by itself which one it is of.

/// A folder and the keys of the policy types whose objects lie in it.
pub type Row = (&'static str, &'static [&'static str]);

/// The folders of IntuneCD.
pub const INTUNECD: &[Row] = &[
    ("App Configuration", &["mobileAppConfiguration"]),
    (
        "App Protection",
        &[
            "iosManagedAppProtection",
            "androidManagedAppProtection",
            "windowsManagedAppProtection",
            "targetedManagedAppConfiguration",
            "mdmWindowsInformationProtectionPolicy",
            "windowsInformationProtectionPolicy",
            "defaultManagedAppProtection",
        ],
    ),
    (
        "Apple Push Notification",
        &["applePushNotificationCertificate"],
    ),
    ("Apple VPP Tokens", &["vppToken"]),
    (
        "Compliance Policies/Message Templates",
        &["notificationMessageTemplate"],
    ),
    (
        "Compliance Policies/Policies",
        &["deviceCompliancePolicy", "compliancePolicyV2"],
    ),
    (
        "Compliance Policies/Scripts",
        &["reusablePolicySetting", "deviceComplianceScript"],
    ),
    ("Conditional Access", &["conditionalAccessPolicy"]),
    ("Custom Attributes", &["deviceCustomAttributeShellScript"]),
    ("Device Categories", &["deviceCategory"]),
    (
        "Device Configurations",
        &[
            "deviceConfiguration",
            "windowsUpdateRing",
            "iosUpdateConfiguration",
            "macOSSoftwareUpdateConfiguration",
        ],
    ),
    ("Driver Updates", &["windowsDriverUpdateProfile"]),
    (
        "Enrollment Configurations",
        &[
            "deviceEnrollmentConfiguration",
            "deviceEnrollmentLimit",
            "deviceEnrollmentPlatformRestriction",
            "windowsHelloForBusinessEnrollment",
            "coManagementSettings",
            "deviceEnrollmentNotification",
            "windowsRestoreEnrollment",
        ],
    ),
    ("Enrollment Profiles/Apple", &["depEnrollmentProfile"]),
    (
        "Enrollment Profiles/Windows",
        &["windowsAutopilotDeploymentProfile"],
    ),
    ("Enrollment Profiles/Windows/ESP", &["enrollmentStatusPage"]),
    ("Feature Updates", &["windowsFeatureUpdateProfile"]),
    ("Filters", &["assignmentFilter"]),
    ("Group Policy Configurations", &["groupPolicyConfiguration"]),
    (
        "Managed Google Play",
        &["androidManagedStoreAccountEnterpriseSettings"],
    ),
    (
        "Partner Connections/Compliance",
        &["complianceManagementPartner"],
    ),
    (
        "Partner Connections/Management",
        &["deviceManagementPartner"],
    ),
    (
        "Partner Connections/Remote Assistance",
        &["remoteAssistancePartner"],
    ),
    ("Proactive Remediations", &["deviceHealthScript"]),
    ("Quality Updates", &["windowsQualityUpdateProfile"]),
    ("Roles", &["roleDefinition"]),
    ("Scope Tags", &["roleScopeTag"]),
    ("Scripts/Powershell", &["deviceManagementScript"]),
    ("Scripts/Shell", &["deviceShellScript"]),
    ("Settings Catalog", &["settingsCatalogPolicy"]),
];

/// Folders of IntuneCD that are only read: `*` stands for any one folder, of a platform or a template.
pub const ONLY_READ_OF_INTUNECD: &[Row] = &[
    ("Applications/*", &["mobileApp"]),
    ("Device Management Settings", &["deviceManagementSettings"]),
    ("Management Intents/*", &["deviceManagementIntent"]),
];

/// Folders of IntuneManagement that are only read.
pub const ONLY_READ_OF_INTUNEMANAGEMENT: &[Row] =
    &[("AndroidOEMConfig", &["mobileAppConfiguration"])];

/// The folders of IntuneManagement.
pub const INTUNEMANAGEMENT: &[Row] = &[
    ("ADMXFiles", &["groupPolicyUploadedDefinitionFile"]),
    ("AdministrativeTemplates", &["groupPolicyConfiguration"]),
    (
        "AppConfigurationManagedApp",
        &["targetedManagedAppConfiguration"],
    ),
    ("AppConfigurationManagedDevice", &["mobileAppConfiguration"]),
    (
        "AppProtection",
        &[
            "iosManagedAppProtection",
            "androidManagedAppProtection",
            "windowsManagedAppProtection",
            "mdmWindowsInformationProtectionPolicy",
            "windowsInformationProtectionPolicy",
        ],
    ),
    ("Applications", &["mobileApp"]),
    (
        "AppleEnrollmentTypes",
        &["appleUserInitiatedEnrollmentProfile"],
    ),
    ("AssignmentFilters", &["assignmentFilter"]),
    ("AutoPilot", &["windowsAutopilotDeploymentProfile"]),
    (
        "AuthenticationContext",
        &["authenticationContextClassReference"],
    ),
    ("AuthenticationStrengths", &["authenticationStrengthPolicy"]),
    ("CoManagementSettings", &["coManagementSettings"]),
    ("CompliancePolicies", &["deviceCompliancePolicy"]),
    ("CompliancePoliciesV2", &["compliancePolicyV2"]),
    ("ComplianceScripts", &["deviceComplianceScript"]),
    ("ConditionalAccess", &["conditionalAccessPolicy"]),
    (
        "DeviceConfiguration",
        &["deviceConfiguration", "macOSSoftwareUpdateConfiguration"],
    ),
    ("DeviceHealthScripts", &["deviceHealthScript"]),
    ("DriverUpdateProfiles", &["windowsDriverUpdateProfile"]),
    ("EndpointSecurity", &["deviceManagementIntent"]),
    (
        "EnrollmentRestrictions",
        &[
            "deviceEnrollmentPlatformRestriction",
            "deviceEnrollmentLimit",
        ],
    ),
    ("EnrollmentStatusPage", &["enrollmentStatusPage"]),
    ("FeatureUpdates", &["windowsFeatureUpdateProfile"]),
    ("IntuneBranding", &["intuneBrandingProfile"]),
    ("MacCustomAttributes", &["deviceCustomAttributeShellScript"]),
    ("MacScripts", &["deviceShellScript"]),
    ("NamedLocations", &["namedLocation"]),
    ("Notifications", &["notificationMessageTemplate"]),
    ("PolicySets", &["policySet"]),
    ("PowerShellScripts", &["deviceManagementScript"]),
    ("QualityUpdates", &["windowsQualityUpdateProfile"]),
    ("ReusableSettings", &["reusablePolicySetting"]),
    ("RoleDefinitions", &["roleDefinition"]),
    ("ScopeTags", &["roleScopeTag"]),
    ("SettingsCatalog", &["settingsCatalogPolicy"]),
    ("TermsAndConditions", &["termsAndConditions"]),
    (
        "UpdatePolicies",
        &["windowsUpdateRing", "iosUpdateConfiguration"],
    ),
    ("W365ProvisioningPolicies", &["cloudPcProvisioningPolicy"]),
    ("W365UserSettings", &["cloudPcUserSetting"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue;

    #[test]
    fn every_key_is_one_of_the_catalogue() {
        let read = [ONLY_READ_OF_INTUNECD, ONLY_READ_OF_INTUNEMANAGEMENT];
        for (folder, keys) in [INTUNECD, INTUNEMANAGEMENT]
            .concat()
            .iter()
            .chain(read.concat().iter())
        {
            for key in *keys {
                assert!(catalogue::find(key).is_some(), "{folder}: {key}");
            }
        }
    }

    #[test]
    fn every_policy_type_has_one_folder() {
        for folders in [INTUNECD, INTUNEMANAGEMENT] {
            let keys = folders.iter().flat_map(|(_, keys)| *keys);
            let mut keys: Vec<&str> = keys.copied().collect();
            keys.sort_unstable();
            let all = keys.len();
            keys.dedup();
            assert_eq!(keys.len(), all);
        }
    }
}
