//! `tenants check` against the sandbox: what it tells apart, what it asks for, and what it leaves
//! alone.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "../examples/sandbox/server.rs"]
mod server;

use std::collections::BTreeSet;

use env::Env;
use serde_json::Value;
use server::faults::{Fault, Kind};
use server::{DIRECTORY, Options, Sandbox};
use tenantpilot::policy::catalogue;

const CHECK: [&str; 3] = ["tenants", "check", "contoso"];
const SCRIPTS: &str = "deviceManagement/deviceManagementScripts";
const SCOPE_TAGS: &str = "deviceManagement/roleScopeTags";

/// A place with the tenant `contoso`, which is the sandbox's.
fn place() -> (Env, Sandbox) {
    let (env, sandbox) = (Env::new(), Sandbox::start(Options::default()));
    let secret = env.file("secret", &Options::default().client_secret, 0o600);
    let url = sandbox.url();
    let add = [
        "tenants",
        "add",
        "contoso",
        "--directory",
        DIRECTORY,
        "--client-id",
        env::CLIENT_ID,
        "--secret-file",
        &secret,
        "--graph-url",
        url,
        "--authority-url",
        url,
    ];
    env.run(&add).ok();
    (env, sandbox)
}

/// The document of a check that ends with `code`.
fn document(env: &Env, code: i32) -> Value {
    let (stdout, stderr) = env.run(&[&CHECK[..], &["--json"]].concat()).ends(code);
    if code != 0 {
        let error: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
        assert_eq!(error["error"]["exit_code"], code, "{stderr}");
    }
    serde_json::from_str(&stdout).unwrap()
}

/// What the document says of a policy type.
fn of<'a>(document: &'a Value, key: &str) -> &'a Value {
    let types = document["types"].as_array().unwrap();
    types
        .iter()
        .find(|one| one["policy_type"] == key)
        .unwrap_or_else(|| panic!("{key} is not in {document}"))
}

#[test]
fn a_tenant_that_grants_everything_passes() {
    let (env, sandbox) = place();
    let stdout = env.run(&CHECK).ok();
    let summary = "\ntenant contoso (id 1): signed in, ";
    assert!(stdout.contains(summary), "{stdout}");
    let document = document(&env, 0);
    assert_eq!(document["ok"], true);
    assert_eq!(document["tenant"], "contoso");
    assert_eq!(document["signed_in"], true);
    assert_eq!(document["permissions_to_grant"], serde_json::json!([]));
    for one in document["types"].as_array().unwrap() {
        assert_eq!(one["result"], "ok", "{one}");
        assert_eq!(one["permission"], Value::Null);
        assert_eq!(one["message"], Value::Null);
    }
    assert!(sandbox.most_in_flight() <= 10);
}

#[test]
fn each_list_is_asked_once_for_one_object() {
    let (env, sandbox) = place();
    env.run(&CHECK).ok();
    let mut lists = BTreeSet::new();
    // A list below another is tried below the other's first object.
    let mut parents: BTreeSet<String> = catalogue::all()
        .filter_map(|row| Some(row.parents()?.path))
        .collect();
    for request in sandbox.requests() {
        if request.path().ends_with("/token") {
            continue;
        }
        assert!(request.url.contains("top=1"), "{request:?}");
        assert!(!request.url.contains("expand"), "{request:?}");
        let again = !lists.insert(request.url.clone());
        let parent = again && parents.remove(request.path());
        assert!(!again || parent, "{request:?} again");
    }
    assert!(lists.len() > 10, "{lists:?}");
}

