//! The `db` command group: the database as a file.

mod backup;
mod check;
mod compact;
mod info;

use clap::Subcommand;

use crate::context::Context;
use crate::error::{ExitCode, Result};

/// Copy the database, look at what it holds, check that it is sound
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Command {
    Backup(backup::Args),
    Info(info::Args),
    Check(check::Args),
    Compact(compact::Args),
}

/// Carries it out.
pub fn run(ctx: &Context, command: &Command) -> Result<ExitCode> {
    match command {
        Command::Backup(args) => backup::run(ctx, args),
        Command::Info(_) => info::run(ctx),
        Command::Check(_) => check::run(ctx),
        Command::Compact(_) => compact::run(ctx),
    }
}
