//! A sealed place to run the program in: a home folder of its own, no variable of the machine's,
//! no network but loopback.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_tenantpilot");
pub const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";

/// The place, and the variables the program sees there.
pub struct Env {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Env {
    /// A place without a database.
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = |below: &str| home.path().join(below).to_str().unwrap().to_owned();
        let variables = [
            ("HOME", path("")),
            ("TENANTPILOT_DB", path("state/tenantpilot.db")),
            ("TZ", "UTC".to_owned()),
            ("NO_PROXY", "*".to_owned()),
        ];
        Self {
            variables: variables
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            home,
        }
    }

    /// A place with the tenant `contoso` (id 1), whose secret is in a file.
    pub fn with_tenant() -> Self {
        let env = Self::new();
        env.add_tenant("contoso");
        env
    }

    /// Sets a variable for all that follows.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.unset(name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a variable away.
    pub fn unset(&mut self, name: &str) -> &mut Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// A path in the home folder.
    pub fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    /// Where the database is, or would be.
    pub fn database(&self) -> PathBuf {
        self.path("state/tenantpilot.db")
    }

    /// Writes a file into the home folder with a mode; returns its path.
    pub fn file(&self, name: &str, content: &str, mode: u32) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Adds a tenant whose secret is in a file.
    pub fn add_tenant(&self, name: &str) {
        let secret = self.file("secret", "s3cret\n", 0o600);
        self.run(&[
            "tenants",
            "add",
            name,
            "--directory",
            "contoso.onmicrosoft.com",
            "--client-id",
            CLIENT_ID,
            "--secret-file",
            &secret,
        ])
        .ok();
    }

    /// The program with `args`, not yet started.
    pub fn command(&self, args: &[&str]) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::new(PROGRAM);
        self.seal(command.args(args));
        command
    }

    /// The program with `args`, started, with its stdout in a pipe.
    pub fn spawn(&self, args: &[&str]) -> std::process::Child {
        std::process::Command::new(PROGRAM)
            .args(args)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// The program with `args`, started, with both streams in pipes.
    pub fn start(&self, args: &[&str]) -> Started {
        self.start_by(PROGRAM, args)
    }

    /// Another program in the same place, not yet started.
    pub fn program(&self, program: &str, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(program);
        command
            .args(args)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path());
        command
    }

    /// Another program, started in the same place in the same way.
    pub fn start_by(&self, program: &str, args: &[&str]) -> Started {
        let child = self
            .program(program, args)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        Started {
            what: args.join(" "),
            child: Some(child),
        }
    }

    /// A shell command line in the same place; `$0` is the program.
    pub fn shell(&self, line: &str) -> Run {
        let mut command = assert_cmd::Command::new("sh");
        self.seal(command.args(["-c", line, PROGRAM]));
        command.env("PATH", "/usr/bin:/bin");
        Run::of(line, &mut command)
    }

    fn seal(&self, command: &mut assert_cmd::Command) {
        command
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path());
    }

    /// Runs the program.
    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(&args.join(" "), &mut self.command(args))
    }

    /// Runs the program with variables beside those that it sees always.
    pub fn run_with(&self, args: &[&str], variables: &[(&str, String)]) -> Run {
        let mut command = self.command(args);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Run::of(&args.join(" "), &mut command)
    }

    /// Runs the program with `--json` and gives its one document.
    pub fn json(&self, args: &[&str]) -> Value {
        let out = self.run(&[args, &["--json"]].concat()).ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
    }

    /// The `items` of a list.
    pub fn items(&self, args: &[&str]) -> Vec<Value> {
        let document = self.json(args);
        assert_eq!(document["schema_version"], 1, "{document}");
        document["items"].as_array().unwrap().clone()
    }

    /// The database, opened beside the program.
    pub fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.database()).unwrap()
    }

    /// The actions of the audit events, oldest first.
    pub fn audit_actions(&self) -> Vec<String> {
        let sql = self.sql();
        let mut read = sql
            .prepare("SELECT action FROM audit_events ORDER BY id")
            .unwrap();
        let actions = read.query_map([], |row| row.get(0)).unwrap();
        actions.map(Result::unwrap).collect()
    }
}

/// A program that goes on; killed when dropped.
pub struct Started {
    what: String,
    child: Option<std::process::Child>,
}

impl Started {
    /// Sends a signal by its name: `TERM`, `INT`, `KILL`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success(), "SIG{name} to {}", self.what);
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// How it ended.
    pub fn status(&mut self) -> std::process::ExitStatus {
        self.child.as_mut().unwrap().wait().unwrap()
    }

    /// Whether it goes on.
    pub fn is_alive(&mut self) -> bool {
        let child = self.child.as_mut().unwrap();
        child.try_wait().unwrap().is_none()
    }

    /// Kills it as `kill -9` does; it is gone when this returns.
    pub fn kill(mut self) {
        self.put_down();
    }

    /// Waits until it ends; panics when it does not within `limit`.
    pub fn end_within(mut self, limit: Duration) -> Run {
        until(&format!("the end of {}", self.what), limit, || {
            (!self.is_alive()).then_some(())
        });
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        Run::from_output(&self.what, output)
    }

    /// Waits until it ends, for as long as anything may take.
    pub fn end(self) -> Run {
        self.end_within(Duration::from_secs(60))
    }

    fn put_down(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.put_down();
    }
}

/// Looks again and again until there is something; panics when there is nothing within `limit`.
#[expect(clippy::disallowed_methods, reason = "a test has no clock to wait by")]
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What came of a run. Whatever is not stated as expected must be empty.
#[must_use = "say what is expected"]
pub struct Run {
    what: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    fn of(what: &str, command: &mut assert_cmd::Command) -> Self {
        Self::from_output(what, command.output().unwrap())
    }

    /// What the program did that a test has started by itself.
    pub fn from_output(what: &str, output: std::process::Output) -> Self {
        Self {
            what: what.to_owned(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It succeeded and said nothing on stderr; its stdout.
    pub fn ok(self) -> String {
        assert_eq!(self.stderr, "", "stderr of {}", self.what);
        self.warned().0
    }

    /// It succeeded and may have said something on stderr; stdout and stderr.
    pub fn warned(self) -> (String, String) {
        assert_eq!(
            self.code,
            Some(0),
            "exit code of {}: {}",
            self.what,
            self.stderr
        );
        (self.stdout, self.stderr)
    }

    /// It ended with this code and wrote nothing to stdout; its stderr.
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.stdout, "", "stdout of {}", self.what);
        self.ends(code).1
    }

    /// It ended with this code; stdout and stderr.
    pub fn ends(self, code: i32) -> (String, String) {
        let said = format!("exit code of {}: {}{}", self.what, self.stdout, self.stderr);
        assert_eq!(self.code, Some(code), "{said}");
        (self.stdout, self.stderr)
    }

    /// It failed with this code, and the last line on stderr is this error object.
    pub fn fails_as_json(self, code: i32) -> Value {
        let stderr = self.fails(code);
        let last = stderr.lines().last().unwrap();
        let object: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{stderr}"));
        assert_eq!(object["error"]["exit_code"], code);
        object["error"].clone()
    }
}

/// Copies a program that is started at once. By a process of its own: what another thread's child holds
/// open for writing, if only for a moment, cannot be started.
pub fn copy_program(from: impl AsRef<Path>, to: &Path) {
    let copied = std::process::Command::new("cp")
        .arg(from.as_ref())
        .arg(to)
        .status();
    assert!(copied.unwrap().success(), "{}", to.display());
}

/// The permission bits of a file or folder.
pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
