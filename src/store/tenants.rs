//! Rows and tenants. A removed tenant keeps its row and is not found here any more.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, Transaction, params};

use super::failed;
use crate::error::{Error, Kind, Result};
use crate::graph::cloud::Cloud;
use crate::tenant::{Credential, Settings, Tenant, TenantId};

const INSERT: &str = "
    INSERT INTO tenants (name, directory, cloud, client_id, credential_kind, credential_reference,
                         graph_url, authority_url, labels, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const UPDATE: &str = "
    UPDATE tenants SET name = ?2, directory = ?3, cloud = ?4, client_id = ?5, credential_kind = ?6,
           credential_reference = ?7, graph_url = ?8, authority_url = ?9, labels = ?10
    WHERE id = ?1 AND removed_at IS NULL";

const REMOVE: &str = "UPDATE tenants SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL";

const LIST: &str = "
    SELECT id, name, directory, cloud, client_id, credential_kind, credential_reference, graph_url,
           authority_url, labels, created_at
    FROM tenants WHERE removed_at IS NULL ORDER BY name";

const BY_NAME: &str = "
    SELECT id, name, directory, cloud, client_id, credential_kind, credential_reference, graph_url,
           authority_url, labels, created_at
    FROM tenants WHERE removed_at IS NULL AND name = ?1";

const BY_ID: &str = "
    SELECT id, name, directory, cloud, client_id, credential_kind, credential_reference, graph_url,
           authority_url, labels, created_at
    FROM tenants WHERE removed_at IS NULL AND id = ?1";

const SCHEDULES_IN_USE: &str = "
    SELECT name FROM schedules WHERE tenant_id = ?1 AND archived_at IS NULL ORDER BY name";

const BACKUP_SETS: &str = "SELECT id FROM backup_sets WHERE tenant_id = ?1 ORDER BY id DESC";

const OPEN_RUNS: &str = "
    SELECT id FROM runs WHERE tenant_id = ?1 AND status IN ('queued', 'running') ORDER BY id";

/// Adds a tenant. Its name is free: the caller looked in the same transaction.
pub fn insert(tx: &Transaction<'_>, settings: &Settings, now: DateTime<Utc>) -> Result<TenantId> {
    let labels = labels_text(settings)?;
    tx.execute(
        INSERT,
        params![
            settings.name,
            settings.directory,
            settings.cloud.name(),
            settings.client_id,
            settings.credential.kind(),
            settings.credential.reference(),
            settings.graph_url,
            settings.authority_url,
            labels,
            now.timestamp(),
        ],
    )
    .map_err(failed("add the tenant"))?;
    Ok(TenantId(tx.last_insert_rowid()))
}

const NAME: &str = "SELECT name FROM tenants WHERE id = ?1";

/// Replaces what the user decided about the tenant `id`.
pub fn update(tx: &Transaction<'_>, id: TenantId, settings: &Settings) -> Result<()> {
    let labels = labels_text(settings)?;
    tx.execute(
        UPDATE,
        params![
            id.0,
            settings.name,
            settings.directory,
            settings.cloud.name(),
            settings.client_id,
            settings.credential.kind(),
            settings.credential.reference(),
            settings.graph_url,
            settings.authority_url,
            labels,
        ],
    )
    .map_err(failed("change the tenant"))?;
    Ok(())
}

/// Removes the tenant `id` from the list; the row stays for history and audit events.
pub fn remove(tx: &Transaction<'_>, id: TenantId, now: DateTime<Utc>) -> Result<()> {
    tx.execute(REMOVE, params![id.0, now.timestamp()])
        .map_err(failed("remove the tenant"))?;
    Ok(())
}

/// All tenants, by name.
pub fn list(conn: &Connection) -> Result<Vec<Tenant>> {
    read(conn, LIST, [])
}

/// The tenant of that name.
pub fn by_name(conn: &Connection, name: &str) -> Result<Option<Tenant>> {
    Ok(read(conn, BY_NAME, [name])?.pop())
}

/// The tenant with that id.
pub fn by_id(conn: &Connection, id: TenantId) -> Result<Option<Tenant>> {
    Ok(read(conn, BY_ID, [id.0])?.pop())
}

/// The tenant with that id, which must be there: something refers to it.
pub fn get(conn: &Connection, id: TenantId) -> Result<Tenant> {
    by_id(conn, id)?.ok_or_else(|| Error::not_found(format!("there is no tenant with id {}", id.0)))
}

/// The name of the tenant with that id, also of one that was removed.
pub fn name(conn: &Connection, id: TenantId) -> Result<String> {
    conn.prepare_cached(NAME)
        .and_then(|mut query| query.query_row([id.0], |row| row.get(0)))
        .map_err(failed("read the name of a tenant"))
}

/// What still hangs on a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// Names of its schedules that are not archived.
    pub schedules: Vec<String>,
    /// Ids of its backup sets, newest first, expired ones included.
    pub backup_sets: Vec<i64>,
    /// The oldest of its runs that is queued or running.
    pub open_run: Option<i64>,
}

