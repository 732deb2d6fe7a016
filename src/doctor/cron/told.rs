//! Whether those whom a crontab line tells can be told: nobody else looks until `dispatch` has something
//! to tell, which may be days later.
//!
//! Only what is wrong beyond doubt is said: a line may be another user's, who sees more than we do, and
//! cron starts it elsewhere, so that a path which does not begin at the root is not looked for.

use std::fs;
use std::io;
use std::path::Path;

use super::tables::{MACHINE, MACHINE_FOLDER};
use super::{Line, unstartable};
use crate::error::typed;
use crate::finding::Finding;
use crate::http::address::Address;
use crate::program::Program;

/// A finding for each of them that cannot be told.
pub(super) fn judge(line: &Line) -> Vec<Finding> {
    let told = &line.dispatch.told;
    let search = line.dispatch.search.as_deref();
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
pub(super) fn edit(table: &str) -> String {
    match table == MACHINE || table.starts_with(MACHINE_FOLDER) {
        true => format!("sudoedit {}", typed(Path::new(table))),
        false => "crontab -e".to_owned(),
    }
}

fn of_hook(command: &str, search: Option<&str>) -> Option<String> {
    match Program::of(command) {
        Ok(program) => Some(format!("the hook {}", unstartable(program.path(), search)?)),
        Err(why) => Some(format!("the hook is no command: {why}")),
    }
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
