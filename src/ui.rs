//! The only writer to stdout and stderr.
//!
//! stdout is data, stderr is talk. With `--json` stdout is one document and the last line on
//! stderr of a failure is one error object. Nothing from outside reaches a terminal unescaped
//! ([`text`]). Writing never panics: a reader that went away ends the output quietly, a full disk
//! behind stdout is an error, and stderr is best effort.
//!
//! It knows no command, no store and no domain type.

pub mod panic;
mod progress;
pub mod table;
pub mod text;

use std::fmt::Display;
use std::io::{self, BufRead as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};

use crate::config::Config;
use crate::disk;
use crate::error::{Error, ExitCode, Result};
use crate::progress::Progress;
use progress::{Bars, Following};
use table::Table;
use text::{ascii_controls, hanging, visible, visible_lines};

/// How this process talks.
#[derive(Debug, Clone)]
pub struct Ui {
    json: bool,
    plain: bool,
    quiet: bool,
    journal: bool,
    color: bool,
    data_color: bool,
    width: Option<u16>,
    terminal_width: Option<u16>,
    interactive: bool,
    shows_progress: bool,
    bars: Bars,
    problems: Arc<Mutex<Problems>>,
}

/// What somebody has to know of that did not end the command.
#[derive(Debug, Default)]
struct Problems {
    count: usize,
    first: Option<(String, Option<String>)>,
}

/// The part of the talk that gets a colour.
#[derive(Clone, Copy)]
enum Tone {
    Error,
    Warning,
    Hint,
}

impl Tone {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error:",
            Self::Warning => "warning:",
            Self::Hint => "hint:",
        }
    }

    /// How bad it is, as the journal of systemd reads it before a line.
    fn priority(self) -> &'static str {
        match self {
            Self::Error => "<3>",
            Self::Warning => "<4>",
            Self::Hint => "<6>",
        }
    }

    /// The SGR parameters of the word.
    fn color(self) -> &'static str {
        match self {
            Self::Error => "1;31",
            Self::Warning => "1;33",
            Self::Hint => "1;36",
        }
    }
}

/// What a line of data stands for, which may show as its colour; the line says it without one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shade {
    /// Something new.
    Added,
    /// Something gone.
    Removed,
    /// Something different.
    Changed,
    /// What went well.
    Good,
    /// What is not as it should be.
    Doubtful,
    /// What failed.
    Bad,
    /// Anything else.
    Plain,
}

impl Shade {
    /// The SGR parameters of the line.
    fn color(self) -> Option<&'static str> {
        match self {
            Self::Added | Self::Good => Some("32"),
            Self::Removed | Self::Bad => Some("31"),
            Self::Changed | Self::Doubtful => Some("33"),
            Self::Plain => None,
        }
    }
}

impl Ui {
    /// Talks as the flags and the environment ask.
    pub fn new(config: &Config) -> Self {
        Self {
            json: config.json,
            plain: config.plain,
            quiet: config.quiet,
            journal: config.journal,
            color: config.stderr_color,
            data_color: config.stdout_color,
            width: config.width,
            terminal_width: config.terminal_width,
            interactive: config.interactive,
            shows_progress: config.progress,
            bars: Bars::default(),
            problems: Arc::default(),
        }
    }

    /// Whether stdout is one JSON document.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether there is somebody to ask.
    pub fn interactive(&self) -> bool {
        self.interactive
    }

    /// One line of data, for people: not with `--json`, not with `-q`.
    pub fn line(&self, line: impl Display) -> Result<()> {
        if self.json || self.quiet {
            return Ok(());
        }
        self.raw(&format!("{}\n", visible(&line.to_string())))
    }

    /// One line of data, for people, that begins with `lead`; on a terminal that has no room for it
    /// broken at blanks, all of it under `text`. Not with `--json`, not with `-q`.
    pub fn item(&self, lead: impl Display, text: impl Display) -> Result<()> {
        let Some(columns) = self.terminal_width else {
            return self.line(format_args!("{lead}{text}"));
        };
        if self.silent() {
            return Ok(());
        }
        let (lead, text) = (lead.to_string(), text.to_string());
        let shown = hanging(&visible(&lead), &visible(&text), columns.into());
        self.raw(&format!("{shown}\n"))
    }