/// Finds what still hangs on the tenant `id`.
pub fn in_use(conn: &Connection, id: TenantId) -> Result<InUse> {
    let find = || {
        Ok(InUse {
            schedules: conn
                .prepare_cached(SCHEDULES_IN_USE)?
                .query_map([id.0], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?,
            backup_sets: conn
                .prepare_cached(BACKUP_SETS)?
                .query_map([id.0], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?,
            open_run: conn
                .query_row(OPEN_RUNS, [id.0], |row| row.get(0))
                .optional()?,
        })
    };
    find().map_err(failed("read what hangs on the tenant"))
}

fn labels_text(settings: &Settings) -> Result<String> {
    serde_json::to_string(&settings.labels)
        .map_err(|error| Error::internal(format!("cannot write labels: {error}")))
}

fn read(conn: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<Tenant>> {
    let rows = || {
        conn.prepare_cached(sql)?
            .query_map(parameters, raw)?
            .collect::<rusqlite::Result<Vec<Raw>>>()
    };
    rows()
        .map_err(failed("read the tenants"))?
        .into_iter()
        .map(Raw::tenant)
        .collect()
}

struct Raw {
    id: i64,
    name: String,
    directory: String,
    cloud: String,
    client_id: Option<String>,
    credential_kind: String,
    credential_reference: Option<String>,
    graph_url: Option<String>,
    authority_url: Option<String>,
    labels: String,
    created_at: i64,
}

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        id: row.get(0)?,
        name: row.get(1)?,
        directory: row.get(2)?,
        cloud: row.get(3)?,
        client_id: row.get(4)?,
        credential_kind: row.get(5)?,
        credential_reference: row.get(6)?,
        graph_url: row.get(7)?,
        authority_url: row.get(8)?,
        labels: row.get(9)?,
        created_at: row.get(10)?,
    })
}

impl Raw {
    fn tenant(self) -> Result<Tenant> {
        let (name, id) = (&self.name, self.id);
        let damaged = |what: &str, value: &str| {
            Error::new(
                Kind::Integrity,
                format!(
                    "tenant {name} (id {id}) has a {what} that this program does not know: {value}"
                ),
            )
        };
        let credential = Credential::from_parts(&self.credential_kind, self.credential_reference)
            .ok_or_else(|| damaged("credential", &self.credential_kind))?;
        let cloud = Cloud::parse(&self.cloud).ok_or_else(|| damaged("cloud", &self.cloud))?;
        let labels: BTreeMap<String, String> = serde_json::from_str(&self.labels)
            .ok()
            .ok_or_else(|| damaged("label", &self.labels))?;
        let created_at = DateTime::from_timestamp(self.created_at, 0)
            .ok_or_else(|| damaged("time", &self.created_at.to_string()))?;
        Ok(Tenant {
            id: TenantId(self.id),
            settings: Settings {
                name: self.name,
                directory: self.directory,
                cloud,
                client_id: self.client_id,
                credential,
                graph_url: self.graph_url,
                authority_url: self.authority_url,
                labels,
            },
            created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn an_open_run_is_looked_for_among_the_open_ones_alone() {
        let plan = "SEARCH runs USING INDEX runs_open_tenant (tenant_id=?)";
        Fixture::new().assert_plan(OPEN_RUNS, plan);
    }
}
