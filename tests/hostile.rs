//! Hostile input, wherever a person, a tenant, a folder or a file can bring it in: no panic, no
//! order to a terminal or a pipeline, no SQL, nothing lost, and an exit code that says what it was.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/env.rs"]
mod env;
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
    let exported = stage.env.run(&["fleet", "export"]).ok();
    stage.env.file(commands::FLEET_FILE, &exported, 0o600);
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

/// What people, scripts and worse type.
fn values() -> Vec<OsString> {
    let mut values: Vec<OsString> = [
        "'; DROP TABLE runs; --",
        "1; DELETE FROM audit_events",
        "\" OR \"\"=\"",
        "x' UNION SELECT * FROM tenants --",
        "%",
        "_",
        "\u{1b}[2J\u{1b}]0;x\u{7}",
        "a\nb\r\nc",
        "\u{202e}gpj",
        "##vso[task.complete]",
        "::error::x",
        "",
        " ",
        "-",
        "--",
        "-1",
        "0",
        "1",
        "99999999999999999999999999",
        "9223372036854775807",
        "-9223372036854775808",
        "1e309",
        "NaN",
        "٣",
        "1,1,,1",
        "=",
        "a=b",
        "99999999h",
        "0s",
        "2026-02-30T25:61:61Z",
        "+262143-01-01T00:00:00Z",
        "-262144-01-01T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "* * * * *",
        "*/0 99 L W #",
        "mon,funday",
        "24:00",
        "Etc/../../etc/passwd",
        "assignmentFilter/../x",
        "https://graph.microsoft.com@127.0.0.1/",
        "/dev/null",
        "/dev/full",
        "/proc/self/mem",
        "exported",
        "state/tenantpilot.db",
        "file:state/tenantpilot.db?mode=memory",
        ":memory:",
        "a/../b/./c//d",
        "$(touch pwned)",
        "{\"$serde_json::private::Number\":\"1\"}",
        "@x",
    ]
    .map(OsString::from)
    .into();
    values.push("x".repeat(10_000).into());
    values.push("漢".repeat(101).into());
    values.push(OsStr::from_bytes(b"not\xffutf8\xed\xa0\x80").to_owned());
    values
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
    let exported = stage.env.run(&["fleet", "export"]).ok();
    stage.env.file(commands::FLEET_FILE, &exported, 0o600);
    stage
}

/// The command lines in which `value` stands in the place of one argument of the call.
fn with(call: &Call, value: &OsStr) -> Vec<Vec<OsString>> {
    let line: Vec<OsString> = call.line().into_iter().map(OsString::from).collect();
    let mut lines = Vec::new();
    for at in call.words.len()..line.len() {
        if !line[at].as_bytes().starts_with(b"--") {
            let mut other = line.clone();
            other[at] = value.to_owned();
            lines.push(other);
        }
    }
    for option in &call.options {
        let mut other = line.clone();
        if let Some(at) = line.iter().position(|word| word == option.as_str()) {
            other.drain(at..=at + 1);
        }
        let mut given = OsString::from(option);
        given.push("=");
        given.push(value);
        other.push(given);
        lines.push(other);
    }
    lines
}

/// Tries values in every argument of every command: all of them, or one in each, another one each
/// time. Gives how many command lines that were.
fn every_argument(stage: &Stage, all: bool) -> usize {
    let values = values();
    let mut tried = 0;
    for (number, call) in commands::all().iter().enumerate() {
        let places = with(call, OsStr::new("")).len();
        for place in 0..places {
            let chosen = values.iter().cycle().skip(number * 7 + place * 5);
            for value in chosen.take(if all { values.len() } else { 1 }) {
                let line = with(call, value).swap_remove(place);
                let line: Vec<&OsStr> = line.iter().map(OsString::as_os_str).collect();
                tame(&stage.env, &line);
                tried += 1;
            }
        }
    }
    assert!(!stage.env.path("pwned").exists());
    tried
}

#[test]
fn no_argument_of_any_command_is_more_than_a_value() {
    let stage = place();
    assert!(every_argument(&stage, false) > 100);
    assert_sound(&stage.env);
}

