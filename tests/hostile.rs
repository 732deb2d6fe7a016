//! Hostile input, wherever a person, a tenant, a folder or a file can bring it in: no panic, no
//! order to a terminal or a pipeline, no SQL, nothing lost, and an exit code that says what it was.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "hostile/arguments.rs"]
mod arguments;
#[path = "support/commands.rs"]
mod commands;
#[path = "support/env.rs"]
mod env;
#[path = "hostile/files.rs"]
mod files;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use commands::Call;
use env::Env;
use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{FILTERS, SCRIPTS, Stage, type_of};
use tenantpilot::error::ExitCode;
use tenantpilot::store::SCHEMA_VERSION;

/// Names that people with rights in a tenant could give to a policy.
fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[31mred",
        "carriage\rreturn",
        "line\n2026-12-01T00:00:00Z ERROR forged: all is lost",
        "c1 \u{9b}2J \u{85} next",
        "\u{202e}gpj.exe \u{2066}isolated\u{2069} \u{200b}zero\u{feff}width",
        "::error file=x::forged",
        "##vso[task.setvariable variable=PATH]evil",
        "##[error]forged ###[group]x",
        "nul\u{0}byte",
        "'; DROP TABLE runs; --",
        "\" OR 1=1 --",
        "../../../etc/passwd",
        "$(touch pwned) `touch pwned` ${HOME} %s %n",
        "=cmd|' /C calc'!A0",
        "-rf --help",
        "{\"json\":true}",
        "<script>alert(1)</script>",
        "漢字 👩‍👩‍👧 Ünïcode e\u{301}",
        "",
        " ",
        "\u{fffd}\u{fffe}",
    ]
    .map(str::to_owned)
    .into();
    names.push("x".repeat(10_000));
    names.push("\u{1b}[31m".repeat(2_000));
    names
}

/// What a terminal would obey or hide; the same is asked of JSON.
fn is_order(c: char) -> bool {
    c != '\n' && (c.is_control() || "\u{202a}\u{202e}\u{2066}\u{2069}\u{200b}\u{feff}".contains(c))
}

/// That nothing in an output gives orders to a terminal or to what runs a pipeline.
fn assert_tame(text: &str, what: &str) {
    assert!(!text.contains(is_order), "{what}: {text:?}");
    for order in ["##vso[", "##["] {
        assert!(!text.contains(order), "{what}: {text}");
    }
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::"), "{what}: {line}");
        assert!(!line.starts_with("2026-12-01T00:00:00Z"), "{what}: {line}");
    }
}

/// Runs a command with any bytes as arguments; what it says is tame, and it ends as it should.
fn tame(env: &Env, args: &[&OsStr]) -> (i32, String) {
    let mut command = env.command(&[]);
    let output = command.args(args).output().unwrap();
    let shown: String = format!("{args:?}").chars().take(300).collect();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let code = output.status.code();
    let code = code.unwrap_or_else(|| panic!("{shown} was killed: {stderr}"));
    let is_known = |known: &ExitCode| i32::from(known.number()) == code;
    assert!(
        ExitCode::ALL.iter().any(is_known),
        "{shown} ended with {code}: {stderr}"
    );
    assert!(!stderr.contains("panicked"), "{shown}: {stderr}");
    // Between a candidate and what it is stands a tab, and with --plain between cells; none holds one.
    let is_answer = args.first().is_some_and(|word| *word == "complete");
    if is_answer {
        let mut answer = stdout.lines().skip(1);
        assert!(answer.all(|line| line.matches('\t').count() == 1));
    }
    let told = if is_answer || args.contains(&OsStr::new("--plain")) {
        stdout.replace('\t', " ")
    } else {
        stdout.clone()
    };
    assert_tame(&told, &shown);
    assert_tame(&stderr, &shown);
    (code, stdout)
}

fn words<'a>(words: &[&'a str]) -> Vec<&'a OsStr> {
    words.iter().map(|&word| OsStr::new(word)).collect()
}

