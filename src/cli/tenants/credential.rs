//! How a credential is given: the name of a variable, a path or a command, never the secret.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::secret;
use crate::tenant::Credential;

/// The flags of a credential, for groups that name them.
pub(super) const FLAGS: [&str; 3] = ["secret_env", "secret_file", "secret_command"];

/// Where the credential is; exactly one.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "credential", multiple = false)]
pub(super) struct CredentialArgs {
    /// Take the client secret from this environment variable
    #[arg(long, value_name = "VAR")]
    secret_env: Option<String>,

    /// Take the client secret from this file, which nobody else may be able to read
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Take the client secret from the first line that this command prints, started without a shell
    #[arg(long, value_name = "CMD")]
    secret_command: Option<String>,
}

impl CredentialArgs {
    /// The credential, checked as far as that is possible without reading the secret.
    ///
    /// # Errors
    /// A file that is not there or that others can read, a command that cannot be split into words.
    pub(super) fn credential(self, ctx: &Context) -> Result<Credential> {
        let credential = match (self.secret_env, self.secret_file, self.secret_command) {
            (Some(variable), None, None) => Credential::SecretEnv(variable),
            (None, Some(path), None) => Credential::SecretFile(whole_path(&path)?),
            (None, None, Some(command)) => Credential::SecretCommand(command),
            _ => {
                return Err(Error::usage("exactly one credential is needed")
                    .hint("add --secret-env, --secret-file or --secret-command"));
            }
        };
        secret::check_credential(&credential)?;
        if let Credential::SecretEnv(variable) = &credential
            && !secret::is_set(variable)
        {
            ctx.ui.warn(format!(
                "environment variable {variable} is not set now; it has to be where runs start, e.g. in the crontab"
            ));
        }
        Ok(credential)
    }
}

/// The path from the root: cron starts in another folder than this one.
fn whole_path(path: &Path) -> Result<PathBuf> {
    if path.to_str().is_none() {
        return Err(Error::usage(format!(
            "file name {} is not UTF-8",
            path.display()
        )));
    }
    std::path::absolute(path).map_err(|error| {
        Error::new(
            Kind::CredentialUnusable,
            format!("cannot tell where {} is: {error}", path.display()),
        )
    })
}
