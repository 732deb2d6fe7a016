//! A crontab as cron reads it: which lines start something, as whom, with which variables.
//!
//! Pure. It reads the tables of Vixie's cron and its descendants (crontab(5)): `NAME = value` sets a
//! variable for the lines below it; a line has five fields or an `@` word, then the user in the
//! machine's tables, then a command, which ends at the first `%` that has no backslash. What cannot
//! be read as a line is passed over: cron's own opinion of it is its business.

use std::collections::BTreeMap;
use std::path::Path;

/// The five fields that mean each minute.
pub const EACH_MINUTE: &str = "* * * * *";

/// A line that starts a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When: five fields with one blank between them, or an `@` word.
    pub when: String,
    /// As whom, in the machine's tables.
    pub user: Option<String>,
    /// What is started, without what cron would feed to it.
    pub command: String,
    /// The variables that are set above the line.
    pub variables: BTreeMap<String, String>,
}

/// How a line starts `dispatch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// The program as it is written there.
    pub program: String,
    /// The database that it names, by flag or by variable.
    pub database: Option<String>,
    /// Whether what it says goes nowhere.
    pub discards: bool,
}

/// The lines of a crontab that start a command. The machine's tables name a user in each line.
pub fn entries(text: &str, names_user: bool) -> Vec<Entry> {
    let mut variables = BTreeMap::new();
    let mut entries = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = variable(line) {
            variables.insert(name.to_owned(), value.to_owned());
            continue;
        }
        entries.extend(entry(line, names_user, &variables));
    }
    entries
}

/// Name and value of a line that sets a variable; quotes around either are cron's.
fn variable(line: &str) -> Option<(&str, &str)> {
    let unquoted = |text: &'_ str| -> usize {
        let quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
        usize::from(quoted('"') || quoted('\''))
    };
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let (cut, cut_value) = (unquoted(name), unquoted(value));
    let name = &name[cut..name.len() - cut];
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    is_name.then(|| (name, &value[cut_value..value.len() - cut_value]))
}

fn entry(line: &str, names_user: bool, variables: &BTreeMap<String, String>) -> Option<Entry> {
    let mut rest = line;
    let mut word = || {
        let trimmed = rest.trim_start();
        let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        let (word, after) = trimmed.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    };
    let fields = if line.starts_with('@') { 1 } else { 5 };
    let when: Vec<&str> = (0..fields).map_while(|_| word()).collect();
    if when.len() < fields {
        return None;
    }
    let user = if names_user {
        Some(word()?.to_owned())
    } else {
        None
    };
    let command = command(rest.trim());
    (!command.is_empty()).then(|| Entry {
        when: when.join(" "),
        user,
        command,
        variables: variables.clone(),
    })
}

/// What is before the first `%` that has no backslash, with `\%` as `%`.
fn command(text: &str) -> String {
    let mut command = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('%', _) => break,
            ('\\', Some('%')) => command.extend(letters.next()),
            _ => command.push(letter),
        }
    }
    command.trim_end().to_owned()
}

impl Entry {
    /// How it starts `dispatch`, if it does. `program` is the name of this program's file, under
    /// which it may be known there beside its own.
    pub fn dispatch(&self, program: &str) -> Option<Dispatch> {
        // Where a quote is not closed, the words still tell.
        let words = shell_words::split(&self.command)
            .unwrap_or_else(|_| self.command.split_whitespace().map(str::to_owned).collect());
        let is_ours = |word: &str| {
            let name = Path::new(word).file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name == "tenantpilot" || name == program)
        };
        // `test -x PROGRAM && PROGRAM dispatch` names it twice.
        let starts = |at: usize| {
            let own = command_from(&words[at..]);
            let rehearses = own.iter().any(|word| word == "--dry-run");
            let dispatches = |word: &String| word.trim_end_matches(';') == "dispatch";
            is_ours(&words[at]) && !rehearses && own.iter().any(dispatches)
        };
        let at = (0..words.len()).find(|at| starts(*at))?;
        let (before, from) = words.split_at(at);
        let own = command_from(from);
        let prefixed = before
            .iter()
            .rev()
            .find_map(|word| word.strip_prefix("TENANTPILOT_DB="));
        let variable = || self.variables.get("TENANTPILOT_DB").map(String::as_str);
        Some(Dispatch {
            program: from.first()?.clone(),
            database: flag(own)
                .or(prefixed)
                .or_else(variable)
                .filter(|value| !value.is_empty())
                .map(str::to_owned),
            discards: self.variables.get("MAILTO").is_some_and(String::is_empty)
                || discards(&self.command),
        })
    }
}

