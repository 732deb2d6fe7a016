//! `backups log`: the life of one policy over all backup sets of its tenant.

mod json;
mod who;

use std::cell::OnceCell;

use clap::Args as ClapArgs;
use rusqlite::Connection;

use super::policy;
use crate::authors::Author;
use crate::backup_set::{BackupSet, DigestKey, ListEntry};
use crate::cli::history::time;
use crate::cli::{self, told};
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::life::{self, Event};
use crate::plural::counted;
use crate::policy::catalogue::PolicyType;
use crate::policy::diff::lines::{Limits, lines};
use crate::policy::diff::{self, Changes, Names, View};
use crate::store::backup_sets::sightings::{Sighting, sightings};
use crate::store::backup_sets::{self, Filter};
use crate::store::contents::Reader;
use crate::store::tenants;
use crate::tenant::TenantId;
use crate::ui::table::Table;

/// So many changed fields are named in a line.
const FIELDS: usize = 3;

/// Show the life of one policy over all backup sets of its tenant, newest first
///
/// A policy is gone only where a backup set read its whole policy type without it. Changes that the
/// service makes by itself, dates and counters, are none.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups log 'Windows baseline'
  tenantpilot backups log 'Windows baseline' --tenant contoso --patch
  tenantpilot backups log 'Windows baseline' --who
  tenantpilot backups log namedLocation/5c4b1d0e-0b6c-4f7e-9d51-0c9c4f7e9d51")]
pub struct Args {
    /// The policy: its policy type and its id, or an id or a name that it alone has
    #[arg(value_name = "TYPE/ID|ID|NAME")]
    policy: String,

    /// Only in this tenant: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

    /// Show what changed each time
    #[arg(long)]
    patch: bool,

    /// Ask the tenant who made each change, as far as Intune's audit events of the last year tell;
    /// reads it and writes nothing
    #[arg(long)]
    who: bool,

    /// Show at most this many changes
    #[arg(
        long,
        value_name = "N",
        default_value_t = 50,
        allow_negative_numbers = true,
        value_parser = cli::number::from(1_u32)
    )]
    limit: u32,
}

/// The backup sets of one tenant that did not expire, oldest first, and where they are read.
struct Sets<'c> {
    tenant: String,
    sets: Vec<BackupSet>,
    reader: Reader<'c>,
    /// Under which key each of them has its digests of secrets, once that is needed.
    digest_keys: OnceCell<Vec<DigestKey>>,
}

/// A policy and what each set says of it.
struct Found<'c> {
    within: Sets<'c>,
    policy_type: String,
    id: String,
    sightings: Vec<Sighting>,
}

/// One change, ready to be told.
struct Change<'f> {
    set: &'f BackupSet,
    since: Option<&'f BackupSet>,
    event: Event<'f>,
    changes: Changes,
    row: &'static PolicyType,
    /// Who made it, where that was asked and is known.
    by: Option<Vec<Author>>,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let store = ctx.store()?;
    let found = find(ctx, store.read(), args)?;
    let mut changes = changes(&found, args, args.patch || ctx.ui.json())?;
    if args.who {
        who::ask(ctx, store.read(), &found, &mut changes)?;
    }
    if ctx.ui.json() {
        ctx.ui
            .document(&json::document(&found, &changes, args.who))?;
        return Ok(ExitCode::Ok);
    }
    head(ctx, &found)?;
    if args.patch || args.who {
        return one_by_one(ctx, &changes, args.patch);
    }
    let mut table = Table::new(&["TIME", "SET", "SCHEDULE", "CHANGE", "WHAT"])
        .whole(&["TIME", "SET", "CHANGE"])
        .flowing();
    for change in &changes {
        table.row([
            time(change.set.time),
            change.set.id.to_string(),
            origin(change.set),
            change.event.turn.as_str().to_owned(),
            summary(change),
        ]);
    }
    ctx.ui.table(&table)?;
    Ok(ExitCode::Ok)
}

