//! examples/crontab: lines that cron understands, with commands that the program has.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use clap::Parser as _;
use tenantpilot::cli::Cli;
use tenantpilot::recurrence::Recurrence;

const CRONTAB: &str = include_str!("../examples/crontab");
const README: &str = include_str!("../README.md");

/// The lines that cron reads, and those that only have to be uncommented.
fn lines() -> Vec<&'static str> {
    let told = |line: &str| line.is_empty() || line.starts_with("# ") || line == "#";
    let lines = CRONTAB.lines().filter(|line| !told(line));
    lines
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .collect()
}

/// Name and value of a line that sets a variable.
fn variable(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let is_name = name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    is_name.then_some((name, value))
}

#[test]
fn every_line_is_one_that_cron_understands() {
    let mut entries = 0;
    for line in lines().into_iter().filter(|line| variable(line).is_none()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (fields, command) = words.split_at(5);
        Recurrence::cron(&fields.join(" ")).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(command[0].starts_with('/'), "cron has no PATH: {line}");
        assert!(command[0].ends_with("/tenantpilot"), "{line}");
        Cli::try_parse_from(command).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(!line.contains('%'), "cron makes a line break of it: {line}");
        entries += 1;
    }
    assert!(entries >= 4);
}

#[test]
fn dispatch_is_started_each_minute_and_mail_has_a_reader() {
    let active: Vec<&str> = CRONTAB
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let entries: Vec<_> = active
        .iter()
        .filter(|line| variable(line).is_none())
        .collect();
    assert_eq!(entries, [&"* * * * * /usr/local/bin/tenantpilot dispatch"]);
    let names: Vec<_> = active
        .iter()
        .filter_map(|line| Some(variable(line)?.0))
        .collect();
    assert_eq!(names, ["MAILTO", "TENANTPILOT_DB"]);
    for line in ["MAILTO=backup@example.com", entries[0]] {
        assert!(README.contains(line) && active.contains(&line), "{line}");
    }
    assert!(
        CRONTAB.ends_with('\n'),
        "cron ignores a last line without its end"
    );
}
