//! What a check found: which check, how good or bad, what there is to say, what to type next.
//!
//! Checks are functions that return findings; who prints them, and what exit code they make, is for
//! the commands. A check that cannot be carried out is a finding too.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What was looked at, and what was found; in `--json`, as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at: a word that stays the same.
    pub check: String,
    /// Whether it is as it should be.
    pub level: Level,
    /// What there is to say, in one line.
    pub message: String,
    /// What to type next.
    pub hint: Option<String>,
}

/// How good or bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Something to know, or a check that could not be carried out.
    Warn,
    /// Damage, or something that does not work.
    Fail,
}

impl Level {
    /// The word in tables and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// How many problems of a kind are told.
const TOLD: usize = 10;

impl Finding {
    /// All is as it should be.
    pub fn ok(check: &str, message: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            level: Level::Ok,
            message: message.into(),
            hint: None,
        }
    }

    /// Something to know, and what to type next.
    pub fn warn(check: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            hint: Some(hint.into()),
            ..Self::ok(check, message)
        }
    }

    /// Something that is wrong, and what to type next.
    pub fn fail(check: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            ..Self::warn(check, message, hint)
        }
    }

    /// What an error says, as something that is wrong.
    pub fn of_error(check: &str, error: &Error) -> Self {
        Self {
            level: Level::Fail,
            hint: error.hint_text().map(str::to_owned),
            ..Self::ok(check, error.message())
        }
    }

    /// A check that could not be carried out, and why.
    pub fn unable(check: &str, error: &Error) -> Self {
        Self {
            level: Level::Warn,
            ..Self::of_error(check, &error.clone().during("could not be checked"))
        }
    }

    /// Says that all is well, or tells the problems.
    pub fn of_problems(check: &str, fine: String, problems: &[String], hint: &str) -> Self {
        if problems.is_empty() {
            return Self::ok(check, fine);
        }
        Self::fail(check, told(problems), hint)
    }
}

/// Some problems in one line; of many, the first and how many more there are.
pub fn told(problems: &[String]) -> String {
    let first: Vec<&str> = problems.iter().take(TOLD).map(String::as_str).collect();
    let mut text = first.join("; ");
    if problems.len() > TOLD {
        text.push_str(&format!("; and {} more", problems.len() - TOLD));
    }
    text
}