#[test]
#[ignore = "minutes: cargo test --test hostile -- --ignored --nocapture"]
fn every_value_in_every_argument() {
    let stage = place();
    eprintln!("{} command lines", every_argument(&stage, true));
    assert_sound(&stage.env);
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

#[test]
fn a_folder_to_import_is_believed_in_nothing() {
    let stage = place();
    let import = |folder: &str, layout: &str| {
        let args = [
            "backups", "import", folder, "--tenant", "1", "--layout", layout,
        ];
        tame(&stage.env, &words(&args)).0
    };
    // What other tools wrote: files that hold anything, links, pipes, folders in folders.
    let filters = stage.env.path("cd/Filters");
    fs::create_dir_all(&filters).unwrap();
    for (number, (_, bomb)) in bombs().iter().enumerate() {
        fs::write(filters.join(format!("bomb{number}.json")), bomb).unwrap();
    }
    fs::write(filters.join("good.json"), ODD[0]).unwrap();
    symlink("/etc/passwd", filters.join("link.json")).unwrap();
    let pipe = filters.join("pipe.json");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    fs::create_dir(filters.join("folder.json")).unwrap();
    symlink("..", filters.join("round")).unwrap();
    fs::write(filters.join("a\nb\u{1b}[2J.json"), ODD[1]).unwrap();
    let name = OsStr::from_bytes(b"\xff\xfe.json");
    fs::write(filters.join(name), ODD[2]).unwrap();
    let code = import("cd", "intunecd");
    assert!([0, 3].contains(&code), "{code}");
    let newest = stage.env.items(&["backups", "list"])[0].clone();
    let policies = newest["policies"].as_u64().unwrap();
    assert!((1..=4).contains(&policies), "{newest}");

    // An export of our own in which one thing at a time was changed.
    let exported = stage.env.path("exported");
    let manifest = exported.join("tenantpilot-export.json");
    let good = fs::read_to_string(&manifest).unwrap();
    let path = serde_json::from_str::<Value>(&good).unwrap()["files"][0]["path"].clone();
    let path = path.as_str().unwrap();
    let document = fs::read(exported.join(path)).unwrap();
    for (what, changed) in [
        ("up", good.replacen(path, "../secret", 1)),
        ("absolute", good.replacen(path, "/etc/passwd", 1)),
        (
            "deep",
            format!("{}{}", "[".repeat(50_000), "]".repeat(50_000)),
        ),
        ("short", good.chars().take(good.len() / 2).collect()),
        ("twice", good.replacen('{', "{\"format\":1,", 1)),
        (
            "number",
            good.replacen("\"format\": 1", "\"format\": 1e999", 1),
        ),
        (
            "names",
            good.replace("\"name\": \"", "\"name\": \"\\u001b[2J##vso[x]"),
        ),
    ] {
        fs::write(&manifest, changed).unwrap();
        let code = import("exported", "tenantpilot");
        assert!(code != 1, "{what}: {code}");
    }
    fs::write(&manifest, &good).unwrap();
    for (_, bomb) in bombs() {
        fs::write(exported.join(path), bomb).unwrap();
        let code = import("exported", "tenantpilot");
        assert!([0, 3, 14].contains(&code), "{code}");
    }
    fs::remove_file(exported.join(path)).unwrap();
    symlink("/dev/zero", exported.join(path)).unwrap();
    assert_ne!(import("exported", "tenantpilot"), 1);
    fs::remove_file(exported.join(path)).unwrap();
    fs::write(exported.join(path), document).unwrap();
    assert_eq!(import("exported", "tenantpilot"), 0);
    assert_sound(&stage.env);
}

#[test]
fn links_in_the_way_lead_nowhere() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let victim = stage.env.path("victim");
    fs::write(&victim, "precious").unwrap();
    let folder = stage.env.path("victims");
    fs::create_dir(&folder).unwrap();
    let locks = stage.env.path("state/tenantpilot.db-locks");
    let lock = locks.join("schedule-1");
    // A lock file, then the folder of all locks.
    fs::remove_file(&lock).unwrap();
    symlink(&victim, &lock).unwrap();
    let stderr = stage.env.run(&["run", "nightly"]).fails(16);
    assert!(stderr.contains("is a symbolic link"), "{stderr}");
    fs::remove_dir_all(&locks).unwrap();
    symlink(&folder, &locks).unwrap();
    for args in [&["run", "nightly"][..], &["retention", "nightly"]] {
        let stderr = stage.env.run(args).fails(16);
        assert!(stderr.contains("is no folder"), "{stderr}");
        assert!(stderr.contains("hint: remove it"), "{stderr}");
    }
    fs::remove_file(&locks).unwrap();
    // A copy, the name under which it is made, and the copied key.
    for name in ["copy", "copy.new", "copy-key"] {
        symlink(&victim, stage.env.path(name)).unwrap();
        let code = stage.env.run(&["db", "backup", "copy", "--with-key"]).code;
        assert!(
            code == Some(0) || code == Some(2) || code == Some(16),
            "{name}"
        );
        for name in [name, "copy", "copy-key"] {
            let _ = fs::remove_file(stage.env.path(name));
        }
    }
    // The file of metrics, and the name under which it is written.
    for name in ["m.prom", ".m.prom.tenantpilot-draft"] {
        symlink(&victim, stage.env.path(name)).unwrap();
        stage.env.run(&["dispatch", "--metrics", "m.prom"]).warned();
        let _ = fs::remove_file(stage.env.path(name));
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    stage.success();
    assert_sound(&stage.env);
}

/// Files that are no database of ours, or no longer a whole one; each with the codes that say so.
fn databases(whole: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, statements: &str| {
        let path = folder.path().join(name);
        let sql = rusqlite::Connection::open(&path).unwrap();
        sql.execute_batch(statements).unwrap();
        drop(sql);
        fs::read(path).unwrap()
    };
    let half = whole.len() / 2;
    let mut header = whole.to_vec();
    header[..100].fill(0);
    let mut schema = whole.to_vec();
    schema[100..4096].fill(0xff);
    let mut page = whole.to_vec();
    page[half..half + 4096].fill(0xff);
    let ours = "PRAGMA application_id = 1414556788;";
    vec![
        ("text", b"this is no database, but a text\n".repeat(200)),
        ("zeros", vec![0; 8192]),
        ("ones", vec![0xff; 8192]),
        ("the beginning of one", b"SQLite format 3\0".to_vec()),
        ("half of one", whole[..half].to_vec()),
        ("all but the last byte", whole[..whole.len() - 1].to_vec()),
        ("no header", header),
        ("no schema", schema),
        ("a lost page", page),
        ("another program's", made("a", "CREATE TABLE tenants (id)")),
        ("our mark and no tables", made("b", ours)),
        (
            "our mark and version on other tables",
            made(
                "c",
                &format!(
                    "{ours} PRAGMA user_version = {SCHEMA_VERSION}; CREATE TABLE tenants (name)"
                ),
            ),
        ),
        (
            "views with side effects in the place of tables",
            made(
                "d",
                &format!(
                    "{ours} PRAGMA user_version = {SCHEMA_VERSION};
                     CREATE VIEW tenants AS SELECT load_extension('x') AS name;
                     CREATE VIEW runs AS SELECT writefile('pwned', 'x') AS id;"
                ),
            ),
        ),
        (
            "an old version that is none",
            made(
                "e",
                &format!("{ours} PRAGMA user_version = 1; CREATE TABLE x (y)"),
            ),
        ),
        (
            "a version below all",
            made("f", &format!("{ours} PRAGMA user_version = -5;")),
        ),
    ]
}

#[test]
fn a_file_that_is_no_database_of_ours_is_told_and_left_alone() {
    let mut stage = place();
    stage.env.run(&["db", "backup", "whole"]).warned();
    let whole = fs::read(stage.env.path("whole")).unwrap();
    let looks = [
        &["tenants", "list"][..],
        &["status"],
        &["dispatch"],
        &["run", "--all"],
        &["db", "check"],
        &["backups", "verify"],
        &["backups", "export", "1", "--to", "out"],
        &["backups", "diff", "1", "2"],
    ];
    for (number, (what, bytes)) in databases(&whole).into_iter().enumerate() {
        let path = stage.env.path(&format!("other-{number}/tp.db"));
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, &bytes).unwrap();
        stage.env.set("TENANTPILOT_DB", path.to_str().unwrap());
        let mut told = 0;
        for look in looks {
            let (code, _) = tame(&stage.env, &words(look));
            told += usize::from(matches!(code, 14 | 15));
        }
        assert!(told > 0, "{what} is never told");
        // What bears our mark and a version of ours is put into WAL mode before anything is read.
        let version = bytes.get(60..64).map_or(0, |at| i64::from(at[3]));
        let marked = bytes.get(68..72) == Some(b"TPlt") && (1..=SCHEMA_VERSION).contains(&version);
        if !marked {
            assert!(fs::read(&path).unwrap() == bytes, "{what} was written");
        }
    }
    assert!(!stage.env.path("pwned").exists());
}

