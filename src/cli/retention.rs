//! `retention`: show or apply the retention plan, and the default that it goes by.

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use crate::audit::{self, Event, Outcome};
use crate::cli;
use crate::cli::keep::{self, KeepFlags, rules_json, rules_text};
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::plural::counted;
use crate::retention::rules::Rules;
use crate::retention::{self, Applied, Hand, Item};
use crate::schedule::Schedule;
use crate::store::backup_sets::purge::{Purged, Waiting};
use crate::store::{self, Store};
use crate::tenant::TenantId;
use crate::ui::table::Table;

/// Apply retention: expire what the rules no longer keep, purge what expired a week ago
///
/// It runs by itself after each run that left a backup set. Without a schedule it goes through all
/// of them, purges what has expired of archived ones, reclaims what failed runs left, and gives
/// free room back to the disk.
///
/// A backup set stays if any rule keeps it; days, weeks, months and years are those of the
/// schedule's zone. For a rule that a schedule does not have, the default counts.
///
/// Where a backup set lost most of the policies of a type (over half of at least 5), no backup set of its
/// schedule expires until somebody confirms that this was meant: `backups acknowledge`.
#[derive(Debug, ClapArgs)]
#[command(
    group(clap::ArgGroup::new("rules").args(keep::FLAGS).multiple(true).requires("set_default")),
    mut_arg("keep_last", |flag| flag.help(
        "Keep the newest N backup sets, at least 1; `default`, here and below: as the program has it"
    )),
    after_help = "Examples:
  tenantpilot retention --dry-run
  tenantpilot retention contoso/nightly
  tenantpilot retention --set-default --keep-last 14 --keep-monthly 12
  tenantpilot retention --show-default"
)]
pub struct Args {
    /// The schedules: ids, names, or TENANT/NAME; all of them when none is given
    #[arg(value_name = "SCHEDULE", conflicts_with_all = ["set_default", "show_default"])]
    schedules: Vec<String>,

    /// Say what stays and what goes, each with its reason, and change nothing
    #[arg(long, conflicts_with_all = ["set_default", "show_default"])]
    dry_run: bool,

    /// Change which backup sets stay where a schedule does not say so itself
    #[arg(long, conflicts_with = "show_default")]
    set_default: bool,

    /// Say which backup sets stay where a schedule does not say so itself
    #[arg(long)]
    show_default: bool,

    #[command(flatten, next_help_heading = "Rules of the default")]
    keep: KeepFlags,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    if args.set_default {
        return set_default(ctx, &args.keep);
    }
    let store = ctx.store()?;
    if args.show_default {
        return show_default(ctx, &store::retention::defaults(store.read())?);
    }
    let mut told = Told::default();
    for schedule in selected(ctx, &store, args)? {
        match decide(ctx, &store, &schedule, args.dry_run) {
            Ok(applied) => told.add(&schedule, applied),
            Err(error) => told.problems.push(error),
        }
    }
    if args.schedules.is_empty() && !args.dry_run {
        for tenant in store::contents::tenants(store.read())? {
            match retention::reclaim(hand(ctx, &store), tenant) {
                Ok(purged) => told.add_purged(tenant, purged),
                Err(error) => told.problems.push(error),
            }
        }
        match retention::give_back(&store, ctx.clock.as_ref(), ctx.stop()) {
            Ok(bytes) => told.given_back = bytes,
            Err(error) => told.problems.push(error),
        }
    }
    told.show(ctx, &store)?;
    if let Some(reason) = ctx.stop().requested() {
        return Ok(reason.exit_code());
    }
    let codes = told
        .problems
        .iter()
        .map(|problem| problem.kind().exit_code());
    let code = ExitCode::of_several(codes);
    told.problems
        .iter()
        .for_each(|problem| ctx.ui.problem(problem));
    Ok(code)
}

fn set_default(ctx: &Context, flags: &KeepFlags) -> Result<ExitCode> {
    if *flags == KeepFlags::default() {
        let rules = keep::FLAGS.map(|flag| format!("--{}", flag.replace('_', "-")));
        let what = format!("--set-default needs a rule: {}", rules.join(", "));
        return Err(Error::usage(what)
            .hint("tenantpilot retention --set-default --keep-last 14 --keep-monthly 12"));
    }
    let store = ctx.store()?;
    let rules = ctx.write(&store, |tx| {
        let before = store::retention::defaults(tx)?;
        let after = flags.default_of(before.clone());
        if after != before {
            store::retention::set_defaults(tx, &after)?;
            let details = audit::changes(&object(&before), &object(&after));
            store::audit::append(tx, &default_changed(ctx, details))?;
        }
        Ok(after)
    })?;
    show_default(ctx, &rules)
}

fn default_changed(ctx: &Context, details: Value) -> Event<'_> {
    Event {
        at: ctx.now(),
        actor: ctx.actor.name(),
        action: "retention.set_default",
        tenant: None,
        object: "retention default".to_owned(),
        outcome: Outcome::Ok,
        details,
    }
}

fn show_default(ctx: &Context, rules: &Rules) -> Result<ExitCode> {
    ctx.ui.line(format!("default: {}", rules_text(rules)))?;
    ctx.ui.document(&object(rules))?;
    Ok(ExitCode::Ok)
}

