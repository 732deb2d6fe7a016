//! The same checks as cron would have them: in a process of its own with cron's environment, and what
//! differs from here.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::actor;
use crate::context::Context;
use crate::doctor::cron::{Line, Tables};
use crate::error::{Error, Result};
use crate::finding::{Finding, Level};

const CHECK: &str = "as_cron";

/// Checks whose message tells what the environment gives, rather than how something is just now.
const OF_ENVIRONMENT: [&str; 3] = ["database", "proxy", "trust_roots"];

#[derive(Deserialize)]
struct Document {
    findings: Vec<Finding>,
}

/// What is found there, then what differs from what was found `here`.
pub(super) fn examine(ctx: &Context, offline: bool, here: &[Finding]) -> Vec<Finding> {
    let user = actor::user();
    let own = |line: &Line| line.is_of(user.as_deref());
    let line = Tables::read().lines.into_iter().find(own);
    match there(ctx, offline, user.as_deref(), line.as_ref()) {
        Ok(mut findings) => {
            let differences = differences(here, &findings);
            findings.extend(differences);
            findings
        }
        Err(error) => {
            let hint = "env -i HOME=\"$HOME\" PATH=/usr/bin:/bin tenantpilot doctor";
            let mut findings = here.to_vec();
            findings.push(Finding::fail(CHECK, error.message(), hint));
            findings
        }
    }
}

fn there(
    ctx: &Context,
    offline: bool,
    user: Option<&str>,
    line: Option<&Line>,
) -> Result<Vec<Finding>> {
    let failed = |why: String| Error::internal(format!("cannot look from where cron does: {why}"));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let home = ctx
        .config
        .home
        .clone()
        .unwrap_or_else(|| PathBuf::from("/"));
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", &home)
        .env("LOGNAME", user.unwrap_or_default())
        .env("PATH", "/usr/bin:/bin")
        .env("SHELL", "/bin/sh")
        .current_dir(&home)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    if let Some(line) = line {
        command.envs(&line.entry.variables);
    }
    command.args(["doctor", "--json"]);
    if offline {
        command.arg("--offline");
    }
    if let Some(database) = &ctx.config.database_flag {
        // A relative name counts from here, and the process begins elsewhere.
        let database = std::path::absolute(database).map_err(|error| failed(error.to_string()))?;
        command.arg("--db").arg(database);
    } else if let Some(database) = line.and_then(|line| line.dispatch.database.as_ref()) {
        command.arg("--db").arg(database);
    }
    let output = command
        .output()
        .map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice::<Document>(&output.stdout)
        .map(|document| document.findings)
        .map_err(|_| failed(format!("it ended with {}", output.status)))
}

/// One finding for each check that goes otherwise there, and one that says so where none does. Where the
/// database can be used here and not there, the checks that need one go otherwise by that alone.
fn differences(here: &[Finding], there: &[Finding]) -> Vec<Finding> {
    let is_lost = has_no_database(there) && !has_no_database(here);
    let checks: BTreeSet<&str> = here
        .iter()
        .chain(there)
        .map(|one| one.check.as_str())
        .filter(|check| !is_lost || OF_ENVIRONMENT.contains(check))
        .collect();
    let mut found: Vec<Finding> = checks
        .into_iter()
        .filter_map(|check| difference(check, &of(here, check), &of(there, check)))
        .collect();
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "cron's environment makes no difference"));
    }
    found
}

/// Whether no database could be opened: then nothing is said of what is in one.
fn has_no_database(findings: &[Finding]) -> bool {
    findings.iter().all(|one| one.check != "integrity")
}

fn of<'a>(findings: &'a [Finding], check: &str) -> Vec<&'a Finding> {
    findings.iter().filter(|one| one.check == check).collect()
}

fn difference(check: &str, here: &[&Finding], there: &[&Finding]) -> Option<Finding> {
    let levels = |findings: &[&Finding]| findings.iter().map(|one| one.level).collect::<Vec<_>>();
    let messages = |findings: &[&Finding]| {
        findings
            .iter()
            .map(|one| one.message.clone())
            .collect::<Vec<_>>()
    };
    let speaks = OF_ENVIRONMENT.contains(&check) && messages(here) != messages(there);
    if levels(here) == levels(there) && !speaks {
        return None;
    }
    let told = |findings: &[&Finding]| match findings.iter().max_by_key(|one| one.level) {
        None => "not looked at".to_owned(),
        Some(worst) => format!("{}, {}", worst.level.as_str(), worst.message),
    };
    let what = format!(
        "{}: here {}; under cron {}",
        check.replace('_', " "),
        told(here),
        told(there)
    );
    let worst = there
        .iter()
        .map(|one| one.level)
        .max()
        .unwrap_or(Level::Warn);
    let hint = match check {
        "database" => "tenantpilot cron print names the database in the line",
        _ => "set what is missing in the crontab, above the line: NAME=value (crontab -e)",
    };
    Some(match worst {
        Level::Fail => Finding::fail(CHECK, what, hint),
        _ => Finding::warn(CHECK, what, hint),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_decides_is_compared_and_what_passes_is_not() {
        let here = [
            Finding::ok("database", "/a.db"),
            Finding::ok("disk_space", "5 GiB free"),
            Finding::ok("credentials", "1 of 1"),
        ];
        let mut there = here.clone();
        there[1].message = "4 GiB free".to_owned();
        let found = differences(&here, &there);
        assert_eq!((found.len(), found[0].level), (1, Level::Ok), "{found:?}");
        there[0].message = "/b.db".to_owned();
        there[2] = Finding::fail("credentials", "tenant contoso: X is not set", "set it");
        let found = differences(&here, &there);
        let levels: Vec<Level> = found.iter().map(|one| one.level).collect();
        assert_eq!(levels, [Level::Fail, Level::Warn], "{found:?}");
        assert!(found[0].message.contains("under cron fail, tenant contoso"));
        assert_eq!(
            found[1].message,
            "database: here ok, /a.db; under cron ok, /b.db"
        );
        let found = differences(&here, &there[..1]);
        assert!(
            found
                .iter()
                .any(|one| one.message.contains("under cron not looked at"))
        );
    }

    #[test]
    fn a_database_that_is_not_there_is_told_once() {
        let here = [
            Finding::ok("database", "/a.db"),
            Finding::ok("integrity", "sound"),
            Finding::ok("runs", "none"),
            Finding::ok("dispatch", "1m ago"),
            Finding::ok("proxy", "none"),
        ];
        let there = [
            Finding::fail("database", "no database at /b.db", "make one"),
            Finding::warn("dispatch", "there never was one", "look again"),
            Finding::ok("proxy", "http://proxy"),
        ];
        let found = differences(&here, &there);
        let told: Vec<&str> = found.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "database: here ok, /a.db; under cron fail, no database at /b.db",
                "proxy: here ok, none; under cron ok, http://proxy"
            ]
        );
        let neither = differences(&there, &there);
        assert_eq!(neither[0].level, Level::Ok, "{neither:?}");
    }
}
