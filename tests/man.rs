//! The pages under `man/` are what the command definitions say. To write them anew:
//! `WRITE_MAN=1 cargo test --test man`.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by it; the environment says whether to write"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use tenantpilot::cli::Cli;

/// Every page by its file name: one per command, named after the words that lead to it.
fn pages() -> BTreeMap<String, Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let mut pages = BTreeMap::new();
    add_pages(&mut pages, &command);
    pages
}

fn add_pages(pages: &mut BTreeMap<String, Vec<u8>>, command: &clap::Command) {
    let name = command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .date("")
        .render(&mut page)
        .unwrap();
    pages.insert(format!("{name}.1"), page);
    for sub in command.get_subcommands() {
        add_pages(pages, sub);
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

#[test]
fn the_man_pages_are_up_to_date() {
    let pages = pages();
    if std::env::var_os("WRITE_MAN").is_some() {
        let _ = fs::remove_dir_all(folder());
        fs::create_dir_all(folder()).unwrap();
        for (name, page) in &pages {
            fs::write(folder().join(name), page).unwrap();
        }
    }
    let there: BTreeMap<String, Vec<u8>> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    let names = |pages: &BTreeMap<String, Vec<u8>>| pages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&there),
        names(&pages),
        "write them anew: WRITE_MAN=1 cargo test --test man"
    );
    for (name, page) in &pages {
        assert!(
            there[name] == *page,
            "man/{name} is out of date: WRITE_MAN=1 cargo test --test man"
        );
    }
}
