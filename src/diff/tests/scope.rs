//! Comparisons of a part: what is asked for is told as it is told in a comparison of everything.

use super::*;

fn of_policy(key: &str, wanted: &str) -> Scope {
    Scope {
        types: None,
        policy: Some((key.to_owned(), wanted.to_owned())),
    }
}

fn of_type(key: &str) -> Scope {
    Scope {
        types: Some([key.to_owned()].into()),
        policy: None,
    }
}

fn within(from: Made, to: Made, scope: &Scope) -> Result<Diff> {
    compare(&from.side(), &to.side(), scope)
}

#[test]
fn a_renamed_policy_is_found_by_either_name() {
    let side = |name: &str| {
        of_catalog(
            Outcome::Complete,
            &[("1", name, policy(name, 1)), ("2", "b", policy("b", 1))],
        )
    };
    for wanted in ["1", "old", "new"] {
        let diff = within(side("old"), side("new"), &of_policy(CATALOG, wanted)).unwrap();
        assert_eq!(
            words(&diff),
            ["renamed settingsCatalogPolicy/1"],
            "{wanted}"
        );
        assert_eq!(diff.compared, 1, "{wanted}");
    }
}

#[test]
fn a_policy_that_moved_is_not_told_as_removed() {
    let from = || intent("a", "Firewall");
    let to = || followed_by(&[("b", "Firewall", "baseline"), ("c", "Other", "none")]);
    for scope in [
        of_type(INTENTS),
        of_policy(INTENTS, "a"),
        of_policy(INTENTS, "Firewall"),
        of_policy(CATALOG, "b"),
    ] {
        let diff = within(from(), to(), &scope).unwrap();
        assert_eq!(words(&diff), ["moved settingsCatalogPolicy/b"], "{scope:?}");
        assert!(diff.unread_types.is_empty(), "{scope:?}");
    }
    assert_eq!(
        words(&within(from(), to(), &of_type(CATALOG)).unwrap()),
        [
            "moved settingsCatalogPolicy/b",
            "added settingsCatalogPolicy/c"
        ]
    );
    assert!(within(from(), to(), &of_type(SCRIPTS)).unwrap().equal());
    // Which of two it became cannot be told, asked for alone or not.
    let several = followed_by(&[("b", "Firewall", "baseline"), ("c", "Firewall", "baseline")]);
    let diff = within(from(), several, &of_policy(INTENTS, "a")).unwrap();
    assert_eq!(words(&diff), ["removed deviceManagementIntent/a"]);
}

#[test]
fn a_policy_of_a_type_that_was_not_read_is_unread_and_not_missing() {
    let whole = || of_catalog(Outcome::Complete, &[("1", "a", policy("a", 1))]);
    let scope = of_policy(CATALOG, "z");
    for outcome in [Outcome::Incomplete, Outcome::Forbidden, Outcome::Unknown] {
        let diff = within(whole(), of_catalog(outcome, &[]), &scope).unwrap();
        let [unread] = diff.unread_types.as_slice() else {
            panic!("{:?}", diff.unread_types);
        };
        assert_eq!((unread.side, unread.outcome), (Which::To, outcome.as_str()));
        assert!(unread.reason.contains("cut off"), "{}", unread.reason);
        assert!(!diff.equal());
    }
    let diff = within(Made::new(1), Made::new(1), &scope).unwrap();
    let sides: Vec<_> = diff.unread_types.iter().map(|of| of.side).collect();
    assert_eq!(sides, [Which::From, Which::To], "neither selects the type");
    for known in [Outcome::Complete, Outcome::NotOffered] {
        let error = within(whole(), of_catalog(known, &[]), &scope).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
    }
}

#[test]
fn a_twin_is_found_behind_any_number_of_others() {
    let many = |ids: &str, name: &str, count: usize| -> Vec<(String, String, Value)> {
        let ids = (0..count).map(|number| format!("{ids}{number:03}"));
        ids.map(|id| (id, name.to_owned(), policy(name, 1)))
            .collect()
    };
    let side = |tenant: i64, policies: &[Vec<(String, String, Value)>]| {
        let policies = policies.iter().flatten();
        let policies: Vec<_> = policies
            .map(|(id, name, document)| (id.as_str(), name.as_str(), document.clone()))
            .collect();
        Made::new(tenant).policy_type(CATALOG, Outcome::Complete, &policies)
    };
    let from = side(1, &[many("x", "twins", 2)]);
    let others = many("a", "others", MOST_TWINS + 50);
    let to = side(2, &[others, many("b", "twins", 2)]);
    let diff = compared(from, to);
    assert_eq!(diff.count(ChangeKind::Removed), 0);
    assert_eq!(diff.compared, 2);
}
