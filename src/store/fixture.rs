//! A database with a tenant and a schedule to test against.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, params};
use tempfile::TempDir;

use crate::backup_set::{
    BackupSetId, ContentHash, ListEntry, Manifest, ManifestType, Reference, References, TypeList,
    Unresolved,
};
use crate::policy::Outcome;
use crate::schedule::ScheduleId;
use crate::tenant::TenantId;

use super::backup_sets::{self, NewSet, Origin};
use super::contents::{self, Reader};

/// A fresh database in a folder of its own.
pub(super) struct Fixture {
    pub(super) conn: Connection,
    pub(super) tenant: TenantId,
    pub(super) schedule: ScheduleId,
    _dir: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tenantpilot.db");
        super::Store::open_or_create(&path).unwrap();
        let conn = Connection::open(&path).unwrap();
        // Durability is not what these tests are about.
        conn.execute_batch("PRAGMA synchronous = OFF").unwrap();
        let mut fixture = Self {
            conn,
            tenant: TenantId(0),
            schedule: ScheduleId(0),
            _dir: dir,
        };
        fixture.tenant = fixture.add_tenant("contoso");
        fixture.schedule = fixture.add_schedule(fixture.tenant, "nightly");
        fixture
    }

    pub(super) fn add_tenant(&self, name: &str) -> TenantId {
        self.conn
            .execute(
                "INSERT INTO tenants (name, directory, cloud, client_id, credential_kind,
                                      credential_reference, created_at)
                 VALUES (?1, 'd', 'global', 'c', 'secret-env', 'V', 0)",
                [name],
            )
            .unwrap();
        TenantId(self.conn.last_insert_rowid())
    }

    pub(super) fn add_schedule(&self, tenant: TenantId, name: &str) -> ScheduleId {
        self.conn
            .execute(
                "INSERT INTO schedules (tenant_id, name, frequency, timezone, policy_types,
                                        created_at, slots_begin, slots_from)
                 VALUES (?1, ?2, 'daily', 'UTC', '[]', 0, 0, 0)",
                params![tenant.0, name],
            )
            .unwrap();
        ScheduleId(self.conn.last_insert_rowid())
    }

    /// A manual run that is `running`.
    pub(super) fn begin_run(&self, tenant: TenantId, schedule: ScheduleId) -> i64 {
        self.conn
            .execute(
                "INSERT INTO runs (tenant_id, schedule_id, trigger, actor, owner, created_at,
                                   status)
                 VALUES (?1, ?2, 'manual', 'alice', 'p', 0, 'running')",
                params![tenant.0, schedule.0],
            )
            .unwrap();
        self.conn.last_insert_rowid()
    }

    pub(super) fn finish_run(&self, run: i64) {
        self.conn
            .execute(
                "UPDATE runs SET status = 'success', finished_at = 1 WHERE id = ?1",
                [run],
            )
            .unwrap();
    }

    /// Asserts that this query reads one table or index, and how.
    pub(super) fn assert_plan(&self, sql: &str, expected: &str) {
        assert_eq!(self.reads(sql), [expected], "{sql}");
    }

    /// Which tables and indexes a query reads, and how, the outermost first.
    pub(super) fn reads(&self, sql: &str) -> Vec<String> {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let mut query = self.conn.prepare(&explain).unwrap();
        let mut rows = query.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>(3).unwrap());
        }
        plan.retain(|step| {
            step.starts_with("SCAN") && step != "SCAN CONSTANT ROW" || step.starts_with("SEARCH")
        });
        plan
    }

    /// Runs raw SQL, such as damage needs.
    pub(super) fn sql(&self, text: &str) {
        self.conn.execute_batch(text).unwrap();
    }

    /// Lets a test change contents as a failing disk would.
    pub(super) fn allow_damage(&self) {
        self.sql(
            "DROP TRIGGER contents_do_not_change; DROP TRIGGER contents_go_only_by_purge;
             DROP TRIGGER contents_go_on_building_on_their_tenants;
             PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;",
        );
    }
}

/// The instant `seconds` after the epoch.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// Puts a set together as a run does: `types` maps a policy type to its policies' ids and
/// documents. Each document and list is built upon the newest of the tenant.
pub(super) fn back_up(
    fixture: &mut Fixture,
    types: &BTreeMap<String, BTreeMap<String, Vec<u8>>>,
) -> BackupSetId {
    let (tenant, schedule) = (fixture.tenant, fixture.schedule);
    let run = fixture.begin_run(tenant, schedule);
    let tx = fixture.conn.transaction().unwrap();
    let root_hash = put_set(&tx, tenant, schedule, types);
    let set = NewSet {
        tenant_id: tenant,
        origin: Origin::Run {
            schedule_id: schedule,
            run_id: run,
            shrunk: None,
        },
        time: at(run),
        created_at: at(run),
        root_hash,
    };
    let id = backup_sets::insert(&tx, &set).unwrap();
    tx.commit().unwrap();
    fixture.finish_run(run);
    id
}

/// Stores everything that a set is made of, and not the set.
pub(super) fn put_set(
    tx: &Transaction<'_>,
    tenant: TenantId,
    schedule: ScheduleId,
    types: &BTreeMap<String, BTreeMap<String, Vec<u8>>>,
) -> ContentHash {
    let reader = Reader::new(tx, tenant);
    let wanted = types.keys().map(String::as_str).collect();
    let known = backup_sets::latest_lists(&reader, &wanted).unwrap();
    let mut manifest = Vec::new();
    for (policy_type, policies) in types {
        let base = known.get(policy_type).map(|known| known.list);
        let before = base.map(|list| TypeList::parse(&reader.read(&list).unwrap()).unwrap());
        let entry = |(id, bytes): (&String, &Vec<u8>)| {
            let earlier = before.as_ref().and_then(|list| list.get(id));
            let base = earlier.map(|entry| entry.hash);
            ListEntry {
                id: id.clone(),
                name: format!("name of {id}"),
                platform: None,
                bytes: bytes.len() as u64,
                hash: contents::put(tx, tenant, bytes, base.as_ref())
                    .unwrap()
                    .hash,
                warnings: Vec::new(),
            }
        };
        let list = TypeList::new(policy_type, policies.iter().map(entry).collect()).unwrap();
        let list = contents::put(tx, tenant, &list.encode(), base.as_ref()).unwrap();
        manifest.push(ManifestType {
            policy_type: policy_type.clone(),
            outcome: Outcome::Complete,
            reason: None,
            error_code: None,
            pages: 1,
            listed: policies.len() as u64,
            policies: policies.len() as u64,
            list: Some(list.hash),
            unread: Vec::new(),
            proof: None,
        });
    }
    let references = References::new(vec![Reference {
        name: Some("All laptops".to_owned()),
        unresolved: None,
        ..Reference::unresolved("group", "5c4b", Unresolved::NotFound)
    }]);
    let references = contents::put(tx, tenant, &references.unwrap().encode(), None).unwrap();
    let manifest = Manifest::new(manifest)
        .unwrap()
        .with_references(references.hash)
        .encode();
    let base = backup_sets::latest_root(&reader, schedule).unwrap();
    contents::put(tx, tenant, &manifest, base.as_ref())
        .unwrap()
        .hash
}
