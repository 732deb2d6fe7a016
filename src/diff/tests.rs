use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

mod scope;

use super::comparison::MOST_TWINS;
use super::*;
use crate::backup_set::{ContentHash, DigestKey, ManifestType, UnreadPolicy as ManifestUnread};
use crate::error::Kind;
use crate::policy::Outcome;
use crate::tenant::TenantId;

const SCRIPTS: &str = "deviceManagementScript";
const CATALOG: &str = "settingsCatalogPolicy";
const INTENTS: &str = "deviceManagementIntent";

/// A side under construction.
struct Made {
    tenant: i64,
    types: BTreeMap<String, (ManifestType, Vec<ListEntry>)>,
    documents: HashMap<ContentHash, Arc<[u8]>>,
}

impl Made {
    fn new(tenant: i64) -> Self {
        Self {
            tenant,
            types: BTreeMap::new(),
            documents: HashMap::new(),
        }
    }

    fn policy_type(
        mut self,
        key: &str,
        outcome: Outcome,
        policies: &[(&str, &str, Value)],
    ) -> Self {
        let mut entries = Vec::new();
        for (id, name, document) in policies {
            let bytes = document.to_string().into_bytes();
            let hash = ContentHash::of(&bytes);
            entries.push(ListEntry {
                id: (*id).to_owned(),
                name: (*name).to_owned(),
                platform: None,
                bytes: bytes.len() as u64,
                hash,
                warnings: Vec::new(),
            });
            self.documents.insert(hash, bytes.into());
        }
        let state = ManifestType {
            policy_type: key.to_owned(),
            outcome,
            reason: (outcome != Outcome::Complete).then(|| "cut off".to_owned()),
            error_code: None,
            pages: 1,
            listed: entries.len() as u64,
            policies: entries.len() as u64,
            list: None,
            unread: Vec::new(),
            proof: None,
        };
        self.types.insert(key.to_owned(), (state, entries));
        self
    }

    fn unread(mut self, key: &str, id: &str) -> Self {
        let state = &mut self.types.get_mut(key).unwrap().0;
        state.unread.push(ManifestUnread {
            id: id.to_owned(),
            name: format!("name of {id}"),
            reason: "broken".to_owned(),
        });
        self
    }

    fn side(self) -> Side<'static> {
        let about = About::Live {
            tenant_id: TenantId(self.tenant),
            tenant: format!("t{}", self.tenant),
            at: chrono::DateTime::UNIX_EPOCH,
        };
        Side::in_memory(about, DigestKey::Unnamed, self.types, self.documents)
    }
}

fn policy(name: &str, value: i64) -> Value {
    json!({"name": name, "value": value})
}

fn compared(from: Made, to: Made) -> Diff {
    compare(&from.side(), &to.side(), &Scope::default()).unwrap()
}

/// The changes, one word each.
fn words(diff: &Diff) -> Vec<String> {
    let changes = diff.changes.iter();
    let words = changes.map(|change| {
        let (kind, key, id) = (change.kind.as_str(), &change.policy_type, &change.policy_id);
        format!("{kind} {key}/{id}")
    });
    words.collect()
}

fn of_catalog(outcome: Outcome, policies: &[(&str, &str, Value)]) -> Made {
    Made::new(1).policy_type(CATALOG, outcome, policies)
}

#[test]
fn policies_are_added_removed_changed_and_renamed() {
    let from = of_catalog(
        Outcome::Complete,
        &[
            ("1", "same", policy("same", 1)),
            ("2", "gone", policy("gone", 1)),
            ("3", "changed", policy("changed", 1)),
            ("4", "old name", policy("old name", 1)),
            (
                "5",
                "noise",
                json!({"name": "noise", "lastModifiedDateTime": "2026-01-01T00:00:00Z"}),
            ),
        ],
    );
    let to = of_catalog(
        Outcome::Complete,
        &[
            ("1", "same", policy("same", 1)),
            ("3", "changed", policy("changed", 2)),
            ("4", "new name", policy("new name", 1)),
            (
                "5",
                "noise",
                json!({"name": "noise", "lastModifiedDateTime": "2026-02-01T00:00:00Z"}),
            ),
            ("6", "new", policy("new", 1)),
        ],
    );
    let diff = compared(from, to);
    assert_eq!(
        words(&diff),
        [
            "changed settingsCatalogPolicy/3",
            "removed settingsCatalogPolicy/2",
            "added settingsCatalogPolicy/6",
            "renamed settingsCatalogPolicy/4",
        ]
    );
    assert_eq!(diff.compared, 4);
    assert!(!diff.equal());
    let former = diff.changes[3].former.as_ref().unwrap();
    assert_eq!(former.name, "old name");
}

