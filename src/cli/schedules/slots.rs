//! `schedules next` and `schedules upcoming`: slots in local time and UTC, with what a clock change
//! does to them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, NaiveDateTime, TimeDelta, Utc};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::choice::matching;
use super::find::find_active;
use super::{Decided, ahead_of};
use crate::cli;
use crate::cli::tenants;
use crate::context::Context;
use crate::duration;
use crate::error::{Error, Result};
use crate::labels::Wanted;
use crate::recurrence::{Note, Occurrence};
use crate::schedule::{Ahead, Schedule};
use crate::slot::Slot;
use crate::ui::table::Table;
use crate::zone::Zone;

/// How far ahead a slot is looked for that a clock change skips: every yearly change, with room.
const GAP_DAYS: u32 = 400;
/// How far ahead `upcoming` looks at most: the list is sorted as a whole, in memory.
const LONGEST_WITHIN: Duration = Duration::from_secs(400 * 86_400);

/// The last year that RFC 3339 can write.
pub(super) const LAST_YEAR: i32 = 9999;

/// Show the next slots of a schedule, in local time and UTC
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot schedules next nightly
  tenantpilot schedules next nightly -n 5 --from 2027-03-27T00:00:00Z")]
pub struct NextArgs {
    /// The schedule: its id, name, or TENANT/NAME
    #[arg(value_name = "SCHEDULE")]
    schedule: String,

    /// Show this many, skipped ones included
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 10,
          allow_negative_numbers = true,
          value_parser = cli::number::between(1_u32, 100_000))]
    number: u32,

    /// Begin here instead of now, e.g. 2027-03-27T00:00:00Z (RFC 3339)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
}

/// Show the slots to come of all schedules, in local time and UTC
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot schedules upcoming
  tenantpilot schedules upcoming --within 7d --tenant contoso")]
pub struct UpcomingArgs {
    /// Look ahead this far, e.g. 90m or 7d; at most 400d
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "24h",
        allow_hyphen_values = true
    )]
    within: String,

    /// Only those of this tenant: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

    /// Only of schedules that have this label or whose tenant has it; given several times,
    /// each has to match
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,
}

/// Zones by name, each loaded once.
pub(crate) struct Zones<'a> {
    ctx: &'a Context,
    loaded: HashMap<String, Zone>,
}

impl<'a> Zones<'a> {
    pub(crate) fn new(ctx: &'a Context) -> Self {
        Self {
            ctx,
            loaded: HashMap::new(),
        }
    }

    /// The zone of a schedule.
    pub(crate) fn of(&mut self, schedule: &Schedule) -> Result<&Zone> {
        match self.loaded.entry(schedule.settings.timezone.clone()) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let zone = Zone::load(self.ctx.zones(), entry.key())?;
                Ok(entry.insert(zone))
            }
        }
    }
}

pub(super) fn next(ctx: &Context, args: &NextArgs) -> Result<()> {
    let from = match &args.from {
        Some(text) => cli::parse_time(text).map_err(|error| error.during("--from"))?,
        None => ctx.now(),
    };
    let store = ctx.store()?;
    let schedule = find_active(ctx, store.read(), &args.schedule)?;
    let mut zones = Zones::new(ctx);
    let zone = zones.of(&schedule)?;
    let number = usize::try_from(args.number).unwrap_or(usize::MAX);
    let (rule, from) = (&schedule.settings.recurrence, first_minute(from));
    let now = Slot::containing(ctx.now());
    let ahead = ahead_of(ctx, store.read(), &schedule)?;
    // Of what has passed nothing is promised: there the rule is shown.
    let will_start = |slot| slot < now || ahead.leaves(slot);
    let mut whole = true;
    let found: Vec<Occurrence> = rule
        .occurrences(zone, from)
        .take_while(|found| found.local.year() <= LAST_YEAR)
        .filter(|found| {
            let starts = found.slot.is_none_or(will_start);
            whole &= starts;
            starts
        })
        .take(number)
        .collect();
    let mut decided = Decided::default();
    decided.add(&schedule, ahead.until(rule, zone).filter(|_| !whole));
    if let Some(text) = decided.text() {
        ctx.ui.warn(text);
    }
    if !schedule.settings.enabled {
        ctx.ui
            .warn(format_args!("{} is disabled", schedule.described()));
    }
    let mut table = Table::new(&["LOCAL", "ZONE", "UTC", "NOTE"])
        .whole(&["LOCAL", "UTC"])
        .spare(&["ZONE"])
        .flowing();
    for occurrence in &found {
        table.row([
            local_of(zone, occurrence),
            zone.name().to_owned(),
            utc_of(occurrence),
            note_text(occurrence.note).to_owned(),
        ]);
    }
    ctx.ui.table(&table)?;
    let items: Vec<Value> = found
        .iter()
        .map(|found| json_of(&schedule, zone, found))
        .collect();
    ctx.ui.items(&items)
}

