//! `cron print`: the line that a crontab needs. It is printed and nothing else: a crontab is its
//! owner's.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use crate::actor;
use crate::context::Context;
use crate::crontab::EACH_MINUTE;
use crate::error::{Error, ExitCode, Kind, Result, typed};

/// Print what a crontab needs
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Command {
    Print(Args),
}

/// Print the crontab line that starts dispatch each minute
///
/// The line names this program and the database by their whole paths, because cron knows neither PATH
/// nor variables. It is printed only: paste it with crontab -e, or write it into /etc/cron.d with
/// --system. No crontab is changed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot cron print
  { crontab -l; tenantpilot cron print; } | crontab -
  tenantpilot cron print --system | sudo tee /etc/cron.d/tenantpilot")]
pub struct Args {
    /// Print a file for /etc/cron.d, whose lines name the user
    #[arg(long)]
    system: bool,

    /// With --system, the user that dispatch runs as [default: you, whose database it has to be]
    #[arg(long, value_name = "USER", requires = "system")]
    user: Option<String>,
}

/// Carries it out.
pub fn run(ctx: &Context, command: &Command) -> Result<ExitCode> {
    let Command::Print(args) = command;
    let database = &ctx.config.database;
    if !database.is_absolute() {
        let what = format!(
            "cron starts programs in another folder, so {} would not be found",
            database.display()
        );
        let hint = format!(
            "name it by its whole path: tenantpilot --db {} cron print",
            whole(database)
        );
        return Err(Error::usage(what).hint(hint));
    }
    let program = std::env::current_exe()
        .map_err(|error| Error::internal(format!("cannot tell where this program is: {error}")))?;
    let user = match args.system {
        false => None,
        true => Some(user(args.user.as_deref(), database)?),
    };
    let line = line(&program, database, user.as_deref())?;
    ctx.ui.document(&json!({
        "line": line,
        "user": user,
        "program": program.display().to_string(),
        "database": database.display().to_string(),
    }))?;
    let place = match args.system {
        true => "# /etc/cron.d/tenantpilot, owned by root, mode 0644",
        false => "# crontab -e, as the user whose database it is",
    };
    ctx.ui.line(place)?;
    ctx.ui
        .line("# Silent when all is well. Who gets the mail when not: MAILTO=you@example.com")?;
    ctx.ui.line(line)?;
    Ok(ExitCode::Ok)
}

fn whole(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from("/PATH").join(path));
    typed(&whole)
}

/// Who `dispatch` runs as: whoever the database belongs to.
fn user(given: Option<&str>, database: &Path) -> Result<String> {
    if let Some(given) = given {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-@$".contains(&byte);
        return match !given.is_empty() && given.bytes().all(plain) {
            true => Ok(given.to_owned()),
            false => Err(Error::usage(format!(
                "{given:?} cannot be the name of a user"
            ))),
        };
    }
    let uid = |path: &Path| std::fs::metadata(path).ok().map(|metadata| metadata.uid());
    let (owner, process) = (uid(database), uid(Path::new("/proc/self")));
    match (owner, process, actor::user()) {
        (Some(owner), Some(process), _) if owner != process => Err(Error::new(
            Kind::Usage,
            format!(
                "{} belongs to uid {owner}, this process runs as uid {process}",
                database.display()
            ),
        )
        .hint("say who dispatch runs as: tenantpilot cron print --system --user USER")),
        (_, _, Some(user)) => Ok(user),
        (_, _, None) => Err(Error::usage("this process's user has no name")
            .hint("tenantpilot cron print --system --user USER")),
    }
}

fn line(program: &Path, database: &Path, user: Option<&str>) -> Result<String> {
    let user = user.map(|user| format!("{user} ")).unwrap_or_default();
    let (program, database) = (word(program)?, word(database)?);
    Ok(format!(
        "{EACH_MINUTE} {user}{program} --db {database} dispatch"
    ))
}

/// A path as a word of a crontab line, where quotes do not keep `%` and line breaks.
fn word(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| {
        Error::usage(format!(
            "{} is not UTF-8: no crontab can name it",
            path.display()
        ))
    })?;
    if text.contains(|letter: char| letter == '%' || letter.is_control()) {
        let what =
            format!("a crontab cannot name {text:?}: cron ends a command at % and line breaks");
        return Err(Error::usage(what).hint("move or link it to a path without them"));
    }
    Ok(shell_words::quote(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crontab;

    #[test]
    fn the_line_is_one_that_cron_takes_and_that_starts_dispatch() {
        let (program, database) = (Path::new("/opt/a b/tenantpilot"), Path::new("/x/it's.db"));
        for user in [None, Some("backup")] {
            let line = line(program, database, user).unwrap();
            let found = crontab::entries(&line, user.is_some()).remove(0);
            assert_eq!(found.when, EACH_MINUTE);
            assert_eq!(found.user.as_deref(), user);
            let dispatch = found.dispatch("x").unwrap();
            assert_eq!(dispatch.program, "/opt/a b/tenantpilot");
            assert_eq!(dispatch.database.as_deref(), Some("/x/it's.db"));
        }
        for bad in ["/x/50%.db", "/x/a\nb.db"] {
            line(program, Path::new(bad), None).unwrap_err();
        }
    }
}
