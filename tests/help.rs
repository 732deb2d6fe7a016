//! The help of every command, as somebody reads it who has never seen the program: there are examples
//! that can be typed, and it fits a terminal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

use clap::{Command, CommandFactory as _};
use tenantpilot::cli::Cli;

/// Every command that is shown, with the words that lead to it.
fn commands() -> Vec<(String, Command)> {
    let mut root = Cli::command();
    root.build();
    let mut found = Vec::new();
    let mut left = vec![("tenantpilot".to_owned(), root)];
    while let Some((words, command)) = left.pop() {
        let below = command.get_subcommands().filter(|one| !one.is_hide_set());
        left.extend(below.map(|one| (format!("{words} {}", one.get_name()), one.clone())));
        found.push((words, command));
    }
    assert!(found.len() > 50, "the tree was walked");
    found
}

fn is_group(command: &Command) -> bool {
    command.is_subcommand_required_set()
}

/// The lines below `Examples:`, those that go on joined.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let blocks = help.split("\n\n");
    let block = blocks
        .into_iter()
        .find_map(|block| block.strip_prefix("Examples:\n"));
    let joined = block.unwrap_or_default().replace("\\\n", " ");
    joined.lines().map(str::to_owned).collect()
}

/// The command lines of the program in a line of a shell, without its name.
fn calls(line: &str) -> Vec<Vec<String>> {
    // What a shell puts in its place is one word.
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("$(") {
        plain.push_str(before);
        plain.push('x');
        rest = after.split_once(')').expect("a substitution ends").1;
    }
    plain.push_str(rest);
    let words = shell_words::split(&plain.replace(';', " ; ")).unwrap();
    let is_end = |word: &String| ["|", "&&", ";", ">", "}"].contains(&word.as_str());
    let parts = words.split(is_end);
    let of_program = |part: &[String]| {
        let is_program = |word: &String| word.rsplit('/').next() == Some("tenantpilot");
        let at = part.iter().position(is_program)?;
        // A file of that name has nothing after it.
        Some(part[at + 1..].to_vec()).filter(|call| !call.is_empty())
    };
    parts.filter_map(of_program).collect()
}

#[test]
fn every_command_has_examples_of_its_own_that_parse() {
    for (words, command) in commands() {
        let lines = examples(&command);
        if is_group(&command) && words != "tenantpilot" {
            continue;
        }
        assert!(!lines.is_empty(), "{words} --help has no Examples:");
        let mut own = 0;
        for line in &lines {
            let calls = calls(line);
            assert!(!calls.is_empty(), "{words}: no command in {line}");
            for call in calls {
                let whole = std::iter::once("tenantpilot".to_owned()).chain(call.clone());
                let parsed = Cli::command().try_get_matches_from(whole);
                parsed.unwrap_or_else(|error| panic!("{words}: {line}\n{error}"));
                let typed = format!("tenantpilot {}", call.join(" "));
                own += usize::from(typed.starts_with(&words));
            }
        }
        assert!(own > 0, "{words} is in none of its examples: {lines:?}");
    }
}

#[test]
fn every_help_fits_a_terminal_of_80_columns() {
    for (words, command) in commands() {
        let help = command.term_width(80).render_long_help().to_string();
        for line in help.lines() {
            // Usage is not broken into lines.
            let may_be_long = line.starts_with("Usage: ") || line.starts_with("       tenantpilot");
            let length = line.trim_end().chars().count();
            assert!(may_be_long || length <= 80, "{words}: {length}: {line}");
        }
    }
}

#[test]
fn the_first_line_says_what_a_command_does_as_an_order_and_without_a_full_stop() {
    for (words, command) in commands() {
        let about = command.get_about().unwrap().to_string();
        assert!(!about.ends_with('.'), "{words}: {about}");
        assert!(
            about.chars().next().unwrap().is_uppercase(),
            "{words}: {about}"
        );
        let verb = about.split(' ').next().unwrap();
        assert!(!verb.ends_with('s') && verb != "What", "{words}: {about}");
        for arg in command.get_arguments() {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let what = format!("{words} {}: {help:?}", arg.get_id());
            assert!(!help.is_empty() && !help.ends_with('.'), "{what}");
        }
    }
}

#[test]
fn what_is_changed_has_no_default_and_what_is_new_has_no_label_to_take_away() {
    let help = |command: &Command, id: &str| {
        let mut flags = command.get_arguments();
        let flag = flags.find(|flag| flag.get_id() == id).unwrap();
        let (short, long) = (flag.get_help(), flag.get_long_help());
        format!("{} {}", short.unwrap(), long.or(short).unwrap())
    };
    let commands = commands();
    let of = |wanted: &str| {
        &commands
            .iter()
            .find(|(words, _)| words == wanted)
            .unwrap()
            .1
    };
    for (group, flag) in [("schedules", "spread"), ("schedules", "timezone")] {
        let edit = help(of(&format!("tenantpilot {group} edit")), flag);
        assert!(!edit.contains("[default"), "{edit}");
        let add = help(of(&format!("tenantpilot {group} add")), flag);
        assert_eq!(add.matches("[default").count(), 2, "{add}");
    }
    for group in ["tenants", "schedules"] {
        assert!(help(of(&format!("tenantpilot {group} edit")), "labels").contains("`K=`"));
        assert!(!help(of(&format!("tenantpilot {group} add")), "labels").contains("`K=`"));
    }
}
