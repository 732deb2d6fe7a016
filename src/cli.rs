//! The command tree and the global flags; no work.
//!
//! Each command is a file below: its flags, whose doc comments are the help that people read, and
//! `run`, which turns flags into domain types, calls the library and says what came of it. Nothing
//! below this module knows clap.

pub mod audit;
pub mod backups;
pub mod complete;
pub mod completions;
pub mod cron;
pub mod db;
pub mod dispatch;
pub mod doctor;
mod findings;
pub mod fleet;
pub mod history;
pub mod keep;
pub mod notifications;
mod number;
pub mod permit;
pub mod policy_types;
pub mod retention;
pub mod retry;
pub mod roles;
pub mod run;
pub mod schedules;
pub mod status;
pub mod tenants;

use std::ffi::OsString;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use rusqlite::Transaction;

use crate::config::{Color, Config, Environment, Flags, LogFormat};
use crate::context::{Context, Deed};
use crate::error::{Error, ExitCode, Result};
use crate::store::Store;
use crate::ui::Ui;

/// Back up Microsoft Intune configuration of many tenants on schedules
#[derive(Debug, Parser)]
#[command(
    name = "tenantpilot",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Examples:
  tenantpilot tenants add contoso --directory contoso.onmicrosoft.com \\
      --client-id 11111111-2222-3333-4444-555555555555 \\
      --secret-file /etc/tenantpilot/contoso
  tenantpilot schedules add nightly --tenant contoso --at 02:00 \\
      --timezone Europe/Oslo
  tenantpilot dispatch

Exit codes:
   0 ok            1 failed       2 usage      3 partial    10 no database
  11 busy         12 auth        13 unavailable             14 integrity
  15 schema       16 storage     17 config    18 not found  19 attention
  20 denied      124 timed out  130 SIGINT   143 SIGTERM

What the words mean, and what to do on a bad night: man 7 tenantpilot"
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The flags that every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Use this database [env: TENANTPILOT_DB] [default: tenantpilot/tenantpilot.db in
    /// $XDG_STATE_HOME or ~/.local/state, for root in /var/lib]
    #[arg(long = "db", global = true, value_name = "FILE")]
    database: Option<PathBuf>,

    /// Print one JSON document on stdout, and failures as JSON on stderr
    #[arg(long, global = true)]
    json: bool,

    /// Print tables for other programs: a row per line, tabs between cells, no header, nothing cut
    #[arg(long, global = true)]
    plain: bool,

    /// Print nothing but errors, and the document of --json
    #[arg(short, long, global = true)]
    quiet: bool,

    /// Log what happens; twice, every detail
    #[arg(short, long = "verbose", global = true, action = clap::ArgAction::Count)]
    verbosity: u8,

    /// Use colour on help, differences, errors and warnings: auto, always or never
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true
    )]
    color: Color,

    /// Write log lines in this form: text or json
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    log_format: LogFormat,
}

