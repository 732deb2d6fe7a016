//! The flags that `schedules add` and `schedules edit` share: what is given changes the settings,
//! what is not given leaves them.

use std::time::Duration;

use chrono::Weekday;

use crate::cli::keep::KeepFlags;
use crate::context::Context;
use crate::duration;
use crate::error::{Error, Result};
use crate::http::address::Address;
use crate::labels;
use crate::policy::selection;
use crate::recurrence::{Recurrence, parse_day};
use crate::schedule::{Settings, check_max_runtime, check_spread, distinct};
use crate::zone::Zone;

/// What to back up, when, and how long to keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(super) struct Options {
    /// Start at this local time, HH:MM; can be given several times
    #[arg(long, value_name = "HH:MM", conflicts_with = "cron")]
    at: Vec<String>,

    /// Only on these days of the week, e.g. mon,thu; all seven mean every day
    #[arg(
        long,
        value_name = "DAY,…",
        value_delimiter = ',',
        conflicts_with = "cron"
    )]
    days: Vec<String>,

    /// Start by a cron expression of five fields: MIN HOUR DOM MON DOW
    #[arg(long, value_name = "EXPRESSION", allow_hyphen_values = true)]
    cron: Option<String>,

    /// Evaluate the times in this IANA zone, e.g. Europe/Oslo [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,

    /// Back up these policy types: keys, `default` or `all` [default: default]
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    types: Vec<String>,

    /// Leave these policy types out; an empty value leaves none out [default: none]
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    exclude_types: Option<Vec<String>>,

    /// Also back up what other policies refer to: assignment filters, scope tags and notification
    /// templates [default: yes]
    #[arg(long, conflicts_with = "no_foundations")]
    foundations: bool,

    /// Back these up only if --types selects them
    #[arg(long)]
    no_foundations: bool,

    #[command(flatten)]
    keep: KeepFlags,

    /// Still run the newest missed slot if it is not older than this, e.g. 30m [default: 0s]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    grace: Option<String>,

    /// Give a run up after this, e.g. 90m [default: 1h]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    max_runtime: Option<String>,

    /// Start at a fixed offset of up to this after each slot, e.g. 10m; at most 24h [default: 0s]
    ///
    /// So that hundreds of schedules at 02:00 do not start in one second. The offset comes from the
    /// schedule's id, is the same each time, and is told by `schedules show`. The run waits it out, and
    /// counts as queued: it takes none of --jobs and nothing of --max-runtime, and its time stays that of
    /// the slot. A late start within --grace waits as well; `run` and `retry` do not.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    spread: Option<String>,

    /// Ping this URL when a run starts (/start below it) and ends (itself, or /fail below it), as
    /// healthchecks.io takes it; https, or http to this machine [default: none]
    #[arg(long, value_name = "URL")]
    ping_url: Option<String>,

    /// Give it this label, `K=` takes it away; can be given several times
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,
}

impl Options {
    /// The recurrence that the flags ask for; none if they do not speak of it.
    pub(super) fn recurrence(&self, base: Option<&Recurrence>) -> Result<Option<Recurrence>> {
        if let Some(expression) = &self.cron {
            return Recurrence::cron(expression).map(Some);
        }
        if self.at.is_empty() && self.days.is_empty() {
            return Ok(None);
        }
        let times = if self.at.is_empty() {
            base.map(|rule| rule.times().to_vec())
                .filter(|times| !times.is_empty())
                .ok_or_else(|| Error::usage("--days needs times of day").hint("add --at HH:MM"))?
        } else {
            self.at
                .iter()
                .map(|time| time.parse())
                .collect::<Result<_>>()?
        };
        let days = if self.days.is_empty() {
            base.map(|rule| rule.days().to_vec()).unwrap_or_default()
        } else {
            days(&self.days)?
        };
        Recurrence::on(times, days).map(Some)
    }

    /// `settings` with what is given, checked as a whole.
    pub(super) fn apply(&self, ctx: &Context, mut settings: Settings) -> Result<Settings> {
        if let Some(recurrence) = self.recurrence(Some(&settings.recurrence))? {
            settings.recurrence = recurrence;
        }
        if let Some(timezone) = &self.timezone {
            Zone::load(ctx.zones(), timezone)?;
            settings.timezone.clone_from(timezone);
        }
        if !self.types.is_empty() {
            settings.policy_types = keys(&self.types);
        }
        if let Some(excluded) = &self.exclude_types {
            settings.exclude_types = match excluded.as_slice() {
                [none] if none.is_empty() => Vec::new(),
                excluded => keys(excluded),
            };
        }
        if self.foundations || self.no_foundations {
            settings.include_foundations = self.foundations;
        }
        self.keep.apply(&mut settings.keep);
        set_duration(&mut settings.grace, "--grace", self.grace.as_deref())?;
        set_duration(
            &mut settings.max_runtime,
            "--max-runtime",
            self.max_runtime.as_deref(),
        )?;
        set_duration(&mut settings.spread, "--spread", self.spread.as_deref())?;
        if let Some(url) = &self.ping_url {
            let address = Address::parse(url).map_err(|why| {
                Error::usage(format!("the URL of --ping-url {why}"))
                    .hint("give it as the check shows it: https://hc-ping.com/UUID")
            })?;
            settings.ping_url = Some(address);
        }
        let changes: Vec<_> = self
            .labels
            .iter()
            .map(|label| labels::parse(label))
            .collect::<Result<_>>()?;
        labels::change(&mut settings.labels, &changes);
        check_max_runtime(settings.max_runtime)?;
        if self.spread.is_some() {
            check_spread(settings.spread)?;
        }
        self.check_types(&settings)?;
        Ok(settings)
    }

    /// What was saved before by a newer program is not refused when something else is changed.
    fn check_types(&self, settings: &Settings) -> Result<()> {
        if self.types.is_empty() && self.exclude_types.is_none() {
            return Ok(());
        }
        selection::check(
            &settings.policy_types,
            &settings.exclude_types,
            settings.include_foundations,
        )
        .map(drop)
    }
}

fn days(words: &[String]) -> Result<Vec<Weekday>> {
    words.iter().map(|word| parse_day(word.trim())).collect()
}

/// Keys as typed, each once.
fn keys(words: &[String]) -> Vec<String> {
    distinct(words.iter().map(|word| word.trim().to_owned()))
}

fn set_duration(field: &mut Duration, flag: &str, given: Option<&str>) -> Result<()> {
    if let Some(text) = given {
        *field = duration::parse(text).map_err(|error| error.during(flag))?;
    }
    Ok(())
}
