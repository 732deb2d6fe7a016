use super::*;
use crate::policy::catalogue::find;

#[test]
fn an_object_is_of_the_type_that_names_it() {
    let ring = find("windowsUpdateRing").unwrap();
    let general = find("deviceConfiguration").unwrap();
    let body = |name: &str| format!(r##"{{"@odata.type":"#microsoft.graph.{name}"}}"##);
    let of_ring = body("windowsUpdateForBusinessConfiguration");
    let unknown = body("visionOSCustomConfiguration");
    assert!(is_of(ring, of_ring.as_bytes()));
    assert!(!is_of(general, of_ring.as_bytes()));
    assert!(is_of(general, unknown.as_bytes()));
    assert!(!is_of(ring, unknown.as_bytes()));
    assert!(is_of(ring, b"{}"), "nothing to the contrary");
}

#[test]
fn a_reason_counts_all_and_names_a_few() {
    let row = find("assignmentFilter").unwrap();
    let one = |id: &str, name: &str| Absent {
        row,
        id: id.to_owned(),
        name: name.to_owned(),
    };
    let all = [one("a", "A"), one("b", ""), one("c", "C"), one("d", "D")];
    let all: Vec<&Absent> = all.iter().collect();
    assert_eq!(
        left_out(&all),
        "Graph's list left out 4 policies that are still there: A (a), id \"b\", C (c), …"
    );
    assert_eq!(
        left_out(&all[..1]),
        "Graph's list left out 1 policy that is still there: A (a)"
    );
}
