//! The table of collections: one row for each, see `collections.rs` for what the columns mean.

mod administration;
mod apps;
mod configuration;
mod directory;
mod enrollment;

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
pub fn rows() -> impl Iterator<Item = &'static Row> {
    [
        configuration::ROWS,
        enrollment::ROWS,
        apps::ROWS,
        administration::ROWS,
        directory::ROWS,
    ]
    .into_iter()
    .flatten()
}
