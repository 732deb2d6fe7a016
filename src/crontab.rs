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

/// Where cron looks for programs, unless the crontab says otherwise.
const SEARCH: &str = "/usr/bin:/bin";

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
    /// The one word that stands before the program, variables aside; none where there are more.
    pub led_by: Option<String>,
    /// The folders where a bare name is looked for, as PATH has them; none where only the shell knows.
    pub search: Option<String>,
    /// The database that it names, by flag or by variable.
    pub database: Option<String>,
    /// Whether what it says goes nowhere.
    pub discards: bool,
    /// Whom it tells how that went.
    pub told: Told,
    /// The command without what is secret in it, to be shown.
    pub shown: String,
}

/// Whom a line tells, by flag or by variable, as it is written there; nothing of what a shell has yet to
/// fill in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The check that is pinged.
    pub ping_url: Option<String>,
    /// The URL that gets JSON.
    pub webhook: Option<String>,
    /// The command that gets variables.
    pub hook: Option<String>,
    /// The file of metrics.
    pub metrics: Option<String>,
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
    /// The line as if what was taken for its user were its program; none where its command begins with
    /// one.
    pub fn without_user(self) -> Option<Self> {
        let user = self.user?;
        let has_program = !self.command.starts_with("dispatch") && !self.command.starts_with('-');
        (!has_program).then(|| Self {
            user: None,
            command: format!("{user} {}", self.command),
            ..self
        })
    }

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
            // Before the program there may be a user of the same name.
            let is_program = is_ours(&words[at]) && !own.get(1).is_some_and(|next| is_ours(next));
            is_program && !rehearses && own.iter().any(dispatches)
        };
        let at = (0..words.len()).find(|at| starts(*at))?;
        let (before, from) = words.split_at(at);
        let own = command_from(from);
        let words = Words {
            before,
            own,
            variables: &self.variables,
        };
        Some(Dispatch {
            program: from.first()?.clone(),
            led_by: words.led_by().map(str::to_owned),
            search: words.search().map(str::to_owned),
            database: words.value("--db", "TENANTPILOT_DB").map(str::to_owned),
            discards: self.variables.get("MAILTO").is_some_and(String::is_empty)
                || discards(&self.command),
            told: words.told(),
            shown: words.shown(&self.command),
        })
    }
}

/// A flag, and the variable that stands for it.
type Given = (&'static str, &'static str);

const PING_URL: Given = ("--ping-url", "TENANTPILOT_PING_URL");
const WEBHOOK: Given = ("--webhook", "TENANTPILOT_WEBHOOK");
const HOOK: Given = ("--hook", "TENANTPILOT_HOOK");
const METRICS: Given = ("--metrics", "TENANTPILOT_METRICS");

/// What a line gives to `dispatch`: the words before the program, those from it on, and the variables
/// above the line.
struct Words<'a> {
    before: &'a [String],
    own: &'a [String],
    variables: &'a BTreeMap<String, String>,
}

impl<'a> Words<'a> {
    fn led_by(&self) -> Option<&'a str> {
        let mut words = self.before.iter().filter(|word| variable(word).is_none());
        let first = words.next()?;
        words.next().is_none().then_some(first.as_str())
    }

    fn search(&self) -> Option<&'a str> {
        // Another command before it may change where the shell looks.
        if self.before.iter().any(|word| variable(word).is_none()) {
            return None;
        }
        match self.prefixed("PATH") {
            Some(search) => (!is_expanded(search)).then_some(search),
            None => Some(self.variables.get("PATH").map_or(SEARCH, String::as_str)),
        }
    }

    fn told(&self) -> Told {
        let plain = |(flag, variable): Given| {
            let in_line = self.in_line(flag, variable);
            let value = match in_line {
                Some(value) if is_expanded(value) => None,
                Some(_) => in_line,
                // Cron takes what stands above the line as it is.
                None => self.variables.get(variable).map(String::as_str),
            };
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        Told {
            ping_url: plain(PING_URL),
            webhook: plain(WEBHOOK),
            hook: plain(HOOK),
            metrics: plain(METRICS),
        }
    }

    /// The command with an ellipsis for what whoever knows it may use; where that cannot be found again
    /// among the quotes of the command, for all that is given.
    fn shown(&self, command: &str) -> String {
        let mut shown = command.to_owned();
        let summary = || {
            let program = self.own.first().map_or("", String::as_str);
            format!("{program} dispatch …")
        };
        // What else is set before the program may be the secret of a tenant.
        let is_told = |word: &str| match word.split_once('=') {
            Some((name, _)) => name.starts_with("TENANTPILOT_") || name == "PATH",
            None => true,
        };
        if !self.before.iter().all(|word| is_told(word)) {
            return summary();
        }
        for (flag, variable) in [PING_URL, WEBHOOK, HOOK] {
            match self.in_line(flag, variable) {
                None | Some("") => {}
                Some(secret) if shown.contains(secret) => shown = shown.replace(secret, "…"),
                Some(_) => return summary(),
            }
        }
        shown
    }

    fn value(&self, flag: &str, variable: &str) -> Option<&'a str> {
        let above = || self.variables.get(variable).map(String::as_str);
        let value = self.in_line(flag, variable).or_else(above);
        value.filter(|value| !value.is_empty())
    }

    /// What the line itself gives, by flag or by a variable before the program.
    fn in_line(&self, flag: &str, variable: &str) -> Option<&'a str> {
        self.flag(flag).or_else(|| self.prefixed(variable))
    }

    /// The variable as it is set before the program.
    fn prefixed(&self, variable: &str) -> Option<&'a str> {
        let mut before = self.before.iter().rev();
        before.find_map(|word| word.strip_prefix(variable)?.strip_prefix('='))
    }

    fn flag(&self, name: &str) -> Option<&'a str> {
        let mut own = self.own.iter().enumerate();
        own.find_map(|(at, word)| match word.strip_prefix(name)? {
            "" => self.own.get(at + 1).map(String::as_str),
            rest => rest.strip_prefix('='),
        })
        // The last word of the command may have what ends it.
        .map(|value| value.trim_end_matches(';'))
    }
}

