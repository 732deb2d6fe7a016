//! On a real terminal: tables that fit, and progress that is gone when it is over.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/terminal.rs"]
mod terminal;

use std::process::Stdio;

use env::{PROGRAM, until};
use fleet::Fleet;
use sandbox::server::DIRECTORY;
use sandbox::server::faults::{Fault, Kind};
use tenantpilot::clock::{Clock as _, SystemClock};
use terminal::{Screen, Terminal};
use unicode_width::UnicodeWidthStr as _;

/// Every command that prints one table and nothing beside it.
const TABLES: [&[&str]; 12] = [
    &["tenants", "list"],
    &["schedules", "list"],
    &["schedules", "next", "1"],
    &["schedules", "upcoming", "--within", "3d"],
    &["dispatch", "--dry-run", "--at", "2030-01-01T02:00:00Z"],
    &["history"],
    &["retention", "--dry-run"],
    &["backups", "list"],
    &["audit", "list"],
    &["notifications", "--all"],
    &["roles", "list"],
    &["policy-types", "list"],
];

/// Names as people give them, with a backup set and a failed run of each schedule.
fn fleet() -> Fleet {
    let mut fleet = Fleet::new();
    fleet.env.set("TERM", "xterm");
    fleet.add_tenant("東京ホールディングス株式会社", DIRECTORY);
    fleet.add_tenant("🚀 launch & co 🇳🇴", DIRECTORY);
    fleet.add("nightly", "contoso", &[]);
    fleet.add("毎晩のバックアップ", "東京ホールディングス株式会社", &[]);
    fleet.add(
        "every-night-at-two-in-the-morning",
        "🚀 launch & co 🇳🇴",
        &[],
    );
    fleet.env.run(&["run", "--all", "--quiet"]).ok();
    let roles = ["roles", "grant", "anna", "manager", "--tenant", "2"];
    fleet.env.run(&[&roles[..], &["--yes"]].concat()).warned();
    fleet
}

#[test]
fn tables_fit_the_terminal_and_nothing_that_is_typed_again_is_cut() {
    let fleet = fleet();
    for args in TABLES {
        let whole = fleet.env.run(args).ok();
        let records = fleet.env.run(&[args, &["--plain"]].concat()).ok();
        assert!(!whole.contains('…') && !records.contains('…'), "{whole}");
        assert_eq!(
            records.lines().count() + 1,
            whole.lines().count(),
            "{whole}"
        );
        let cells: Vec<&str> = records.split(['\t', '\n']).collect();
        for cell in cells.iter().filter(|cell| !cell.is_empty()) {
            assert!(whole.contains(cell), "{cell:?} in {whole}");
        }
        for columns in [40, 80, 120] {
            let (code, _, written) = Terminal::start(&fleet.env, args, columns).end();
            assert_eq!(code, Some(0), "{args:?}: {written}");
            let lines: Vec<&str> = written.lines().collect();
            for line in &lines {
                assert_eq!(line.trim_end(), *line, "{args:?}");
            }
            // Where a table finds no room, each record is a block with all of its cells.
            let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let said = one_line(&written);
            let is_block = cells.iter().all(|cell| said.contains(&one_line(cell)));
            let fits = |line: &&str| line.width() <= usize::from(columns);
            let is_table = lines.len() == whole.lines().count() && lines.iter().all(fits);
            // A reason has all the lines that it takes.
            let reasons = records.lines().filter_map(|line| line.rsplit('\t').next());
            let is_told = reasons.map(one_line).all(|reason| said.contains(&reason));
            let is_flow = is_told && lines.iter().all(fits);
            assert!(
                is_table || is_flow || is_block,
                "{args:?}, {columns} columns: {written}"
            );
            let has_reasons = ["history", "retention", "dispatch"].contains(&args[0]);
            assert!(is_flow || is_block || !has_reasons, "{args:?}: {written}");
            // A message has no room for less than all of it.
            let is_read = args[0] == "notifications";
            let is_narrow = columns == 40;
            assert!(
                is_table || is_flow || is_read || is_narrow,
                "{args:?}: {written}"
            );
            let first = cells.first().copied().unwrap_or_default();
            assert!(written.contains(first), "{first:?} in {written}");
        }
    }
}

/// Whether nothing is broken that was to stay whole, and all else fits: a word and a hint may be wider.
fn fits(line: &str, columns: u16) -> bool {
    let text = line.trim_start();
    let last = text.rsplit(' ').next().unwrap_or_default();
    line.width() <= usize::from(columns)
        || last.width() + 4 > usize::from(columns)
        || text.starts_with("hint: ")
        || text.starts_with("error: ")
}

