//! A sandbox, a tenant that signs in to it, and schedules: what a test of runs begins with.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use serde_json::Value;

use crate::env::{CLIENT_ID, Env, Run};
use crate::sandbox::server::{DIRECTORY, Options, Sandbox};

/// Policy types that these tests name, with their collections.
pub const CATALOG: (&str, &str) = (
    "settingsCatalogPolicy",
    "deviceManagement/configurationPolicies",
);
pub const SCRIPTS: (&str, &str) = (
    "deviceManagementScript",
    "deviceManagement/deviceManagementScripts",
);
pub const COMPLIANCE: (&str, &str) = (
    "deviceCompliancePolicy",
    "deviceManagement/deviceCompliancePolicies",
);
pub const FILTERS: (&str, &str) = ("assignmentFilter", "deviceManagement/assignmentFilters");
pub const TAGS: (&str, &str) = ("roleScopeTag", "deviceManagement/roleScopeTags");

/// A tenant `contoso` (id 1) of a sandbox, with the schedule `nightly` (id 1).
pub struct Stage {
    pub env: Env,
    pub sandbox: Sandbox,
}

impl Stage {
    /// The default sandbox and a schedule of these policy types, without foundations.
    pub fn of(types: &[(&str, &str)]) -> Self {
        let keys: Vec<&str> = types.iter().map(|(key, _)| *key).collect();
        Self::with(Options::default(), &keys.join(","))
    }

    /// A sandbox with these options, and a schedule of these policy types without foundations.
    pub fn with(options: Options, types: &str) -> Self {
        Self::at(Env::new(), options, types)
    }

    /// The same at a place that is there already.
    pub fn at(env: Env, options: Options, types: &str) -> Self {
        let secret = options.client_secret.clone();
        let stage = Self {
            env,
            sandbox: Sandbox::start(options),
        };
        stage.env.file("client-secret", &secret, 0o600);
        stage.add_tenant("contoso", "client-secret", stage.sandbox.url());
        stage.add_schedule("contoso", "nightly", types, &[]);
        stage
    }

    /// Adds a tenant that is served there, whose secret is in this file of the home folder.
    pub fn add_tenant(&self, name: &str, secret: &str, url: &str) {
        let secret = self.env.path(secret);
        self.add_tenant_by(name, &["--secret-file", secret.to_str().unwrap()], url);
    }

    /// Adds a tenant that is served there and signs in with this credential.
    pub fn add_tenant_by(&self, name: &str, credential: &[&str], url: &str) {
        let args = [
            &["tenants", "add", name, "--directory", DIRECTORY],
            &["--client-id", CLIENT_ID, "--graph-url", url][..],
            &["--authority-url", url, "--quiet"],
            credential,
        ];
        self.env.run(&args.concat()).warned();
    }

    /// Adds a schedule without foundations.
    pub fn add_schedule(&self, tenant: &str, name: &str, types: &str, more: &[&str]) {
        let args = [
            &[
                "schedules",
                "add",
                name,
                "--tenant",
                tenant,
                "--at",
                "02:00",
            ],
            &["--timezone", "UTC", "--types", types, "--no-foundations"][..],
            &["--quiet"],
            more,
        ];
        self.env.run(&args.concat()).ok();
    }

    /// Runs `nightly`; it has to end with this code. The run as JSON.
    pub fn run(&self, code: i32) -> Value {
        only_item(self.env.run(&["run", "nightly", "--json"]), code)
    }

    /// Runs `nightly` with success.
    pub fn success(&self) -> Value {
        let run = self.run(0);
        assert_eq!(run["status"], "success", "{run}");
        run
    }

    /// A backup set with its items.
    pub fn set(&self, id: &Value) -> Value {
        self.env.json(&["backups", "show", &id.to_string()])
    }

    /// The number of backup sets that did not expire.
    pub fn sets(&self) -> usize {
        self.env.items(&["backups", "list"]).len()
    }

    /// The database without the triggers and checks that protect it.
    pub fn unprotected(&self) -> rusqlite::Connection {
        let sql = self.env.sql();
        let mut triggers = sql
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
            .unwrap();
        let names: Vec<String> = triggers
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        drop(triggers);
        for name in names {
            sql.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        sql
    }
}

/// The one item of a list; the command has to end with this code. Where that says failure, the last
/// line on stderr is the error object.
pub fn only_item(run: Run, code: i32) -> Value {
    let (stdout, stderr) = run.ends(code);
    if code == 0 {
        assert_eq!(stderr, "");
    } else {
        let last: Value = serde_json::from_str(stderr.lines().last().unwrap_or_default())
            .unwrap_or_else(|_| panic!("no error object at the end of {stderr}"));
        assert_eq!(last["error"]["exit_code"], code, "{stderr}");
    }
    let document: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}"));
    let items = document["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{stdout}");
    items[0].clone()
}

/// The names of an object's members, sorted.
pub fn names(object: &Value) -> Vec<&str> {
    let members = object.as_object().unwrap_or_else(|| panic!("{object}"));
    let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// What a run says of a policy type.
pub fn type_of<'a>(run: &'a Value, key: &str) -> &'a Value {
    let found = &run["summary"]["type_breakdown"][key];
    assert!(found.is_object(), "no {key} in {run}");
    found
}

/// Added, changed, removed and unchanged policies of a type.
pub fn changes(run: &Value, key: &str) -> [u64; 4] {
    ["added", "changed", "removed", "unchanged"]
        .map(|count| type_of(run, key)[count].as_u64().unwrap())
}

/// A slow answer that is still no reason to wait long.
pub const SLOW: Duration = Duration::from_millis(40);
