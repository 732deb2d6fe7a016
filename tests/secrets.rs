//! Secrets appear nowhere: no file, no output at any level, no command line.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/certificate.rs"]
mod certificate;
#[path = "support/commands.rs"]
mod commands;
#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use env::CLIENT_ID;
use sandbox::server::faults::{Fault, Kind};
use sandbox::server::issuers::{IDENTITY_HEADER, REQUEST_TOKEN, VOUCHED};
use sandbox::server::{DIRECTORY, Options};
use serde_json::{Value, json};
use stage::{COMPLIANCE, FILTERS, Stage};

const SECRET: &str = "Marker~q7Zk_once-and-nowhere.else";
const WRONG: &str = "Marker~q7Zk_a-wrong-one";
/// What both begin with.
const MARK: &str = "Marker~q7Zk";
/// In the ping URL of a schedule, which the database holds and whoever may change it is shown.
const CHECK: &str = "Check~q7Zk";
/// What every token of the sandbox begins with; 32 hexadecimal digits follow.
const TOKEN: &str = "sandbox.";

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn holds(bytes: &[u8], mark: &str) -> bool {
    bytes
        .windows(mark.len())
        .any(|window| window == mark.as_bytes())
}

fn none_in(bytes: &[u8], place: &str) {
    // Also as it goes over the wire in a form, and as base64 of it would begin.
    for mark in [
        MARK,
        "Marker%7Eq7Zk",
        "TWFya2VyfnE3Wm",
        "client_secret=",
        "Bearer ",
    ] {
        assert!(!holds(bytes, mark), "{mark} is in {place}");
    }
    assert!(!holds_token(bytes), "a token is in {place}");
}

fn holds_token(bytes: &[u8]) -> bool {
    bytes.windows(TOKEN.len() + 32).any(|window| {
        let digits = window.strip_prefix(TOKEN.as_bytes());
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// What a file holds, unpacked where it is an archive.
fn content(file: &Path) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    match file.extension().is_some_and(|end| end == "zst") {
        true => zstd::decode_all(&bytes[..]).unwrap(),
        false => bytes,
    }
}

/// Runs a command once, as talkative as it can be, and looks at all it says.
fn run_once(stage: &Stage, args: &[&str]) {
    let output = stage.env.command(args).output().unwrap();
    assert!(!output.stderr.is_empty(), "{args:?} says nothing");
    none_in(&output.stdout, &format!("stdout of {args:?}"));
    none_in(&output.stderr, &format!("stderr of {args:?}"));
}

/// The same in each form of output; nothing that any credential holds is in it.
fn run(stage: &Stage, args: &[&str]) {
    for more in [&["-vvv"][..], &["-vvv", "--json", "--log-format", "json"]] {
        let output = stage.env.command(&[args, more].concat()).output().unwrap();
        no_proof_in(&output.stdout, &format!("stdout of {args:?} {more:?}"));
        no_proof_in(&output.stderr, &format!("stderr of {args:?} {more:?}"));
        no_check_in(&output, args, more);
        let code = output.status.code();
        let known = code.is_some_and(|code| code != 101);
        assert!(known, "{args:?} ended with {code:?}");
    }
}

#[test]
fn a_secret_and_a_token_appear_nowhere() {
    let options = Options {
        client_secret: SECRET.to_owned(),
        ..Options::default()
    };
    let mut stage = Stage::with(options, "deviceCompliancePolicy,assignmentFilter");
    stage.env.set("FABRIKAM_SECRET", SECRET);
    let url = stage.sandbox.url().to_owned();
    stage.add_tenant_by("fabrikam", &["--secret-env", "FABRIKAM_SECRET"], &url);
    stage.add_schedule("fabrikam", "weekly", FILTERS.0, &[]);
    let command = format!("cat {}", stage.env.path("client-secret").display());
    stage.add_tenant_by("adatum", &["--secret-command", &command], &url);
    stage.add_schedule("adatum", "daily", FILTERS.0, &[]);

    let talk = stage.env.run(&["run", "--all", "-vvv"]).warned().1;
    assert!(
        talk.contains("GET ") && talk.contains("200"),
        "it does talk: {talk}"
    );
    none_in(talk.as_bytes(), "stderr of run --all");
    run(&stage, &["run", "--all"]);
    for kind in [
        Kind::Unauthorized { claims: true },
        Kind::Forbidden,
        Kind::Html,
        Kind::NextTo("http://127.0.0.1:9/beta/x".to_owned()),
    ] {
        stage.sandbox.fault(Fault::on(COMPLIANCE.1, kind).times(6));
        run_once(&stage, &["run", "nightly", "-vvv"]);
        stage.sandbox.clear_faults();
    }
    for kind in [Kind::Html, Kind::InvalidJson, Kind::Status(400)] {
        stage.sandbox.fault(Fault::on("token", kind));
        run_once(&stage, &["run", "weekly", "-vvv"]);
        stage.sandbox.clear_faults();
    }
    stage.env.set("FABRIKAM_SECRET", WRONG);
    for look in [
        &["run", "weekly"][..],
        &["retry", "--failed"],
        &["dispatch", "--at", "2031-01-01T02:00:00Z"],
    ] {
        run(&stage, look);
    }
    stage.env.file("client-secret", SECRET, 0o644);
    run(&stage, &["run", "nightly", "daily"]);

    let secret = stage.env.path("client-secret");
    let mut searched = 0;
    // Open while we look, so that the write-ahead log is still there.
    let sql = stage.env.sql();
    sql.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0))
        .unwrap();
    for file in files(&stage.env.path("")) {
        if file != secret {
            none_in(&content(&file), &file.display().to_string());
            searched += 1;
        }
    }
    assert!(
        searched >= 3,
        "the database, its key, its locks: {searched}"
    );
}