/// The words of the first command, with the one that ends it.
fn command_from(words: &[String]) -> &[String] {
    let ends = |word: &String| {
        matches!(word.as_str(), "&&" | "||" | "|" | ";" | "&") || word.ends_with(';')
    };
    let until = words.iter().position(ends);
    &words[..until.map_or(words.len(), |end| end + 1)]
}

fn flag(words: &[String]) -> Option<&str> {
    let at = words
        .iter()
        .position(|word| word == "--db" || word.starts_with("--db="))?;
    match words[at].strip_prefix("--db=") {
        Some(value) => Some(value),
        None => words.get(at + 1).map(String::as_str),
    }
}

/// Whether a shell throws away what the command writes to stderr.
fn discards(command: &str) -> bool {
    let tight: String = command.split_whitespace().collect();
    tight.contains("2>/dev/null")
        || tight.contains("&>/dev/null")
        || (tight.contains(">/dev/null") && tight.contains("2>&1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "\
# tenantpilot
MAILTO = \"ops@example.com\"
TENANTPILOT_DB=/srv/tp.db

*/5  * * *\t1-5 /usr/bin/true
* * * * * nice /usr/local/bin/tenantpilot dispatch
@daily tenantpilot -q backups verify % input
";

    fn dispatch(command: &str) -> Option<Dispatch> {
        let line = format!("* * * * * {command}");
        entries(&line, false).remove(0).dispatch("tp-1.2")
    }

    #[test]
    fn lines_have_a_time_a_user_where_there_is_one_and_the_variables_above_them() {
        let found = entries(OURS, false);
        let whens: Vec<&str> = found.iter().map(|entry| entry.when.as_str()).collect();
        assert_eq!(whens, ["*/5 * * * 1-5", EACH_MINUTE, "@daily"]);
        assert_eq!(found[2].command, "tenantpilot -q backups verify");
        assert_eq!(found[1].variables["MAILTO"], "ops@example.com");
        let found = entries(
            "17 * * * *\troot    cd / && run --x=y\nbroken\n* * * * * root",
            true,
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].user.as_deref(), Some("root"));
        assert_eq!(found[0].command, "cd / && run --x=y");
        assert_eq!(command(r"date +\%F % x"), "date +%F");
    }

    #[test]
    fn a_line_that_starts_dispatch_is_found_with_its_database() {
        let starts: Vec<Dispatch> = entries(OURS, false)
            .iter()
            .filter_map(|entry| entry.dispatch("tp-1.2"))
            .collect();
        assert_eq!(starts.len(), 1);
        assert_eq!(starts[0].program, "/usr/local/bin/tenantpilot");
        assert_eq!(starts[0].database.as_deref(), Some("/srv/tp.db"));
        assert!(!starts[0].discards);
        let database = |command: &str| dispatch(command).unwrap().database;
        assert_eq!(database("tenantpilot dispatch"), None);
        assert_eq!(
            database("tenantpilot --db '/a b' dispatch").unwrap(),
            "/a b"
        );
        assert_eq!(
            database("/x/tp-1.2 dispatch --db=rel.db").unwrap(),
            "rel.db"
        );
        assert_eq!(
            database("TENANTPILOT_DB=/y tenantpilot dispatch").unwrap(),
            "/y"
        );
        let guarded = "test -x /usr/bin/tenantpilot && /usr/bin/tenantpilot dispatch";
        assert_eq!(dispatch(guarded).unwrap().program, "/usr/bin/tenantpilot");
        for other in [
            "test -x /usr/bin/tenantpilot && echo dispatch",
            "tenantpilot status",
            "tenantpilot dispatch --dry-run",
            "echo dispatch",
            "tenantpilot status; echo dispatch",
            "othertool dispatch",
        ] {
            assert_eq!(dispatch(other), None, "{other}");
        }
    }

    #[test]
    fn what_throws_failures_away_is_noticed() {
        for silent in [
            "tenantpilot dispatch >/dev/null 2>&1",
            "tenantpilot dispatch > /dev/null 2>&1",
            "tenantpilot dispatch 2>/dev/null",
            "tenantpilot dispatch &> /dev/null",
        ] {
            assert!(dispatch(silent).unwrap().discards, "{silent}");
        }
        for told in [
            "tenantpilot dispatch > /dev/null",
            "tenantpilot dispatch 2>&1",
        ] {
            assert!(!dispatch(told).unwrap().discards, "{told}");
        }
        let found = entries("MAILTO=\"\"\n* * * * * tenantpilot dispatch", false);
        assert!(found[0].dispatch("x").unwrap().discards);
    }
}
