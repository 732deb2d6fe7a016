//! Rows and roles. A tenant that was removed keeps the roles in it: were they to go, the last one
//! might go with it, and the database be open to everybody.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, Transaction, params};

use super::failed;
use crate::error::Result;
use crate::role::{Grant, Role};
use crate::tenant::TenantId;

const LIST: &str = "
    SELECT roles.user, roles.role, roles.tenant_id, tenants.name, roles.granted_at
    FROM roles LEFT JOIN tenants ON tenants.id = roles.tenant_id
    ORDER BY roles.id DESC";

/// Every role that is given, the newest first.
pub fn list(conn: &Connection) -> Result<Vec<Grant>> {
    conn.prepare_cached(LIST)
        .and_then(|mut query| query.query_map([], grant)?.collect())
        .map_err(failed("read the roles"))
}

fn grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    let unreadable = |index, what: String| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(index, kind, what.into())
    };
    let role: String = row.get(1)?;
    let tenant: Option<i64> = row.get(2)?;
    let name: Option<String> = row.get(3)?;
    let at: i64 = row.get(4)?;
    Ok(Grant {
        user: row.get(0)?,
        role: Role::parse(&role).ok_or_else(|| unreadable(1, format!("no role {role:?}")))?,
        tenant: tenant.map(|id| (TenantId(id), name.unwrap_or_default())),
        granted_at: DateTime::from_timestamp(at, 0)
            .ok_or_else(|| unreadable(4, format!("no time {at}")))?,
    })
}

const REVOKE: &str = "DELETE FROM roles WHERE user = ?1 AND tenant_id IS ?2";

/// Takes the role of `user` in `tenant`, or the one for all; whether there was one.
pub fn revoke(tx: &Transaction<'_>, user: &str, tenant: Option<TenantId>) -> Result<bool> {
    tx.execute(REVOKE, params![user, tenant.map(|tenant| tenant.0)])
        .map(|removed| removed > 0)
        .map_err(failed("take the role"))
}

const GRANT: &str = "
    INSERT INTO roles (user, role, tenant_id, granted_at) VALUES (?1, ?2, ?3, ?4)";

/// Gives `role` to `user` in `tenant`, or for all, in place of the one before.
pub fn give(
    tx: &Transaction<'_>,
    user: &str,
    role: Role,
    tenant: Option<TenantId>,
    at: DateTime<Utc>,
) -> Result<()> {
    revoke(tx, user, tenant)?;
    let tenant = tenant.map(|tenant| tenant.0);
    tx.execute(GRANT, params![user, role.as_str(), tenant, at.timestamp()])
        .map(drop)
        .map_err(failed("give the role"))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn a_user_has_one_role_for_all_and_one_per_tenant() {
        let mut fixture = Fixture::new();
        let tenant = fixture.tenant;
        let tx = fixture.conn.transaction().unwrap();
        let at = DateTime::UNIX_EPOCH;
        for role in [Role::Owner, Role::Readonly] {
            give(&tx, "ben", role, None, at).unwrap();
            give(&tx, "ben", role, Some(tenant), at).unwrap();
        }
        let roles: Vec<_> = list(&tx).unwrap();
        let found: Vec<_> = roles
            .iter()
            .map(|one| (one.role, one.tenant.clone()))
            .collect();
        let contoso = Some((tenant, "contoso".to_owned()));
        assert_eq!(found, [(Role::Readonly, contoso), (Role::Readonly, None)]);
        assert!(revoke(&tx, "ben", None).unwrap() && !revoke(&tx, "ben", None).unwrap());
        assert_eq!(list(&tx).unwrap().len(), 1);
        for twice in ["NULL", "1"] {
            let insert = format!(
                "INSERT INTO roles (user, role, tenant_id, granted_at)
                 VALUES ('cleo', 'owner', {twice}, 0), ('cleo', 'owner', {twice}, 0)"
            );
            assert!(tx.execute_batch(&insert).is_err(), "{twice}");
        }
    }
}