#[test]
fn long_lines_go_on_under_their_text_and_only_on_a_terminal() {
    let mut fleet = Fleet::nightly();
    fleet.env.set("TERM", "xterm");
    let types = "assignmentFilter,namedLocation,roleScopeTag,notificationMessageTemplate";
    let edit = ["schedules", "edit", "nightly", "--types", types];
    fleet.env.run(&edit).ok();
    for path in [
        "deviceManagement/assignmentFilters",
        "deviceManagement/roleScopeTags",
        "deviceManagement/notificationMessageTemplates",
    ] {
        fleet.sandbox.fault(Fault::on(path, Kind::Forbidden));
    }
    fleet.env.run(&["run", "nightly", "--quiet"]).ends(3);
    let head = |text: &str| text.split("\n\n").next().unwrap().replace('\r', "");
    for args in [
        &["history", "show", "1"][..],
        &["backups", "show", "1"],
        &["schedules", "show", "nightly"],
        &["status"],
        &["doctor", "--offline"],
    ] {
        let piped = fleet.env.run(args);
        let whole = format!("{}{}", piped.stdout, piped.stderr);
        for columns in [40, 80] {
            let (_, _, written) = Terminal::start(&fleet.env, args, columns).end();
            let shown = head(&written.replace('\r', ""));
            let is_table = args == ["status"];
            for line in shown.lines() {
                assert!(
                    is_table || fits(line, columns),
                    "{columns}: {line:?}\n{shown}"
                );
                assert_eq!(line.trim_end(), line);
            }
            let words = |text: &str| {
                let words = text.split_whitespace().filter(|word| !word.ends_with('Z'));
                words.map(str::to_owned).collect::<Vec<_>>()
            };
            let is_same = words(&shown) == words(&head(&whole));
            assert!(is_table || is_same, "{columns}: {shown}\n{whole}");
        }
        let reason = whole.lines().find(|line| line.starts_with("reason  "));
        assert!(reason.is_none_or(|line| line.width() > 120), "{whole}");
    }
}

#[test]
fn a_reason_is_read_whole_on_a_terminal() {
    let mut fleet = Fleet::nightly();
    fleet.env.set("TERM", "xterm");
    let types = "namedLocation,deviceManagementScript,deviceEnrollmentPlatformRestriction";
    fleet
        .env
        .run(&["schedules", "edit", "nightly", "--types", types])
        .ok();
    let scripts = "deviceManagement/deviceManagementScripts";
    fleet.sandbox.fault(Fault::on(scripts, Kind::Forbidden));
    fleet.env.run(&["run", "nightly", "--quiet"]).ends(3);
    let run = fleet.env.json(&["history", "show", "1"]);
    let of_run = run["error_message"].as_str().unwrap();
    let of_type = &run["summary"]["type_breakdown"]["deviceManagementScript"]["error"];
    let of_type = of_type.as_str().unwrap();
    assert!(of_type.contains("DeviceManagementScripts.Read.All"));
    for (args, reason, whole) in [
        (&["history"][..], of_run, "NOTE"),
        (
            &["history", "show", "1"],
            of_type,
            "ADDED  CHANGED  REMOVED  ERROR",
        ),
        (&["status"], "run 1 ended partial", "ATTENTION"),
        (&["backups", "show", "1"], of_type, "READ"),
        (
            &["tenants", "check", "contoso"],
            "DeviceManagementScripts.Read.All",
            "NOTE",
        ),
    ] {
        let (_, _, written) = Terminal::start(&fleet.env, args, 80).end();
        let said = written.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(reason), "{args:?}: {written}");
        assert!(written.contains(whole), "{args:?}: {written}");
        assert!(!written.contains('…') || args[0] == "backups", "{written}");
        let data = written.split("\x1b[1;31merror:").next().unwrap();
        assert!(data.lines().all(|line| fits(line, 80)), "{written}");
    }
}

#[test]
fn who_tries_out_a_time_at_which_nothing_is_due_is_told_so() {
    let mut fleet = Fleet::nightly();
    fleet.env.set("TERM", "xterm");
    let at = ["dispatch", "--at", "2025-12-01T02:00:00Z"];
    for args in [&at[..], &["dispatch", "--dry-run"]] {
        let (_, _, written) = Terminal::start(&fleet.env, args, 80).end();
        assert!(written.contains("nothing is due"), "{args:?}: {written}");
        assert_eq!(fleet.env.run(args).ok(), "", "cron hears nothing of it");
    }
}

