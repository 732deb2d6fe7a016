//! How much room backup sets take, and how long they take to store, to read, to compare, to prove
//! intact and to let go.
//!
//! Stores 365 daily sets of a made-up tenant of 1,000 policies, of which 1 % change each day, in a
//! real database file, with the run and the audit event that go with each set. Where `git` is
//! installed, it also commits the same states as files, one commit a day, and packs them with
//! `git gc --aggressive`.
//!
//! ```text
//! cargo run --release --example storage [-- DAYS [PAGE_SIZE]]
//! ```
//!
//! Documents are stored as Graph sends them, without white space; the files in the repository are
//! indented, as they are where people keep policies in git. Everything is made in a temporary
//! folder and removed at the end. Nothing is vacuumed.

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

mod compare;
mod tenant;
mod upkeep;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chrono::DateTime;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tenantpilot::backup_set::{
    BackupSetId, ContentHash, ListEntry, Manifest, ManifestType, Proof, TypeList,
};
use tenantpilot::policy::Outcome;
use tenantpilot::progress::Gauge;
use tenantpilot::schedule::ScheduleId;
use tenantpilot::store::backup_sets::verify::{Scope, verify};
use tenantpilot::store::backup_sets::{self, Filter, NewSet, Origin};
use tenantpilot::store::contents::{self, Reader};
use tenantpilot::tenant::TenantId;

use tenant::Tenant;

type Outcomes<T> = Result<T, Box<dyn Error>>;

const TENANT: TenantId = TenantId(1);
const SCHEDULE: ScheduleId = ScheduleId(1);

fn main() -> Outcomes<()> {
    let mut arguments = std::env::args().skip(1);
    let days: usize = arguments.next().map_or(Ok(365), |days| days.parse())?;
    let page_size: Option<u32> = arguments.next().map(|size| size.parse()).transpose()?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("tenantpilot.db");
    let repository = dir.path().join("repository");

    tenantpilot::store::Store::open_or_create(&path)?;
    let mut conn = Connection::open(&path)?;
    if let Some(size) = page_size {
        resize_pages(&conn, size)?;
    }
    conn.execute_batch(OWNERS)?;
    let mut tenant = Tenant::new(1);
    let has_git = git(dir.path(), &["init", "-q", "repository"]).is_ok();

    let indented: usize = policies(&tenant).map(|(_, _, text)| text.len()).sum();
    let count = policies(&tenant).count();
    println!(
        "a state: {count} policies, {} as indented JSON",
        bytes(indented as u64)
    );
    let (mut first, mut later) = (Duration::ZERO, Duration::ZERO);
    let mut changed = None;
    for day in 0..days {
        let start = Instant::now();
        store(&mut conn, &tenant, day)?;
        if day == 0 {
            first = start.elapsed();
        } else {
            later += start.elapsed();
        }
        if has_git {
            commit(&repository, &tenant, changed.as_deref(), day)?;
        }
        changed = Some(tenant.change(day + 1, count / 100));
    }
    let later_days = u32::try_from(days.saturating_sub(1).max(1))?;
    println!(
        "first set: {first:.2?}; each later one: {:.2?}",
        later / later_days
    );

    read(&conn)?;
    compare::compare(&conn)?;
    report(&conn, &path)?;
    upkeep::prove(&path)?;
    if has_git {
        git(&repository, &["gc", "-q", "--aggressive", "--prune=now"])?;
        let packed = folder_size(&repository.join(".git/objects"))?;
        let ratio = file_sizes(&path)? as f64 / packed as f64;
        println!(
            "git gc --aggressive: {}; the database is {ratio:.2} times that",
            bytes(packed)
        );
    } else {
        println!("git is not installed: nothing to compare with");
    }
    upkeep::let_go(&path)
}

const OWNERS: &str = r#"INSERT INTO tenants (name, directory, cloud, client_id, credential_kind,
                          credential_reference, created_at)
                      VALUES ('contoso', 'contoso.com', 'global', 'c', 'secret-env', 'V', 0);
                      INSERT INTO schedules (tenant_id, name, frequency, times, timezone,
                          policy_types, created_at, slots_begin, slots_from)
                      VALUES (1, 'nightly', 'daily', '["02:00"]', 'UTC', '[]', 0, 0, 0);"#;

/// Each policy with its type, its id and its indented text.
fn policies(tenant: &Tenant) -> impl Iterator<Item = (&'static str, &str, String)> {
    tenant.types.iter().flat_map(|(key, policies)| {
        policies
            .iter()
            .map(|(id, policy)| (*key, id.as_str(), format!("{:#}", policy.object)))
    })
}

