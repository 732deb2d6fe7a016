//! `status --calendar`: the last weeks of each schedule, a character a day, a line a schedule.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate, Weekday};
use unicode_width::UnicodeWidthStr as _;

use super::Overview;
use crate::cli::schedules::Zones;
use crate::context::Context;
use crate::error::Result;
use crate::run::{ErrorCode, Status};
use crate::schedule::Schedule;
use crate::slot::Slot;
use crate::store::runs::{Filter, Scope};
use crate::store::{self, Store};
use crate::ui::Shade;
use crate::ui::text::visible;
use crate::zone::Zone;

/// How wide a week is.
const WEEK: u16 = 7;

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
    /// A run that was skipped since another one was at work says nothing: that one does.
    fn of(status: Status, code: Option<ErrorCode>) -> Self {
        match (status, code) {
            (Status::Success, _) => Self::Success,
            (Status::Partial, _) => Self::Partial,
            (Status::Skipped, Some(ErrorCode::MissedSlot)) => Self::Missed,
            (Status::Skipped, Some(ErrorCode::LockHeld)) => Self::Nothing,
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

    fn shade(self) -> Shade {
        match self {
            Self::Nothing => Shade::Plain,
            Self::Success => Shade::Good,
            Self::Missed | Self::Partial => Shade::Doubtful,
            Self::Failed => Shade::Bad,
        }
    }
}

/// Draws the calendar of all schedules, whole weeks from Monday to Sunday, in each schedule's zone; on
/// a terminal no more weeks than there is room for.
pub(super) fn draw(ctx: &Context, overview: &Overview, weeks: u16) -> Result<()> {
    let store = ctx.store()?;
    let mut zones = Zones::new(ctx);
    let utc = Zone::load(ctx.zones(), "UTC")?;
    let schedules = || overview.schedules.iter().map(|(one, _)| &one.schedule);
    let widest = schedules().map(|one| name(one).width()).max();
    let Some(widest) = widest else {
        return Ok(());
    };
    let weeks = weeks.min(
        ctx.ui
            .columns()
            .map_or(weeks, |columns| fitting(columns, widest)),
    );
    let first = |zone: &Zone| first_day(zone.local(overview.now).0.date(), weeks);
    let widest = ctx.ui.columns().map_or(widest, |columns| {
        widest.min(usize::from(columns.saturating_sub(WEEK + 2)))
    });
    for (number, schedule) in schedules().enumerate() {
        let zone = zones.of(schedule).unwrap_or_else(|error| {
            let (name, id) = (name(schedule), schedule.id.0);
            let what = error.during(format_args!("schedule {name} (id {id}) is drawn in UTC"));
            ctx.ui.warn(what.message());
            &utc
        });
        let (first, today) = (first(zone), zone.local(overview.now).0.date());
        if number == 0 {
            ctx.ui.line(head(first, widest, ctx.ui.columns()))?;
        }
        let days = days(&store, schedule, zone, first)?;
        let mut name = name(schedule);
        if name.width() > widest {
            ctx.ui.line(&name)?;
            name.clear();
        }
        let blanks = " ".repeat(widest.saturating_sub(name.width()) + 2);
        let mut parts = vec![(Shade::Plain, format!("{name}{blanks}"))];
        parts.extend(line(&days, first, today));
        ctx.ui.parts(&parts)?;
    }
    let legend = legend(ctx.ui.columns());
    legend.iter().try_for_each(|line| ctx.ui.line(line))
}

/// How the days went since that one, by the schedule's runs.
fn days(
    store: &Store,
    schedule: &Schedule,
    zone: &Zone,
    first: NaiveDate,
) -> Result<BTreeMap<NaiveDate, Day>> {
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
        *day = (*day).max(Day::of(run.status, run.error_code));
    }
    Ok(days)
}

fn name(schedule: &Schedule) -> String {
    visible(&format!("{}/{}", schedule.tenant, schedule.name())).into_owned()
}