/// Lines of the private key's PEM.
fn key_lines() -> Vec<&'static str> {
    let lines: Vec<&str> = certificate::key_pem().lines().collect();
    lines[3..lines.len() - 2].to_vec()
}

/// Name of a tenant, its credential, what the environment says, and whose faults hit it.
type Kinds<'a> = (&'a str, Vec<&'a str>, &'a [(&'a str, String)], &'a str);

/// Nothing that any kind of credential holds or makes.
fn no_proof_in(bytes: &[u8], place: &str) {
    none_in(bytes, place);
    let marks = [
        // The beginning of every assertion that we sign.
        "eyJhbGciOiJQUzI1NiIs",
        VOUCHED,
        REQUEST_TOKEN,
        IDENTITY_HEADER,
        "BEGIN PRIVATE",
        "client_assertion=",
    ];
    for mark in key_lines().into_iter().chain(marks) {
        assert!(!holds(bytes, mark), "{mark} is in {place}");
    }
}

#[test]
fn no_kind_of_credential_shows_what_it_proves_with() {
    let options = Options {
        client_secret: SECRET.to_owned(),
        ..Options::default()
    };
    let mut stage = Stage::with(options, FILTERS.0);
    // What makes other programs talk more makes this one not.
    for (variable, value) in [("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")] {
        stage.env.set(variable, value);
    }
    stage.success();
    stage.success();
    let url = stage.sandbox.url().to_owned();
    stage.env.set("FABRIKAM_SECRET", SECRET);
    stage.add_tenant_by("fabrikam", &["--secret-env", "FABRIKAM_SECRET"], &url);
    stage.add_schedule("fabrikam", "weekly", FILTERS.0, &[]);
    let command = format!("cat {}", stage.env.path("client-secret").display());
    stage.add_tenant_by("adatum", &["--secret-command", &command], &url);
    stage.add_schedule("adatum", "daily", FILTERS.0, &[]);
    stage.sandbox.register_certificate(certificate::PEM);
    stage.sandbox.trust(&format!("{VOUCHED}{MARK}"));
    stage.env.file("key.pem", certificate::PEM, 0o600);
    stage.env.file("token", &format!("{VOUCHED}{MARK}"), 0o600);
    let key = stage.env.file("arc.key", MARK, 0o600);
    stage.sandbox.set_arc_key(&key, MARK);
    let github = [
        (
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            format!("{url}/github/token?key={MARK}"),
        ),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN.to_owned()),
    ];
    let pipelines = [
        ("SYSTEM_OIDCREQUESTURI", format!("{url}/pipelines/token")),
        ("SYSTEM_ACCESSTOKEN", REQUEST_TOKEN.to_owned()),
    ];
    let app = [
        ("IDENTITY_ENDPOINT", format!("{url}/msi/token")),
        ("IDENTITY_HEADER", IDENTITY_HEADER.to_owned()),
    ];
    let arc = [
        ("IDENTITY_ENDPOINT", format!("{url}/arc/token")),
        ("IMDS_ENDPOINT", url.clone()),
    ];
    let vm = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", url.clone())];
    let client = ["--client-id", CLIENT_ID];
    let identity = &["--managed-identity"][..];
    let kinds: [Kinds<'_>; 7] = [
        (
            "certificate",
            [&client[..], &["--certificate", "key.pem"]].concat(),
            &[],
            "token",
        ),
        (
            "federated",
            [&client[..], &["--federated-token-file", "token"]].concat(),
            &[],
            "token",
        ),
        (
            "github",
            [&client[..], &["--github-oidc"]].concat(),
            &github,
            "github-oidc",
        ),
        (
            "pipelines",
            [&client[..], &["--azure-pipelines-oidc", "x"]].concat(),
            &pipelines,
            "pipelines-oidc",
        ),
        ("vm", identity.to_vec(), &vm, "vm-identity"),
        ("app", identity.to_vec(), &app, "app-identity"),
        ("arc", identity.to_vec(), &arc, "arc-identity"),
    ];
    for (name, credential, variables, service) in kinds {
        let add = [
            &["tenants", "add", name, "--directory", DIRECTORY][..],
            &credential,
        ];
        let urls = ["--graph-url", &url, "--authority-url", &url, "--quiet"];
        stage.env.run(&[&add.concat()[..], &urls].concat()).ok();
        for (variable, value) in variables {
            stage.env.set(variable, value);
        }
        stage.add_schedule(name, name, FILTERS.0, &[]);
        let look = |args: &[&str]| {
            let output = stage
                .env
                .command(&[args, &["-vvv"]].concat())
                .output()
                .unwrap();
            let said = [output.stdout, output.stderr].concat();
            assert!(!said.is_empty(), "{args:?} says nothing");
            no_proof_in(&said, &format!("what {args:?} says"));
            output.status.code().unwrap()
        };
        // What an agent of Arc names lies elsewhere in a test, and so is not read.
        assert_eq!(
            look(&["run", name]),
            if name == "arc" { 12 } else { 0 },
            "{name}"
        );
        for service in [service, "token"] {
            for kind in [Kind::Echo, Kind::InvalidJson] {
                stage.sandbox.fault(Fault::on(service, kind).times(2));
                look(&["run", name]);
                stage.sandbox.clear_faults();
            }
        }
        look(&["tenants", "show", name]);
        look(&["tenants", "check", name, "--json"]);
        look(&["history", "--json"]);
        for (variable, _) in variables {
            stage.env.unset(variable);
        }
    }
    for (variable, value) in github.iter().chain(&pipelines).chain(&app) {
        stage.env.set(variable, value);
    }
    // Whom a dispatch tells, and the check of a schedule; nobody listens at either.
    let nowhere = format!("http://127.0.0.1:9/{MARK}");
    stage.env.set("TENANTPILOT_PING_URL", &nowhere);
    stage.env.set("TENANTPILOT_WEBHOOK", &nowhere);
    stage
        .env
        .set("TENANTPILOT_HOOK", &format!("/bin/false {MARK}"));
    let check = format!("http://127.0.0.1:9/{CHECK}");
    stage
        .env
        .run(&["schedules", "edit", "nightly", "--ping-url", &check])
        .ok();
    run(&stage, &["schedules", "show", "nightly"]);
    every_command(&stage);
    let sql = stage.env.sql();
    let failing = "SELECT count(*) FROM monitors WHERE failures > 0";
    let failing: i64 = sql.query_row(failing, [], |row| row.get(0)).unwrap();
    assert!(
        failing >= 2,
        "the ping of a schedule and that of dispatch: {failing}"
    );
    every_file(&stage);
}

