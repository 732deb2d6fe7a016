//! Where a secret comes from: an environment variable, a file that nobody else can read, or the
//! first line that a command prints.
//!
//! A secret is read when it is needed and never kept: a rotated one is seen by the next sign-in. It
//! leaves this module only as a [`SecretString`], and no message here contains a byte of it: of a
//! command that fails only the exit status is told, not what it printed. Every file is held to one
//! rule by [`private_file`].

pub mod certificate;
pub mod database_key;
pub mod memory;
pub mod platform;
pub mod proxy;

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use self::certificate::Certificate;
use crate::clock::Clock;
use crate::disk::{self, file_error};
use crate::error::{Error, Kind, Result, typed};
use crate::program::{Program, Unfinished};
use crate::stop::Stop;
use crate::tenant::Credential;

/// No secret is longer; a file or a command that has more is something else.
const MAX_BYTES: u64 = 64 * 1024;
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Checks what can be checked without signing in: files are there, private, and hold what they
/// should; the command can be split into words, the variable has a possible name. Whether a
/// variable is set is not checked: it may exist in cron's environment alone.
pub fn check_credential(credential: &Credential, now: DateTime<Utc>) -> Result<()> {
    match credential {
        Credential::SecretEnv(variable) => check_variable(variable),
        Credential::SecretFile(path) | Credential::FederatedTokenFile(path) => {
            from_file(path).map(drop)
        }
        Credential::SecretCommand(command) => program(command).map(drop),
        Credential::Certificate(path) => Certificate::read(path)?.require_valid(now),
        Credential::GithubOidc(_)
        | Credential::AzurePipelinesOidc(_)
        | Credential::ManagedIdentity(_) => Ok(()),
    }
}

/// Whether the variable is set and not empty in this process, for a warning when it is not.
pub fn is_set(variable: &str) -> bool {
    check_variable(variable).is_ok() && variable_value(variable).is_some_and(|v| !v.is_empty())
}

/// The content of a file that only its owner can read, at most 64 KiB. One that group or others
/// can read is refused. Where no file can be opened at all, that is no fault of this one: the
/// class is `Storage`.
pub fn private_file(path: &Path) -> Result<Vec<u8>> {
    let unusable = |error: &std::io::Error| {
        let failed = file_error("read", path, error);
        if disk::is_of_handles(error) {
            return failed;
        }
        let unusable = Error::new(Kind::CredentialUnusable, failed.message());
        match error.kind() {
            ErrorKind::NotFound => unusable.hint(
                "put it there, or name another: tenantpilot tenants edit TENANT, with --secret-file, \
                 --certificate or --federated-token-file",
            ),
            ErrorKind::PermissionDenied => {
                unusable.hint("let the user who runs this, and nobody else, read it")
            }
            _ => unusable,
        }
    };
    // Opening a pipe would wait for its writer, so the kind is looked at before.
    let kind = fs::metadata(path).map_err(|e| unusable(&e))?;
    if !kind.is_file() {
        let (what, hint) = match kind.is_dir() {
            true => ("is a folder", "give the path of the file in it"),
            false => ("is not a regular file", "give the path of a file"),
        };
        let what = format!("{} {what}", path.display());
        return Err(Error::new(Kind::CredentialUnusable, what).hint(hint));
    }
    let mut file = fs::File::open(path).map_err(|e| unusable(&e))?;
    check_mode(path, &file.metadata().map_err(|e| unusable(&e))?)?;
    let mut content = Vec::new();
    file.by_ref()
        .take(MAX_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(|e| unusable(&e))?;
    if content.len() as u64 > MAX_BYTES {
        return Err(Error::new(
            Kind::CredentialUnusable,
            format!(
                "{} has more than {MAX_BYTES} bytes; that is no secret",
                path.display()
            ),
        ));
    }
    Ok(content)
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::new(
        Kind::CredentialUnusable,
        format!(
            "{} has mode {mode:04o}: group or others can read the secret",
            path.display()
        ),
    )
    .hint(format!("chmod 600 {}", typed(path))))
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _metadata: &fs::Metadata) -> Result<()> {
    Ok(())
}

/// The content of a private file, without its line end.
pub fn from_file(path: &Path) -> Result<SecretString> {
    let content = private_file(path)?;
    let origin = format!("secret file {}", path.display());
    secret_of(&origin, content, |text| text.trim_end_matches(['\r', '\n']))
}