fn find<'c>(ctx: &Context, conn: &'c Connection, args: &Args) -> Result<Found<'c>> {
    let tenants = match &args.tenant {
        Some(given) => vec![cli::tenants::find(ctx, conn, given)?.id],
        None => with_sets(ctx, conn)?,
    };
    let mut found = Vec::new();
    for tenant in tenants.iter().copied() {
        found.extend(find_in(conn, tenant, &args.policy)?);
    }
    let names: Vec<String> = found
        .iter()
        .map(|found| found.within.tenant.clone())
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => Err(Error::usage(format!(
            "{} is a policy of several tenants",
            told(&args.policy)
        ))
        .hint(format!("--tenant, one of {}", names.join(", ")))),
        (None, _) => Err(nowhere(conn, &tenants, &args.policy)?),
    }
}

/// Why a policy was not found: there is none, or the sets that could hold it are damaged.
fn nowhere(conn: &Connection, tenants: &[TenantId], wanted: &str) -> Result<Error> {
    let what = format!("no backup set holds the policy {wanted:?}");
    let (mut damaged, mut expired) = (0, 0);
    for tenant in tenants {
        let reader = Reader::new(conn, *tenant);
        let filter = Filter {
            tenant: Some(*tenant),
            ..Filter::default()
        };
        for set in backup_sets::list_sets(conn, &filter)? {
            if set.expired_at.is_some() {
                expired += 1;
            } else {
                damaged += usize::from(backup_sets::manifest(&reader, &set).is_err());
            }
        }
    }
    let show = format!("{}: tenantpilot backups show SET", policy::SHAPE);
    Ok(match (damaged, expired) {
        (0, 0) => Error::not_found(what).hint(show),
        (0, expired) => Error::not_found(what).hint(format!(
            "{show}; {} not looked at: tenantpilot backups list --expired",
            counted(expired, "expired one is", "expired ones are")
        )),
        (damaged, _) => Error::new(
            Kind::Integrity,
            format!(
                "{what}, as far as they can be read: {} damaged",
                counted(damaged, "is", "are")
            ),
        )
        .hint("tenantpilot backups verify"),
    })
}

/// Tenants that have backup sets and that the actor may look at, removed ones too.
fn with_sets(ctx: &Context, conn: &Connection) -> Result<Vec<TenantId>> {
    let sets = backup_sets::list_sets(conn, &Filter::default())?;
    let mut tenants: Vec<TenantId> = sets.iter().map(|set| set.tenant_id).collect();
    tenants.sort_unstable();
    tenants.dedup();
    let readable = ctx.readable();
    tenants.retain(|tenant| readable.contains(*tenant));
    Ok(tenants)
}

fn find_in<'c>(conn: &'c Connection, tenant: TenantId, given: &str) -> Result<Option<Found<'c>>> {
    let filter = Filter {
        tenant: Some(tenant),
        expired: Some(false),
        ..Filter::default()
    };
    let mut sets = backup_sets::list_sets(conn, &filter)?;
    sets.sort_by_key(|set| (set.time, set.id));
    let within = Sets {
        tenant: tenants::get(conn, tenant)?.settings.name,
        sets,
        reader: Reader::new(conn, tenant),
        digest_keys: OnceCell::new(),
    };
    if let Some((policy_type, id)) = given.split_once('/')
        && let Some(found) = sighted(&within, policy_type, id)?
    {
        let (policy_type, id) = (policy_type.to_owned(), id.to_owned());
        return Ok(Some(Found {
            within,
            policy_type,
            id,
            sightings: found,
        }));
    }
    let Some((policy_type, id)) = called(&within, given)? else {
        return Ok(None);
    };
    let sightings = sightings(&within.reader, &within.sets, &policy_type, &id)?;
    Ok(Some(Found {
        within,
        policy_type,
        id,
        sightings,
    }))
}

fn sighted(within: &Sets<'_>, policy_type: &str, id: &str) -> Result<Option<Vec<Sighting>>> {
    if id.is_empty() || !policy_type.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let seen = sightings(&within.reader, &within.sets, policy_type, id)?;
    let held = seen
        .iter()
        .any(|sighting| matches!(sighting, Sighting::Held(_)));
    Ok(held.then_some(seen))
}