#[test]
fn names_give_no_orders_in_any_output_of_any_command() {
    let mut stage = Stage::of(&[FILTERS, SCRIPTS]);
    let given = names();
    for (number, name) in given.iter().enumerate() {
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let policy = serde_json::json!({
            "id": id, "displayName": name, "description": name, "platform": "iOS", "rule": name,
        });
        stage.sandbox.add(FILTERS.1, &policy.to_string());
    }
    stage.success();
    stage.sandbox.change(FILTERS.1, 100);
    stage.success();
    let tenant = "a ##vso[x]::error::\u{202e}'; DROP TABLE tenants; --";
    let url = stage.sandbox.url().to_owned();
    let secret = stage.env.path("client-secret");
    stage.add_tenant_by(tenant, &["--secret-file", secret.to_str().unwrap()], &url);
    let schedule = "::set-output::##[x] \u{2066}; DELETE FROM runs";
    stage.add_schedule(tenant, schedule, FILTERS.0, &["--label", "##vso[x]='; --"]);
    stage.env.set("COLUMNS", "100");

    let shown = stage.env.json(&["backups", "show", "1"]);
    let items = shown["items"].as_array().unwrap();
    let told: BTreeSet<&str> = items
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    for name in &given {
        assert!(told.contains(name.as_str()), "{name:?} is exact in JSON");
    }
    let table = stage.env.run(&["backups", "show", "1"]).ok();
    let lines = table.lines().filter(|line| line.contains(FILTERS.0));
    assert!(lines.count() >= given.len(), "one record is one line");

    for to in ["exported", "exported.tar.zst"] {
        tame(&stage.env, &words(&["backups", "export", "1", "--to", to]));
    }
    for (number, name) in given.iter().enumerate() {
        let policy = format!("{}/00000000-0000-4000-8000-{number:012}", FILTERS.0);
        for args in [
            &["backups", "show", "1", "--policy", &policy][..],
            &["backups", "log", &policy, "--patch"],
            &["backups", "diff", "1", "2", "--policy", &policy],
        ] {
            tame(&stage.env, &words(args));
        }
        if !name.contains('\0') {
            tame(&stage.env, &words(&["backups", "log", "--", name]));
        }
    }
    commands::make_fleet_file(&stage.env);
    for call in commands::all() {
        let line = call.line();
        for more in [
            &["-vv"][..],
            &["--plain"],
            &["--json", "-vv", "--log-format", "json"],
        ] {
            let (_, stdout) = tame(&stage.env, &words(&[&line, more].concat()));
            let json = more.contains(&"--json") && !stdout.is_empty();
            let generated = ["complete", "completions"].contains(&call.words[0].as_str());
            assert!(
                !json || generated || serde_json::from_str::<Value>(&stdout).is_ok(),
                "{line:?}: {stdout}"
            );
        }
    }
    assert!(!stage.env.path("pwned").exists());
    assert_sound(&stage.env);
}

/// A place where everything is known to be there.
fn place() -> Stage {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage.success();
    for to in ["exported", "exported.tar.zst"] {
        let args = ["backups", "export", "1", "--to", to];
        stage.env.run(&args).warned();
    }
    // One request in 20 seconds may well be typed, and is soon over all the same.
    let soon = ["schedules", "edit", "nightly", "--max-runtime", "2s"];
    stage.env.run(&soon).ok();
    commands::make_fleet_file(&stage.env);
    stage
}

/// Nothing is missing, and everything can be read.
fn assert_sound(env: &Env) {
    let sql = env.sql();
    let tables: Vec<String> = sql
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for table in [
        "audit_events",
        "backup_sets",
        "runs",
        "schedules",
        "tenants",
    ] {
        assert!(
            tables.iter().any(|name| name == table),
            "{table}: {tables:?}"
        );
    }
    drop(sql);
    for args in [
        &["db", "check"][..],
        &["audit", "verify"],
        &["backups", "verify"],
    ] {
        env.run(args).warned();
    }
}