pub(super) fn upcoming(ctx: &Context, args: &UpcomingArgs) -> Result<()> {
    let within = duration::parse(&args.within).map_err(|error| error.during("--within"))?;
    if within > LONGEST_WITHIN {
        return Err(
            Error::usage(format!("--within {} looks too far ahead", args.within))
                .hint("look ahead at most 400d"),
        );
    }
    let until = TimeDelta::from_std(within)
        .ok()
        .and_then(|within| ctx.now().checked_add_signed(within))
        .ok_or_else(|| Error::usage(format!("{} is too far ahead", args.within)))?;
    let wanted = Wanted::parse(&args.labels)?;
    let store = ctx.store()?;
    let tenant = match &args.tenant {
        Some(given) => Some(tenants::find(ctx, store.read(), given)?.id),
        None => None,
    };
    let mut zones = Zones::new(ctx);
    let mut entries = Vec::new();
    let mut decided = Decided::default();
    for listed in matching(ctx, store.read(), tenant, &wanted, false)? {
        let schedule = listed.schedule;
        if schedule.settings.enabled {
            let zone = zones.of(&schedule)?;
            let ahead = ahead_of(ctx, store.read(), &schedule)?;
            let from = first_minute(ctx.now());
            let whole = collect(&mut entries, &schedule, zone, &ahead, from, until);
            let until = ahead.until(&schedule.settings.recurrence, zone);
            decided.add(&schedule, until.filter(|_| !whole));
        }
    }
    if let Some(text) = decided.text() {
        ctx.ui.warn(text);
    }
    entries.sort_by(|one, other| (one.at, &one.cells).cmp(&(other.at, &other.cells)));
    let mut table = Table::new(&["UTC", "LOCAL", "ZONE", "TENANT", "SCHEDULE", "NOTE"])
        .whole(&["UTC", "LOCAL"])
        .spare(&["ZONE"])
        .flowing();
    let mut items = Vec::with_capacity(entries.len());
    for entry in entries {
        table.row(entry.cells);
        items.push(entry.json);
    }
    ctx.ui.table(&table)?;
    ctx.ui.items(&items)
}

/// A line of `upcoming`.
struct Upcoming {
    at: i64,
    cells: [String; 6],
    json: Value,
}

/// Adds the occurrences of a schedule before `until` that will start; whether those are all. One in a
/// gap stands where it would be if the clock did not change.
fn collect(
    entries: &mut Vec<Upcoming>,
    schedule: &Schedule,
    zone: &Zone,
    ahead: &Ahead,
    from: Slot,
    until: DateTime<Utc>,
) -> bool {
    let mut whole = true;
    let mut offset = zone.local(from.instant()).1;
    for occurrence in schedule.settings.recurrence.occurrences(zone, from) {
        let at = match occurrence.slot {
            Some(slot) => {
                offset = zone.local(slot.instant()).1;
                slot.epoch()
            }
            None => occurrence
                .local
                .and_utc()
                .timestamp()
                .saturating_sub(i64::from(offset)),
        };
        if at > until.timestamp() {
            break;
        }
        if occurrence.slot.is_some_and(|slot| !ahead.leaves(slot)) {
            whole = false;
            continue;
        }
        entries.push(Upcoming {
            at,
            cells: [
                utc_of(&occurrence),
                local_of(zone, &occurrence),
                zone.name().to_owned(),
                schedule.tenant.clone(),
                schedule.name().to_owned(),
                note_text(occurrence.note).to_owned(),
            ],
            json: json_of(schedule, zone, &occurrence),
        });
    }
    whole
}

