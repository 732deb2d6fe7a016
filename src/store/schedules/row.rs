//! The columns of a schedule, to and fro.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::Row;
use serde::de::DeserializeOwned;

use super::{Listed, text};
use crate::error::{Error, Kind, Result};
use crate::http::address::Address;
use crate::recurrence::Recurrence;
use crate::retention::rules::{Keep, Rules};
use crate::schedule::{Schedule, ScheduleId, Settings};
use crate::slot::Slot;
use crate::tenant::TenantId;

/// What of the settings is stored in another form than it has.
pub(super) struct Parts {
    pub frequency: &'static str,
    pub times: String,
    pub days: String,
    pub cron: Option<String>,
    pub policy_types: String,
    pub exclude_types: String,
    pub keep_within_s: Option<i64>,
    pub grace_s: i64,
    pub max_runtime_s: i64,
    pub spread_s: i64,
    pub labels: String,
}

impl Parts {
    pub(super) fn of(settings: &Settings) -> Result<Self> {
        let rule = &settings.recurrence;
        let times: Vec<String> = rule.times().iter().map(ToString::to_string).collect();
        let days: Vec<u32> = rule
            .days()
            .iter()
            .map(chrono::Weekday::number_from_monday)
            .collect();
        Ok(Self {
            frequency: rule.frequency(),
            times: text(&times)?,
            days: text(&days)?,
            cron: rule.expression().map(str::to_owned),
            policy_types: text(&settings.policy_types)?,
            exclude_types: text(&settings.exclude_types)?,
            keep_within_s: settings.keep.within.map(seconds).transpose()?,
            grace_s: seconds(settings.grace)?,
            max_runtime_s: seconds(settings.max_runtime)?,
            spread_s: seconds(settings.spread)?,
            labels: text(&settings.labels)?,
        })
    }
}

fn seconds(duration: Duration) -> Result<i64> {
    i64::try_from(duration.as_secs()).map_err(|_| Error::usage("a duration is too long"))
}

/// A row as it is.
pub(super) struct Raw {
    id: i64,
    tenant_id: i64,
    tenant: String,
    name: String,
    frequency: String,
    times: String,
    days: String,
    cron: Option<String>,
    timezone: String,
    policy_types: String,
    exclude_types: String,
    include_foundations: bool,
    grace_s: i64,
    max_runtime_s: i64,
    spread_s: i64,
    labels: String,
    enabled: bool,
    created_at: i64,
    archived_at: Option<i64>,
    slots_begin: i64,
    slots_from: i64,
    next_slot: Option<i64>,
    keep_last: Option<i64>,
    keep_daily: Option<i64>,
    keep_weekly: Option<i64>,
    keep_monthly: Option<i64>,
    keep_yearly: Option<i64>,
    keep_within_s: Option<i64>,
    last_run_at: Option<i64>,
    last_run_status: Option<String>,
    ping_url: Option<String>,
}

