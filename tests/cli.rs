//! The program as a whole: streams, exit codes, environment, colour, pipes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

#[path = "support/env.rs"]
mod env;

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use env::Env;
use serde_json::Value;

#[test]
fn help_and_version_are_data() {
    let env = Env::new();
    assert!(env.run(&["--version"]).ok().starts_with("tenantpilot "));
    for args in [&["--help"][..], &["-h"], &["schedules", "add", "--help"]] {
        let help = env.run(args).ok();
        assert!(help.contains("Usage: tenantpilot"), "{help}");
        assert!(!help.contains('\u{1b}'));
    }
    assert!(
        env.run(&["--help", "--color=always"])
            .ok()
            .contains('\u{1b}')
    );
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2() {
    let env = Env::new();
    for args in [
        &[][..],
        &["tenants"],
        &["nonsense"],
        &["tenants", "list", "--nonsense"],
    ] {
        let stderr = env.run(args).fails(2);
        assert!(stderr.contains("Usage: tenantpilot"), "{stderr}");
    }
    insta::assert_snapshot!(
        env.run(&["--json", "tenants", "list", "--nonsense"]).fails(2),
        @r#"{"error":{"code":"usage","exit_code":2,"hint":"tenantpilot --help","message":"unexpected argument '--nonsense' found"}}"#
    );
    let error = env.run(&["tenants", "--json"]).fails_as_json(2);
    assert_eq!(error["code"], "usage");
    let hostile = env
        .run(&["tenants", "show", "a", "\u{1b}]0;x\u{7}"])
        .fails(2);
    assert!(!hostile.contains(['\u{1b}', '\u{7}']), "{hostile:?}");
}

#[test]
fn reading_never_makes_a_database() {
    let env = Env::new();
    for command in [
        &["tenants", "list"][..],
        &["tenants", "show", "x"],
        &["tenants", "edit", "x", "--label", "a=b"],
        &["tenants", "remove", "x", "--yes"],
        &["schedules", "list"],
        &["schedules", "add", "x", "--tenant", "y", "--at", "02:00"],
        &["schedules", "upcoming"],
    ] {
        let stderr = env.run(command).fails(10);
        assert!(stderr.starts_with("error: no database at "), "{stderr}");
        assert!(
            stderr.contains("\nhint: tenantpilot tenants add "),
            "{stderr}"
        );
        assert_eq!(env.run(command).fails(10).lines().count(), 2);
    }
    assert!(!env.path("state").exists());
    let error = env.run(&["tenants", "list", "--json"]).fails_as_json(10);
    assert_eq!(error["code"], "no_store");
    assert!(error["hint"].as_str().unwrap().contains("tenants add"));
}

#[test]
fn nothing_is_needed_from_the_environment() {
    let mut env = Env::with_tenant();
    let database = env.database();
    for name in ["HOME", "TENANTPILOT_DB", "TZ", "NO_PROXY"] {
        env.unset(name);
    }
    let listed = env
        .run(&["--db", database.to_str().unwrap(), "tenants", "list"])
        .ok();
    assert!(listed.contains("contoso"));
}

#[test]
fn the_machines_zone_and_language_change_nothing() {
    let mut env = Env::with_tenant();
    let args = [
        "schedules",
        "add",
        "n",
        "--tenant",
        "contoso",
        "--cron",
        "*/5 1 * * *",
    ];
    env.run(&[&args[..], &["--timezone", "Europe/Oslo"]].concat())
        .warned();
    let args = [
        "schedules",
        "next",
        "n",
        "--from",
        "2027-03-27T00:00:00Z",
        "--json",
    ];
    let expected = env.run(&args).ok();
    for (zone, language) in [
        ("America/Havana", "de_DE.UTF-8"),
        ("Pacific/Apia", "C"),
        (":x", "tr_TR"),
    ] {
        env.set("TZ", zone)
            .set("LANG", language)
            .set("LC_ALL", language);
        assert_eq!(env.run(&args).ok(), expected);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let env = Env::with_tenant();
    let add = [
        "schedules",
        "add",
        "n",
        "--tenant",
        "contoso",
        "--cron",
        "* * * * *",
    ];
    env.run(&add).warned();
    let run = env.shell(r#"{ "$0" schedules next n -n 50000; echo $? >&2; } | head -1"#);
    let (stdout, stderr) = run.ends(0);
    assert_eq!(stdout.lines().count(), 1);
    assert_eq!(stderr, "0\n");
}

#[test]
fn a_full_disk_behind_stdout_is_a_failure() {
    let env = Env::with_tenant();
    let stderr = env.shell(r#""$0" tenants list >/dev/full"#).fails(16);
    assert!(stderr.contains("cannot write the output"), "{stderr}");
    env.shell(r#""$0" --help >/dev/full"#).fails(16);
}

#[test]
fn closed_streams_do_not_make_it_panic() {
    let env = Env::with_tenant();
    for line in [
        r#""$0" tenants show nobody 2>/dev/full"#,
        r#""$0" tenants show nobody 2>&-"#,
    ] {
        assert_eq!(env.shell(line).fails(18), "");
    }
}

#[test]
fn a_signal_ends_a_command_that_only_reads() {
    let env = Env::with_tenant();
    let add = [
        "schedules",
        "add",
        "n",
        "--tenant",
        "contoso",
        "--cron",
        "* * * * *",
    ];
    env.run(&add).warned();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let next = ["schedules", "next", "n", "-n", "100000"];
        let mut child = env.spawn(&next);
        // Its output is longer than a pipe holds, so once it writes it waits for a reader.
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0]).unwrap();
        let kill = format!("kill -{signal} {}", child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn quiet_leaves_the_document_and_errors() {
    let env = Env::with_tenant();
    assert_eq!(env.run(&["-q", "tenants", "list"]).ok(), "");
    assert!(
        env.run(&["-q", "tenants", "list", "--json"])
            .ok()
            .contains("contoso")
    );
    assert!(
        env.run(&["-q", "tenants", "show", "x"])
            .fails(18)
            .starts_with("error: ")
    );
}

#[test]
fn colour_follows_the_flag_and_the_variables() {
    let mut env = Env::with_tenant();
    let colored = |env: &Env, color| {
        env.run(&["--color", color, "tenants", "show", "x"])
            .fails(18)
            .contains("\u{1b}[")
    };
    assert!(!colored(&env, "auto"));
    assert!(colored(&env, "always"));
    env.set("CLICOLOR_FORCE", "1");
    assert!(colored(&env, "auto"));
    assert!(!colored(&env, "never"));
    env.set("NO_COLOR", "1");
    assert!(!colored(&env, "auto"));
}

#[test]
fn columns_set_the_width_of_a_table() {
    let mut env = Env::with_tenant();
    let widest = |env: &Env| {
        let table = env.run(&["tenants", "list"]).ok();
        assert_eq!(table.lines().count(), 2, "{table}");
        table
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap()
    };
    assert!(widest(&env) > 60, "without a width every cell is whole");
    env.set("COLUMNS", "60");
    assert!(widest(&env) <= 60);
}

#[test]
fn log_lines_go_to_stderr_in_the_form_asked_for() {
    let env = Env::with_tenant();
    let run = env.run(&["-vv", "--log-format", "json", "tenants", "list"]);
    let (stdout, stderr) = run.warned();
    assert!(stdout.contains("contoso"));
    for line in stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["message"].is_string());
    }
}

#[test]
fn a_failed_run_ends_in_one_error_object_with_json() {
    let env = Env::with_tenant();
    for name in ["one", "two"] {
        let add = ["schedules", "add", name, "--tenant", "contoso", "--at"];
        env.run(&[&add[..], &["02:00"]].concat()).ok();
    }
    std::fs::remove_file(env.path("secret")).unwrap();
    for (args, problems) in [(&["run", "one"][..], 1), (&["run", "--all"], 2)] {
        let (stdout, stderr) = env.run(&[args, &["--json"]].concat()).ends(17);
        let document: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(document["items"].as_array().unwrap().len(), problems);
        let last: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
        assert_eq!(last["error"]["exit_code"], 17, "{stderr}");
        assert_eq!(stderr.matches("\"error\"").count(), 1, "{stderr}");
        assert!(last["error"]["hint"].as_str().unwrap().contains("retry"));
    }
    let stderr = env.run(&["run", "one"]).fails(17);
    assert_eq!(stderr.lines().count(), 2, "a line and a hint: {stderr}");
}

#[test]
fn a_tenant_beside_a_schedule_is_heeded() {
    let env = Env::with_tenant();
    env.add_tenant("fabrikam");
    for (name, tenant) in [
        ("nightly", "contoso"),
        ("nightly", "fabrikam"),
        ("weekly", "contoso"),
    ] {
        env.run(&[
            "schedules",
            "add",
            name,
            "--tenant",
            tenant,
            "--at",
            "02:00",
        ])
        .ok();
    }
    for list in [&["history"][..], &["backups", "list"]] {
        let of = |tenant: &str, schedule: &str| {
            env.run(&[list, &["--tenant", tenant, "--schedule", schedule]].concat())
        };
        for (tenant, schedule) in [
            ("2", "nightly"),
            ("fabrikam", "fabrikam/nightly"),
            ("1", "1"),
        ] {
            of(tenant, schedule).ok();
        }
        for (tenant, schedule) in [("fabrikam", "weekly"), ("fabrikam", "1"), ("nobody", "1")] {
            of(tenant, schedule).fails(18);
        }
    }
    insta::assert_snapshot!(
        env.run(&["history", "--tenant", "fabrikam", "--schedule", "weekly"]).fails(18),
        @r"
    error: tenant fabrikam (id 2) has no schedule weekly; there is schedule weekly (id 3) of tenant contoso
    hint: tenantpilot schedules list --archived --tenant 2
    "
    );
}

#[test]
fn help_is_a_word_too() {
    let env = Env::new();
    for (words, flag) in [
        (&["help"][..], &["--help"][..]),
        (
            &["help", "schedules", "next"],
            &["schedules", "next", "--help"],
        ),
    ] {
        assert_eq!(env.run(words).ok(), env.run(flag).ok());
    }
    env.run(&["help", "nonsense"]).fails(2);
}

#[test]
fn a_value_that_begins_with_a_dash_is_a_wrong_value_and_no_unknown_flag() {
    let env = Env::with_tenant();
    for args in [
        &["history", "--limit", "-1"][..],
        &["history", "--since", "-1h"],
        &["dispatch", "--jobs", "-1"],
        &["schedules", "upcoming", "--within", "-1d"],
        &[
            "schedules",
            "add",
            "x",
            "--tenant",
            "contoso",
            "--at",
            "02:00",
            "--keep-last",
            "-1",
        ],
        &[
            "schedules",
            "add",
            "x",
            "--tenant",
            "contoso",
            "--at",
            "02:00",
            "--grace",
            "-1m",
        ],
        &[
            "schedules",
            "add",
            "x",
            "--tenant",
            "contoso",
            "--cron",
            "-1 * * * *",
        ],
    ] {
        let stderr = env.run(args).fails(2);
        assert!(!stderr.contains("unexpected argument"), "{stderr}");
        assert!(stderr.contains("-1"), "{stderr}");
    }
}

#[test]
fn what_is_no_number_is_told_which_are_accepted() {
    let env = Env::new();
    let add = ["schedules", "add", "x", "--tenant", "t", "--at", "02:00"];
    for (command, flag, accepted) in [
        (&["history"][..], "--limit", "from 1 on"),
        (&["audit", "list"], "--limit", "from 1 on"),
        (&["backups", "list"], "--limit", "from 1 on"),
        (&["backups", "log", "x"], "--limit", "from 1 on"),
        (&["schedules", "next", "x"], "-n", "from 1 to 100000"),
        (&["dispatch"], "--jobs", "from 1 to 1024"),
        (&["dispatch"], "--max-requests", "from 1 to 4000"),
        (&["status", "--calendar"], "--weeks", "from 1 to 104"),
        (&add, "--keep-last", "from 1 on, or `default`"),
        (&add, "--keep-daily", "from 0 on, or `default`"),
    ] {
        for wrong in ["x", "-1", "99999999999"] {
            let stderr = env.run(&[command, &[flag, wrong]].concat()).fails(2);
            let first = stderr.lines().next().unwrap_or_default();
            assert!(
                first.ends_with(&format!(": write a whole number {accepted}")),
                "{stderr}"
            );
        }
    }
}

#[test]
fn verbose_says_what_happened_on_stderr() {
    let env = Env::with_tenant();
    let (stdout, stderr) = env.run(&["dispatch", "-v"]).warned();
    assert_eq!(stdout, "");
    assert!(
        stderr.contains("database ") && stderr.contains("0 started"),
        "{stderr}"
    );
    assert_eq!(env.run(&["dispatch"]).ok(), "");
}

#[test]
fn plain_tables_are_records_and_what_is_no_record_is_left_out() {
    let env = Env::with_tenant();
    let add = [
        "schedules",
        "add",
        "n",
        "--tenant",
        "contoso",
        "--at",
        "02:00",
    ];
    env.run(
        &[
            &add[..],
            &["--label", "x=two words 東京", "--timezone", "UTC"],
        ]
        .concat(),
    )
    .ok();
    let records = |args: &[&str]| -> Vec<Vec<String>> {
        // What doctor finds is as the machine is.
        let out = env.run(&[args, &["--plain"]].concat()).stdout;
        assert!(!out.is_empty(), "{args:?}");
        let cells = |line: &str| line.split('\t').map(str::to_owned).collect();
        out.lines().map(cells).collect()
    };
    let tenants = records(&["tenants", "list"]);
    assert_eq!(
        (tenants.len(), &*tenants[0][0], &*tenants[0][1]),
        (1, "1", "contoso")
    );
    let shown = records(&["schedules", "show", "n"]);
    assert!(shown.iter().all(|record| record.len() == 2), "{shown:?}");
    assert!(
        shown.iter().any(|record| record[1] == "x=two words 東京"),
        "{shown:?}"
    );
    let status = records(&["status"]);
    assert_eq!((status.len(), status[0].len()), (1, 8), "{status:?}");
    let findings = records(&["doctor", "--offline"]);
    assert!(
        findings.iter().all(|record| record.len() == 4),
        "{findings:?}"
    );
    assert_eq!(env.run(&["-q", "--plain", "tenants", "list"]).ok(), "");
}

#[test]
fn plain_and_json_exclude_each_other_wherever_they_stand() {
    let env = Env::with_tenant();
    for args in [
        ["--plain", "--json", "tenants", "list"],
        ["--plain", "tenants", "list", "--json"],
        ["tenants", "list", "--plain", "--json"],
    ] {
        let error = env.run(&args).fails_as_json(2);
        assert!(
            error["message"].as_str().unwrap().contains("--plain"),
            "{error}"
        );
    }
}

/// The journal of systemd reads how bad a line is from its beginning, and has times of its own.
#[test]
fn the_journal_gets_priorities_in_the_place_of_times_and_colours() {
    let mut env = Env::with_tenant();
    let journal = std::fs::File::create(env.path("journal")).unwrap();
    let file = journal.metadata().unwrap();
    env.set("JOURNAL_STREAM", &format!("{}:{}", file.dev(), file.ino()));
    env.set("CLICOLOR_FORCE", "1");
    env.shell(r#""$0" -v tenants show nobody 2>>journal"#)
        .fails(18);
    let written = std::fs::read_to_string(env.path("journal")).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    let [log, error, hint] = lines[..] else {
        panic!("{written}");
    };
    assert!(log.starts_with("<6>tenantpilot: tenantpilot "), "{log}");
    assert!(error.starts_with("<3>error: no tenant "), "{error}");
    assert!(hint.starts_with("<6>hint: tenantpilot "), "{hint}");
    // Where the variable was inherited and stderr is another, or JSON is asked for, nothing is put before.
    env.unset("CLICOLOR_FORCE");
    let other = env.run(&["tenants", "show", "nobody"]).fails(18);
    assert!(other.starts_with("error: "), "{other}");
    env.shell(r#""$0" -v --json --log-format json tenants show nobody 2>>journal"#)
        .fails(18);
    let written = std::fs::read_to_string(env.path("journal")).unwrap();
    let json = written.lines().skip(3);
    assert_eq!(json.clone().count(), 2, "{written}");
    for line in json {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}
