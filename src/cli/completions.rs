//! The scripts by which a shell completes command lines.
//!
//! They know nothing of the commands: at each key they ask the hidden command `complete`, which
//! does. So they fit every later version of the program, and nothing of the tree is written twice.

use clap::ValueEnum;

use crate::context::Context;
use crate::error::{ExitCode, Result};

/// Print the script by which a shell completes command lines
///
/// It completes commands, flags and their values, and the names and ids of tenants, schedules, runs
/// and backup sets of the database that the command line names. The shell has to find tenantpilot by
/// its name, and the script stays good when tenantpilot is updated.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot completions bash \\
      > ~/.local/share/bash-completion/completions/tenantpilot
  tenantpilot completions zsh > ~/.zfunc/_tenantpilot
  tenantpilot completions fish > ~/.config/fish/completions/tenantpilot.fish

bash needs the folder, and its package bash-completion. Without that package, put \
source <(tenantpilot completions bash) into ~/.bashrc. zsh needs fpath+=(~/.zfunc) in ~/.zshrc, \
above compinit. For all users the folders are /usr/share/bash-completion/completions, \
/usr/local/share/zsh/site-functions and /etc/fish/completions.")]
pub struct Args {
    /// The shell that will read the script
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// A shell that can be told how to complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    ctx.ui.raw(match args.shell {
        Shell::Bash => include_str!("completions/tenantpilot.bash"),
        Shell::Zsh => include_str!("completions/tenantpilot.zsh"),
        Shell::Fish => include_str!("completions/tenantpilot.fish"),
    })?;
    Ok(ExitCode::Ok)
}
