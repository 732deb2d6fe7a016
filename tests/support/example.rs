//! The files in `examples/` as a reader takes them: what is a command, and what is prose.
//!
//! A command in a comment stands three blanks or more behind the `#`, or right behind it where it only
//! has to be uncommented; other comments are prose.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::Path;

use tenantpilot::crontab;
use yaml_rust2::{Yaml, YamlLoader};

/// The folder of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What an example holds.
pub fn text(name: &str) -> String {
    fs::read_to_string(root().join("examples").join(name)).unwrap()
}

/// The names of the files that are no programs of this project.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_none_or(|ending| ending != "rs"))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// A comment that is a command, or that only has to be uncommented; a line that is none.
fn uncommented(line: &str) -> Option<&str> {
    match line.trim_start().strip_prefix('#') {
        None => Some(line),
        Some(rest) if rest.starts_with("   ") => Some(rest.trim()),
        Some(rest) => (!rest.is_empty() && !rest.starts_with([' ', '!'])).then_some(rest),
    }
}

/// The lines that are no prose, with those that go on in the next one as one.
pub fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut begun = String::new();
    for line in text.lines().filter_map(uncommented) {
        match line.strip_suffix('\\') {
            Some(part) => begun.push_str(part),
            None => lines.push(std::mem::take(&mut begun) + line),
        }
    }
    lines
}

/// What a line of shell starts of this program, without variables before it. The name alone is only
/// a name.
pub fn calls(line: &str) -> Vec<Vec<String>> {
    let words = shell_words::split(line).unwrap_or_default();
    let ends = |word: &String| matches!(word.as_str(), "&&" | "||" | "|" | ";");
    let mut calls = Vec::new();
    for part in words.split(ends) {
        let is_variable = |word: &&String| word.contains('=');
        let part = part.iter().skip_while(is_variable);
        let mut part = part.filter(|word| !word.starts_with(['<', '>']));
        let name = |word: &&String| word.rsplit('/').next() == Some("tenantpilot");
        if let Some(program) = part.next().filter(name) {
            calls.push([program].into_iter().chain(part).cloned().collect());
        }
        calls.retain(|call: &Vec<String>| call.len() > 1);
    }
    calls
}

/// The documents of an example in YAML.
pub fn documents(name: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every text in a document, and every list of texts as one, after the words of `command`.
pub fn scalars(yaml: &Yaml, found: &mut Vec<String>) {
    match yaml {
        Yaml::String(text) => found.push(text.clone()),
        Yaml::Array(items) => items.iter().for_each(|item| scalars(item, found)),
        Yaml::Hash(members) => {
            let words = |key: &str| yaml[key].as_vec().cloned().unwrap_or_default();
            let whole = [words("command"), words("args")].concat();
            let whole: Vec<&str> = whole.iter().filter_map(Yaml::as_str).collect();
            found.push(shell_words::join(whole));
            members.values().for_each(|value| scalars(value, found));
        }
        _ => {}
    }
}

/// The lines of an example that may start something.
pub fn shell_lines(name: &str) -> Vec<String> {
    let text = text(name);
    let ending = Path::new(name)
        .extension()
        .and_then(|ending| ending.to_str());
    match ending {
        Some("yml" | "yaml") => {
            let comments: Vec<&str> = text
                .lines()
                .filter(|line| line.trim_start().starts_with('#'))
                .collect();
            let mut found = Vec::new();
            documents(name)
                .iter()
                .for_each(|document| scalars(document, &mut found));
            let found = found.iter().flat_map(|text| lines(text)).collect();
            [found, lines(&comments.join("\n"))].concat()
        }
        Some("service" | "timer") => lines(&text)
            .iter()
            .map(|line| line.strip_prefix("ExecStart=").unwrap_or(line).to_owned())
            .collect(),
        _ if name == "crontab" || name == "cron.d" => crontab_entries(name)
            .into_iter()
            .map(|entry| entry.command)
            .collect(),
        _ => lines(&text),
    }
}

/// The entries of a crontab, those included that only have to be uncommented.
pub fn crontab_entries(name: &str) -> Vec<crontab::Entry> {
    crontab::entries(&lines(&text(name)).join("\n"), name == "cron.d")
}
