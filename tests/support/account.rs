//! The program as another user of the system than the one who runs the tests, who has to be root.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::env::{self, Run};

/// Whether this process may act as whom it likes.
pub fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t0\t")))
}

/// A user by number, with a home folder and a copy of the program that others may start. The name is
/// what the user database says.
pub struct Account {
    uid: u32,
    pub home: tempfile::TempDir,
    program: PathBuf,
}

impl Account {
    pub fn of(uid: u32) -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join("tenantpilot");
        env::copy_program(env::PROGRAM, &program);
        for path in [home.path(), &program] {
            let open = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(path, open).unwrap();
        }
        chown(home.path(), Some(uid), Some(uid)).unwrap();
        Self { uid, home, program }
    }

    pub fn run(&self, sudo_user: Option<&str>, args: &[&str]) -> Run {
        self.run_as(self.uid, sudo_user, args)
    }

    pub fn run_as(&self, uid: u32, sudo_user: Option<&str>, args: &[&str]) -> Run {
        let mut command = self.command(uid, &self.program.display().to_string());
        command.args(args);
        sudo_user.map(|user| command.env("SUDO_USER", user));
        Run::from_output(&args.join(" "), command.output().unwrap())
    }

    /// Our program as this user, started by another one that these words begin.
    pub fn by(&self, words: &[&str], args: &[&str]) -> Command {
        let mut command = match words {
            [] => self.command(self.uid, &self.program.display().to_string()),
            [first, rest @ ..] => {
                let mut command = self.command(self.uid, first);
                command.args(rest).arg(&self.program);
                command
            }
        };
        command.args(args);
        command
    }

    fn command(&self, uid: u32, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().uid(uid).gid(uid).current_dir("/");
        command
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("SECRET", "s3cret");
        command
    }
}
