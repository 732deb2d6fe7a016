//! Roles that nobody can have.

use std::collections::BTreeSet;

use super::Surroundings;
use crate::account;
use crate::error::Result;
use crate::finding::{self, Finding};
use crate::plural::counted;
use crate::role::Grant;
use crate::store::{self, Store};

const CHECK: &str = "roles";

pub(super) fn examine(around: &Surroundings, store: &Store) -> Result<Vec<Finding>> {
    let grants = store::roles::list(store.read())?;
    let users = grants.iter().map(|grant| grant.user.clone()).collect();
    let unknown = account::unknown(&users, around.clock.as_ref());
    Ok(vec![judge(&grants, unknown.as_ref())])
}

/// `unknown` are the users that the system does not know, where it says so.
fn judge(grants: &[Grant], unknown: Option<&BTreeSet<String>>) -> Finding {
    let given = match grants.len() {
        0 => return Finding::ok(CHECK, "none is given"),
        count => counted(count, "is given", "are given"),
    };
    let Some(unknown) = unknown else {
        let what = format!("{given}; whether the system knows the users cannot be told");
        return Finding::ok(CHECK, what);
    };
    let of_nobody = grants.iter().filter(|grant| unknown.contains(&grant.user));
    let of_nobody: Vec<&Grant> = of_nobody.collect();
    let Some(first) = of_nobody.first() else {
        return Finding::ok(CHECK, given);
    };
    let told: Vec<String> = of_nobody
        .iter()
        .map(|grant| format!("{}, {}", grant.user, grant.whose()))
        .collect();
    let what = format!("the system knows no such user: {}", finding::told(&told));
    let hint = format!(
        "unless it only cannot find them now: {}",
        first.revocation()
    );
    Finding::warn(CHECK, what, hint)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::finding::Level;
    use crate::role::Role;
    use crate::tenant::TenantId;

    #[test]
    fn a_role_of_nobody_is_told_where_it_is_known_that_there_is_nobody() {
        let grant = |user: &str, tenant: Option<&str>| Grant {
            user: user.to_owned(),
            role: Role::Owner,
            tenant: tenant.map(|name| (TenantId(2), name.to_owned())),
            granted_at: DateTime::UNIX_EPOCH,
        };
        let grants = [grant("ana", Some("Fabrikam AS")), grant("ben", None)];
        let unknown = |users: &[&str]| users.iter().map(|user| (*user).to_owned()).collect();
        let found = judge(&grants, Some(&unknown(&["ana"])));
        assert_eq!(found.level, Level::Warn);
        assert_eq!(
            found.message,
            "the system knows no such user: ana, owner in tenant Fabrikam AS (id 2)"
        );
        assert_eq!(
            found.hint.as_deref(),
            Some(
                "unless it only cannot find them now: tenantpilot roles revoke ana --tenant 'Fabrikam AS'"
            )
        );
        for (grants, unknown, message) in [
            (&grants[..], Some(unknown(&[])), "2 are given"),
            (
                &grants[..1],
                None,
                "1 is given; whether the system knows the users cannot be told",
            ),
            (&[], Some(unknown(&[])), "none is given"),
        ] {
            let found = judge(grants, unknown.as_ref());
            assert_eq!((found.level, found.message.as_str()), (Level::Ok, message));
        }
    }
}