/// One run: everything that it stores, in the order and the transactions in which it does.
fn store(conn: &mut Connection, tenant: &Tenant, day: usize) -> Outcomes<BackupSetId> {
    let time = 1_736_000_000 / 60 * 60 + i64::try_from(day)? * 86_400;
    let run = day + 1;
    conn.execute(
        "INSERT INTO runs (tenant_id, schedule_id, trigger, actor, owner, scheduled_for,
                           created_at, started_at, status)
         VALUES (1, 1, 'schedule', 'backup', '0f1e2d3c4b5a69788796a5b4c3d2e1f0', ?1, ?1, ?1,
                 'running')",
        [time],
    )?;
    let (wanted, known, root) = {
        let reader = Reader::new(conn, TENANT);
        let wanted = tenant.types.keys().copied().collect();
        let known = backup_sets::latest_lists(&reader, &wanted)?;
        let mut lists = BTreeMap::new();
        for (key, known) in known {
            lists.insert(
                key,
                (known.list, TypeList::parse(&reader.read(&known.list)?)?),
            );
        }
        (wanted, lists, backup_sets::latest_root(&reader, SCHEDULE)?)
    };
    let mut manifest = Vec::new();
    for key in wanted {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = known.get(key);
        let mut entries = Vec::new();
        for (id, policy) in tenant.types.get(key).into_iter().flatten() {
            let bytes = policy.object.to_string().into_bytes();
            let base = before
                .and_then(|(_, list)| list.get(id))
                .map(|entry| entry.hash);
            entries.push(ListEntry {
                id: id.clone(),
                name: policy.name.clone(),
                platform: Some("windows10".to_owned()),
                bytes: bytes.len() as u64,
                hash: contents::put(&tx, TENANT, &bytes, base.as_ref())?.hash,
                warnings: Vec::new(),
            });
        }
        let listed = entries.len() as u64;
        let list = TypeList::new(key, entries)?.encode();
        let list = contents::put(&tx, TENANT, &list, before.map(|(hash, _)| hash))?.hash;
        tx.commit()?;
        manifest.push(ManifestType {
            policy_type: key.to_owned(),
            outcome: Outcome::Complete,
            reason: None,
            error_code: None,
            pages: 1,
            listed,
            policies: listed,
            list: Some(list),
            unread: Vec::new(),
            proof: Some(Proof {
                request: format!("beta/deviceManagement/{key}?$expand=assignments"),
                status: Some(200),
                last_page: true,
                read: listed,
                extra_reads: listed,
                ..Proof::default()
            }),
        });
    }
    let manifest = Manifest::new(manifest)?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let root_hash = contents::put(&tx, TENANT, &manifest.encode(), root.as_ref())?.hash;
    let now = DateTime::from_timestamp(time, 0).unwrap_or_default();
    let set = backup_sets::insert(
        &tx,
        &NewSet {
            tenant_id: TENANT,
            origin: Origin::Run {
                schedule_id: SCHEDULE,
                run_id: i64::try_from(run)?,
                shrunk: None,
            },
            time: now,
            created_at: now,
            root_hash,
        },
    )?;
    finish(&tx, run, time, &manifest)?;
    tx.commit()?;
    Ok(set)
}

/// The end of a run: its summary and its audit event, of about the size they have.
fn finish(tx: &Transaction<'_>, run: usize, time: i64, manifest: &Manifest) -> Outcomes<()> {
    let breakdown: serde_json::Map<String, serde_json::Value> = manifest
        .types()
        .iter()
        .map(|entry| {
            let row = serde_json::json!({
                "outcome": "complete", "total": entry.policies, "backed_up": entry.policies,
                "added": 0, "changed": run % 3, "removed": 0, "unchanged": entry.policies,
            });
            (entry.policy_type.clone(), row)
        })
        .collect();
    let summary = serde_json::json!({
        "policies_total": 1000, "policies_backed_up": 1000, "errors_count": 0, "warnings": [],
        "unknown_policy_types": [], "requests": 1840 + run, "retries": run % 7,
        "throttled_ms": run * 31 % 977, "bytes": 5_000_000 + run * 7919 % 10_007,
        "type_breakdown": breakdown,
    });
    let summary = zstd::bulk::compress(summary.to_string().as_bytes(), 19)?;
    tx.execute(
        "UPDATE runs SET status = 'success', finished_at = ?2, duration_ms = 61234, summary = ?3
         WHERE id = ?1",
        params![i64::try_from(run)?, time + 61, summary],
    )?;
    let details = format!("{{\"policies\":1000,\"backup_set\":{run},\"status\":\"success\"}}");
    tx.execute(
        "INSERT INTO audit_events (at, actor, action, tenant_id, object, outcome, details, hash)
         VALUES (?1, 'backup', 'run.finish', 1, ?2, 'ok', ?3, ?4)",
        params![
            time,
            format!("run {run} of schedule nightly (id 1)"),
            details,
            ContentHash::of(details.as_bytes()).0
        ],
    )?;
    Ok(())
}

