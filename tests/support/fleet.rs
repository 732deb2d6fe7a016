//! A sandbox, the program beside it, and schedules in tenants of that sandbox.
//!
//! Schedules are daily at 02:00 UTC and back up one small policy type, unless told otherwise. Time
//! passes by `dispatch --at`, from one slot to the next.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

use crate::env::{CLIENT_ID, Env, Run, Started, until};
use crate::sandbox::server::faults::{Fault, Kind};
use crate::sandbox::server::{DIRECTORY, Options, Sandbox};

/// Longer than anything may take that does not hang.
pub const LONG: Duration = Duration::from_secs(30);
/// A directory beside the one that `contoso` signs in to.
pub const OTHER_DIRECTORY: &str = "22222222-2222-4333-8444-555555555555";

pub struct Fleet {
    pub env: Env,
    pub sandbox: Sandbox,
}

impl Fleet {
    /// A sandbox, and the tenant `contoso` in it.
    pub fn new() -> Self {
        let fleet = Self {
            env: Env::new(),
            sandbox: Sandbox::start(Options {
                policies: Some(40),
                ..Options::default()
            }),
        };
        fleet.add_tenant("contoso", DIRECTORY);
        fleet
    }

    /// The same with the schedule `nightly` (id 1).
    pub fn nightly() -> Self {
        let fleet = Self::new();
        fleet.add("nightly", "contoso", &[]);
        fleet
    }

    /// A tenant of the sandbox.
    pub fn add_tenant(&self, name: &str, directory: &str) {
        let secret = Options::default().client_secret;
        let secret = self.env.file("sandbox-secret", &secret, 0o600);
        let url = self.sandbox.url();
        let args = [
            "tenants",
            "add",
            name,
            "--directory",
            directory,
            "--client-id",
            CLIENT_ID,
            "--secret-file",
            &secret,
            "--graph-url",
            url,
            "--authority-url",
            url,
        ];
        self.env.run(&args).ok();
    }

    /// A schedule at 02:00, or at what `rest` says.
    pub fn add(&self, name: &str, tenant: &str, rest: &[&str]) {
        let mut args = vec!["schedules", "add", name, "--tenant", tenant];
        args.extend(["--timezone", "UTC", "--no-foundations"]);
        if !rest.contains(&"--types") {
            args.extend(["--types", "namedLocation"]);
        }
        if !rest.contains(&"--at") && !rest.contains(&"--cron") {
            args.extend(["--at", "02:00"]);
        }
        args.extend(rest);
        self.env.run(&args).ok();
    }

    /// The slots to come of the daily schedule with that id, as times to dispatch at.
    pub fn slots(&self, id: i64, count: usize) -> Vec<String> {
        let first = "SELECT next_slot FROM schedules WHERE id = ?1";
        let sql = self.env.sql();
        let first: i64 = sql.query_row(first, [id], |row| row.get(0)).unwrap();
        let days = (0_i64..).take(count);
        let slots = days.map(|day| DateTime::from_timestamp(first + day * 86_400, 0).unwrap());
        slots
            .map(|slot| slot.to_rfc3339_opts(SecondsFormat::Secs, true))
            .collect()
    }

    /// Dispatches in that minute.
    pub fn dispatch(&self, at: &str) -> Run {
        self.env.run(&["dispatch", "--at", at])
    }

    /// Begins to dispatch in that minute.
    pub fn start(&self, at: &str, rest: &[&str]) -> Started {
        let args = [&["dispatch", "--at", at][..], rest].concat();
        self.env.start(&args)
    }

    /// From now on no request of that directory is answered.
    pub fn hang(&self, directory: &str) {
        self.sandbox
            .fault(Fault::on("", Kind::Hang).directory(directory));
    }

    /// Waits until so many requests hang.
    pub fn await_hanging(&self, count: usize) {
        assert!(self.sandbox.await_hanging(count, LONG), "nothing hangs");
    }

    /// From now on everything is answered; what hangs is cut off.
    pub fn answer(&self) {
        self.sandbox.clear_faults();
        self.sandbox.release();
    }

    /// All runs, oldest first.
    pub fn runs(&self) -> Vec<Value> {
        let mut runs = self.env.items(&["history"]);
        runs.reverse();
        runs
    }

    /// Id of the schedule, status and error code of all runs, oldest first.
    pub fn outcomes(&self) -> Vec<(i64, String, String)> {
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let runs = self.runs().into_iter().map(|run| {
            let schedule = run["schedule_id"].as_i64().unwrap();
            (schedule, word(&run["status"]), word(&run["error_code"]))
        });
        runs.collect()
    }

    /// Waits until the run with that id is in that status.
    pub fn await_status(&self, run: i64, status: &str) {
        let sql = self.env.sql();
        until(&format!("run {run} {status}"), LONG, || {
            let now = sql.query_row("SELECT status FROM runs WHERE id = ?1", [run], |row| {
                row.get::<_, String>(0)
            });
            (now.ok().as_deref() == Some(status)).then_some(())
        });
    }

    /// How many audit events there are of that action.
    pub fn events(&self, action: &str) -> usize {
        let actions = self.env.audit_actions();
        actions.iter().filter(|known| *known == action).count()
    }

    /// What the bytes of the database and of its log amount to.
    pub fn bytes(&self) -> [(usize, u64); 2] {
        let wal = self.env.path("state/tenantpilot.db-wal");
        [self.env.database(), wal].map(|path| {
            let bytes = fs::read(path).unwrap_or_default();
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            (bytes.len(), hasher.finish())
        })
    }

    /// Nothing is damaged, and nothing is open.
    pub fn assert_sound(&self) {
        self.env.run(&["backups", "verify"]).ok();
        self.env.run(&["audit", "verify"]).ok();
        let sql = self.env.sql();
        let checked: String = sql
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(checked, "ok");
        let open = "SELECT count(*) FROM runs WHERE status IN ('queued', 'running')";
        let open: i64 = sql.query_row(open, [], |row| row.get(0)).unwrap();
        assert_eq!(open, 0, "open runs");
    }
}

/// What [`Fleet::outcomes`] gives, written shortly.
pub fn outcome(schedule: i64, status: &str, error_code: &str) -> (i64, String, String) {
    (schedule, status.to_owned(), error_code.to_owned())
}