#[test]
fn what_is_not_complete_is_neither_added_nor_removed() {
    let one = [("1", "one", policy("one", 1))];
    let two = [
        ("2", "two", policy("two", 1)),
        ("3", "both", policy("both", 2)),
    ];
    let three = [
        ("1", "one", policy("one", 1)),
        ("3", "both", policy("both", 1)),
    ];
    for outcome in [
        Outcome::Incomplete,
        Outcome::Forbidden,
        Outcome::Unknown,
        Outcome::NotOffered,
    ] {
        for swap in [false, true] {
            let (whole, part) = (
                of_catalog(Outcome::Complete, &one),
                of_catalog(outcome, &[]),
            );
            let diff = if swap {
                compared(part, whole)
            } else {
                compared(whole, part)
            };
            assert_eq!(words(&diff), [""; 0]);
            assert_eq!(
                diff.unread_keys().into_iter().collect::<Vec<_>>(),
                [CATALOG]
            );
            let unread = &diff.unread_policies[0];
            assert_eq!(
                (unread.policy_id.as_str(), unread.name.as_str()),
                ("1", "one")
            );
            assert!(!diff.equal());
        }
    }
    // What is there on both sides is compared all the same.
    let from = of_catalog(Outcome::Complete, &three).policy_type(SCRIPTS, Outcome::Complete, &[]);
    let to = of_catalog(Outcome::Incomplete, &two).unread(CATALOG, "1");
    let diff = compared(from, to);
    assert_eq!(words(&diff), ["changed settingsCatalogPolicy/3"]);
    let told: Vec<_> = diff
        .unread_policies
        .iter()
        .map(|unread| {
            (
                unread.policy_id.as_str(),
                unread.side,
                unread.reason.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told[0],
        ("1", Which::To, "broken"),
        "once, with its own reason"
    );
    assert_eq!((told[1].0, told[1].1, told.len()), ("2", Which::From, 2));
    let not_selected = diff
        .unread_types
        .iter()
        .find(|unread| unread.policy_type == SCRIPTS);
    assert_eq!(not_selected.unwrap().outcome, "not_selected");
}

#[test]
fn a_type_that_neither_tenant_is_offered_hides_nothing() {
    let not_offered = || of_catalog(Outcome::NotOffered, &[]);
    assert!(compared(not_offered(), not_offered()).equal());
    assert!(compared(of_catalog(Outcome::Complete, &[]), not_offered()).equal());
    let forbidden = || of_catalog(Outcome::Forbidden, &[]);
    assert!(!compared(forbidden(), forbidden()).equal(), "nobody knows");
}

fn intent(from_id: &str, name: &str) -> Made {
    Made::new(1)
        .policy_type(
            INTENTS,
            Outcome::Complete,
            &[(from_id, name, json!({"displayName": name}))],
        )
        .policy_type(CATALOG, Outcome::Complete, &[])
}

fn followed_by(policies: &[(&str, &str, &str)]) -> Made {
    let documents: Vec<_> = policies
        .iter()
        .map(|(id, name, family)| {
            (
                *id,
                *name,
                json!({"name": name, "templateReference": {"templateFamily": family}}),
            )
        })
        .collect();
    of_catalog(Outcome::Complete, &documents).policy_type(INTENTS, Outcome::Complete, &[])
}

#[test]
fn an_intent_that_came_up_in_the_settings_catalog_moved() {
    let to = followed_by(&[("b", "Firewall", "endpointSecurityFirewall")]);
    let diff = compared(intent("a", "Firewall"), to);
    assert_eq!(words(&diff), ["moved settingsCatalogPolicy/b"]);
    let former = diff.changes[0].former.clone().unwrap();
    assert_eq!(
        (former.policy_type.as_str(), former.policy_id.as_str()),
        (INTENTS, "a")
    );
    for (to, why) in [
        (&[("b", "Firewall", "none")][..], "made by hand"),
        (
            &[("b", "Other", "endpointSecurityFirewall")],
            "another name",
        ),
        (
            &[("b", "Firewall", "baseline"), ("c", "Firewall", "baseline")],
            "which of the two cannot be told",
        ),
    ] {
        let diff = compared(intent("a", "Firewall"), followed_by(to));
        assert_eq!(diff.count(ChangeKind::Moved), 0, "{why}");
        assert_eq!(diff.count(ChangeKind::Removed), 1, "{why}");
    }
    let unread = followed_by(&[("b", "Firewall", "baseline")]);
    let unread = unread.policy_type(INTENTS, Outcome::Incomplete, &[]);
    let diff = compared(intent("a", "Firewall"), unread);
    assert_eq!(
        words(&diff),
        ["added settingsCatalogPolicy/b"],
        "not known to be gone"
    );
    assert_eq!(diff.unread_policies[0].policy_id, "a");
}

#[test]
fn a_profile_that_got_a_row_of_its_own_moved_with_its_id() {
    let side = |general: bool, value: i64| {
        let policies = [("p", "Ring", json!({"displayName": "Ring", "value": value}))];
        let (one, other) = if general {
            (&policies[..], &[][..])
        } else {
            (&[][..], &policies[..])
        };
        Made::new(1)
            .policy_type("deviceConfiguration", Outcome::Complete, one)
            .policy_type("windowsUpdateRing", Outcome::Complete, other)
    };
    let diff = compared(side(true, 1), side(false, 2));
    assert_eq!(words(&diff), ["moved windowsUpdateRing/p"]);
    assert_eq!(
        diff.changes[0].changes.fields.len(),
        1,
        "and what changed on the way"
    );
}

#[test]
fn two_tenants_are_compared_by_names() {
    let filter = |id: &str, rule: &str| json!({"id": id, "displayName": "Corporate", "rule": rule});
    let profile = |id: &str, filter: &str| {
        json!({"id": id, "name": "Baseline", "assignments": [{"id": id, "target": {
            "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget",
            "deviceAndAppManagementAssignmentFilterId": filter,
            "deviceAndAppManagementAssignmentFilterType": "include"}}]})
    };
    let (one, two) = (
        "f1170000-1111-4222-8333-000000000001",
        "f1170000-1111-4222-8333-000000000002",
    );
    let tenant = |number: i64, filter_id: &str, rule: &str, id: &str| {
        Made::new(number)
            .policy_type(
                "assignmentFilter",
                Outcome::Complete,
                &[(filter_id, "Corporate", filter(filter_id, rule))],
            )
            .policy_type(
                CATALOG,
                Outcome::Complete,
                &[(id, "Baseline", profile(id, filter_id))],
            )
    };
    assert!(compared(tenant(1, one, "x", "a"), tenant(2, two, "x", "b")).equal());
    let diff = compared(tenant(1, one, "x", "a"), tenant(2, two, "y", "b"));
    assert_eq!(words(&diff), [format!("changed assignmentFilter/{two}")]);
    let same_tenant = compared(tenant(1, one, "x", "a"), tenant(1, two, "x", "b"));
    assert_eq!(
        same_tenant.changes.len(),
        4,
        "in one tenant an id is an identity"
    );
}

#[test]
fn a_scope_leaves_everything_else_out() {
    let side = |value: i64| {
        Made::new(1)
            .policy_type(
                CATALOG,
                Outcome::Complete,
                &[
                    ("1", "a", policy("a", value)),
                    ("2", "b", policy("b", value)),
                ],
            )
            .policy_type(SCRIPTS, Outcome::Forbidden, &[])
    };
    let with = |scope: Scope| compare(&side(1).side(), &side(2).side(), &scope);
    let of_type = Scope {
        types: Some([CATALOG.to_owned()].into()),
        policy: None,
    };
    let diff = with(of_type).unwrap();
    assert_eq!((diff.changes.len(), diff.unread_types.len()), (2, 0));
    let of_policy = |wanted: &str| Scope {
        types: None,
        policy: Some((CATALOG.to_owned(), wanted.to_owned())),
    };
    for wanted in ["2", "b"] {
        assert_eq!(
            words(&with(of_policy(wanted)).unwrap()),
            ["changed settingsCatalogPolicy/2"]
        );
    }
    assert_eq!(with(of_policy("c")).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn documents_that_cannot_be_parsed_differ_all_the_same() {
    let side = |text: &str| {
        let mut made = of_catalog(Outcome::Complete, &[("1", "a", json!({}))]);
        let hash = ContentHash::of(text.as_bytes());
        made.documents.insert(hash, text.as_bytes().into());
        made.types.get_mut(CATALOG).unwrap().1[0].hash = hash;
        made
    };
    let diff = compared(
        side("{\"n\":1e99999999999999999999}"),
        side("{\"n\":2e99999999999999999999}"),
    );
    assert_eq!(words(&diff), ["changed settingsCatalogPolicy/1"]);
    assert_eq!(
        diff.changes[0].changes.fields[0].remark,
        Some("cannot be parsed")
    );
}

proptest! {
    #[test]
    fn counts_are_those_of_an_oracle(
        before in prop::collection::btree_map(0_u8..12, (0_u8..3, 0_i64..3), 0..12),
        after in prop::collection::btree_map(0_u8..12, (0_u8..3, 0_i64..3), 0..12),
    ) {
        let side = |policies: &BTreeMap<u8, (u8, i64)>| {
            let policies: Vec<(String, String, Value)> = policies
                .iter()
                .map(|(id, (name, value))| {
                    let name = format!("n{name}");
                    (id.to_string(), name.clone(), policy(&name, *value))
                })
                .collect();
            let policies: Vec<_> = policies.iter().map(|(id, name, document)| (id.as_str(), name.as_str(), document.clone())).collect();
            of_catalog(Outcome::Complete, &policies)
        };
        let diff = compared(side(&before), side(&after));
        let (mut changed, mut renamed) = (0, 0);
        for (id, (name, value)) in &before {
            if let Some((new_name, new_value)) = after.get(id) {
                changed += usize::from(value != new_value);
                renamed += usize::from(value == new_value && name != new_name);
            }
        }
        prop_assert_eq!(diff.count(ChangeKind::Changed), changed);
        prop_assert_eq!(diff.count(ChangeKind::Renamed), renamed);
        prop_assert_eq!(diff.count(ChangeKind::Added), after.keys().filter(|id| !before.contains_key(id)).count());
        prop_assert_eq!(diff.count(ChangeKind::Removed), before.keys().filter(|id| !after.contains_key(id)).count());
        prop_assert_eq!(diff.equal(), before == after);
        prop_assert!(compared(side(&before), side(&before)).equal());
    }
}