#[test]
fn the_width_is_that_of_the_terminal_whatever_columns_says() {
    let mut fleet = fleet();
    fleet.env.set("COLUMNS", "500");
    let (_, _, written) = Terminal::start(&fleet.env, &["audit", "list"], 90).end();
    assert!(written.lines().all(|line| line.width() <= 90), "{written}");
    assert!(written.contains('…'), "{written}");
}

#[test]
fn the_calendar_lines_up_fits_and_says_the_same_without_colour() {
    let mut fleet = fleet();
    let args = ["status", "--calendar"];
    let of_schedules = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.contains('/'));
        lines.map(str::to_owned).collect()
    };
    let piped = fleet.env.run(&args).ok();
    let whole = of_schedules(&piped);
    assert_eq!(whole.len(), 3, "{piped}");
    assert!(!piped.contains('\x1b'), "{piped}");
    let widths =
        |lines: &[String]| -> Vec<usize> { lines.iter().map(|line| line.width()).collect() };
    assert!(whole.iter().all(|line| line.ends_with('#')), "{piped}");
    assert!(
        widths(&whole)
            .iter()
            .all(|width| *width == whole[0].width()),
        "{piped}"
    );
    let (_, screen, written) = Terminal::start(&fleet.env, &args, 80).end();
    let shown = of_schedules(&screen.text());
    assert!(
        widths(&shown)
            .iter()
            .all(|width| *width == shown[0].width()),
        "{written}"
    );
    assert!(
        shown[0].width() <= 80 && shown[0].width() < whole[0].width(),
        "{written}"
    );
    assert!(written.contains("\x1b[32m#\x1b[0m"), "{written}");
    fleet.env.set("NO_COLOR", "1");
    let (_, same, written) = Terminal::start(&fleet.env, &args, 80).end();
    assert!(!written.contains("\x1b["), "{written}");
    assert_eq!(same.text(), screen.text());
}

/// A run of two schedules that hangs until it is told to go on.
fn hanging(args: &[&str], columns: u16) -> (Fleet, Terminal) {
    let mut fleet = Fleet::nightly();
    fleet.env.set("TERM", "xterm");
    fleet.add("weekly", "contoso", &[]);
    fleet.hang(DIRECTORY);
    let run = Terminal::start(&fleet.env, args, columns);
    fleet.await_hanging(1);
    (fleet, run)
}

fn assert_tidy(screen: &Screen) {
    assert!(screen.cursor, "the cursor can be seen");
    assert_eq!(screen.column, 0, "a line ends with itself: {screen:?}");
    let text = screen.text();
    assert!(
        !text.contains("runs over") && !text.contains("types"),
        "{text}"
    );
}

#[test]
fn runs_show_how_far_they_are_and_leave_only_what_came_of_them() {
    let (fleet, run) = hanging(&["run", "--all"], 200);
    run.await_text("0 of 2 runs over");
    run.await_text("contoso/weekly");
    let text = run.screen().text();
    let bars: Vec<&str> = text.lines().collect();
    assert_eq!(bars.len(), 3, "{text}");
    assert!(
        bars[1].starts_with("contoso/nightly [") && bars[1].contains("0/1 types"),
        "{text}"
    );
    fleet.answer();
    let (code, screen, written) = run.end();
    assert_eq!(code, Some(0), "{written}");
    assert_tidy(&screen);
    assert_eq!(screen.lines.len(), 2, "{screen:?}");
    for (line, name) in screen.lines.iter().zip(["nightly", "weekly"]) {
        assert!(line.contains(&format!("of schedule {name} (id ")), "{line}");
    }
    assert!(!written.contains("\u{1b}[?25"), "the cursor is left alone");
}

#[test]
fn a_dispatch_leaves_nothing_on_the_terminal_when_all_is_well() {
    let mut fleet = Fleet::nightly();
    fleet.env.set("TERM", "xterm");
    let slot = fleet.slots(1, 1).remove(0);
    fleet.hang(DIRECTORY);
    let dispatch = Terminal::start(&fleet.env, &["dispatch", "--at", &slot], 80);
    dispatch.await_text("contoso/nightly [");
    fleet.answer();
    let (code, screen, _) = dispatch.end();
    assert_eq!((code, screen.text().as_str()), (Some(0), ""));
    assert_tidy(&screen);
}

