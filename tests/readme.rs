//! README.md is true: what its console blocks show is what comes, and its tables say what is.
//!
//! All blocks are one session, from top to bottom, on a fresh database and a fresh sandbox. What is
//! typed there is run as it stands, with these exceptions:
//!
//! | In the document | Here |
//! |---|---|
//! | `http://127.0.0.1:8040` | the sandbox of the test |
//! | `sandbox` | `examples/sandbox.rs`, not as a process of its own |
//! | `/tmp/secret` | the file with the sandbox's client secret |
//! | `--secret-file /etc/tenantpilot/fabrikam` | that file, and the sandbox in the place of the cloud |
//! | `2026-12-01` and the days after it | the first slot of the first schedule, and the days after it |
//! | the users anna and ben | nobody, whom a `getent` of the test knows |
//! | `crontab` | one of the test, which keeps the table in a file |
//!
//! A command that does not end with 0 is followed by `echo $?`.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/console.rs"]
mod console;
#[path = "support/env.rs"]
mod env;
#[allow(dead_code, reason = "the test serves it in its own way")]
#[path = "../examples/sandbox.rs"]
mod sandbox;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use chrono::{Days, NaiveDate};
use clap::Parser as _;
use console::{fits, steps};
use env::Env;
use sandbox::server::{Options, Sandbox};
use tenantpilot::crontab::{self, EACH_MINUTE};
use tenantpilot::error::ExitCode;
use tenantpilot::policy::catalogue;

const README: &str = include_str!("../README.md");
const FIRST_DAY: &str = "2026-12-0";
/// What begins a line that can be run here.
const PROGRAMS: [&str; 2] = ["tenantpilot ", "{ crontab -l; "];
const GETENT: &str = r#"#!/bin/sh
shift
printf '%s:x:1:1::/:/bin/sh\n' "$@"
"#;
/// As the real one, it keeps nothing before it has read all.
const CRONTAB: &str = r#"#!/bin/sh
case $1 in
-l) cat "$HOME/table" 2>/dev/null || { echo "no crontab for anna" >&2; exit 1; } ;;
-) table=$(cat) && printf '%s\n' "$table" >"$HOME/table" ;;
esac
"#;

/// Somebody who types what the document says.
struct Reader {
    env: Env,
    sandbox: Sandbox,
    secret: String,
    /// The day of the first slot, once a schedule said so.
    first_day: Option<NaiveDate>,
    last_code: i32,
}

impl Reader {
    fn new() -> Self {
        let env = Env::new();
        fs::create_dir(env.path("bin")).unwrap();
        env.file("bin/getent", GETENT, 0o755);
        env.file("bin/crontab", CRONTAB, 0o755);
        Self {
            secret: env.file("secret", &Options::default().client_secret, 0o600),
            env,
            sandbox: Sandbox::start(Options::default()),
            first_day: None,
            last_code: 0,
        }
    }

    fn type_in(&mut self, line: &str, shown: &[String]) {
        let came = match line {
            "echo $?" => format!("{}\n", std::mem::take(&mut self.last_code)),
            _ => {
                assert_eq!(self.last_code, 0, "before {line:?} belongs `echo $?`");
                match line.starts_with("sandbox ") {
                    true => self.tell_sandbox(line),
                    false => self.run(line),
                }
            }
        };
        let wanted = shown.join("\n");
        assert!(
            fits(shown, &came),
            "README.md: $ {line}\n--- shows\n{wanted}\n--- and what came is\n{came}"
        );
    }

    fn tell_sandbox(&self, line: &str) -> String {
        let words = shell_words::split(&self.substituted(line)).unwrap();
        let told = sandbox::Cli::try_parse_from(words);
        let told = told.unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let mut came = Vec::new();
        sandbox::tell(&told.deed.unwrap(), &mut came).unwrap();
        String::from_utf8(came).unwrap()
    }

    fn run(&mut self, line: &str) -> String {
        let runs = PROGRAMS.iter().any(|begin| line.starts_with(begin));
        assert!(runs, "{line:?} cannot be run here");
        let typed = self.substituted(line);
        let run = self.env.shell(&format!(
            r#"tenantpilot() {{ "$0" "$@"; }}; exec 2>&1; PATH="$HOME/bin:$PATH"; {typed}"#
        ));
        self.last_code = run.code.unwrap();
        let came = run.stdout.clone();
        if line.starts_with("tenantpilot schedules add") && self.first_day.is_none() {
            let slot = came.split_whitespace().find(|word| word.ends_with('Z'));
            let day = slot.and_then(|slot| slot.get(..10)).unwrap();
            self.first_day = Some(day.parse().unwrap());
        }
        came
    }

