//! The flags that say which backup sets stay: of a schedule, and of the default.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::number;
use crate::duration;
use crate::retention::rules::{Keep, Rules};

/// What a flag says: a value, or that the default decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given<T> {
    /// `default`.
    Default,
    /// Anything else.
    Value(T),
}

impl<T: Copy> Given<T> {
    fn value(self) -> Option<T> {
        match self {
            Self::Default => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// Which backup sets stay; a set stays if any of these keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct KeepFlags {
    /// Keep the newest N backup sets, at least 1; `default`, here and below: as
    /// `retention --show-default` says [default: default]
    #[arg(long, value_name = "N", value_parser = count_from(1), allow_negative_numbers = true)]
    keep_last: Option<Given<u32>>,

    /// Keep the newest backup set of each of the last N days that have one; 0: no such rule
    #[arg(long, value_name = "N", value_parser = count_from(0), allow_negative_numbers = true)]
    keep_daily: Option<Given<u32>>,

    /// The same for weeks, which begin on Monday
    #[arg(long, value_name = "N", value_parser = count_from(0), allow_negative_numbers = true)]
    keep_weekly: Option<Given<u32>>,

    /// The same for months
    #[arg(long, value_name = "N", value_parser = count_from(0), allow_negative_numbers = true)]
    keep_monthly: Option<Given<u32>>,

    /// The same for years
    #[arg(long, value_name = "N", value_parser = count_from(0), allow_negative_numbers = true)]
    keep_yearly: Option<Given<u32>>,

    /// Keep every backup set that is not older than the newest by more than this, e.g. 14d; 0s:
    /// no such rule
    #[arg(long, value_name = "DURATION", value_parser = span, allow_hyphen_values = true)]
    keep_within: Option<Given<Duration>>,
}

/// The names of the flags above.
pub(crate) const FLAGS: [&str; 6] = [
    "keep_last",
    "keep_daily",
    "keep_weekly",
    "keep_monthly",
    "keep_yearly",
    "keep_within",
];

impl KeepFlags {
    /// Changes what is given and nothing else.
    pub(crate) fn apply(&self, keep: &mut Keep) {
        for (field, given) in [
            (&mut keep.last, self.keep_last),
            (&mut keep.daily, self.keep_daily),
            (&mut keep.weekly, self.keep_weekly),
            (&mut keep.monthly, self.keep_monthly),
            (&mut keep.yearly, self.keep_yearly),
        ] {
            if let Some(given) = given {
                *field = given.value();
            }
        }
        if let Some(within) = self.keep_within {
            keep.within = within.value();
        }
    }

    /// The default with what is given; `default` means that of the program.
    pub(crate) fn default_of(&self, rules: Rules) -> Rules {
        let mut keep = Keep::from(rules);
        self.apply(&mut keep);
        keep.rules(&Rules::default())
    }
}

/// Which backup sets stay, as `--json` gives it.
pub(crate) fn rules_json(rules: &Rules) -> [(&'static str, Value); 6] {
    [
        ("keep_last", json!(rules.last)),
        ("keep_daily", json!(rules.daily)),
        ("keep_weekly", json!(rules.weekly)),
        ("keep_monthly", json!(rules.monthly)),
        ("keep_yearly", json!(rules.yearly)),
        ("keep_within_s", json!(rules.within.as_secs())),
    ]
}

/// The rules for people: `last 30, daily 7, within 14d`.
pub(crate) fn rules_text(rules: &Rules) -> String {
    let mut parts = vec![format!("last {}", rules.last)];
    for (name, count) in [
        ("daily", rules.daily),
        ("weekly", rules.weekly),
        ("monthly", rules.monthly),
        ("yearly", rules.yearly),
    ] {
        if count > 0 {
            parts.push(format!("{name} {count}"));
        }
    }
    if !rules.within.is_zero() {
        parts.push(format!("within {}", duration::format(rules.within)));
    }
    parts.join(", ")
}

fn given<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Given<T>, String> {
    if text == "default" {
        Ok(Given::Default)
    } else {
        parse(text).map(Given::Value)
    }
}

fn count_from(least: u32) -> impl Fn(&str) -> Result<Given<u32>, String> + Clone {
    let count = number::from(least);
    move |text| given(text, &count).map_err(|error| format!("{error}, or `default`"))
}

fn span(text: &str) -> Result<Given<Duration>, String> {
    given(text, |text| {
        duration::parse(text).map_err(|error| format!("{error}; 0s for none, or `default`"))
    })
}