/// The policy that has this id or name in the newest set in which one has it.
fn called(within: &Sets<'_>, wanted: &str) -> Result<Option<(String, String)>> {
    let mut looked_into = std::collections::HashSet::new();
    for set in within.sets.iter().rev() {
        let manifest = match backup_sets::manifest(&within.reader, set) {
            Err(error) if error.kind() == Kind::Integrity => continue,
            read => read?,
        };
        let mut lists = Vec::new();
        for entry in manifest.types() {
            if entry.list.is_some_and(|list| looked_into.insert(list)) {
                match backup_sets::list(&within.reader, entry) {
                    Err(error) if error.kind() == Kind::Integrity => {}
                    read => lists.extend(read?),
                }
            }
        }
        match policy::called(&lists, wanted).as_slice() {
            [] => {}
            [one] => return Ok(Some((one.policy_type.clone(), one.entry.id.clone()))),
            several => return Err(policy::ambiguous(wanted, several)),
        }
    }
    Ok(None)
}

/// The changes to tell, newest first.
fn changes<'f>(found: &'f Found<'_>, args: &Args, named: bool) -> Result<Vec<Change<'f>>> {
    let row = diff::row_of(&found.policy_type);
    let reader = &found.within.reader;
    let events = life::events(&found.sightings, |before, after| {
        diff::same(row, &reader.read(before)?, &reader.read(after)?).map_err(|flaw| {
            Error::new(
                Kind::Integrity,
                format!("content {before} or {after}: {flaw}"),
            )
        })
    })?;
    let most = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut told = Vec::new();
    for event in events.into_iter().rev() {
        let Some(set) = found.within.sets.get(event.at) else {
            continue;
        };
        if told.len() == most {
            break;
        }
        let since = event.since.and_then(|at| found.within.sets.get(at));
        let changes = match (event.before, event.after) {
            (Some(before), Some(after)) => {
                let (old, new) = match named {
                    true => (names(found, since)?, names(found, Some(set))?),
                    false => <(Names, Names)>::default(),
                };
                let view = View {
                    before: &old,
                    after: &new,
                    across: false,
                    one_key: one_key(&found.within, &event),
                };
                diff::diff(
                    row,
                    &reader.read(&before.hash)?,
                    &reader.read(&after.hash)?,
                    &view,
                )
                .map_err(|flaw| {
                    Error::new(Kind::Integrity, format!("content {}: {flaw}", after.hash))
                })?
            }
            _ => Changes::default(),
        };
        // Only digests differ, of which nobody can say that they are of two secrets.
        let unknown = changes.is_empty() && !changes.incomparable.is_empty();
        if unknown && event.turn == life::Turn::Changed {
            continue;
        }
        told.push(Change {
            set,
            since,
            event,
            changes,
            row,
            by: None,
        });
    }
    Ok(told)
}

/// Whether what an event tells apart has its digests of secrets under one key.
fn one_key(within: &Sets<'_>, event: &Event<'_>) -> bool {
    let keys = within.digest_keys.get_or_init(|| {
        let sets = within.sets.iter();
        sets.map(|set| backup_sets::digests::key(&within.reader, set))
            .collect()
    });
    // A policy that came back was last held before the set that no longer had it.
    let since = event.since.filter(|_| event.turn == life::Turn::Changed);
    let between = keys.get(since.unwrap_or(0)..=event.at);
    DigestKey::are_one(between.into_iter().flatten())
}

fn names(found: &Found<'_>, set: Option<&BackupSet>) -> Result<Names> {
    let Some(set) = set else {
        return Ok(Names::default());
    };
    let reader = &found.within.reader;
    let manifest = backup_sets::manifest(reader, set)?;
    policy::names(reader, &manifest, &policy::lists(reader, &manifest)?)
}

