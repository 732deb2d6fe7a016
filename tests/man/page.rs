//! A page of section 1: what `clap_mangen` makes of a command, in the order and the looks of a manual
//! page, with what the help says below it as sections of their own.

use clap::builder::PossibleValue;
use clap::{Arg, Command};
use clap_mangen::Man;

use crate::exits;

/// The flags of every command, which have their place in tenantpilot(1).
const GLOBAL: &str = "The options of every command\n(\\fB\\-\\-db\\fR \\fIFILE\\fR, \\fB\\-\\-json\\fR, \
    \\fB\\-\\-plain\\fR, \\fB\\-q\\fR, \\fB\\-v\\fR, \\fB\\-\\-color\\fR \\fIWHEN\\fR, \\fB\\-\\-log\\-format\\fR \\fIFORMAT\\fR)\nare in \
    \\fBtenantpilot\\fR(1).\n";

const DESCRIPTION: &str = "\
.PP
It reads a tenant through Microsoft Graph and keeps what it read in one local SQLite file, as backup
sets that never change and can be proved intact. There is no daemon: cron starts
\\fBtenantpilot dispatch\\fR each minute, which does what is due and is silent when all is well.
.PP
What the words mean, how time counts, what each error code asks for and what to do on a bad night is
in \\fBtenantpilot\\fR(7).
";

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "TENANTPILOT_DB",
        "The database, where \\-\\-db does not say.",
    ),
    (
        "XDG_STATE_HOME",
        "The folder below which the database is by default, if it is a whole path; not for root.",
    ),
    (
        "HOME",
        "The home folder. Where it is not set, the system knows it.",
    ),
    (
        "NO_COLOR",
        "Set to anything: no colour, unless \\-\\-color says otherwise.",
    ),
    (
        "CLICOLOR_FORCE",
        "Set to anything but 0: colour, even into a pipe.",
    ),
    (
        "COLUMNS",
        "How wide tables are where stdout is no terminal.",
    ),
    (
        "CI",
        "Set to anything but 0 or false: nobody is asked, and there is no progress.",
    ),
    (
        "JOURNAL_STREAM",
        "Where systemd sets it for stderr: each line there begins with its priority.",
    ),
    (
        "TENANTPILOT_PING_URL, TENANTPILOT_WEBHOOK, TENANTPILOT_HOOK, TENANTPILOT_METRICS",
        "Whom dispatch tells how it went; \\fBtenantpilot\\-dispatch\\fR(1) says how.",
    ),
    (
        "PATH",
        "Where a hook, or a command that gives a secret, is looked for that is named without a folder.",
    ),
    (
        "SUDO_USER",
        "Who called sudo, and so who acts as far as roles and the audit trail go.",
    ),
    (
        "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
        "The proxy to Graph, to the sign\\-in service and to monitors, in upper or lower case, as \
         \\fIhttp://HOST:PORT\\fR. Where none that is named can be used, nothing is sent.",
    ),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "The root certificates that are believed instead of the system's.",
    ),
];

const FILES: &[(&str, &str)] = &[
    (
        "~/.local/state/tenantpilot/tenantpilot.db, /var/lib/tenantpilot/tenantpilot.db",
        "The database, of a user and of root. Beside it, as long as it is in use, \\-wal and \\-shm.",
    ),
    (
        "tenantpilot.db\\-locks/",
        "Lock files. Never to be copied, and never in the way.",
    ),
    (
        "tenantpilot.db\\-key",
        "The key under which secrets that Graph shows in clear become digests. Keep a copy elsewhere.",
    ),
    (
        "/etc/cron.d/tenantpilot",
        "The crontab of a whole machine: \\fBtenantpilot cron print \\-\\-system\\fR.",
    ),
];

/// What the examples of a help begin with.
const EXAMPLES: &str = "Examples:\n";

