//! Entra objects tied to device management.

use super::{EXPANDED, Form, PLAIN, Part, PolicyType, Set, Via};
use crate::graph::{ServiceGroup, Version};

/// What Conditional Access and what it refers to share.
const CONDITIONAL_ACCESS: PolicyType = PolicyType {
    version: Version::V1,
    group: ServiceGroup::ConditionalAccess,
    read_permissions: &["Policy.Read.All"],
    restore_permissions: &["Policy.ReadWrite.ConditionalAccess", "Policy.Read.All"],
    ..PLAIN
};

/// A picture, or a style sheet, of a sign-in page, and the property that says whether there is one.
const fn page_file(property: &'static str, told_by: &'static str) -> Part {
    Part {
        property,
        form: Form::File,
        via: Via::Path,
        told_by: Some(told_by),
        ..EXPANDED
    }
}

pub(super) static ROWS: [PolicyType; 6] = [
    PolicyType {
        key: "conditionalAccessPolicy",
        label: "Conditional Access policies",
        path: "identity/conditionalAccess/policies",
        referred: &["grantControls/authenticationStrength"],
        restore_step: Some(150),
        ..CONDITIONAL_ACCESS
    },
    PolicyType {
        key: "namedLocation",
        label: "Named locations",
        path: "identity/conditionalAccess/namedLocations",
        restore_step: Some(50),
        ..CONDITIONAL_ACCESS
    },
    PolicyType {
        key: "authenticationStrengthPolicy",
        label: "Authentication strengths",
        path: "policies/authenticationStrengthPolicies",
        parts: &[Part {
            property: "combinationConfigurations",
            ..EXPANDED
        }],
        read_permissions: &["Policy.Read.AuthenticationMethod", "Policy.Read.All"],
        restore_permissions: &["Policy.ReadWrite.ConditionalAccess"],
        sets: &[
            Set {
                path: "combinationConfigurations",
                key: &["@odata.type", "appliesToCombinations"],
            },
            Set {
                path: "allowedCombinations",
                key: &[],
            },
        ],
        restore_step: Some(45),
        ..CONDITIONAL_ACCESS
    },
    PolicyType {
        key: "authenticationContextClassReference",
        label: "Authentication contexts",
        path: "identity/conditionalAccess/authenticationContextClassReferences",
        read_permissions: &[
            "AuthenticationContext.Read.All",
            "Policy.Read.ConditionalAccess",
        ],
        restore_permissions: &["AuthenticationContext.ReadWrite.All"],
        default: false,
        restore_step: Some(46),
        ..CONDITIONAL_ACCESS
    },
    PolicyType {
        key: "termsOfUseAgreement",
        label: "Entra terms of use",
        version: Version::V1,
        group: ServiceGroup::Directory,
        path: "identityGovernance/termsOfUse/agreements",
        parts: &[Part {
            property: "files",
            ..EXPANDED
        }],
        read_permissions: &["Agreement.Read.All"],
        restore_permissions: &["Agreement.ReadWrite.All"],
        default: false,
        not_app_only: Some("Graph gives terms of use to a signed-in user only, not to an app"),
        restore_step: Some(50),
        ..PLAIN
    },
    PolicyType {
        key: "organizationalBranding",
        label: "Entra sign-in branding, by language",
        group: ServiceGroup::Directory,
        path: "organization/{parent}/branding/localizations",
        parent_query: &[("$select", "id")],
        parts: &[
            page_file("backgroundImage", "backgroundImageRelativeUrl"),
            page_file("bannerLogo", "bannerLogoRelativeUrl"),
            page_file("customCSS", "customCSSRelativeUrl"),
            page_file("favicon", "faviconRelativeUrl"),
            page_file("headerLogo", "headerLogoRelativeUrl"),
            page_file("squareLogo", "squareLogoRelativeUrl"),
            page_file("squareLogoDark", "squareLogoDarkRelativeUrl"),
        ],
        name: "id",
        read_permissions: &["OrganizationalBranding.Read.All"],
        restore_permissions: &["OrganizationalBranding.ReadWrite.All"],
        default: false,
        // Where the pictures lie; what they show is kept.
        volatile: &[
            "cdnList",
            "backgroundImageRelativeUrl",
            "bannerLogoRelativeUrl",
            "customCSSRelativeUrl",
            "faviconRelativeUrl",
            "headerLogoRelativeUrl",
            "squareLogoRelativeUrl",
            "squareLogoDarkRelativeUrl",
        ],
        ..PLAIN
    },
];