/// What changed, in a few words.
fn summary(change: &Change<'_>) -> String {
    let mut words = Vec::new();
    if let Some((before, after)) = &change.changes.renamed {
        words.push(format!("renamed from {} to {}", told(before), told(after)));
    }
    let renamed = change.changes.renamed.is_some();
    let fields: Vec<&str> = change
        .changes
        .fields
        .iter()
        .filter(|field| !(renamed && field.path == change.row.name))
        .map(|field| field.name.as_str())
        .collect();
    words.extend(fields.iter().take(FIELDS).map(|field| (*field).to_owned()));
    if fields.len() > FIELDS {
        words.push(format!("{} more", fields.len() - FIELDS));
    }
    let assignments = &change.changes.assignments;
    for (count, what) in [
        (assignments.added.len(), "assigned"),
        (assignments.removed.len(), "no longer assigned"),
    ] {
        if count > 0 {
            words.push(format!("{what} to {count}"));
        }
    }
    words.join(", ")
}

/// Where a set comes from.
fn origin(set: &BackupSet) -> String {
    set.schedule
        .clone()
        .unwrap_or_else(|| "(imported)".to_owned())
}

/// The last entry that a set holds of the policy.
fn newest<'f>(found: &'f Found<'_>) -> Option<&'f ListEntry> {
    found
        .sightings
        .iter()
        .rev()
        .find_map(|sighting| match sighting {
            Sighting::Held(entry) => Some(entry),
            Sighting::Missing | Sighting::Unread => None,
        })
}

/// The first and the last set that hold the policy, and the set that shows that it is gone.
fn span<'f>(found: &'f Found<'_>) -> [Option<&'f BackupSet>; 3] {
    let sets = &found.within.sets;
    let holds = |sighting: &Sighting| matches!(sighting, Sighting::Held(_));
    let first = found.sightings.iter().position(holds);
    let last = found.sightings.iter().rposition(holds);
    let gone = last.and_then(|last| {
        let after = found.sightings.get(last..)?;
        let at = after
            .iter()
            .position(|sighting| *sighting == Sighting::Missing)?;
        sets.get(last + at)
    });
    [
        first.and_then(|at| sets.get(at)),
        last.and_then(|at| sets.get(at)),
        gone,
    ]
}

fn unread(found: &Found<'_>) -> usize {
    let unread = |sighting: &&Sighting| **sighting == Sighting::Unread;
    found.sightings.iter().filter(unread).count()
}

fn head(ctx: &Context, found: &Found<'_>) -> Result<()> {
    let [first, last, gone] = span(found);
    let at = |set: Option<&BackupSet>| {
        set.map(|set| format!("{} in set {}", time(set.time), set.id))
            .unwrap_or_default()
    };
    let sets = match (found.sightings.len(), unread(found)) {
        (all, 0) => all.to_string(),
        (all, unread) => {
            let silent = counted(unread, "says", "say");
            format!("{all}, of which {silent} nothing of it")
        }
    };
    ctx.ui.fields(&[
        (
            "policy",
            newest(found)
                .map(|entry| told(&entry.name))
                .unwrap_or_default(),
        ),
        ("type", found.policy_type.clone()),
        ("id", found.id.clone()),
        ("tenant", found.within.tenant.clone()),
        ("first seen", at(first)),
        ("last seen", at(last)),
        ("gone", at(gone)),
        ("backup sets", sets),
    ])?;
    ctx.ui.line("")
}

/// Each change with who made it; with what changed in full, or in a few words.
fn one_by_one(ctx: &Context, changes: &[Change<'_>], patch: bool) -> Result<ExitCode> {
    for (at, change) in changes.iter().enumerate() {
        if at > 0 {
            ctx.ui.line("")?;
        }
        let name = change.event.after.or(change.event.before);
        ctx.ui.line(format!(
            "{}  set {}  {}  {} {}",
            time(change.set.time),
            change.set.id,
            origin(change.set),
            change.event.turn.as_str(),
            name.map(|entry| told(&entry.name)).unwrap_or_default(),
        ))?;
        for line in who::lines(change.by.as_deref()) {
            ctx.ui.line(line)?;
        }
        let words = summary(change);
        if patch {
            for line in lines(&change.changes, Limits::SHORT) {
                ctx.ui.line(line.text)?;
            }
        } else if !words.is_empty() {
            ctx.ui.line(format_args!("  {words}"))?;
        }
    }
    Ok(ExitCode::Ok)
}
