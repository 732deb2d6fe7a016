//! The pages of section 1 under `man/` are what the command definitions say. To write them anew:
//! `WRITE_MAN=1 cargo test --test man`. `tenantpilot.7` is written by hand; here is seen to it that it
//! leaves nothing out.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test fails by it; the environment says whether to write; what cannot be tried is told"
)]

#[path = "man/exits.rs"]
mod exits;
#[path = "man/page.rs"]
mod page;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::CommandFactory as _;
use tenantpilot::cli::Cli;
use tenantpilot::error::ExitCode;
use tenantpilot::policy::Outcome;
use tenantpilot::role::Role;
use tenantpilot::run::{ErrorCode, Status};

/// The page that is written by hand.
const CONCEPTS: &str = "tenantpilot.7";

fn tree() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// Every page by its file name: one per command, named after the words that lead to it.
fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    add_pages(&mut pages, &tree(), None);
    pages
}

fn add_pages(
    pages: &mut BTreeMap<String, String>,
    command: &clap::Command,
    parent: Option<&clap::Command>,
) {
    let name = command.get_display_name().unwrap_or(command.get_name());
    pages.insert(format!("{name}.1"), page::page(command, parent));
    for below in page::shown(command) {
        add_pages(pages, below, Some(command));
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

fn concepts() -> String {
    fs::read_to_string(folder().join(CONCEPTS)).unwrap()
}

#[test]
fn the_man_pages_are_up_to_date() {
    let pages = pages();
    let is_generated = |name: &str| name != CONCEPTS;
    let there = || {
        let entries = fs::read_dir(folder()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| is_generated(name)).collect();
        names.sort();
        names
    };
    if std::env::var_os("WRITE_MAN").is_some() {
        for name in there().iter().filter(|name| !pages.contains_key(*name)) {
            fs::remove_file(folder().join(name)).unwrap();
        }
        for (name, page) in &pages {
            fs::write(folder().join(name), page).unwrap();
        }
    }
    let anew = "write them anew: WRITE_MAN=1 cargo test --test man";
    assert_eq!(there(), pages.keys().cloned().collect::<Vec<_>>(), "{anew}");
    for (name, page) in &pages {
        let written = fs::read_to_string(folder().join(name)).unwrap();
        assert!(written == *page, "man/{name} is out of date; {anew}");
    }
}

/// A line that begins so is taken for a request, and says nothing; every request there is one of
/// those that the pages use.
#[test]
fn the_pages_are_roff_and_nothing_else() {
    const REQUESTS: [&str; 11] = [
        "TH", "SH", "TP", "PP", "RS", "RE", "nf", "fi", "br", "sp", "ad",
    ];
    for (name, page) in pages() {
        for line in page.lines() {
            assert!(!line.is_empty(), "{name} has an empty line");
            assert!(!line.starts_with('\''), "{name}: {line}");
            if let Some(request) = line.strip_prefix('.') {
                let word = request.split(' ').next().unwrap_or_default();
                assert!(REQUESTS.contains(&word), "{name}: {line}");
            }
            assert!(line.is_ascii() || !line.contains('`'), "{name}: {line}");
        }
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "EXAMPLES",
            "SEE ALSO",
        ] {
            assert!(page.contains(&format!("\n.SH \"{section}\"\n")), "{name}");
        }
    }
}

/// Where `mandoc` is there, it has nothing to complain of; else nothing is tried.
#[test]
fn mandoc_finds_no_fault() {
    // Not those under man/, which may be written anew just now.
    let place = tempfile::tempdir().unwrap();
    let mut pages = pages();
    pages.insert(CONCEPTS.to_owned(), concepts());
    let paths = pages.iter().map(|(name, page)| {
        let path = place.path().join(name);
        fs::write(&path, page).unwrap();
        path
    });
    let paths: Vec<PathBuf> = paths.collect();
    let mut lint = Process::new("mandoc");
    // Pages that come with every release have no date of their own.
    let Ok(output) = lint
        .args(["-T", "lint", "-W", "warning"])
        .args(&paths)
        .output()
    else {
        eprintln!("there is no mandoc here: nothing was tried");
        return;
    };
    let told = String::from_utf8(output.stdout).unwrap();
    let faults: Vec<&str> = told
        .lines()
        .filter(|line| !line.contains("missing date"))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_concepts_name_every_code_and_status_and_command() {
    let text = concepts();
    let named = |word: &str| {
        let ways = ["It Sy", "Xr"].map(|name| format!("\n.{name} {word}"));
        let mut ends = ways.iter().flat_map(|way| text.split(way.as_str()).skip(1));
        ends.any(|rest| rest.starts_with(['\n', ' ']))
    };
    for code in ErrorCode::ALL {
        assert!(named(code.as_str()), "no word of {}", code.as_str());
    }
    for status in Status::ALL {
        assert!(named(status.as_str()), "no word of {}", status.as_str());
    }
    for outcome in Outcome::ALL {
        assert!(named(outcome.as_str()), "no word of {}", outcome.as_str());
    }
    for role in Role::ALL {
        assert!(named(role.as_str()), "no word of {}", role.as_str());
    }
    for code in ExitCode::ALL {
        let number = code.number().to_string();
        assert!(named(&number), "no word of exit code {number}");
    }
    for command in page::shown(&tree()) {
        let name = format!("tenantpilot-{}", command.get_name());
        assert!(named(&name), "no word of {name}");
    }
}

#[test]
fn every_variable_that_is_read_is_told() {
    let config = include_str!("../src/config.rs");
    let shipped = config.split("#[cfg(test)]").next().unwrap();
    let is_variable = |word: &&str| {
        let mut letters = word.chars();
        word.len() > 1 && letters.all(|c| c.is_ascii_uppercase() || c == '_')
    };
    let variables: Vec<&str> = shipped.split('"').filter(is_variable).collect();
    assert!(variables.contains(&"TENANTPILOT_DB"), "{variables:?}");
    let page = &pages()["tenantpilot.1"];
    for variable in variables {
        assert!(
            page.contains(variable),
            "tenantpilot(1) does not tell of {variable}"
        );
    }
}

/// What is told of numbers in prose is what they are.
#[test]
fn the_concepts_tell_the_defaults_that_there_are() {
    let text = concepts();
    let rules = tenantpilot::retention::rules::Rules::default();
    assert!(text.contains(&format!("last {} backup sets", rules.last)));
}
