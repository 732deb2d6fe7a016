//! Conditional Access, and what the directory keeps.

use super::super::collections::Row;
use super::{DIRECTORY, PEOPLE};

pub const ROWS: &[Row] = &[
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
        path: super::super::directory::PATH,
        declared: "microsoft.graph.directoryObject",
        ..PEOPLE
    },
    Row {
        path: "identity/conditionalAccess/templates",
        declared: "microsoft.graph.conditionalAccessTemplate",
        ..DIRECTORY
    },
];