/// Runs whatever there is to run, and exports and copies in every form.
fn every_command(stage: &Stage) {
    let exports = [
        ("exported", &[][..]),
        ("exported.tar.zst", &["--decode-scripts"]),
        ("cd", &["--layout", "intunecd"]),
        ("management", &["--layout", "intunemanagement"]),
    ];
    for (to, more) in exports {
        let args = [&["backups", "export", "1", "--to", to][..], more].concat();
        stage.env.run(&args).warned();
    }
    stage
        .env
        .run(&["db", "backup", "copy", "--with-key"])
        .warned();
    commands::make_fleet_file(&stage.env);
    for call in commands::all() {
        run(stage, &call.line());
    }
}

/// That a schedule's ping URL is in what `schedules` shows as JSON and nowhere else.
fn no_check_in(output: &std::process::Output, args: &[&str], more: &[&str]) {
    let shown = args[0] == "schedules" && more.contains(&"--json");
    for (bytes, stream) in [(&output.stdout, "stdout"), (&output.stderr, "stderr")] {
        let may = shown && stream == "stdout";
        assert!(
            may || !holds(bytes, CHECK),
            "{CHECK} is in {stream} of {args:?} {more:?}"
        );
    }
}

/// Looks into every file below the home folder but those that hold secrets on purpose, while the
/// database is open, so that its write-ahead log is there.
fn every_file(stage: &Stage) {
    let sql = stage.env.sql();
    sql.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0))
        .unwrap();
    let given = ["client-secret", "key.pem", "token", "arc.key"].map(|name| stage.env.path(name));
    let mut searched = 0;
    for file in files(&stage.env.path("")) {
        if !given.contains(&file) {
            no_proof_in(&content(&file), &file.display().to_string());
            searched += 1;
        }
    }
    assert!(searched > 20, "database, exports and copies: {searched}");
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let token = sandbox::Client::new(&sandbox::server::Sandbox::start(Options::default())).token;
    assert!(holds_token(format!("x{token}y").as_bytes()), "{token}");
    assert!(!holds_token(
        b"https://x.sandbox.invalid/0123456789abcdef0123456789abcdef"
    ));
    assert!(holds(SECRET.as_bytes(), MARK) && holds(WRONG.as_bytes(), MARK));
}