/// Objects that no parser should swallow, each with what is said of it.
fn bombs() -> Vec<(String, Vec<u8>)> {
    let object = |inner: &str| format!(r#"{{"id":"ID","displayName":"bomb",{inner}}}"#);
    let deep = |levels: usize| format!("\"a\":{}{}", "[".repeat(levels), "]".repeat(levels));
    let mut strings = "1".to_owned();
    for _ in 0..16 {
        let inner = serde_json::to_string(&strings).unwrap();
        let (open, close) = ("[".repeat(100), "]".repeat(100));
        strings = format!("{open}{{\"$serde_json::private::RawValue\":{inner}}}{close}");
    }
    let mut bombs: Vec<(String, Vec<u8>)> = [
        ("200 levels", object(&deep(200))),
        ("100,000 levels", object(&deep(100_000))),
        ("strings in strings", object(&format!("\"a\":{strings}"))),
        (
            "a number as an object",
            object(r#""a":{"$serde_json::private::Number":"1"}"#),
        ),
        ("half a character", object(r#""a":"\ud800""#)),
        ("no JSON", object("\"a\":nonsense")),
        ("no object", "[\"ID\"]".to_owned()),
    ]
    .map(|(what, text)| (what.to_owned(), text.into_bytes()))
    .into();
    let mut invalid = object("\"a\":\"?\"").into_bytes();
    let at = invalid.iter().position(|byte| *byte == b'?').unwrap();
    invalid[at] = 0xff;
    bombs.push(("no UTF-8".to_owned(), invalid));
    bombs
}

/// Odd, and to be kept: numbers and names as they came.
const ODD: [&str; 6] = [
    r#"{"id":"odd-1","displayName":"n","a":1e400,"b":-0,"e":1e99999999999999999999,"c":0.10,"d":123456789012345678901234567890}"#,
    r#"{"id":"odd-2","displayName":"n","a":1,"a":2}"#,
    r#"{"id":"odd-3","displayName":"\u0000\u001b[2J","a":"\u0000"}"#,
    r#"{"id":"odd-4","displayName":"n","":{"":{"":[]}}," ":null,"__proto__":{"x":1}}"#,
    r#"{"id":"odd-5/../x","displayName":"n"}"#,
    r##"{"id":"odd-6","displayName":"n","a":"$serde_json::private::Number","@odata.type":"#microsoft.graph.\u202e"}"##,
];

#[test]
fn an_object_that_cannot_be_read_costs_itself_and_no_other() {
    let stage = Stage::of(&[FILTERS]);
    for (what, bomb) in bombs() {
        let bomb = String::from_utf8_lossy(&bomb).replace("ID", "bomb");
        let mut page = b"{\"value\":[".to_vec();
        for text in ODD {
            page.extend(text.as_bytes());
            page.push(b',');
        }
        if what == "no UTF-8" {
            page.extend(b"{\"id\":\"bomb\",\"displayName\":\"\xff\"}");
        } else {
            page.extend(bomb.as_bytes());
        }
        page.extend(b"]}");
        let fault = Fault::on(FILTERS.1, Kind::Body(page));
        stage.sandbox.fault(fault);
        let run = stage.run(3);
        stage.sandbox.clear_faults();
        let of = type_of(&run, FILTERS.0);
        assert_eq!(of["outcome"], "incomplete", "{what}: {run}");
        assert_eq!(of["backed_up"], ODD.len(), "{what}: {run}");
        assert_eq!(run["summary"]["errors_count"], 1, "{what}: {run}");
    }
    for text in ODD {
        let id = text.split('"').nth(3).unwrap();
        let policy = format!("{}/{id}", FILTERS.0);
        let args = ["backups", "show", "1", "--json", "--policy", &policy];
        let (code, shown) = tame(&stage.env, &words(&args));
        assert_eq!(code, 0, "{id}");
        assert!(shown.contains(id), "{shown}");
    }
    for args in [
        &["backups", "diff", "1", "2"][..],
        &["backups", "export", "1", "--to", "out"],
        &["backups", "export", "1", "--to", "out.tar.zst"],
    ] {
        assert_eq!(tame(&stage.env, &words(args)).0, 0, "{args:?}");
    }
    assert_sound(&stage.env);
}