    /// Lines of data, for people, each with what it stands for: not with `--json`, not with `-q`.
    pub fn shaded<S: AsRef<str>>(&self, lines: &[(Shade, S)]) -> Result<()> {
        if self.json || self.quiet || lines.is_empty() {
            return Ok(());
        }
        let lines = lines
            .iter()
            .map(|(shade, line)| self.painted(*shade, &visible(line.as_ref())) + "\n");
        self.raw(&lines.collect::<String>())
    }

    /// One line of data, for people, in parts, each with what it stands for: not with `--json`, not
    /// with `-q`.
    pub fn parts(&self, parts: &[(Shade, String)]) -> Result<()> {
        if self.json || self.quiet {
            return Ok(());
        }
        let line = parts
            .iter()
            .map(|(shade, part)| self.painted(*shade, &visible(part)));
        self.raw(&(line.collect::<String>() + "\n"))
    }

    fn painted(&self, shade: Shade, text: &str) -> String {
        match shade.color().filter(|_| self.data_color) {
            Some(color) => format!("\x1b[{color}m{text}\x1b[0m"),
            None => text.to_owned(),
        }
    }

    /// A line that goes with a table and is no record: as [`item`](Self::item), and not with
    /// `--plain`.
    pub fn comment(&self, line: impl Display) -> Result<()> {
        if self.plain {
            Ok(())
        } else {
            self.item("", line)
        }
    }

    /// Whether tables are records for other programs.
    pub fn plain(&self) -> bool {
        self.plain
    }

    /// Whether people get no data on stdout.
    pub fn silent(&self) -> bool {
        self.json || self.quiet
    }

    /// How wide the terminal is that data goes to; none where it goes elsewhere.
    pub fn columns(&self) -> Option<u16> {
        self.width
    }

    /// Whether lines may be as long as they need: nobody looks at them on a terminal.
    pub fn unbounded(&self) -> bool {
        self.width.is_none()
    }

    /// A table, for people, or with `--plain` for programs; not with `--json`, not with `-q`. An empty
    /// one prints nothing.
    pub fn table(&self, table: &Table) -> Result<()> {
        if self.json || self.quiet || table.is_empty() {
            return Ok(());
        }
        self.raw(&match self.plain {
            true => table.records(),
            false => table.render(self.width),
        })
    }

    /// One thing, for people: a line for each of its fields that has a value, as
    /// [`item`](Self::item); with `--plain` name and value are between tabs; not with `--json`, not with `-q`.
    pub fn fields(&self, fields: &[(&str, String)]) -> Result<()> {
        if self.silent() {
            return Ok(());
        }
        let widest = fields.iter().map(|(name, _)| name.len()).max();
        let widest = widest.unwrap_or_default();
        fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .try_for_each(|(name, value)| match self.plain {
                true => self.raw(&format!("{name}\t{}\n", visible(value))),
                false => self.item(format_args!("{name:widest$}  "), value),
            })
    }