/// The first line: above the first week, or as far to its left as there has to be room for the line.
fn head(first: NaiveDate, names: usize, columns: Option<u16>) -> String {
    let head = format!("weeks from Monday {first}");
    let room = columns.map_or(usize::MAX, usize::from);
    let indent = (names + 2).min(room.saturating_sub(head.width()));
    format!("{:indent$}{head}", "")
}

/// What the glyphs mean, in as many lines as that takes.
fn legend(columns: Option<u16>) -> Vec<String> {
    let room = columns.map_or(usize::MAX, usize::from);
    let mut lines: Vec<String> = Vec::new();
    for part in [
        "# success",
        "! partial",
        "x failed",
        "- missed",
        ". nothing",
    ] {
        match lines.last_mut() {
            Some(line) if line.len() + 2 + part.len() <= room => {
                line.push_str(&format!("  {part}"));
            }
            _ => lines.push(part.to_owned()),
        }
    }
    lines
}

/// How many weeks have room beside names of that width; one at least.
fn fitting(columns: u16, names: usize) -> u16 {
    let room = usize::from(columns).saturating_sub(names + 2);
    u16::try_from((room + 1) / 8).unwrap_or(u16::MAX).max(1)
}

/// The Monday with which that many weeks begin, the present one the last.
fn first_day(today: NaiveDate, weeks: u16) -> NaiveDate {
    let into_week = u64::from(today.weekday().num_days_from_monday());
    let back = into_week + 7 * u64::from(weeks.saturating_sub(1));
    today.checked_sub_days(Days::new(back)).unwrap_or(today)
}

/// A glyph a day, weeks apart by a blank.
fn line(
    days: &BTreeMap<NaiveDate, Day>,
    first: NaiveDate,
    today: NaiveDate,
) -> Vec<(Shade, String)> {
    let mut line = Vec::new();
    for date in first.iter_days().take_while(|date| *date <= today) {
        if date.weekday() == Weekday::Mon && date != first {
            line.push((Shade::Plain, " ".to_owned()));
        }
        let day = days.get(&date).copied().unwrap_or(Day::Nothing);
        line.push((day.shade(), day.glyph().to_string()));
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
        let text: String = drawn.iter().map(|(_, glyph)| glyph.as_str()).collect();
        assert_eq!(text, ".....#x -.!.");
        assert_eq!(drawn[6].0, Shade::Bad);
    }

    #[test]
    fn a_slot_whose_lock_was_held_is_no_failure() {
        let skipped = |code| Day::of(Status::Skipped, Some(code));
        assert_eq!(skipped(ErrorCode::LockHeld), Day::Nothing);
        assert_eq!(skipped(ErrorCode::MissedSlot), Day::Missed);
        assert_eq!(skipped(ErrorCode::UnknownPolicyType), Day::Failed);
    }

    #[test]
    fn the_head_stands_above_the_first_week_where_there_is_room() {
        let head = |columns| head(day("2026-11-09"), 15, columns);
        let text = "weeks from Monday 2026-11-09";
        assert_eq!(head(None), format!("{:17}{text}", ""));
        assert_eq!(head(Some(80)), head(None));
        assert_eq!(head(Some(40)), format!("{:12}{text}", ""));
        assert_eq!(head(Some(20)), text);
    }

    #[test]
    fn a_glyph_and_what_it_means_stay_on_one_line() {
        let whole = "# success  ! partial  x failed  - missed  . nothing";
        assert_eq!(legend(None), [whole]);
        assert_eq!(legend(Some(51)), [whole]);
        let narrow = ["# success  ! partial  x failed  - missed", ". nothing"];
        assert_eq!(legend(Some(40)), narrow);
    }

    #[test]
    fn as_many_weeks_are_drawn_as_have_room() {
        assert_eq!(fitting(80, 15), 8);
        assert_eq!(fitting(80, 16), 7);
        assert_eq!((fitting(40, 15), fitting(10, 30)), (3, 1));
    }
}