    fn substituted(&self, line: &str) -> String {
        let (url, secret) = (self.sandbox.url(), &self.secret);
        let at_sandbox = format!("--secret-file {secret} --graph-url {url} --authority-url {url}");
        let mut typed = line
            .replace("--secret-file /etc/tenantpilot/fabrikam", &at_sandbox)
            .replace("/tmp/secret", secret)
            .replace("http://127.0.0.1:8040", url);
        for number in 1..=9 {
            let Some(first) = self.first_day else { break };
            let day = first.checked_add_days(Days::new(number - 1)).unwrap();
            typed = typed.replace(&format!("{FIRST_DAY}{number}"), &day.to_string());
        }
        typed
    }
}

#[test]
fn what_the_console_blocks_show_is_what_comes() {
    let mut reader = Reader::new();
    let steps = steps(README);
    assert!(steps.len() > 20);
    for step in &steps {
        reader.type_in(&step.line, &step.shown);
    }
    assert_eq!(reader.last_code, 0);
    the_crontab_is_one_that_cron_reads(&reader.env);
    the_files_are_those_of_the_table(&reader.env);
    a_copy_as_shown_is_whole(&reader.env);
}

fn the_crontab_is_one_that_cron_reads(env: &Env) {
    let table = fs::read_to_string(env.path("table")).unwrap();
    let entries = crontab::entries(&table, false);
    let [entry] = &entries[..] else {
        panic!("{table}");
    };
    assert_eq!(entry.when, EACH_MINUTE);
    assert!(entry.command.ends_with(" dispatch"), "{table}");
    assert_eq!(entry.variables["MAILTO"], "backup@example.com");
}

fn the_files_are_those_of_the_table(env: &Env) {
    let name = env.database();
    let name = name.file_name().unwrap().to_str().unwrap();
    for entry in fs::read_dir(env.path("state")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let rest = file.strip_prefix(name).unwrap();
        let folder = if rest == "-locks" { "/" } else { "" };
        assert!(README.contains(&format!("`NAME{rest}{folder}`")), "{file}");
    }
}

fn a_copy_as_shown_is_whole(env: &Env) {
    let copy = env.path("copy.db");
    assert!(copy.is_file(), "a console block makes it");
    let copy = copy.to_str().unwrap();
    let said = env.run(&["--db", copy, "backups", "verify"]).ok();
    assert!(said.contains(": intact"), "{said}");
    env.run(&["--db", copy, "audit", "verify"]).ok();
}

/// The cells of table rows that have this many.
fn rows(cells: usize) -> impl Iterator<Item = Vec<&'static str>> {
    README.lines().filter_map(move |line| {
        let line = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let row: Vec<&str> = line.split(" | ").collect();
        (row.len() == cells).then_some(row)
    })
}

#[test]
fn the_permissions_are_those_of_the_default_policy_types() {
    let shown: BTreeSet<&str> = rows(2)
        .filter_map(|row| row[0].strip_prefix('`')?.strip_suffix('`'))
        .filter(|name| name.contains(".Read"))
        .collect();
    let rows = catalogue::all().filter(|row| row.default || row.foundation);
    let alternatives: Vec<&[&str]> = rows.map(|row| row.read_permissions).collect();
    for any in &alternatives {
        assert!(any.iter().any(|name| shown.contains(name)), "{any:?}");
    }
    for name in &shown {
        let alone = |any: &&[&str]| any.iter().all(|one| !shown.contains(one) || one == name);
        assert!(alternatives.iter().any(alone), "{name} is not needed");
    }
}

#[test]
fn the_exit_codes_are_those_of_the_program() {
    let mut shown = BTreeSet::new();
    for row in rows(3).filter(|row| row[0].starts_with(|c: char| c.is_ascii_digit())) {
        let (numbers, names) = (row[0].split(", "), row[1].split(", "));
        shown.extend(numbers.zip(names).map(|(n, name)| (n.to_owned(), name)));
    }
    let known: BTreeSet<_> = ExitCode::ALL
        .iter()
        .map(|code| (code.number().to_string(), code.name()))
        .collect();
    assert_eq!(shown, known);
}

#[test]
fn every_command_that_is_named_exists() {
    use clap::CommandFactory as _;
    let known: BTreeSet<String> = tenantpilot::cli::Cli::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let mut named = 0;
    for code in README.split('`') {
        let mut words = code.split_whitespace();
        if words.next() != Some("tenantpilot") {
            continue;
        }
        if let Some(word) = words.next().filter(|word| !word.starts_with('-')) {
            assert!(known.contains(word), "`{code}`");
            named += 1;
        }
    }
    assert!(named >= 4);
}

#[test]
fn the_files_and_headings_that_it_links_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let links = README.split("](").skip(1);
    let mut local = 0;
    for link in links.filter_map(|rest| rest.split(')').next()) {
        if let Some(anchor) = link.strip_prefix('#') {
            let heading = format!("# {}\n", anchor.replace('-', " "));
            assert!(README.to_lowercase().contains(&heading), "{link}");
        } else if !link.starts_with("https://") {
            assert!(root.join(link).exists(), "{link}");
            local += 1;
        }
    }
    assert!(local >= 5);
}