impl Raw {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            tenant_id: row.get(1)?,
            tenant: row.get(2)?,
            name: row.get(3)?,
            frequency: row.get(4)?,
            times: row.get(5)?,
            days: row.get(6)?,
            cron: row.get(7)?,
            timezone: row.get(8)?,
            policy_types: row.get(9)?,
            exclude_types: row.get(10)?,
            include_foundations: row.get(11)?,
            grace_s: row.get(12)?,
            max_runtime_s: row.get(13)?,
            spread_s: row.get(14)?,
            labels: row.get(15)?,
            enabled: row.get(16)?,
            created_at: row.get(17)?,
            archived_at: row.get(18)?,
            slots_begin: row.get(30)?,
            slots_from: row.get(19)?,
            next_slot: row.get(20)?,
            keep_last: row.get(21)?,
            keep_daily: row.get(22)?,
            keep_weekly: row.get(23)?,
            keep_monthly: row.get(24)?,
            keep_yearly: row.get(25)?,
            keep_within_s: row.get(26)?,
            last_run_at: row.get(27)?,
            last_run_status: row.get(28)?,
            ping_url: row.get(29)?,
        })
    }

    pub(super) fn listed(self, default: &Rules) -> Result<Listed> {
        let last_run = match (self.last_run_at, self.last_run_status.clone()) {
            (Some(at), Some(status)) => Some((self.time(at)?, status)),
            _ => None,
        };
        Ok(Listed {
            schedule: self.schedule(default)?,
            last_run,
        })
    }

    fn schedule(self, default: &Rules) -> Result<Schedule> {
        let times: Vec<String> = self.json("times", &self.times)?;
        let days: Vec<u8> = self.json("days_of_week", &self.days)?;
        let recurrence =
            Recurrence::from_parts(&self.frequency, &times, &days, self.cron.as_deref())
                .map_err(|error| self.unknown(error.message()))?;
        let keep = self.keep()?;
        Ok(Schedule {
            rules: keep.rules(default),
            id: ScheduleId(self.id),
            tenant_id: TenantId(self.tenant_id),
            created_at: self.time(self.created_at)?,
            archived_at: self.archived_at.map(|at| self.time(at)).transpose()?,
            slots_begin: self.slot(self.slots_begin)?,
            slots_from: self.slot(self.slots_from)?,
            next_slot: self.next_slot.map(|at| self.slot(at)).transpose()?,
            settings: Settings {
                recurrence,
                policy_types: self.json("policy_types", &self.policy_types)?,
                exclude_types: self.json("exclude_types", &self.exclude_types)?,
                include_foundations: self.include_foundations,
                keep,
                grace: self.duration(self.grace_s)?,
                max_runtime: self.duration(self.max_runtime_s)?,
                spread: self.duration(self.spread_s)?,
                labels: self.json("labels", &self.labels)?,
                enabled: self.enabled,
                ping_url: self.ping_url(),
                name: self.name,
                timezone: self.timezone,
            },
            tenant: self.tenant,
        })
    }

    /// What cannot be used as a URL is no reason not to back up.
    fn ping_url(&self) -> Option<Address> {
        match Address::parse(self.ping_url.as_deref()?) {
            Ok(address) => Some(address),
            Err(why) => {
                log::warn!("the ping URL of schedule {} {why}", self.id);
                None
            }
        }
    }

    fn keep(&self) -> Result<Keep> {
        let count = |number: Option<i64>| {
            number
                .map(|number| {
                    u32::try_from(number).map_err(|_| self.unknown("a rule is too large"))
                })
                .transpose()
        };
        Ok(Keep {
            last: count(self.keep_last)?,
            daily: count(self.keep_daily)?,
            weekly: count(self.keep_weekly)?,
            monthly: count(self.keep_monthly)?,
            yearly: count(self.keep_yearly)?,
            within: self.keep_within_s.map(|s| self.duration(s)).transpose()?,
        })
    }

    fn json<T: DeserializeOwned>(&self, column: &str, value: &str) -> Result<T> {
        serde_json::from_str(value)
            .map_err(|error| self.unknown(&format!("{column} cannot be read: {error}")))
    }

    fn time(&self, epoch: i64) -> Result<DateTime<Utc>> {
        DateTime::from_timestamp(epoch, 0).ok_or_else(|| self.unknown("a time is out of range"))
    }

    fn slot(&self, epoch: i64) -> Result<Slot> {
        Slot::from_epoch(epoch).ok_or_else(|| self.unknown("a slot is no whole minute"))
    }

    fn duration(&self, seconds: i64) -> Result<Duration> {
        u64::try_from(seconds)
            .map(Duration::from_secs)
            .map_err(|_| self.unknown("a duration is negative"))
    }

    fn unknown(&self, why: &str) -> Error {
        Error::new(
            Kind::Integrity,
            format!(
                "schedule {} (id {}) cannot be used: {why}",
                self.name, self.id
            ),
        )
    }
}