/// Flips bits of a database and asks for everything. Gives how often somebody noticed.
fn flipped(rounds: u64) -> u64 {
    let mut stage = place();
    stage.env.run(&["db", "backup", "whole"]).warned();
    let whole = fs::read(stage.env.path("whole")).unwrap();
    let path = stage.env.path("flipped.db");
    stage.env.set("TENANTPILOT_DB", path.to_str().unwrap());
    let mut noticed = 0;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..rounds {
        let mut bytes = whole.clone();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            bytes[at] ^= 1 << random(8);
        }
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(stage.env.path(&format!("flipped.db{end}")));
        }
        fs::write(&path, bytes).unwrap();
        let mut told = false;
        for look in [
            &["backups", "verify"][..],
            &["db", "check"],
            &["history", "--json"],
            &["backups", "show", "2"],
            &["backups", "diff", "1", "2"],
            &["audit", "list"],
        ] {
            told |= tame(&stage.env, &words(look)).0 == 14;
        }
        noticed += u64::from(told);
    }
    noticed
}

#[test]
fn flipped_bits_make_no_command_panic() {
    flipped(6);
}

#[test]
#[ignore = "minutes: cargo test --test hostile -- --ignored --nocapture"]
fn flipped_bits_many_times() {
    eprintln!("500 databases with flipped bits, {} noticed", flipped(500));
}
