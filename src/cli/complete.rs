//! `complete`: what could stand at the cursor of a command line. For the scripts that `completions`
//! prints, and for nobody else, so help and man pages do not name it.
//!
//! # The protocol
//!
//! A script says what stands before the cursor, and nothing of what stands after it:
//!
//! - bash: `complete bash -- LINE WORD`: the line up to the cursor, as typed, and the word that bash
//!   is about to replace, which begins after the last quote, `=` or `:`. bash takes a line apart
//!   only roughly, and inserts what it gets as it is; so the line is read here (`line`), and what
//!   goes back is quoted as the rest of that word has to be.
//! - zsh, fish: `complete SHELL -- WORD…`: the words without their quotes, the program's name not
//!   among them, the one at the cursor last. Both quote what they insert themselves.
//!
//! The answer is a line that says what may stand there, then one line for each candidate:
//!
//! - `words`: one of these. `open`: the same, and more may follow in the word, so no blank is put
//!   after it.
//! - `files`, `folders`, `users`: the shell knows them itself.
//!
//! A candidate is the whole word, of bash the rest of it; then a tab, and what it is. Neither holds
//! a control character, and no candidate from the database begins with `-`: where a name is not
//! like that, its id stands in for it. The scripts evaluate nothing of it.
//!
//! # What it must not do
//!
//! Somebody is typing. It reads a database that is there and of this version, waits for no lock,
//! tells only of tenants that the actor may look at, leaves no trace of what it did not tell, and
//! says nothing of what went wrong: there are fewer candidates then.

mod line;
mod names;
mod offer;
mod place;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

use crate::cli::completions::Shell;
use crate::context::Context;
use crate::error::{ExitCode, Result};
use crate::ui::text::visible;
use line::Line;
use offer::{Kind, Offer};
use place::Place;

/// Say what could stand at the cursor; for the scripts of `completions`
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub struct Args {
    /// The shell that asks
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,

    /// What stands before the cursor
    #[arg(
        value_name = "WORD",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

/// Something that could stand at the cursor, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    word: String,
    about: String,
}

impl Candidate {
    fn new(word: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            word: word.into(),
            about: about.into(),
        }
    }
}

impl Args {
    /// The database that the command line names by `--db`.
    pub(super) fn database(&self, home: Option<&Path>) -> Option<PathBuf> {
        let line = self.line();
        let mut words = line.before.iter();
        let mut named = None;
        while let Some(word) = words.next() {
            match word.strip_prefix("--db") {
                Some("") => named = words.next().map(String::as_str),
                Some(rest) => named = rest.strip_prefix('=').or(named),
                None if word == "--" => break,
                None => {}
            }
        }
        let named = named?;
        let in_home = || Some(home?.join(named.strip_prefix("~/")?));
        Some(in_home().unwrap_or_else(|| named.into()))
    }

    fn line(&self) -> Line {
        let text = |word: &OsString| word.to_string_lossy().into_owned();
        let mut words: Vec<String> = self.words.iter().map(text).collect();
        let last = words.pop().unwrap_or_default();
        match self.shell {
            Shell::Bash => Line::of_bash(&words.pop().unwrap_or_default(), &last),
            Shell::Zsh | Shell::Fish => Line::of_words(words, last),
        }
    }
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let line = args.line();
    let mut root = super::Cli::command();
    root.build();
    let offer = if line.redirected {
        Offer::of(Kind::Files)
    } else {
        offer::offer(ctx, &Place::find(&root, &line.before, &line.current))
    };
    ctx.ui.raw(&answer(args.shell, &line, &offer))?;
    Ok(ExitCode::Ok)
}

fn answer(shell: Shell, line: &Line, offer: &Offer) -> String {
    let mut answer = format!("{}\n", offer.kind.as_str());
    for Candidate { word, about } in &offer.candidates {
        let word = match shell {
            Shell::Bash => match line.rest(word) {
                Some(rest) => rest,
                None => continue,
            },
            Shell::Zsh | Shell::Fish => word.clone(),
        };
        answer.push_str(&format!("{word}\t{}\n", visible(about)));
    }
    answer
}