#[test]
fn what_is_forbidden_comes_with_the_permission_to_grant() {
    let (env, sandbox) = place();
    sandbox.fault(Fault::on(SCRIPTS, Kind::Forbidden));
    sandbox.fault(Fault::on(SCOPE_TAGS, Kind::Forbidden));
    sandbox.fault(Fault::on(
        "identity/conditionalAccess/policies",
        Kind::Forbidden,
    ));
    let (stdout, stderr) = env.run(&CHECK).ends(12);
    let granted: Vec<&str> = stdout
        .lines()
        .skip_while(|line| !line.starts_with("application permissions"))
        .skip(1)
        .map_while(|line| line.strip_prefix("  "))
        .collect();
    assert_eq!(
        granted,
        [
            "DeviceManagementRBAC.Read.All",
            "DeviceManagementScripts.Read.All",
            "Policy.Read.All",
        ],
        "{stdout}"
    );
    assert!(stderr.starts_with("error: 3 of "), "{stderr}");
    assert!(stderr.contains("tenantpilot tenants check contoso"));
    let document = document(&env, 12);
    assert_eq!(document["ok"], false);
    assert_eq!(document["signed_in"], true);
    assert_eq!(document["permissions_to_grant"], serde_json::json!(granted));
    let scripts = of(&document, "deviceManagementScript");
    assert_eq!(scripts["result"], "forbidden");
    assert_eq!(scripts["permission"], "DeviceManagementScripts.Read.All");
    assert_eq!(of(&document, "deviceShellScript")["result"], "ok");
}

#[test]
fn what_is_optional_is_told_and_no_failure() {
    let (env, sandbox) = place();
    let optional = |document: &Value| -> Vec<(String, Value)> {
        let all = document["permissions_optional"].as_array().unwrap().iter();
        all.map(|one| {
            let name = one["permission"].as_str().unwrap();
            (name.to_owned(), one["held"].clone())
        })
        .collect()
    };
    let names = [
        "GroupMember.Read.All",
        "User.ReadBasic.All",
        "Application.Read.All",
        "RoleManagement.Read.Directory",
        "DeviceManagementConfiguration.ReadWrite.All",
    ];
    let unknown = names.map(|name| (name.to_owned(), Value::Null));
    assert_eq!(optional(&document(&env, 0)), unknown);
    let stdout = env.run(&CHECK).ok();
    let told: Vec<&str> = stdout
        .lines()
        .skip_while(|line| !line.starts_with("optional application permissions"))
        .skip(1)
        .collect();
    assert_eq!(told.len(), names.len(), "{stdout}");
    assert_eq!(told[0], "  GroupMember.Read.All: names of groups");
    assert!(told[4].contains("encrypted omaSettings of deviceConfiguration"));
    // What the token holds, or does as much, is not told to people.
    sandbox.set_roles(&["Group.Read.All", "Directory.Read.All"]);
    let held = optional(&document(&env, 0));
    let expected = names.map(|name| (name.to_owned(), Value::from(!name.contains("Write"))));
    assert_eq!(held, expected);
    let stdout = env.run(&CHECK).ok();
    assert!(!stdout.contains("GroupMember"), "{stdout}");
    assert!(stdout.contains("  DeviceManagementConfiguration.ReadWrite.All: "));
    // A schedule that cannot use it is not told of it.
    let add = [
        "schedules",
        "add",
        "a",
        "--tenant",
        "contoso",
        "--at",
        "02:00",
    ];
    env.run(
        &[
            &add[..],
            &["--types", "deviceShellScript", "--no-foundations"],
        ]
        .concat(),
    )
    .ok();
    let one = document(&env, 0);
    assert_eq!(optional(&one), [(names[0].to_owned(), Value::Bool(true))]);
}

#[test]
fn what_is_not_offered_is_said_and_no_failure() {
    let (env, sandbox) = place();
    sandbox.fault(Fault::on(SCRIPTS, Kind::NotLicensed));
    let document = document(&env, 0);
    assert_eq!(document["ok"], true);
    let scripts = of(&document, "deviceManagementScript");
    assert_eq!(scripts["result"], "not_offered");
    assert!(scripts["message"].is_string());
}

#[test]
fn a_tenant_that_offers_nothing_does_not_pass() {
    let (env, sandbox) = place();
    sandbox.fault(Fault::on("", Kind::NotLicensed));
    let stderr = env.run(&CHECK).ends(12).1;
    assert!(stderr.contains("is offered"), "{stderr}");
}