    /// The one document of `--json`; nothing without it.
    pub fn document(&self, document: &impl Serialize) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| Error::internal(format!("cannot write JSON: {error}")))?;
        self.raw(&format!("{}\n", ascii_controls(&text)))
    }

    /// The one document of `--json` for a list; nothing without it.
    pub fn items(&self, items: &[Value]) -> Result<()> {
        self.document(&json!({ "schema_version": 1, "items": items }))
    }

    /// Bytes to stdout as they are, whatever the flags: generated text such as completions.
    ///
    /// # Errors
    /// The output cannot be written, unless because its reader went away: what is still to be done
    /// is done then, unseen.
    pub fn raw(&self, text: &str) -> Result<()> {
        let written = self.bars.aside(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        });
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
                disk::kind_of(&error),
                format!("cannot write the output: {error}"),
            )),
            _ => Ok(()),
        }
    }

    /// A remark on stderr; not with `-q`.
    pub fn note(&self, remark: impl Display) {
        if !self.quiet {
            let priority = if self.journal { "<6>" } else { "" };
            self.talk(&format!("{priority}{}", visible(&remark.to_string())));
        }
    }

    /// Something to look at, though nothing failed; not with `-q`.
    pub fn warn(&self, warning: impl Display) {
        if !self.quiet {
            self.say(Tone::Warning, &warning.to_string());
        }
    }

    /// What to type next; not with `-q`.
    pub fn hint(&self, hint: impl Display) {
        if !self.quiet {
            self.say(Tone::Hint, &hint.to_string());
        }
    }

    /// A failure that does not end the command: a line and its hint, also with `-q`.
    pub fn problem(&self, error: &Error) {
        self.say(Tone::Error, error.message());
        if let Some(hint) = error.hint_text() {
            self.say(Tone::Hint, hint);
        }
        self.reason(error);
    }

    /// Something to look at that stdout tells: why the command ends with another code than 0, for the
    /// error object of `--json`.
    pub fn reason(&self, error: &Error) {
        let mut problems = self.problems();
        problems.count += 1;
        problems.first.get_or_insert_with(|| {
            let hint = error.hint_text().map(str::to_owned);
            (error.message().to_owned(), hint)
        });
    }

    /// The end of a command that is over with `code` without an error of its own: with `--json`,
    /// and unless all is well, the error object of the problems and reasons that were told.
    pub fn conclude(&self, code: ExitCode) {
        if !self.json || code == ExitCode::Ok {
            return;
        }
        let problems = self.problems();
        let (message, hint) = match &problems.first {
            None => (outcome(code), None),
            Some((message, hint)) if problems.count == 1 => (message.clone(), hint.as_deref()),
            Some((message, hint)) => {
                let all = format!("{} problems, the first: {message}", problems.count);
                (all, hint.as_deref())
            }
        };
        self.error_object(code, &message, hint);
    }

    /// The failure that ends the command with `code`, last on stderr.
    pub fn failure(&self, error: &Error, code: ExitCode) {
        if self.json {
            self.error_object(code, error.message(), error.hint_text());
        } else {
            self.problem(error);
        }
    }

    /// A command line that cannot be understood. `explanation` is many lines, the first of which
    /// says what is wrong, with or without `error: ` before it.
    pub fn usage(&self, explanation: &str) {
        if !self.json {
            self.talk(&visible_lines(explanation));
            return;
        }
        let mut paragraphs = explanation.trim().split("\n\n");
        let message = paragraphs.next().unwrap_or_default();
        let tip = paragraphs.find_map(|lines| lines.trim_start().strip_prefix("tip: "));
        self.error_object(
            ExitCode::Usage,
            &one_line(message.strip_prefix("error: ").unwrap_or(message)),
            Some(&tip.map_or_else(|| "tenantpilot --help".to_owned(), one_line)),
        );
    }

    /// Shows on stderr how far what `progress` tells of is, until what is returned is dropped;
    /// nothing where nobody would see it.
    pub(crate) fn follow(&self, progress: &Progress) -> Option<Following> {
        self.shows_progress.then(|| self.bars.follow(progress))
    }

    /// Takes progress off the terminal, for a process that is about to leave.
    pub fn wipe(&self) {
        self.bars.wipe();
    }

    /// Where log lines are to be written.
    pub fn log_lines(&self) -> Box<dyn io::Write + Send> {
        Box::new(LogLines(self.bars.clone()))
    }

    /// Asks for a yes or no on the terminal. Anything but `y` or `yes` is a no.
    pub fn confirm(&self, question: impl Display) -> bool {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{} [y/N] ", visible(&question.to_string()));
        let _ = stderr.flush();
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).is_ok()
            && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }

    fn say(&self, tone: Tone, text: &str) {
        let (word, text) = (tone.word(), visible(text));
        if self.journal {
            self.talk(&format!("{}{word} {text}", tone.priority()));
        } else if self.color {
            self.talk(&format!("\x1b[{}m{word}\x1b[0m {text}", tone.color()));
        } else {
            self.talk(&format!("{word} {text}"));
        }
    }

    fn problems(&self) -> std::sync::MutexGuard<'_, Problems> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error_object(&self, code: ExitCode, message: &str, hint: Option<&str>) {
        let object = json!({ "error": {
            "code": code.name(),
            "exit_code": code.number(),
            "message": message,
            "hint": hint,
        } });
        self.talk(&ascii_controls(&object.to_string()));
    }

    /// One whole line to stderr in one write. There is nobody left to tell if that fails.
    fn talk(&self, line: &str) {
        let line = format!("{line}\n");
        let _ = self
            .bars
            .aside(|| io::stderr().lock().write_all(line.as_bytes()));
    }
}

/// Where log lines go: to stderr, past the bars.
struct LogLines(Bars);

impl io::Write for LogLines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.0.aside(|| io::stderr().lock().write(lines))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// What there is to say of an exit code alone.
fn outcome(code: ExitCode) -> String {
    match code {
        ExitCode::Interrupted => "stopped by SIGINT".to_owned(),
        ExitCode::Terminated => "stopped by SIGTERM".to_owned(),
        other => other.name().replace('_', " "),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