#[test]
fn log_lines_and_bars_leave_each_other_whole() {
    let (fleet, run) = hanging(&["run", "--all", "-vv"], 600);
    run.await_text("0 of 2 runs over");
    fleet.answer();
    let (code, screen, written) = run.end();
    assert_eq!(code, Some(0), "{written}");
    assert_tidy(&screen);
    let is_log = |line: &&String| line.starts_with("20") && line.contains("tenantpilot");
    assert!(
        screen.lines.iter().filter(is_log).count() >= 5,
        "{screen:?}"
    );
    for line in screen.lines.iter().filter(|line| !is_log(line)) {
        assert!(
            line.starts_with("run ") && line.contains(": success, "),
            "{line:?}"
        );
    }
}

#[test]
fn a_signal_leaves_a_clean_terminal() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (_fleet, run) = hanging(&["run", "--all"], 200);
        run.await_text("0 of 2 runs over");
        run.signal(signal);
        let (ended, screen, written) = run.end();
        assert_eq!(ended, Some(code), "{written}");
        assert_tidy(&screen);
        let begins = ["error: run 1 ", "hint: ", "error: run 2 ", "hint: "];
        assert_eq!(screen.lines.len(), begins.len(), "{screen:?}");
        for (line, begin) in screen.lines.iter().zip(begins) {
            assert!(line.starts_with(begin), "{screen:?}");
        }
    }
}

#[test]
fn nothing_is_drawn_where_nobody_would_see_it_or_nobody_wants_it() {
    for (args, variable) in [
        (&["run", "--all", "--json"][..], ""),
        (&["run", "--all", "--quiet"], ""),
        (&["run", "--all"], "CI=true"),
        (&["run", "--all"], "TERM=dumb"),
        (&["run", "nobody"], ""),
    ] {
        let mut fleet = Fleet::nightly();
        fleet.env.set("TERM", "xterm");
        if let Some((name, value)) = variable.split_once('=') {
            fleet.env.set(name, value);
        }
        let hangs = args.contains(&"--all");
        if hangs {
            fleet.hang(DIRECTORY);
        }
        let run = Terminal::start(&fleet.env, args, 80);
        if hangs {
            fleet.await_hanging(1);
            fleet.await_status(1, "running");
            // What is shown elsewhere would be there by now: the run waits for its next try.
            fleet.answer();
        }
        let (_, screen, written) = run.end();
        let drawn = ["\u{1b}[2K", "\u{1b}[1A", "contoso/nightly ["];
        assert!(
            !drawn.iter().any(|part| written.contains(part)),
            "{args:?}: {written:?}"
        );
        assert!(screen.cursor);
    }
}

#[test]
fn what_is_no_terminal_gets_no_progress() {
    let mut fleet = Fleet::nightly();
    fleet.env.set("TERM", "xterm");
    fleet.hang(DIRECTORY);
    let run = fleet.env.start(&["run", "nightly"]);
    fleet.await_hanging(1);
    fleet.answer();
    assert_eq!(run.end().ok().lines().count(), 1);
}

#[test]
fn a_terminal_that_is_stopped_and_then_closed_ends_no_run() {
    let mut fleet = Fleet::nightly();
    fleet.env.set("TERM", "xterm");
    fleet.hang(DIRECTORY);
    let mut run = Terminal::stopped(&fleet.env, &["run", "nightly", "-vv"], 80);
    fleet.await_hanging(1);
    run.close();
    fleet.answer();
    fleet.await_status(1, "success");
    let (code, ..) = run.end();
    assert!(code.is_some(), "it ended by itself");
    fleet.assert_sound();
}

#[test]
fn other_long_work_shows_progress_too() {
    let mut fleet = Fleet::nightly();
    fleet.env.set("TERM", "xterm");
    fleet.hang(DIRECTORY);
    let check = Terminal::start(&fleet.env, &["tenants", "check", "contoso"], 80);
    check.await_text("contoso [");
    check.await_text("requests");
    fleet.answer();
    let (code, screen, _) = check.end();
    assert_eq!(code, Some(0), "{screen:?}");
    assert!(screen.lines[0].starts_with("POLICY TYPE"), "{screen:?}");
    assert!(screen.cursor && screen.column == 0);
}

