//! Every command that there is, found in the command tree, and a call of each that gets as far as
//! its work. A new command is among them as soon as it exists.
//!
//! Calls are for a place with a tenant, its schedule, and two backup sets of two runs, which have the
//! ids 1 and 2 whatever their names are, and a folder `exported`. Those that take something away
//! come last.

#![allow(dead_code, reason = "each test file uses a part of it")]

use clap::CommandFactory as _;
use tenantpilot::cli::Cli;

use crate::env::{CLIENT_ID, Env};
use crate::sandbox::server::DIRECTORY;

/// What `fleet apply` is called with.
const FLEET_FILE: &str = "fleet.toml";

/// Makes the file that `fleet apply` is called with: what is there already.
pub fn make_fleet_file(env: &Env) {
    let exported = env.run(&["fleet", "export"]).ok();
    env.file(FLEET_FILE, &exported, 0o600);
}

/// A command and its arguments.
#[derive(Debug, Clone)]
pub struct Call {
    /// The words that lead to it.
    pub words: Vec<String>,
    /// What it is called with.
    pub args: Vec<String>,
    /// Its options that take a value, as `--name`.
    pub options: Vec<String>,
}

impl Call {
    /// The whole command line.
    pub fn line(&self) -> Vec<&str> {
        let words = self.words.iter().chain(&self.args);
        words.map(String::as_str).collect()
    }

    /// The words in one.
    pub fn name(&self) -> String {
        self.words.join(" ")
    }
}

/// All of them.
pub fn all() -> Vec<Call> {
    let mut root = Cli::command();
    root.build();
    let mut calls = Vec::new();
    collect(&root, &mut Vec::new(), &mut calls);
    assert!(calls.len() > 40, "the command tree was found: {calls:?}");
    calls.sort_by_key(|call| takes_away(&call.name()));
    calls
}

/// What a call leaves less of, later calls may miss.
fn takes_away(name: &str) -> u8 {
    let last = name.rsplit(' ').next().unwrap_or_default();
    match last {
        "edit" | "disable" | "revoke" | "apply" | "undo" | "compact" => 1,
        "expire" | "unexpire" | "retention" | "delete" => 2,
        "remove" => 3 + u8::from(name.starts_with("tenants")),
        _ => 0,
    }
}

fn collect(command: &clap::Command, words: &mut Vec<String>, calls: &mut Vec<Call>) {
    for below in command.get_subcommands() {
        words.push(below.get_name().to_owned());
        let is_command = !below.has_subcommands()
            || !(below.is_subcommand_required_set() || below.is_arg_required_else_help_set());
        if is_command {
            calls.push(call(below, words));
        }
        collect(below, words, calls);
        words.pop();
    }
}

fn call(command: &clap::Command, words: &[String]) -> Call {
    let own = command.get_arguments().filter(|arg| {
        let global = arg.is_global_set();
        !global && !["help", "version"].contains(&arg.get_id().as_str())
    });
    let own: Vec<&clap::Arg> = own.collect();
    let mut args = known(&words.join(" ")).unwrap_or_else(|| {
        let required = own.iter().filter(|arg| arg.is_required_set());
        required.flat_map(|arg| given(arg, words)).collect()
    });
    if own.iter().any(|arg| arg.get_long() == Some("yes")) {
        args.push("--yes".to_owned());
    }
    let valued = own.iter().filter(|arg| arg.get_action().takes_values());
    let options = valued.filter_map(|arg| Some(format!("--{}", arg.get_long()?)));
    Call {
        words: words.to_vec(),
        args,
        options: options.collect(),
    }
}

/// Where the command tree alone does not tell what makes sense.
fn known(name: &str) -> Option<Vec<String>> {
    let args: &[&str] = match name {
        "tenants add" => &[
            "new",
            "--directory",
            DIRECTORY,
            "--client-id",
            CLIENT_ID,
            "--secret-env",
            "NOWHERE",
        ],
        "tenants edit" => &["1", "--label", "a=b"],
        "schedules add" => &[
            "new",
            "--tenant",
            "1",
            "--at",
            "03:00",
            "--types",
            "assignmentFilter",
        ],
        "schedules edit" => &["1", "--grace", "1m"],
        "schedules enable" | "schedules disable" | "schedules remove" | "schedules restore" => {
            &["1"]
        }
        "run" => &["--all"],
        "retry" => &["--failed"],
        "backups diff" => &["1", "2"],
        "backups log" => &["assignmentFilter/1"],
        "fleet apply" => &[FLEET_FILE],
        "policy-types show" => &["assignmentFilter"],
        "complete" => &["fish", "--", "run", ""],
        "roles grant" => &["root", "readonly", "--tenant", "1"],
        "roles revoke" => &["anna", "--tenant", "1"],
        _ => return None,
    };
    Some(args.iter().map(|&arg| arg.to_owned()).collect())
}

/// A value for what has to be given, by what the help calls it.
fn given(arg: &clap::Arg, words: &[String]) -> Vec<String> {
    let names = arg.get_value_names().unwrap_or_default();
    let asked = names.first().map_or("", |name| name.as_str());
    let possible = arg.get_possible_values();
    let value = match asked {
        _ if !possible.is_empty() => possible[0].get_name().to_owned(),
        "TENANT" | "SCHEDULE" | "SET" | "RUN" | "ID" | "N" => "1".to_owned(),
        "DIR" => "exported".to_owned(),
        "FILE" | "PATH" => format!("made-by-{}", words.join("-")),
        _ => "x".to_owned(),
    };
    match arg.get_long() {
        Some(long) => vec![format!("--{long}"), value],
        None => vec![value],
    }
}