impl Global {
    fn flags(self) -> Flags {
        Flags {
            database: self.database,
            json: self.json,
            plain: self.plain,
            quiet: self.quiet,
            verbosity: self.verbosity,
            color: self.color,
            log_format: self.log_format,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Command {
    #[command(subcommand)]
    Tenants(tenants::Command),
    #[command(subcommand)]
    Schedules(schedules::Command),
    Dispatch(dispatch::Args),
    Run(run::Args),
    Retry(retry::Args),
    Retention(retention::Args),
    History(history::Args),
    Status(status::Args),
    Doctor(doctor::Args),
    #[command(subcommand)]
    Cron(cron::Command),
    #[command(subcommand)]
    Backups(backups::Command),
    #[command(subcommand)]
    Audit(audit::Command),
    Notifications(notifications::Args),
    #[command(subcommand)]
    Roles(roles::Command),
    #[command(subcommand)]
    Fleet(fleet::Command),
    #[command(subcommand)]
    PolicyTypes(policy_types::Command),
    #[command(subcommand)]
    Db(db::Command),
    Completions(completions::Args),
    Complete(complete::Args),
}

/// What became of the command line.
#[derive(Debug)]
pub enum Parsed {
    /// It asks for this.
    Command {
        /// What to do.
        command: Box<Command>,
        /// What that is, as far as roles go.
        deed: Deed,
        /// And how.
        config: Box<Config>,
    },
    /// It asked for help or the version, or made no sense: said already.
    Answered(ExitCode),
}

/// Reads a command line, the program's name first.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Parsed {
    let args = help_as_flag(args.into_iter().collect());
    let environment = Environment::of_process();
    let mut command = Cli::command();
    let parsed = command.try_get_matches_from_mut(&args).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        if cli.global.json && cli.global.plain {
            let what = "the argument '--json' cannot be used with '--plain'";
            return Err(command.error(ErrorKind::ArgumentConflict, what));
        }
        Ok((cli, permit::deed(&matches)))
    });
    match parsed {
        Ok((cli, deed)) => {
            let mut flags = cli.global.flags();
            if let Command::Complete(args) = &cli.command {
                flags.database = args.database(environment.home.as_deref());
            }
            Parsed::Command {
                command: Box::new(cli.command),
                deed,
                config: Box::new(Config::resolve(&flags, &environment)),
            }
        }
        Err(error) => {
            let config = Config::resolve(&flags_at_a_glance(&args), &environment);
            Parsed::Answered(answer(&config, &error))
        }
    }
}

/// `tenantpilot help COMMAND…` as `tenantpilot COMMAND… --help`: a subcommand of that name would
/// stand in every list of commands, and hold each of them once more.
fn help_as_flag(mut args: Vec<OsString>) -> Vec<OsString> {
    if args.get(1).is_some_and(|word| word == "help") {
        args.remove(1);
        args.push("--help".into());
    }
    args
}

/// The flags that decide how a command line is answered that could not be parsed.
fn flags_at_a_glance(args: &[OsString]) -> Flags {
    let mut flags = Flags::default();
    for arg in args.iter().take_while(|arg| *arg != "--") {
        match arg.to_str() {
            Some("--json") => flags.json = true,
            Some("--color=always") => flags.color = Color::Always,
            Some("--color=never") => flags.color = Color::Never,
            _ => {}
        }
    }
    flags
}

fn answer(config: &Config, error: &clap::Error) -> ExitCode {
    let ui = Ui::new(config);
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = if config.stdout_color {
                text.ansi().to_string()
            } else {
                text.to_string()
            };
            match ui.raw(&text) {
                Ok(()) => ExitCode::Ok,
                Err(error) => {
                    let code = error.kind().exit_code();
                    ui.failure(&error, code);
                    code
                }
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if config.json => {
            ui.usage("a command is missing");
            ExitCode::Usage
        }
        _ => {
            ui.usage(text.to_string().trim_end());
            ExitCode::Usage
        }
    }
}

/// Carries out a command, and records it where the actor's role does not allow it.
///
/// # Errors
/// Any expected failure; the exit code is its class's.
pub fn run(ctx: &Context, command: Command, deed: Deed) -> Result<ExitCode> {
    ctx.begin(deed);
    let result = carry_out(ctx, command).map_err(|error| permit::closer(ctx, error));
    if let Some(denial) = ctx.denial() {
        permit::record(ctx, &denial);
    }
    result
}

