//! Whether those whom a crontab line tells can be told: nobody else looks until `dispatch` has something
//! to tell, which may be days later.
//!
//! Only what is wrong beyond doubt is said: a line may be another user's, who sees more than we do, and
//! cron starts it elsewhere, so that a path which does not begin at the root is not looked for.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use super::{Line, MACHINE, MACHINE_FOLDER};
use crate::error::typed;
use crate::finding::Finding;
use crate::http::address::Address;
use crate::program::Program;

/// Where cron looks for programs, unless the crontab says otherwise.
const SEARCH: &str = "/usr/bin:/bin";

/// A finding for each of them that cannot be told.
pub(super) fn judge(line: &Line) -> Vec<Finding> {
    let told = &line.dispatch.told;
    let search = line.entry.variables.get("PATH");
    let search = search.map_or(SEARCH, String::as_str);
    let url = |who: &str, given: &Option<String>| {
        let why = Address::parse(given.as_deref()?).err()?;
        Some(format!("the {who} URL {why}"))
    };
    let wrong = [
        url("ping", &told.ping_url),
        url("webhook's", &told.webhook),
        told.hook.as_deref().and_then(|hook| of_hook(hook, search)),
        told.metrics.as_deref().and_then(of_metrics),
    ];
    let hint = format!("mend it: {}", edit(&line.table));
    let findings = wrong.into_iter().flatten().map(|what| {
        let what = format!(
            "{}: dispatch cannot use what it is given: {what}",
            line.table
        );
        Finding::fail("cron", what, hint.clone())
    });
    findings.collect()
}

/// What opens a table.
fn edit(table: &str) -> String {
    match table == MACHINE || table.starts_with(MACHINE_FOLDER) {
        true => format!("sudoedit {}", typed(Path::new(table))),
        false => "crontab -e".to_owned(),
    }
}

fn of_hook(command: &str, search: &str) -> Option<String> {
    let program = match Program::of(command) {
        Ok(program) => program,
        Err(why) => return Some(format!("the hook is no command: {why}")),
    };
    let path = program.path();
    let is_elsewhere = path.contains('/') && !path.starts_with('/');
    let missing = !is_elsewhere && program.is_missing(OsStr::new(search));
    missing.then(|| format!("the hook {path} is no program that can be started"))
}

fn of_metrics(file: &str) -> Option<String> {
    let folder = Path::new(file).parent()?;
    if !folder.is_absolute() {
        return None;
    }
    let why = match fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => return None,
        Ok(_) => "is no folder, and no link is followed",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "is not there",
        Err(_) => return None,
    };
    Some(format!(
        "the folder of the metrics, {}, {why}",
        folder.display()
    ))
}