#[test]
fn any_other_failure_is_told_with_its_reason() {
    let (env, sandbox) = place();
    sandbox.fault(Fault::on(SCRIPTS, Kind::Status(400)));
    let document = document(&env, 13);
    assert_eq!(document["ok"], false);
    let scripts = of(&document, "deviceManagementScript");
    assert_eq!(scripts["result"], "failed");
    assert_eq!(scripts["permission"], Value::Null);
    assert!(scripts["message"].as_str().unwrap().contains("400"));
    assert_eq!(document["permissions_to_grant"], serde_json::json!([]));
}

#[test]
fn a_list_that_refuses_top_is_tried_without() {
    let (env, sandbox) = place();
    sandbox.fault(Fault::on(SCRIPTS, Kind::Status(400)).times(1));
    assert_eq!(
        of(&document(&env, 0), "deviceManagementScript")["result"],
        "ok"
    );
}

#[test]
fn a_missing_permission_outweighs_another_failure() {
    let (env, sandbox) = place();
    sandbox.fault(Fault::on(SCRIPTS, Kind::Status(400)));
    sandbox.fault(Fault::on(SCOPE_TAGS, Kind::Forbidden));
    let stderr = env.run(&CHECK).ends(12).1;
    assert!(stderr.contains("forbidden, 1 could not"), "{stderr}");
}

#[test]
fn a_refused_sign_in_ends_it() {
    let (env, sandbox) = place();
    sandbox.set_secret("another");
    let stderr = env.run(&CHECK).fails(12);
    assert!(
        stderr.starts_with("error: sign-in to tenant contoso"),
        "{stderr}"
    );
    assert!(stderr.contains("\nhint: "), "{stderr}");
    let document = document(&env, 12);
    assert_eq!(document["ok"], false);
    assert_eq!(document["signed_in"], false);
    assert_eq!(document["types"], serde_json::json!([]));
    std::fs::remove_file(env.path("secret")).unwrap();
    env.run(&CHECK).fails(17);
}

#[test]
fn schedules_decide_what_is_tried() {
    let (env, _sandbox) = place();
    let add = ["schedules", "add", "--tenant", "contoso", "--at", "02:00"];
    env.run(
        &[
            &add[..],
            &["a", "--types", "deviceShellScript", "--no-foundations"],
        ]
        .concat(),
    )
    .ok();
    env.run(
        &[
            &add[..],
            &["b", "--types", "roleScopeTag", "--no-foundations"],
        ]
        .concat(),
    )
    .ok();
    let document = document(&env, 0);
    let types = document["types"].as_array().unwrap();
    let keys: Vec<&str> = types
        .iter()
        .map(|one| one["policy_type"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["deviceShellScript", "roleScopeTag"]);
    // What a newer program saved is named, not passed over.
    env.sql()
        .execute(
            "UPDATE schedules SET policy_types = '[\"fromTheFuture\"]' WHERE name = 'b'",
            [],
        )
        .unwrap();
    let document = self::document(&env, 17);
    assert_eq!(of(&document, "fromTheFuture")["result"], "unknown");
}

#[test]
fn nothing_is_written() {
    let (env, sandbox) = place();
    let dump = || -> Vec<String> {
        let sql = env.sql();
        ["tenants", "schedules", "runs", "contents", "audit_events"]
            .map(|table| {
                sql.query_row(
                    &format!("SELECT count(*) || '/' || coalesce(max(id), 0) FROM {table}"),
                    [],
                    |row| row.get(0),
                )
                .unwrap()
            })
            .into()
    };
    let before = dump();
    env.run(&CHECK).ok();
    sandbox.fault(Fault::on(SCRIPTS, Kind::Forbidden));
    env.run(&CHECK).ends(12);
    assert_eq!(dump(), before);
    assert!(
        sandbox
            .requests()
            .iter()
            .all(|request| request.method == "GET" || request.path().ends_with("/token"))
    );
}

#[test]
fn a_tenant_that_is_not_there_is_not_found() {
    let (env, _sandbox) = place();
    env.run(&["tenants", "check", "contso"]).fails(18);
}