/// Top-level commands that have to do with each other.
const RELATED: &[(&str, &[&str])] = &[
    ("dispatch", &["cron", "run", "status", "schedules"]),
    ("run", &["retry", "dispatch", "history", "notifications"]),
    ("retry", &["run", "history", "notifications"]),
    ("retention", &["backups", "schedules"]),
    ("history", &["status", "retry", "backups"]),
    ("status", &["history", "doctor", "dispatch"]),
    (
        "doctor",
        &["status", "cron", "tenants-check", "backups-verify"],
    ),
    ("notifications", &["run", "retry", "history"]),
];

/// The commands below one, but for those that nobody types.
pub fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
}

/// The page of a command.
pub fn page(command: &Command, parent: Option<&Command>) -> String {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(
        ".TH \"{}\" \"1\" \"\" \"tenantpilot {version}\" \"Commands\"\n",
        escaped(&name.to_uppercase())
    );
    let ready = prepared(command, parent.is_some());
    let man = Man::new(ready.clone());
    page.push_str(&section(|out| man.render_name_section(out)));
    page.push_str(&synopsis(command));
    page.push_str(&section(|out| man.render_description_section(out)));
    if parent.is_none() {
        page.push_str(DESCRIPTION);
    }
    page.push_str(&arguments(&ready));
    page.push_str(&options(&ready, parent.is_some()));
    page.push_str(&commands(command));
    if parent.is_none() {
        page.push_str(&definitions("ENVIRONMENT", ENVIRONMENT));
        page.push_str(&definitions("FILES", FILES));
    }
    page.push_str(&exits::section(command, parent.is_none()));
    page.push_str(&after_help(command));
    page.push_str(&see_also(command, parent));
    quoted_as_bold(&page)
}

/// The command as its page shows it: values and defaults in the text of an option, not around it.
fn prepared(command: &Command, has_globals_elsewhere: bool) -> Command {
    let mut ready = command.clone().disable_version_flag(true);
    let ids: Vec<clap::Id> = command
        .get_arguments()
        .map(|arg| arg.get_id().clone())
        .collect();
    for id in ids {
        ready = ready.mut_arg(id, |arg| {
            let hidden = has_globals_elsewhere && arg.is_global_set();
            let help = arg.get_long_help().or_else(|| arg.get_help());
            let mut help = help.map(ToString::to_string).unwrap_or_default();
            help.push_str(&said_of_values(&arg));
            let hide = hidden || arg.is_hide_set() || arg.get_id() == "help";
            arg.help(help.clone())
                .long_help(help)
                .hide_possible_values(true)
                .hide_default_value(true)
                .hide(hide)
        });
    }
    ready
}

fn said_of_values(arg: &Arg) -> String {
    let mut said = String::new();
    let takes_value = arg
        .get_num_args()
        .is_some_and(|number| number.takes_values());
    let values = arg.get_possible_values();
    if takes_value && !arg.is_hide_possible_values_set() && !values.is_empty() {
        let words: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
        said.push_str(&format!(" [values: {}]", words.join(", ")));
    }
    if takes_value && let [default] = arg.get_default_values() {
        said.push_str(&format!(" [default: {}]", default.to_string_lossy()));
    }
    said
}