/// For people: the next three slots of a schedule that is enabled and will start, and a warning of the
/// next local time that a clock change skips.
pub(super) fn print_next_three(
    ctx: &Context,
    conn: &Connection,
    schedule: &Schedule,
) -> Result<()> {
    if !schedule.settings.enabled {
        return Ok(());
    }
    let mut zones = Zones::new(ctx);
    let zone = zones.of(schedule)?;
    let rule = &schedule.settings.recurrence;
    let mut table = Table::new(&["NEXT", "ZONE", "UTC"]).whole(&["NEXT", "UTC"]);
    let ahead = ahead_of(ctx, conn, schedule)?;
    let slots = rule
        .occurrences(zone, schedule.slots_from)
        .filter_map(|found| found.slot)
        .filter(|&slot| ahead.leaves(slot));
    for slot in slots.take(3) {
        table.row([
            local_text(zone, slot),
            zone.name().to_owned(),
            slot.to_string(),
        ]);
    }
    ctx.ui.table(&table)?;
    if let Some(gap) = rule.next_gap(zone, schedule.slots_from, GAP_DAYS) {
        ctx.ui.warn(format_args!(
            "{} does not exist in {}, the clock goes forward over it: that slot is skipped",
            gap.local.format("%Y-%m-%d %H:%M"),
            zone.name()
        ));
    }
    Ok(())
}

/// A slot on the clock on the wall, with the offset from UTC.
pub(super) fn local_text(zone: &Zone, slot: Slot) -> String {
    let (local, offset) = zone.local(slot.instant());
    format!("{} {}", local.format("%Y-%m-%d %H:%M"), offset_text(offset))
}

fn local_of(zone: &Zone, occurrence: &Occurrence) -> String {
    match occurrence.slot {
        Some(slot) => local_text(zone, slot),
        None => occurrence.local.format("%Y-%m-%d %H:%M").to_string(),
    }
}

fn utc_of(occurrence: &Occurrence) -> String {
    occurrence
        .slot
        .map_or_else(|| "skipped".to_owned(), |slot| slot.to_string())
}

fn note_text(note: Option<Note>) -> &'static str {
    match note {
        None => "",
        Some(Note::Gap) => "gap: this local time does not exist",
        Some(Note::Fold) => "fold: the first of two",
    }
}

/// An occurrence as `--json` gives it. Local time carries its offset, except in a gap, where there
/// is none.
fn json_of(schedule: &Schedule, zone: &Zone, occurrence: &Occurrence) -> Value {
    let local = match occurrence.slot {
        Some(slot) => {
            let (local, offset) = zone.local(slot.instant());
            format!("{}{}", iso(local), offset_text(offset))
        }
        None => iso(occurrence.local),
    };
    json!({
        "tenant": schedule.tenant,
        "schedule": schedule.name(),
        "schedule_id": schedule.id.0,
        "slot": occurrence.slot.map(|slot| slot.to_string()),
        "local": local,
        "timezone": zone.name(),
        "note": occurrence.note.map(Note::as_str),
    })
}

fn iso(local: NaiveDateTime) -> String {
    local.format("%Y-%m-%dT%H:%M:%S").to_string()
}

/// `+01:00`, and `-00:44:30` for the odd offsets of old.
fn offset_text(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let size = seconds.unsigned_abs();
    let (hours, minutes, rest) = (size / 3_600, size / 60 % 60, size % 60);
    if rest == 0 {
        format!("{sign}{hours:02}:{minutes:02}")
    } else {
        format!("{sign}{hours:02}:{minutes:02}:{rest:02}")
    }
}

/// The first minute that begins at or after `instant`.
fn first_minute(instant: DateTime<Utc>) -> Slot {
    let slot = Slot::containing(instant);
    if slot.instant() < instant {
        slot.next()
    } else {
        slot
    }
}