/// Core files below the home folder, and whether a process that died by this line left one.
fn died_with_core(stage: &Stage, mut started: env::Started) -> bool {
    started.signal("ABRT");
    let status = started.status();
    assert_eq!(status.signal(), Some(6));
    let is_core = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with("core")
    };
    status.core_dumped() || files(&stage.env.path("")).iter().any(is_core)
}

#[test]
fn a_crash_leaves_no_core_file() {
    let stage = Stage::of(&[FILTERS]);
    let unlimited = "ulimit -c unlimited 2>/dev/null; exec \"$@\"";
    let start = |args: &[&str]| {
        let line = [&["-c", unlimited, "sh"], args].concat();
        stage.env.start_by("/bin/sh", &line)
    };
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Hang));
    let running = start(&[env::PROGRAM, "run", "nightly"]);
    assert!(stage.sandbox.await_hanging(1, Duration::from_secs(20)));
    let proc = |name: &str| format!("/proc/{}/{name}", running.id());
    let limits = fs::read_to_string(proc("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core"));
    let words: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(words, ["Max", "core", "file", "size", "0", "0", "bytes"]);
    // What the kernel hides from everybody but root belongs to root.
    assert_eq!(fs::metadata(proc("environ")).unwrap().uid(), 0);
    assert!(!died_with_core(&stage, running), "a core file");
    stage.sandbox.clear_faults();
    stage.sandbox.release();
    if !died_with_core(&stage, start(&["/bin/sleep", "60"])) {
        eprintln!("nothing leaves a core file on this machine, so half of this proves nothing");
    }
}

#[test]
fn a_program_that_is_started_is_told_no_secret() {
    let options = Options {
        client_secret: SECRET.to_owned(),
        ..Options::default()
    };
    let stage = Stage::with(options, FILTERS.0);
    let url = stage.sandbox.url().to_owned();
    // What it was given, and what it has open, as it finds it.
    let look = "cat /proc/self/environ /proc/self/cmdline > told; ls -l /proc/self/fd > open; \
                cat client-secret";
    let command = format!("/bin/sh -c '{look}'");
    stage.add_tenant_by("adatum", &["--secret-command", &command], &url);
    stage.add_schedule("adatum", "daily", FILTERS.0, &[]);
    stage.env.run(&["run", "daily"]).ok();
    let told = fs::read(stage.env.path("told")).unwrap();
    assert!(holds(&told, "TENANTPILOT_DB="), "it did look");
    none_in(&told, "what a secret command is told");
    let open = fs::read_to_string(stage.env.path("open")).unwrap();
    let inherited = open.lines().filter(|line| {
        line.contains("tenantpilot.db") || line.contains("-locks/") || line.contains("socket:")
    });
    assert_eq!(inherited.count(), 0, "{open}");
}