fn section(render: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut text = Vec::new();
    render(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut straight = String::new();
    for line in text.lines() {
        match line.strip_prefix(".SH ") {
            // What clap_mangen says of apostrophes; there are none left unescaped.
            _ if line.starts_with(".ie ") || line.starts_with(".el ") => continue,
            Some(name) => straight.push_str(&format!(".SH \"{}\"\n", name.trim_matches('"'))),
            None if line.trim().is_empty() => straight.push_str(".sp\n"),
            None => straight.push_str(&format!("{}\n", line.trim_end())),
        }
    }
    straight
        .replace("\\*(Aq", "\\(aq")
        .replace("\\fI<", "\\fI")
        .replace(">\\fR", "\\fR")
        .replace(">...\\fR", "\\fR...")
}

/// As the help has it: words to type in bold, words to replace in italics.
fn synopsis(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let mut text = ".SH \"SYNOPSIS\"\n".to_owned();
    for (number, form) in usage.lines().enumerate() {
        if number > 0 {
            text.push_str(".br\n");
        }
        let words: Vec<String> = form.split_whitespace().map(marked).collect();
        text.push_str(&format!("{}\n", words.join(" ")));
    }
    text
}

fn marked(word: &str) -> String {
    let inner = word.trim_matches(['[', ']', '.', '<', '>']);
    let is_value = word.contains('<') || word.starts_with('[');
    let inside = match inner {
        "OPTIONS" | "COMMAND" => format!("\\fI{}\\fR", inner.to_lowercase()),
        inner if is_value => format!("\\fI{}\\fR", escaped(inner)),
        inner => format!("\\fB{}\\fR", escaped(inner)),
    };
    let dots = if word.ends_with("...") { "..." } else { "" };
    if word.starts_with('[') {
        format!("[{inside}]{dots}")
    } else {
        format!("{inside}{dots}")
    }
}

fn arguments(command: &Command) -> String {
    if command.get_positionals().next().is_none() {
        return String::new();
    }
    let mut text = ".SH \"ARGUMENTS\"\n".to_owned();
    for arg in command.get_positionals() {
        let name = arg.get_value_names().map(|names| names.join(" "));
        let name = name.unwrap_or_else(|| arg.get_id().to_string().to_uppercase());
        let several = arg
            .get_num_args()
            .is_some_and(|number| number.max_values() > 1);
        let dots = if several { "..." } else { "" };
        let help = arg
            .get_long_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        text.push_str(&format!(
            ".TP\n\\fI{}\\fR{dots}\n{}\n",
            escaped(&name),
            paragraphs(&help)
        ));
    }
    text
}

fn options(command: &Command, below: bool) -> String {
    let mut only = command.clone();
    let positionals: Vec<clap::Id> = command
        .get_positionals()
        .map(|arg| arg.get_id().clone())
        .collect();
    for id in positionals {
        only = only.mut_arg(id, |arg| arg.hide(true));
    }
    let has_own = only.get_arguments().any(|arg| !arg.is_hide_set());
    let mut text = if has_own {
        section(|out| Man::new(only).render_options_section(out))
    } else {
        ".SH \"OPTIONS\"\n".to_owned()
    };
    if below {
        text.push_str(if has_own { ".PP\n" } else { "" });
        text.push_str(GLOBAL);
    }
    text
}

fn commands(command: &Command) -> String {
    let mut text = String::new();
    for below in shown(command) {
        if text.is_empty() {
            text.push_str(".SH \"COMMANDS\"\n");
        }
        let words = below.get_bin_name().unwrap_or(below.get_name());
        let about = below
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        text.push_str(&format!(
            ".TP\n\\fB{}\\fR\n{}\n",
            escaped(words),
            escaped(&about)
        ));
    }
    text
}

/// A section of terms, each with what it is. Both are roff already.
fn definitions(name: &str, items: &[(&str, &str)]) -> String {
    let mut text = format!(".SH \"{name}\"\n");
    for (term, meaning) in items {
        text.push_str(&format!(".TP\n\\fB{term}\\fR\n{meaning}\n"));
    }
    text
}

/// What the help says below the options: examples, and what else there is to know. A group has the
/// first example of each of its commands.
fn after_help(command: &Command) -> String {
    let (mut examples, mut notes) = (String::new(), String::new());
    for block in blocks(command) {
        if let Some(lines) = block.strip_prefix(EXAMPLES) {
            examples.push_str(&as_typed(lines));
        } else if !block.starts_with("Exit codes:") && !block.contains("man 7 tenantpilot") {
            notes.push_str(if notes.is_empty() {
                ".SH \"NOTES\"\n"
            } else {
                ".PP\n"
            });
            let (prose, typed): (Vec<&str>, Vec<&str>) =
                block.lines().partition(|line| !line.starts_with("  "));
            notes.push_str(&format!("{}\n", escaped(&prose.join("\n"))));
            if !typed.is_empty() {
                notes.push_str(&format!(".PP\n{}", as_typed(&typed.join("\n"))));
            }
        }
    }
    if examples.is_empty() {
        let first: Vec<String> = shown(command).filter_map(first_example).collect();
        examples = as_typed(&first.join("\n"));
    }
    format!("{notes}.SH \"EXAMPLES\"\n{examples}")
}

fn blocks(command: &Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let blocks = help.split("\n\n").filter(|block| !block.is_empty());
    blocks.map(str::to_owned).collect()
}

fn first_example(command: &Command) -> Option<String> {
    let blocks = blocks(command);
    let lines = blocks
        .iter()
        .find_map(|block| block.strip_prefix(EXAMPLES))?;
    let mut first = Vec::new();
    for line in lines.lines() {
        first.push(line);
        if !line.ends_with('\\') {
            break;
        }
    }
    Some(first.join("\n"))
}

/// Lines as they are typed.
fn as_typed(lines: &str) -> String {
    let lines: Vec<String> = lines
        .lines()
        .map(|line| escaped(line.strip_prefix("  ").unwrap_or(line)))
        .collect();
    format!(".nf\n.RS 4\n{}\n.RE\n.fi\n", lines.join("\n"))
}

fn see_also(command: &Command, parent: Option<&Command>) -> String {
    let own = command.get_display_name().unwrap_or(command.get_name());
    let mut pages: Vec<String> = Vec::new();
    let name_of = |command: &Command| {
        command
            .get_display_name()
            .unwrap_or(command.get_name())
            .to_owned()
    };
    pages.extend(parent.map(name_of));
    pages.extend(shown(command).map(name_of));
    match parent {
        Some(parent)
            if parent
                .get_display_name()
                .is_some_and(|name| name.contains('-')) =>
        {
            pages.extend(shown(parent).map(name_of).filter(|name| name != own));
        }
        _ => {
            let related = RELATED.iter().find(|(name, _)| *name == command.get_name());
            let related = related.into_iter().flat_map(|(_, names)| *names);
            pages.extend(related.map(|name| format!("tenantpilot-{name}")));
        }
    }
    let mut pages: Vec<String> = pages
        .iter()
        .map(|name| format!("\\%\\fB{}\\fR(1)", escaped(name)))
        .collect();
    pages.push("\\%\\fBtenantpilot\\fR(7)".to_owned());
    // Neither broken nor spread over the line.
    format!(".SH \"SEE ALSO\"\n.ad l\n{}\n", pages.join(",\n"))
}

fn paragraphs(text: &str) -> String {
    escaped(text).replace("\n\n", "\n.sp\n")
}

/// Text that roff shows as it is.
pub fn escaped(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line
            .replace('\\', "\\e")
            .replace('-', "\\-")
            .replace('\'', "\\(aq")
            .replace('^', "\\(ha")
            .replace('~', "\\(ti");
        if line.starts_with('.') {
            format!("\\&{line}")
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Words in backquotes, which roff would turn into quotation marks, in bold; but for lines that are
/// typed.
fn quoted_as_bold(page: &str) -> String {
    let (mut text, mut typed) = (String::new(), false);
    for line in page.lines() {
        match line {
            ".nf" => typed = true,
            ".fi" => typed = false,
            _ => {}
        }
        if typed {
            text.push_str(&line.replace('`', "\\(ga"));
        } else {
            for (number, part) in line.split('`').enumerate() {
                match number % 2 {
                    0 => text.push_str(part),
                    _ => text.push_str(&format!("\\fB{part}\\fR")),
                }
            }
        }
        text.push('\n');
    }
    text
}
