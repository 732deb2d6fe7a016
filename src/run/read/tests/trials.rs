//! Trials: one item of each list, judged as a run would.

use super::*;
use crate::run::read::trial::try_types;

const ONE_PROFILE: &str = "beta/deviceManagement/deviceConfigurations?$top=1";
const ONE_CATALOG: &str = "beta/deviceManagement/configurationPolicies?$top=1";
const ONE_FILTER: &str = "beta/deviceManagement/assignmentFilters?$top=1";

#[test]
fn each_list_is_tried_once_and_judged_by_itself() {
    let graph = Script::default()
        .page(ONE_PROFILE, &[r#"{"id":"a"}"#], "never followed")
        .fails(ONE_CATALOG, Fault::Forbidden)
        .fails(ONE_FILTER, Fault::NotLicensed);
    let keys = [
        "deviceConfiguration",
        "windowsUpdateRing",
        "settingsCatalogPolicy",
        "assignmentFilter",
    ];
    let types: Vec<_> = keys.iter().map(|key| find(key).unwrap()).collect();
    let readings = try_types(&graph, &types, &Gauge::default());
    let outcomes: BTreeMap<_, _> = readings
        .iter()
        .map(|reading| (reading.policy_type.key, reading.outcome))
        .collect();
    assert_eq!(readings.len(), keys.len());
    assert_eq!(outcomes["deviceConfiguration"], Outcome::Complete);
    assert_eq!(outcomes["windowsUpdateRing"], Outcome::Complete);
    assert_eq!(outcomes["settingsCatalogPolicy"], Outcome::Forbidden);
    assert_eq!(outcomes["assignmentFilter"], Outcome::NotOffered);
    assert_eq!(graph.times(ONE_PROFILE), 1);
    let forbidden = readings
        .iter()
        .find(|reading| reading.outcome == Outcome::Forbidden);
    assert_eq!(
        forbidden.unwrap().permissions,
        ["DeviceManagementConfiguration.Read.All"]
    );
}

#[test]
fn a_list_below_another_is_tried_below_its_first_object() {
    let mut row = *find("roleScopeTag").unwrap();
    row.path = "deviceManagement/roleDefinitions/{parent}/roleAssignments";
    let row: &'static PolicyType = Box::leak(Box::new(row));
    let parents = "beta/deviceManagement/roleDefinitions?$top=1";
    let below = "beta/deviceManagement/roleDefinitions/r%201/roleAssignments?$top=1";
    let graph = Script::default()
        .list(parents, &[r#"{"id":"r 1"}"#])
        .fails(below, Fault::Unavailable);
    assert_eq!(
        try_types(&graph, &[row], &Gauge::default())[0].outcome,
        Outcome::Incomplete
    );
    let none = Script::default().list(parents, &[]);
    assert_eq!(
        try_types(&none, &[row], &Gauge::default())[0].outcome,
        Outcome::Complete
    );
}
