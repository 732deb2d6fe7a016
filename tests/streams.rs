//! Streams that take nothing, behind every command: a reader that went away, a full disk.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use commands::Call;
use env::PROGRAM;
use stage::{FILTERS, Stage};

/// Where every command has something to say.
fn stage() -> Stage {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage.sandbox.change(FILTERS.1, 1);
    stage.success();
    let export = ["backups", "export", "1", "--to", "exported", "--quiet"];
    stage.env.run(&export).warned();
    commands::make_fleet_file(&stage.env);
    stage
}

/// The command line as a shell reads it, without the program.
fn quoted(call: &Call) -> String {
    let words = call.line().into_iter().map(shell_words::quote);
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_reader_that_went_away_is_no_failure_of_any_command() {
    let stage = stage();
    for call in commands::all() {
        let line = quoted(&call);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = stage.env.program(PROGRAM, &call.line());
        let output = command.stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let code = output.status.code().unwrap();
        assert!(
            !said.contains("panicked") && !said.contains("cannot write"),
            "{line}: {said}"
        );
        // What is told by an exit code is told without a reader, too.
        let told = [0, 19].contains(&code) || said.contains("error: ");
        assert!(
            told && ![16, 101, 141].contains(&code),
            "{line}: {code} {said}"
        );
    }
}

#[test]
fn a_full_disk_behind_stdout_is_told_by_every_command_that_has_something_to_say() {
    let stage = stage();
    let mut full = 0;
    for call in commands::all() {
        let line = quoted(&call);
        for json in ["", "--json"] {
            let run = stage
                .env
                .shell(&format!(r#""$0" {line} {json} >/dev/full"#));
            let code = run.code;
            let (_, said) = run.ends(code.unwrap());
            assert!(!said.contains("panicked"), "{line}: {said}");
            let told = said.contains("cannot write the output");
            assert_eq!(code == Some(16), told, "{line} {json}: {said}");
            full += usize::from(told);
            // What is only read says the same again.
            let again = stage.env.shell(&format!(r#""$0" {line} {json}"#));
            if again.code == Some(0) && !again.stdout.is_empty() {
                assert!(told, "{line} {json}: {code:?} {said}");
            }
        }
    }
    assert!(full > 60, "{full} commands were told of a full disk");
}