fn object(rules: &Rules) -> Value {
    let fields = rules_json(rules).map(|(name, value)| (name.to_owned(), value));
    Value::Object(Map::from_iter(fields))
}

fn selected(ctx: &Context, store: &Store, args: &Args) -> Result<Vec<Schedule>> {
    let conn = store.read();
    if args.schedules.is_empty() {
        if !args.dry_run {
            ctx.permit_everywhere()?;
        }
        let listed = cli::schedules::find::readable(ctx, conn, None, true)?;
        return Ok(listed.into_iter().map(|listed| listed.schedule).collect());
    }
    let mut chosen: Vec<Schedule> = Vec::new();
    for given in &args.schedules {
        let schedule = cli::schedules::find::find_any(ctx, conn, given, None)?;
        if chosen.iter().all(|other| other.id != schedule.id) {
            chosen.push(schedule);
        }
    }
    Ok(chosen)
}

fn hand<'a>(ctx: &'a Context, store: &'a Store) -> Hand<'a> {
    Hand {
        store,
        zones: ctx.zones(),
        clock: ctx.clock.as_ref(),
        actor: ctx.actor.name(),
        at: ctx.now(),
    }
}

fn decide(ctx: &Context, store: &Store, schedule: &Schedule, dry_run: bool) -> Result<Applied> {
    let named = |error: Error| error.during(schedule.described());
    if dry_run {
        let items = retention::preview(store.read(), ctx.zones(), schedule, ctx.now());
        return Ok(Applied {
            items: items.map_err(named)?,
            purged: None,
        });
    }
    let holder = format!(
        "retention by {}, process {}",
        ctx.actor.name(),
        std::process::id()
    );
    let _lock = match ctx.locks().schedule(schedule.id, &holder)? {
        Ok(lock) => lock,
        Err(other) => {
            let line = format!("the lock of {} is held by {other}", schedule.described());
            return Err(Error::new(Kind::LockHeld, line).hint("try again when it is over"));
        }
    };
    retention::apply(hand(ctx, store), schedule.id).map_err(named)
}

/// What there is to tell.
#[derive(Default)]
struct Told {
    items: Vec<(Schedule, Item)>,
    purged: Vec<(TenantId, Purged)>,
    given_back: u64,
    problems: Vec<Error>,
}

impl Told {
    fn add(&mut self, schedule: &Schedule, applied: Applied) {
        if let Some(purged) = applied.purged {
            self.add_purged(schedule.tenant_id, purged);
        }
        let items = applied.items.into_iter();
        self.items
            .extend(items.map(|item| (schedule.clone(), item)));
    }

    /// What was removed of a tenant; nothing is told of where there was nothing to remove.
    fn add_purged(&mut self, tenant: TenantId, purged: Purged) {
        if let Some(Waiting::Unread(error)) = &purged.waiting
            && !self.is_unread(tenant)
        {
            self.problems.push(error.clone());
        }
        if purged.contents > 0 || purged.waiting.is_some() {
            // Of what had to wait, the last word counts.
            self.purged
                .retain(|(of, earlier)| *of != tenant || earlier.contents > 0);
            self.purged.push((tenant, purged));
        }
    }

    fn is_unread(&self, tenant: TenantId) -> bool {
        self.purged
            .iter()
            .any(|(of, purged)| *of == tenant && matches!(purged.waiting, Some(Waiting::Unread(_))))
    }

    fn show(&self, ctx: &Context, store: &Store) -> Result<()> {
        let mut table = Table::new(&["SET", "TENANT", "SCHEDULE", "DECISION", "REASON"])
            .whole(&["SET", "DECISION"])
            .flowing();
        let mut items = Vec::with_capacity(self.items.len());
        for (schedule, item) in &self.items {
            items.push(json!({
                "backup_set_id": item.id.0,
                "tenant": schedule.tenant,
                "schedule": schedule.name(),
                "decision": item.decision.as_str(),
                "reason": item.reason,
            }));
            table.row([
                item.id.to_string(),
                schedule.tenant.clone(),
                schedule.name().to_owned(),
                item.decision.as_str().to_owned(),
                item.reason.clone(),
            ]);
        }
        ctx.ui.table(&table)?;
        let mut reclaimed = Vec::with_capacity(self.purged.len());
        for (id, purged) in &self.purged {
            let tenant = store::tenants::name(store.read(), *id)?;
            if purged.contents > 0 {
                ctx.ui.comment(format!(
                    "reclaimed {} of tenant {tenant}, {} bytes",
                    counted(purged.contents, "content", "contents"),
                    purged.bytes
                ))?;
            }
            if let Some(why) = &purged.waiting {
                ctx.ui
                    .comment(format!("contents of tenant {tenant} wait: {}", why.why()))?;
            }
            reclaimed.push(json!({
                "tenant": tenant,
                "contents": purged.contents,
                "bytes": purged.bytes,
                "waiting": purged.waiting.as_ref().map(Waiting::why),
            }));
        }
        if self.given_back > 0 {
            let line = format!("gave {} bytes back to the disk", self.given_back);
            ctx.ui.comment(line)?;
        }
        ctx.ui.document(&json!({
            "schema_version": 1,
            "items": items,
            "reclaimed": reclaimed,
            "given_back_bytes": self.given_back,
        }))
    }
}
