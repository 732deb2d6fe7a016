//! `status --calendar`: the last weeks of each schedule, a character a day, a line a schedule.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate, Weekday};

use super::Overview;
use crate::cli::schedules::Zones;
use crate::context::Context;
use crate::error::Result;
use crate::run::{ErrorCode, Run, Status};
use crate::schedule::Schedule;
use crate::slot::Slot;
use crate::store;
use crate::store::runs::{Filter, Scope};

/// How a day went, by its worst run; the later the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Day {
    Nothing,
    Success,
    Missed,
    Partial,
    Failed,
}

impl Day {
    fn of(run: &Run) -> Self {
        match (run.status, run.error_code) {
            (Status::Success, _) => Self::Success,
            (Status::Partial, _) => Self::Partial,
            (Status::Skipped, Some(ErrorCode::MissedSlot)) => Self::Missed,
            (Status::Failed | Status::Canceled | Status::Skipped, _) => Self::Failed,
            (Status::Queued | Status::Running, _) => Self::Nothing,
        }
    }

    fn glyph(self) -> char {
        match self {
            Self::Nothing => '.',
            Self::Success => '#',
            Self::Missed => '-',
            Self::Partial => '!',
            Self::Failed => 'x',
        }
    }
}

/// Draws the calendar of all schedules, whole weeks from Monday to Sunday, in each schedule's zone.
pub(super) fn draw(ctx: &Context, overview: &Overview, weeks: u16) -> Result<()> {
    let store = ctx.store()?;
    let mut zones = Zones::new(ctx);
    let widest = overview
        .schedules
        .iter()
        .map(|(one, _)| name(&one.schedule).chars().count());
    let widest = widest.max().unwrap_or_default();
    let mut drawn = false;
    for (standing, _) in &overview.schedules {
        let schedule = &standing.schedule;
        let Ok(zone) = zones.of(schedule) else {
            continue;
        };
        let today = zone.local(overview.now).0.date();
        let first = first_day(today, weeks);
        if !drawn {
            ctx.ui
                .line(format_args!("{:widest$}  weeks from Monday {first}", ""))?;
            drawn = true;
        }
        // A day more, whatever the zone.
        let since = first.and_time(chrono::NaiveTime::MIN).and_utc() - Days::new(1);
        let filter = Filter {
            scope: Scope::Schedule(schedule.id),
            statuses: Vec::new(),
            trigger: None,
            since: Some(since),
            limit: None,
        };
        let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
        for run in store::runs::list(store.read(), &filter)? {
            let at = run.scheduled_for.map_or(run.created_at, Slot::instant);
            let day = days.entry(zone.local(at).0.date()).or_insert(Day::Nothing);
            *day = (*day).max(Day::of(&run));
        }
        let line = line(&days, first, today);
        ctx.ui
            .line(format_args!("{:widest$}  {line}", name(schedule)))?;
    }
    if drawn {
        ctx.ui
            .line("# success  ! partial  x failed  - missed  . nothing")?;
    }
    Ok(())
}

fn name(schedule: &Schedule) -> String {
    format!("{}/{}", schedule.tenant, schedule.name())
}

/// The Monday with which that many weeks begin, the present one the last.
fn first_day(today: NaiveDate, weeks: u16) -> NaiveDate {
    let into_week = u64::from(today.weekday().num_days_from_monday());
    let back = into_week + 7 * u64::from(weeks.saturating_sub(1));
    today.checked_sub_days(Days::new(back)).unwrap_or(today)
}

/// A glyph a day, weeks apart by a blank.
fn line(days: &BTreeMap<NaiveDate, Day>, first: NaiveDate, today: NaiveDate) -> String {
    let mut line = String::new();
    for day in first.iter_days().take_while(|day| *day <= today) {
        if day.weekday() == Weekday::Mon && day != first {
            line.push(' ');
        }
        line.push(days.get(&day).copied().unwrap_or(Day::Nothing).glyph());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn weeks_begin_on_monday_and_the_present_one_is_the_last() {
        assert_eq!(first_day(day("2026-11-22"), 1), day("2026-11-16"));
        assert_eq!(first_day(day("2026-11-23"), 1), day("2026-11-23"));
        assert_eq!(first_day(day("2026-11-22"), 3), day("2026-11-02"));
    }

    #[test]
    fn each_day_has_its_worst() {
        let days = [
            ("2026-11-14", Day::Success),
            ("2026-11-15", Day::Failed.max(Day::Success)),
            ("2026-11-16", Day::Missed),
            ("2026-11-18", Day::Partial),
        ];
        let days = days.map(|(text, of)| (day(text), of)).into();
        let drawn = line(&days, day("2026-11-09"), day("2026-11-19"));
        assert_eq!(drawn, ".....#x -.!.");
    }
}