/// Whether a shell makes something else of a word.
fn is_expanded(word: &str) -> bool {
    word.contains(['$', '`']) || word.starts_with('~')
}

/// The words of the first command, with the one that ends it.
fn command_from(words: &[String]) -> &[String] {
    let ends = |word: &String| {
        matches!(word.as_str(), "&&" | "||" | "|" | ";" | "&") || word.ends_with(';')
    };
    let until = words.iter().position(ends);
    &words[..until.map_or(words.len(), |end| end + 1)]
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
        let named_twice = dispatch("tenantpilot /usr/bin/tenantpilot dispatch").unwrap();
        assert_eq!(named_twice.program, "/usr/bin/tenantpilot");
        assert_eq!(named_twice.led_by.as_deref(), Some("tenantpilot"));
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
    fn where_a_bare_name_is_looked_for_is_known_unless_a_shell_decides() {
        let search = |text: &str| entries(text, false)[0].dispatch("x").unwrap().search;
        let line = "* * * * * tenantpilot dispatch";
        assert_eq!(search(line).as_deref(), Some(SEARCH));
        let above = format!("PATH=$HOME/bin\n{line}");
        assert_eq!(
            search(&above).as_deref(),
            Some("$HOME/bin"),
            "to the letter"
        );
        let within = "* * * * * X=1 PATH=/a:/b tenantpilot dispatch";
        assert_eq!(search(within).as_deref(), Some("/a:/b"));
        for unknown in ["PATH=$HOME/bin", ". ./profile;", "nice"] {
            let line = format!("* * * * * {unknown} tenantpilot dispatch");
            assert_eq!(search(&line), None, "{unknown}");
        }
        let led_by = |command: &str| dispatch(command).unwrap().led_by;
        assert_eq!(
            led_by("X=1 root tenantpilot dispatch").as_deref(),
            Some("root")
        );
        assert_eq!(led_by("nice -n 5 tenantpilot dispatch"), None);
    }

    #[test]
    fn whom_a_line_tells_is_read_from_flags_and_variables_and_not_shown() {
        let told = |command: &str| dispatch(command).unwrap().told;
        let line = "tenantpilot dispatch --ping-url https://h/s1 --webhook=https://h/s2 \
                    --hook 'tell \"s3 s3\"' --metrics /m/tp.prom >/dev/null";
        let all = dispatch(line).unwrap();
        let given = |text: &str| Some(text.to_owned());
        assert_eq!(
            all.told,
            Told {
                ping_url: given("https://h/s1"),
                webhook: given("https://h/s2"),
                hook: given("tell \"s3 s3\""),
                metrics: given("/m/tp.prom"),
            }
        );
        assert_eq!(
            all.shown,
            "tenantpilot dispatch --ping-url … --webhook=… --hook '…' --metrics /m/tp.prom \
             >/dev/null"
        );
        let first = dispatch("tenantpilot dispatch --metrics /m/tp.prom; true").unwrap();
        assert_eq!(first.told.metrics, given("/m/tp.prom"));
        let escaped = dispatch(r"tenantpilot dispatch --hook tell\ s3").unwrap();
        assert_eq!(escaped.told.hook, given("tell s3"));
        assert_eq!(escaped.shown, "tenantpilot dispatch …");
        let prefixed = dispatch("TENANTPILOT_HOOK=/x tenantpilot dispatch").unwrap();
        assert_eq!(prefixed.told.hook, given("/x"));
        assert_eq!(prefixed.shown, "TENANTPILOT_HOOK=… tenantpilot dispatch");
        let secret = dispatch("CONTOSO_SECRET=s3cret tenantpilot dispatch").unwrap();
        assert_eq!(secret.shown, "tenantpilot dispatch …");
        for unknown in ["--ping-url \"$URL\"", "--metrics ~/tp.prom", "--hook ''"] {
            let line = format!("tenantpilot dispatch {unknown}");
            assert_eq!(told(&line), Told::default(), "{unknown}");
        }
        let above = "TENANTPILOT_PING_URL=https://h/$x\n* * * * * tenantpilot dispatch";
        let above = entries(above, false)[0].dispatch("x").unwrap();
        assert_eq!(above.told.ping_url, given("https://h/$x"));
        assert_eq!(above.shown, "tenantpilot dispatch");
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
