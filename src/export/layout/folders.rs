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
    (
        "Enrollment Profiles/Windows",
        &["windowsAutopilotDeploymentProfile"],
    ),
    ("Enrollment Profiles/Windows/ESP", &["enrollmentStatusPage"]),
    ("Feature Updates", &["windowsFeatureUpdateProfile"]),
    ("Filters", &["assignmentFilter"]),
    ("Group Policy Configurations", &["groupPolicyConfiguration"]),
    ("Proactive Remediations", &["deviceHealthScript"]),
    ("Quality Updates", &["windowsQualityUpdateProfile"]),
    ("Roles", &["roleDefinition"]),
    ("Scope Tags", &["roleScopeTag"]),
    ("Scripts/Powershell", &["deviceManagementScript"]),
    ("Scripts/Shell", &["deviceShellScript"]),
    ("Settings Catalog", &["settingsCatalogPolicy"]),
];

/// The folders of IntuneManagement.
pub const INTUNEMANAGEMENT: &[Row] = &[
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
    (
        "AppleEnrollmentTypes",
        &["appleUserInitiatedEnrollmentProfile"],
    ),
    ("AssignmentFilters", &["assignmentFilter"]),
    ("AutoPilot", &["windowsAutopilotDeploymentProfile"]),
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
];

#[cfg(test)]
mod tests {
    use super::*;

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
