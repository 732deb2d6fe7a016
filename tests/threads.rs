//! A system that gives no more threads or processes: what needs them is slower, or fails and says so.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/account.rs"]
mod account;
#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::os::unix::fs::chown;

use account::Account;
use env::Run;
use sandbox::server::{DIRECTORY, Options, Sandbox};

/// Who has one process of one thread, and one more for signals.
const LIMIT: [&str; 2] = ["/usr/bin/prlimit", "--nproc=2:2"];

/// An account of that number, which no other test has, with a tenant that signs in to a sandbox; none
/// where this process is not root.
fn account(uid: u32, sandbox: &Sandbox, secret: &str) -> Option<Account> {
    if !account::is_root() || !std::path::Path::new(LIMIT[0]).exists() {
        return None;
    }
    let account = Account::of(uid);
    let file = account.home.path().join("secret");
    std::fs::write(&file, secret).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    chown(&file, Some(uid), Some(uid)).unwrap();
    let url = sandbox.url();
    let add = ["tenants", "add", "contoso", "--directory", DIRECTORY];
    let at = ["--graph-url", url, "--authority-url", url];
    let by = [
        "--client-id",
        env::CLIENT_ID,
        "--secret-file",
        file.to_str().unwrap(),
    ];
    account.run(None, &[&add[..], &at, &by].concat()).ok();
    Some(account)
}

fn limited(account: &Account, args: &[&str]) -> Run {
    let output = account.by(&LIMIT, args).output().unwrap();
    let run = Run::from_output(&args.join(" "), output);
    assert!(!run.stderr.contains("panic"), "{}", run.stderr);
    run
}

#[test]
fn without_threads_everything_is_tried_in_the_one_that_is_there() {
    let options = Options::default();
    let secret = options.client_secret.clone();
    let sandbox = Sandbox::start(options);
    let Some(account) = account(61_235, &sandbox, &secret) else {
        eprintln!("not tried: this takes root and prlimit");
        return;
    };
    let checked = limited(&account, &["tenants", "check", "contoso"]).ok();
    assert!(checked.contains("signed in"), "{checked}");
    let examined = limited(&account, &["doctor"]).stdout;
    assert!(examined.contains("usable for 1 of 1 tenant"), "{examined}");
    assert!(
        examined.contains(&format!("{} answers", sandbox.url())),
        "{examined}"
    );
}

#[test]
fn without_a_process_a_secret_command_is_not_started_and_that_is_said() {
    let sandbox = Sandbox::start(Options::default());
    let Some(account) = account(61_236, &sandbox, "x") else {
        eprintln!("not tried: this takes root and prlimit");
        return;
    };
    let edit = ["tenants", "edit", "contoso", "--secret-command", "echo x"];
    account.run(None, &edit).ok();
    let stderr = limited(&account, &["tenants", "check", "contoso"]).fails(17);
    assert!(
        stderr.contains("hint: this user may have no more processes"),
        "{stderr}"
    );
}