#[test]
fn a_running_process_shows_no_secret() {
    let options = Options {
        client_secret: SECRET.to_owned(),
        ..Options::default()
    };
    let stage = Stage::with(options, FILTERS.0);
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Hang));
    let mut running = stage.env.spawn(&["run", "nightly"]);
    assert!(stage.sandbox.await_hanging(1, Duration::from_secs(20)));
    for name in ["cmdline", "environ"] {
        let file = format!("/proc/{}/{name}", running.id());
        match fs::read(&file) {
            Ok(shown) => {
                assert!(!shown.is_empty(), "{file}");
                none_in(&shown, &file);
            }
            // Only root may look, and that is as it should be.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
        }
    }
    for file in files(&stage.env.path("state")) {
        none_in(&fs::read(&file).unwrap(), &file.display().to_string());
    }
    stage.sandbox.clear_faults();
    stage.sandbox.release();
    assert!(running.wait().unwrap().success());
}

/// A panic whose words hold the value that was in hand: a text cut in the middle of a character.
fn cut_a_secret() {
    let secret = format!("{SECRET}\u{e9}");
    let end = std::hint::black_box(secret.len() - 1);
    std::hint::black_box(&secret[..end]);
}

#[test]
#[ignore = "started by the test of panics"]
fn a_panic_as_the_program_tells_it() {
    ended_by_a_panic(&["tenantpilot", "status"]);
}

#[test]
#[ignore = "started by the test of panics"]
fn a_panic_as_json_tells_it() {
    ended_by_a_panic(&["tenantpilot", "status", "--json"]);
}

/// Ends the process as the program does that panics while it carries out this command line.
#[expect(clippy::disallowed_methods, reason = "it stands for the program")]
fn ended_by_a_panic(line: &[&str]) {
    let code = tenantpilot::ui::panic::guard(|ui| {
        let args = line.iter().map(std::ffi::OsString::from);
        let tenantpilot::cli::Parsed::Command { config, .. } = tenantpilot::cli::parse(args) else {
            panic!("{line:?}");
        };
        *ui = Some(tenantpilot::ui::Ui::new(&config));
        cut_a_secret();
        tenantpilot::error::ExitCode::Ok
    });
    std::process::exit(i32::from(code.number()));
}

#[test]
#[ignore = "started by the test of panics"]
fn a_panic_as_it_would_be_told() {
    cut_a_secret();
}

#[test]
fn a_panic_tells_where_it_is_and_nothing_of_what_was_in_hand() {
    let told = |test: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--ignored", "--nocapture"]);
        let output = command.env("RUST_BACKTRACE", "1").output().unwrap();
        (output.stderr, output.status.code())
    };
    assert!(
        holds(&told("a_panic_as_it_would_be_told").0, SECRET),
        "nothing is proved"
    );
    let (json, code) = told("a_panic_as_json_tells_it");
    assert_eq!(code, Some(1));
    none_in(&json, "a panic");
    let json = String::from_utf8(json).unwrap();
    let last: Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    let error = &last["error"];
    assert_eq!(
        (&error["code"], &error["exit_code"]),
        (&json!("failed"), &json!(1))
    );
    for (field, words) in [
        ("message", "tenantpilot panicked at tests/secrets.rs:"),
        ("hint", "tenantpilot --version"),
    ] {
        assert!(error[field].as_str().unwrap().contains(words), "{json}");
    }
    let (told, code) = told("a_panic_as_the_program_tells_it");
    assert_eq!(code, Some(1));
    none_in(&told, "a panic");
    let told = String::from_utf8(told).unwrap();
    assert!(!told.contains("exit_code"), "{told}");
    assert!(
        told.contains("error: tenantpilot panicked at tests/secrets.rs:"),
        "{told}"
    );
    assert!(
        told.contains("cut_a_secret"),
        "the stack says from where: {told}"
    );
}