fn check_variable(variable: &str) -> Result<()> {
    if variable.is_empty() || variable.contains(['=', '\0']) {
        return Err(Error::usage(format!(
            "{variable:?} cannot be the name of an environment variable"
        )));
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "one of the two places that read the environment"
)]
fn variable_value(variable: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(variable)
}

/// The value of an environment variable.
pub fn from_env(variable: &str) -> Result<SecretString> {
    check_variable(variable)?;
    let value = variable_value(variable).unwrap_or_default();
    if value.is_empty() {
        return Err(Error::new(
            Kind::CredentialUnusable,
            format!("environment variable {variable} is not set or empty"),
        )
        .hint(format!(
            "cron starts programs with a bare environment: set {variable} in the crontab, or use --secret-file"
        )));
    }
    value.into_string().map(SecretString::from).map_err(|_| {
        Error::new(
            Kind::CredentialUnusable,
            format!("environment variable {variable} is not UTF-8"),
        )
    })
}

fn program(command: &str) -> Result<Program> {
    Program::of(command).map_err(|why| {
        Error::new(
            Kind::CredentialUnusable,
            format!("secret command cannot be used: {why}"),
        )
    })
}

/// Runs the command and takes the first line that it prints.
pub fn from_command(command: &str, clock: &dyn Clock, stop: &Stop) -> Result<SecretString> {
    let program = program(command)?;
    let origin = format!("secret command {}", program.path());
    let unusable = |why: &dyn std::fmt::Display| {
        Error::new(Kind::CredentialUnusable, format!("{origin}: {why}"))
    };
    let answered = program.answer(COMMAND_LIMIT, MAX_BYTES, clock, stop);
    let (status, printed) = answered.map_err(|why| unfinished(&origin, why, stop))?;
    if !status.success() {
        return Err(unusable(&format_args!("failed with {status}"))
            .hint("run the command by hand; it has to print the secret as its first line"));
    }
    secret_of(&origin, printed, |text| text.lines().next().unwrap_or(""))
}

/// Why a command gave no answer.
fn unfinished(origin: &str, why: Unfinished, stop: &Stop) -> Error {
    let unusable = |why: &dyn std::fmt::Display| {
        Error::new(Kind::CredentialUnusable, format!("{origin}: {why}"))
    };
    match why {
        Unfinished::NotStarted(error) => cannot_start(origin, &error),
        Unfinished::Stopped => Error::new(Kind::Canceled, format!("{origin}: {}", stop.told())),
        Unfinished::TooLong(limit) => {
            unusable(&format_args!("not done after {} s", limit.as_secs()))
        }
        Unfinished::TooMuch(most) => unusable(&format_args!("printed more than {most} bytes")),
        Unfinished::Io(error) => unusable(&error),
        Unfinished::GoesOn(why, id) => {
            let error = unfinished(origin, *why, stop);
            let what = format!("{}; it cannot be ended, see ps {id}", error.message());
            Error::new(error.kind(), what)
        }
    }
}

fn cannot_start(origin: &str, error: &std::io::Error) -> Error {
    let what = format!("{origin}: cannot start: {error}");
    if disk::is_of_handles(error) {
        return Error::new(Kind::Storage, what).hint(disk::MORE_FILES);
    }
    if error.kind() == ErrorKind::WouldBlock {
        return Error::new(Kind::CredentialUnusable, what)
            .hint("this user may have no more processes: see ulimit -u, and what runs already");
    }
    Error::new(Kind::CredentialUnusable, what)
        .hint("name the program by its whole path: cron searches few directories")
}

fn secret_of(
    origin: &str,
    content: Vec<u8>,
    cut: impl FnOnce(&str) -> &str,
) -> Result<SecretString> {
    let text = String::from_utf8(content)
        .map_err(|_| Error::new(Kind::CredentialUnusable, format!("{origin}: not UTF-8")))?;
    let secret = cut(&text);
    if secret.trim().is_empty() {
        return Err(
            Error::new(Kind::CredentialUnusable, format!("{origin}: empty"))
                .hint("it has to give the value of the secret, and nothing else"),
        );
    }
    Ok(SecretString::from(secret))
}

#[cfg(test)]
mod tests;
