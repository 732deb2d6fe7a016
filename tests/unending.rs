//! Programs of others that cannot be ended, because they act as root and we do not: nobody waits for
//! them without limit.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/account.rs"]
mod account;
#[path = "support/env.rs"]
mod env;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use account::Account;
use env::{Run, until};

/// Nobody whom the user database knows.
const UID: u32 = 61_234;
const SOON: Duration = Duration::from_secs(30);

/// A folder with a program that becomes root; ended with it is what was started there.
struct Unending {
    folder: tempfile::TempDir,
}

impl Unending {
    /// None where this process is not root or has no such program.
    fn new() -> Option<Self> {
        let original = Path::new("/usr/bin/setpriv");
        if !account::is_root() || !original.exists() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let program = folder.path().join("setpriv");
        env::copy_program(original, &program);
        fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
        Some(Self { folder })
    }

    fn id_file(&self) -> PathBuf {
        self.folder.path().join("id")
    }

    /// A command that goes on for long, as root.
    fn command(&self) -> String {
        let (folder, id) = (self.folder.path().display(), self.id_file());
        let id = id.display();
        format!("{folder}/setpriv --reuid 0 /bin/sh -c 'echo $$ > {id}; exec sleep 600'")
    }

    /// Waits until it was started.
    fn started(&self) -> String {
        until("the start of the command", SOON, || {
            let id = fs::read_to_string(self.id_file()).ok()?;
            id.ends_with('\n').then(|| id.trim().to_owned())
        })
    }
}

impl Drop for Unending {
    fn drop(&mut self) {
        if let Ok(id) = fs::read_to_string(self.id_file()) {
            let _ = Command::new("kill").args(["-9", id.trim()]).status();
        }
    }
}

/// Starts it, ends it by a signal once what it started goes on, and gives what came of it.
fn ended(mut command: Command, unending: &Unending) -> Run {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let other = unending.started();
    let signal = ["-s", "TERM", &child.id().to_string()];
    assert!(
        Command::new("kill")
            .args(signal)
            .status()
            .unwrap()
            .success()
    );
    until("its end", SOON, || child.try_wait().unwrap());
    let alive = Path::new("/proc").join(other);
    assert!(alive.exists(), "it was to be one that cannot be ended");
    Run::from_output("it", child.wait_with_output().unwrap())
}

fn add_tenant(account: &Account, credential: &[&str]) {
    let directory = ["--directory", "contoso.com", "--client-id", env::CLIENT_ID];
    let add = [&["tenants", "add", "contoso"], &directory[..], credential].concat();
    account.run(None, &add).ok();
}

#[test]
fn a_secret_command_that_cannot_be_ended_keeps_nobody() {
    let Some(unending) = Unending::new() else {
        eprintln!("not tried: this takes root and setpriv");
        return;
    };
    let account = Account::of(UID);
    add_tenant(&account, &["--secret-command", &unending.command()]);
    let check = account.by(&[], &["tenants", "check", "contoso"]);
    let stderr = ended(check, &unending).fails(143);
    assert!(stderr.contains("it cannot be ended, see ps "), "{stderr}");
}

#[test]
fn a_hook_that_cannot_be_ended_keeps_neither_dispatch_nor_the_next() {
    let Some(unending) = Unending::new() else {
        eprintln!("not tried: this takes root and setpriv");
        return;
    };
    let account = Account::of(UID);
    add_tenant(&account, &["--secret-env", "SECRET"]);
    let add = "schedules add nightly --tenant contoso --at 02:00 --timezone UTC --quiet";
    let words: Vec<&str> = add.split(' ').collect();
    account.run(None, &words).ok();
    let missed = ["dispatch", "--at", "2030-01-01T03:00:00Z", "--hook"];
    let command = unending.command();
    let dispatch = account.by(&[], &[&missed[..], &[&command]].concat());
    let stderr = ended(dispatch, &unending).fails(19);
    assert!(stderr.contains(" missed "), "{stderr}");
    let told = account.home.path().join("told");
    let hook = format!("touch {}", told.display());
    account.run(None, &["dispatch", "--hook", &hook]).ok();
    assert!(told.exists(), "the delivery lock was kept");
}