fn carry_out(ctx: &Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Tenants(command) => tenants::run(ctx, command),
        Command::Schedules(command) => schedules::run(ctx, command),
        Command::Dispatch(args) => dispatch::run(ctx, &args),
        Command::Run(args) => run::run(ctx, &args),
        Command::Retry(args) => retry::run(ctx, &args),
        Command::Retention(args) => retention::run(ctx, &args),
        Command::History(args) => history::run(ctx, &args),
        Command::Status(args) => status::run(ctx, &args),
        Command::Doctor(args) => doctor::run(ctx, &args),
        Command::Cron(command) => cron::run(ctx, &command),
        Command::Backups(command) => backups::run(ctx, &command),
        Command::Audit(command) => audit::run(ctx, &command),
        Command::Notifications(args) => notifications::run(ctx, &args),
        Command::Roles(command) => roles::run(ctx, &command),
        Command::Fleet(command) => fleet::run(ctx, &command),
        Command::Db(command) => db::run(ctx, &command),
        Command::PolicyTypes(command) => policy_types::run(ctx, &command),
        Command::Completions(args) => completions::run(ctx, &args),
        Command::Complete(args) => complete::run(ctx, &args),
    }
}

impl Context {
    /// Runs `work` in one transaction ([`Store::write`]), and takes the time anew once that has begun:
    /// before it, somebody may have thought about a question for an hour, and a slot that passed
    /// meanwhile is none of a schedule that is added now.
    ///
    /// # Errors
    /// Those of `work`; the database is locked for too long or cannot be written.
    pub(crate) fn write<T>(
        &self,
        store: &Store,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        store.write(|tx| {
            self.begin_to_write();
            work(tx)
        })
    }
}

/// For something that cannot be undone: given with `--yes`, or answered on the terminal.
///
/// # Errors
/// Nobody there to ask, or the answer was no.
pub(crate) fn require_yes(ctx: &Context, yes: bool, deed: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !ctx.ui.interactive() {
        return Err(
            Error::usage(format!("will not {deed} without a yes")).hint("add --yes to the command")
        );
    }
    if ctx.ui.confirm(format!("{deed}?")) {
        Ok(())
    } else {
        Err(Error::usage(format!("did not {deed}: not confirmed")))
    }
}

/// Records a deed that changed nothing in the database; says that it stands in no audit trail where
/// that may only be read.
///
/// # Errors
/// It cannot be recorded, though the database may be written.
pub(crate) fn record_copying(
    ctx: &Context,
    store: &Store,
    deed: &str,
    record: impl FnOnce() -> Result<()>,
) -> Result<()> {
    if !store.is_read_only()? {
        return record();
    }
    ctx.ui.warn(format!(
        "database {} may only be read, so this {deed} stands in no audit trail",
        store.path().display()
    ));
    Ok(())
}

/// A time as it is typed: RFC 3339.
pub(crate) fn parse_time(text: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc))
        .map_err(|_| {
            Error::usage(format!("{text:?} is not a time")).hint(
                "write RFC 3339 with Z or an offset: 2027-03-28T01:00:00Z or \
                 2027-03-28T02:00:00+01:00",
            )
        })
}

/// How hard Graph is asked.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Pace {
    /// Send at most this many requests in 20 seconds to each of a tenant's Graph services
    ///
    /// Requests that share a round trip count each. Without it: four fifths of what Microsoft
    /// documents for one application, which is 800 for most services, 1600 for scripts and devices,
    /// and four in five seconds for Conditional Access.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number::between(1_u16, 4000))]
    pub(crate) max_requests: Option<u16>,
}

/// The id of a run or a backup set as it is typed.
pub(crate) fn parse_id(text: &str) -> std::result::Result<i64, String> {
    text.parse()
        .map_err(|_| "an id is a whole number, e.g. 42".to_owned())
}

/// A name as a message tells it: quoted where nobody would see that there is one.
pub(crate) fn told(name: &str) -> String {
    if name.trim().is_empty() {
        format!("{name:?}")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_examples_in_the_help_fit_a_terminal_so_that_they_can_be_copied() {
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            let help = command.get_after_help().map(ToString::to_string);
            for line in help.unwrap_or_default().lines() {
                let example = line.starts_with("  ");
                assert!(!example || line.chars().count() <= 80, "too long: {line}");
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }
}
