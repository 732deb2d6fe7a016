//! Shell completions, from the same definition as the help.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::context::Context;
use crate::error::{Error, ExitCode, Result};

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot completions bash \\
      > ~/.local/share/bash-completion/completions/tenantpilot
  tenantpilot completions fish > ~/.config/fish/completions/tenantpilot.fish")]
pub struct Args {
    /// The shell that will read the script
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut super::Cli::command(),
        "tenantpilot",
        &mut script,
    );
    let script = String::from_utf8(script)
        .map_err(|error| Error::internal(format!("cannot write the script: {error}")))?;
    ctx.ui.raw(&script)?;
    Ok(ExitCode::Ok)
}