#[test]
fn streams_that_are_closed_end_no_run_and_no_dispatch() {
    let fleet = Fleet::nightly();
    let slot = fleet.slots(1, 1).remove(0);
    for args in [
        &["run", "nightly", "-vv"][..],
        &["dispatch", "-vv", "--at", &slot],
    ] {
        fleet.hang(DIRECTORY);
        let mut command = fleet.env.program(PROGRAM, args);
        command.stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        fleet.await_hanging(1);
        drop((child.stdout.take(), child.stderr.take()));
        fleet.answer();
        let ended = until("the end", fleet::LONG, || child.try_wait().unwrap());
        assert_eq!(ended.code(), Some(0), "{args:?}");
    }
    let statuses: Vec<String> = fleet
        .outcomes()
        .into_iter()
        .map(|(_, status, _)| status)
        .collect();
    assert_eq!(statuses, ["success", "success"]);
    fleet.assert_sound();
}

#[test]
fn colour_is_decided_for_each_stream_by_flag_variables_and_terminal() {
    let mut fleet = Fleet::nightly();
    fleet.env.set("PATH", "/usr/bin:/bin");
    let is_red = |fleet: &Fleet, line: &str| {
        let (_, _, written) = Terminal::shell(&fleet.env, line, 80).end();
        let file = std::fs::read_to_string(fleet.env.path("file")).unwrap_or_default();
        assert!(
            written.contains("error:") || file.contains("error:"),
            "{written}"
        );
        [written, file].map(|text| text.contains("\u{1b}[1;31m"))
    };
    let show = r#""$0" tenants show nobody"#;
    fleet.env.set("TERM", "xterm");
    assert_eq!(is_red(&fleet, show), [true, false]);
    let to_file = format!("{show} 2>file");
    assert_eq!(
        is_red(&fleet, &to_file),
        [false, false],
        "stdout is a terminal"
    );
    assert_eq!(is_red(&fleet, &format!("{show} >file")), [true, false]);
    let always = r#""$0" --color always tenants show nobody 2>file"#;
    assert_eq!(is_red(&fleet, always), [false, true]);
    std::fs::remove_file(fleet.env.path("file")).unwrap();
    fleet.env.set("TERM", "dumb");
    assert_eq!(is_red(&fleet, show), [false, false]);
    fleet.env.set("TERM", "xterm").set("NO_COLOR", "1");
    assert_eq!(is_red(&fleet, show), [false, false]);
    fleet.env.unset("NO_COLOR").set("CLICOLOR_FORCE", "1");
    assert_eq!(is_red(&fleet, &to_file), [false, true]);
}

#[test]
fn what_is_written_after_a_question_bears_the_time_of_the_answer() {
    let mut fleet = Fleet::nightly();
    fleet.env.set("TERM", "xterm");
    fleet.env.run(&["run", "1", "--quiet"]).ok();
    fleet.add_tenant("fabrikam", DIRECTORY);
    fleet.add("weekly", "contoso", &[]);
    fleet.env.run(&["roles", "grant", "anna", "owner"]).warned();
    let contoso = fleet.env.run(&["fleet", "export"]).ok();
    let without_weekly = contoso.split("[[tenants.schedules]]").take(2);
    let file = without_weekly
        .collect::<Vec<_>>()
        .join("[[tenants.schedules]]");
    let file = fleet.env.file("fleet.toml", &file, 0o600);
    for (args, written) in [
        (
            &["fleet", "apply", &file][..],
            "SELECT archived_at FROM schedules WHERE name = 'weekly'",
        ),
        (
            &["schedules", "remove", "nightly"],
            "SELECT archived_at FROM schedules WHERE name = 'nightly'",
        ),
        (
            &["tenants", "remove", "fabrikam"],
            "SELECT removed_at FROM tenants WHERE name = 'fabrikam'",
        ),
        (
            &["roles", "revoke", "anna"],
            "SELECT MAX(at) FROM audit_events",
        ),
        (
            &["backups", "delete", "1"],
            "SELECT MAX(at) FROM audit_events",
        ),
    ] {
        let mut terminal = Terminal::start(&fleet.env, args, 200);
        terminal.await_text("[y/N]");
        // Times are kept in seconds: the answer comes in another one than the question.
        let asked = SystemClock.now().timestamp();
        let answered = until("the next second", fleet::LONG, || {
            Some(SystemClock.now().timestamp()).filter(|now| *now > asked)
        });
        terminal.type_line("y");
        let (code, screen, _) = terminal.end();
        assert_eq!(code, Some(0), "{args:?}: {screen:?}");
        for query in [
            written,
            "SELECT at FROM audit_events ORDER BY id DESC LIMIT 1",
        ] {
            let at: i64 = fleet
                .env
                .sql()
                .query_row(query, [], |row| row.get(0))
                .unwrap();
            assert!(
                at >= answered,
                "{args:?}, {query}: {at}, answered at {answered}"
            );
        }
    }
}
