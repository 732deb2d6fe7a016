//! Entra objects tied to device management.

use super::{EXPANDED, PLAIN, Part, PolicyType};
use crate::graph::{ServiceGroup, Version};

/// What Conditional Access and its locations share.
const CONDITIONAL_ACCESS: PolicyType = PolicyType {
    version: Version::V1,
    group: ServiceGroup::ConditionalAccess,
    read_permissions: &["Policy.Read.All"],
    restore_permissions: &["Policy.ReadWrite.ConditionalAccess", "Policy.Read.All"],
    ..PLAIN
};

pub(super) static ROWS: [PolicyType; 3] = [
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
];