/// How long reading takes.
fn read(conn: &Connection) -> Outcomes<()> {
    let start = Instant::now();
    let sets = backup_sets::list_sets(conn, &Filter::default())?;
    println!("list {} sets: {:.2?}", sets.len(), start.elapsed());
    if let Some(newest) = sets.first() {
        let start = Instant::now();
        let reader = Reader::new(conn, TENANT);
        let mut total = 0;
        for entry in backup_sets::manifest(&reader, newest)?.types() {
            for policy in backup_sets::list(&reader, entry)?
                .iter()
                .flat_map(TypeList::entries)
            {
                total += reader.read(&policy.hash)?.len();
            }
        }
        println!(
            "read the newest set, {}: {:.2?}",
            bytes(total as u64),
            start.elapsed()
        );
    }
    let start = Instant::now();
    let found = verify(conn, &Scope::default(), &Gauge::default())?;
    println!(
        "verify {} sets, {} contents, {}: {:.2?}, {} damaged",
        found.sets,
        found.contents,
        bytes(found.bytes),
        start.elapsed(),
        found.damaged.len()
    );
    Ok(())
}

/// The database's size, and what is in it.
fn report(conn: &Connection, path: &Path) -> Outcomes<()> {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let page_size: i64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    println!(
        "database: {} in pages of {page_size} bytes",
        bytes(file_sizes(path)?)
    );
    let query = "SELECT name, SUM(pgsize), SUM(payload), SUM(ncell) FROM dbstat
                 GROUP BY name ORDER BY 2 DESC LIMIT 8";
    match conn.prepare(query) {
        Ok(mut query) => {
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let (name, size, payload): (String, i64, i64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                println!("  {name:32} {size:>9} bytes, {payload:>9} of them payload");
            }
        }
        Err(_) => println!("  (this SQLite has no dbstat)"),
    }
    let mut query = conn.prepare(
        "SELECT depth > 0, COUNT(*), SUM(length(data)) FROM contents GROUP BY 1 ORDER BY 1",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (upon, count, size): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let kind = if upon { "upon an earlier one" } else { "alone" };
        println!("  {count:>6} contents {kind}: {size} bytes");
    }
    Ok(())
}

/// Pages of another size, for comparing; only an empty database can change.
fn resize_pages(conn: &Connection, size: u32) -> Outcomes<()> {
    conn.execute_batch("PRAGMA journal_mode = DELETE")?;
    conn.pragma_update(None, "page_size", size)?;
    conn.execute_batch("VACUUM; PRAGMA journal_mode = WAL")?;
    Ok(())
}

fn file_sizes(database: &Path) -> Outcomes<u64> {
    let mut total = std::fs::metadata(database)?.len();
    if let Ok(wal) = std::fs::metadata(database.with_extension("db-wal")) {
        total += wal.len();
    }
    Ok(total)
}

/// Writes the state as files, all of them or those that changed, and commits them.
fn commit(
    repository: &Path,
    tenant: &Tenant,
    changed: Option<&[(&'static str, String)]>,
    day: usize,
) -> Outcomes<()> {
    for (key, policies) in &tenant.types {
        let folder = repository.join(key);
        std::fs::create_dir_all(&folder)?;
        for (id, policy) in policies {
            let written = |changed: &[(&str, String)]| {
                changed.iter().any(|(of, which)| of == key && which == id)
            };
            if changed.is_none_or(written) {
                std::fs::write(
                    folder.join(format!("{id}.json")),
                    format!("{:#}\n", policy.object),
                )?;
            }
        }
    }
    git(repository, &["add", "-A"])?;
    git(repository, &["commit", "-q", "-m", &format!("day {day}")])
}

fn git(folder: &Path, arguments: &[&str]) -> Outcomes<()> {
    let done = Command::new("git")
        .args([
            "-c",
            "user.name=n",
            "-c",
            "user.email=e@example.com",
            "-c",
            "gc.auto=0",
        ])
        .args(arguments)
        .current_dir(folder)
        .status()?;
    if done.success() {
        Ok(())
    } else {
        Err(format!("git {} failed", arguments.join(" ")).into())
    }
}

fn folder_size(folder: &Path) -> Outcomes<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        total += if entry.file_type()?.is_dir() {
            folder_size(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(total)
}

fn bytes(count: u64) -> String {
    format!("{:.2} MB", count as f64 / 1e6)
}
