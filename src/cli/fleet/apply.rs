//! `fleet apply`: makes the database as a file says.
//!
//! The plan is made twice: once to be shown, checked and confirmed, and once more in the one IMMEDIATE
//! transaction that carries it out. What somebody else did in between may have made it shorter, as when
//! the same file is applied twice at once; a step that was not in the first is not taken. Slots, and
//! everything else that bears a time, go by when that transaction began: standard input and an answer
//! take as long as they take.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::present;
use crate::audit::{self, Event, Outcome};
use crate::cli::schedules::settle::{self, Settled};
use crate::cli::{permit, require_yes, schedules, tenants};
use crate::context::Context;
use crate::disk::file_error;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::fleet::plan::{self, ACTIONS, Deed, Plan, Rename, Step};
use crate::fleet::{self, Fleet, Format, MAX_BYTES};
use crate::schedule::Schedule;
use crate::store::{self, Store};
use crate::tenant::Credential;
use crate::ui::Shade;

/// How many faults of a file are told.
const FAULTS_TOLD: usize = 20;

/// Make tenants and schedules as a file says: TOML or JSON
///
/// Says what it does, and does all of it or nothing. The keys of the file are the flags of `tenants
/// add` and `schedules add`; `fleet export` writes one to begin with. What a file does not say of a
/// tenant or schedule is what these commands take by default. A schedule that the file does not name
/// is archived where the file names its tenant; one that was archived comes back when the file names
/// it again. A tenant that the file does not name stays, unless --prune is given. Backup sets and
/// history always stay, and so do ping URLs, which are in no file.
///
/// Tenants and schedules go by their names. To rename one, rename it here first (`tenants edit --name`,
/// `schedules edit --name`), then in the file: else the file means another one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot fleet apply fleet.toml --dry-run --exit-code
  tenantpilot fleet apply fleet.toml --yes
  sops decrypt fleet.json | tenantpilot fleet apply - --yes")]
pub struct Args {
    /// The file: its extension says whether it is TOML or JSON; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Say what would be done and do nothing; also where there is no database yet
    #[arg(long)]
    dry_run: bool,

    /// With --dry-run, exit with 19 when something would be done
    #[arg(long, requires = "dry_run")]
    exit_code: bool,

    /// Archive the schedules of tenants that the file does not name, and remove those of them that
    /// have no backup sets
    #[arg(long)]
    prune: bool,

    /// Do not ask before something is archived or removed
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    // Who may not apply anything learns nothing of the file either.
    let store = match ctx.store() {
        Ok(store) => Some(store),
        Err(error) if error.kind() == Kind::NoStore => None,
        Err(error) => return Err(error),
    };
    if store.is_some() && !is_stdin(&args.file) {
        ctx.permit_path(&args.file).map_err(|error| {
            error.hint("hand it over by standard input: tenantpilot fleet apply - < FILE")
        })?;
    }
    let bytes = read(&args.file)?;
    let name = called(&args.file);
    let format = Format::of(&args.file, &String::from_utf8_lossy(&bytes));
    let fleet = match fleet::read(&bytes, format, ctx.zones()) {
        Ok(fleet) => fleet,
        Err(faults) => {
            let more = faults.len().saturating_sub(FAULTS_TOLD);
            for fault in faults.into_iter().take(FAULTS_TOLD) {
                ctx.ui.problem(&fault.of_file(&name));
            }
            if more > 0 {
                ctx.ui.note(format_args!("and {more} more of that kind"));
            }
            return Ok(ExitCode::Usage);
        }
    };
    let plan = match &store {
        Some(store) => decide(ctx, store.read(), &fleet, args)?,
        None => plan::plan(&[], &fleet, args.prune),
    };
    show(ctx, &plan)?;
    if args.dry_run {
        return rehearsed(ctx, args, store.as_ref(), &plan);
    }
    look_at_credentials(ctx, &plan)?;
    confirm(ctx, args, &plan)?;
    let store = match store {
        Some(store) => store,
        None => ctx.store_or_new()?,
    };
    let digest = audit::hex(&Sha256::digest(&bytes).into());
    let (done, settled) = ctx.write(&store, |tx| {
        let now = decide(ctx, tx, &fleet, args)?;
        let is_new = |step: &Step| !plan.steps.contains(step);
        if now.steps.iter().any(is_new) {
            return Err(Error::new(
                Kind::Busy,
                "nothing is applied: something else changed tenants or schedules meanwhile",
            )
            .hint("apply the file again"));
        }
        let settled = carry_out(ctx, tx, &now, &digest)?;
        Ok((now, settled))
    })?;
    for (schedule, settled) in settled {
        settle::tell(ctx, &schedule, settled);
    }
    if done.steps.len() < plan.steps.len() {
        ctx.ui.note("the rest was done by somebody else meanwhile");
    }
    ctx.ui.line(format_args!("done: {}", counts(&done)))?;
    ctx.ui.document(&plan::json(&done, true))?;
    Ok(ExitCode::Ok)
}

/// What the file holds; not more than a fleet can have.
fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = |source: &mut dyn Read, bytes: &mut Vec<u8>| -> io::Result<usize> {
        source.take(MAX_BYTES + 1).read_to_end(bytes)
    };
    let done = if is_stdin(path) {
        read(&mut io::stdin().lock(), &mut bytes)
    } else {
        File::open(path).and_then(|mut file| read(&mut file, &mut bytes))
    };
    done.map_err(|error| {
        let failed = file_error("read", Path::new(&called(path)), &error);
        match error.kind() {
            io::ErrorKind::NotFound => failed.hint("tenantpilot fleet export prints one"),
            io::ErrorKind::IsADirectory => {
                failed.hint("name the file in it: tenantpilot fleet apply FILE")
            }
            _ => failed,
        }
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        let what = format!("{} has more than {MAX_BYTES} bytes", called(path));
        return Err(Error::usage(what).hint("that is no fleet; is it the right file?"));
    }
    Ok(bytes)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn called(path: &Path) -> String {
    if is_stdin(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// What has to be done; the actor may do all of it, or look at all of it where nothing is to be done.
fn decide(ctx: &Context, conn: &Connection, fleet: &Fleet, args: &Args) -> Result<Plan> {
    let plan = plan::plan(&present(ctx, conn, fleet, args.prune)?, fleet, args.prune);
    if !args.dry_run {
        permit::steps(ctx, &plan)?;
    }
    Ok(plan)
}

/// Says what is to be done, and what stays that somebody may have thought to be gone.
fn show(ctx: &Context, plan: &Plan) -> Result<()> {
    let mut lines = Vec::new();
    for step in &plan.steps {
        let shade = match step.action() {
            "add" | "restore" => Shade::Added,
            "change" => Shade::Changed,
            _ => Shade::Removed,
        };
        lines.push((shade, format!("{:<7}  {}", step.action(), step.object())));
        for change in &step.changes {
            let (before, after) = (told(&change.before), told(&change.after));
            lines.push((
                Shade::Plain,
                format!("  ~ {}: {before} -> {after}", change.field),
            ));
        }
        if step.comes_back_disabled() {
            let what = "  it is disabled: the file says enabled = false";
            lines.push((Shade::Plain, what.to_owned()));
        }
    }
    ctx.ui.shaded(&lines)?;
    for stays in &plan.stays {
        let (tenant, reason) = (&stays.tenant, &stays.reason);
        ctx.ui.note(format_args!("tenant {tenant} stays: {reason}"));
    }
    for rename in &plan.renames {
        let Rename { from, to, command } = rename;
        ctx.ui
            .warn(format_args!("{to} is new and has nothing of {from}"));
        ctx.ui
            .hint(format_args!("if it was renamed, type first: {command}"));
    }
    Ok(())
}

/// A value in a plan for people.
fn told(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(told).collect::<Vec<_>>().join(", "),
        Value::Object(members) if members.is_empty() => "none".to_owned(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(key, value)| format!("{key}={}", told(value)));
            members.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// How many of each: `2 added, 1 archived, 14 unchanged`.
fn counts(plan: &Plan) -> String {
    let counted = ACTIONS.iter().map(|action| (*action, plan.count(action)));
    let counted = counted
        .filter(|(_, count)| *count > 0)
        .map(|(action, count)| format!("{count} {}ed", action.trim_end_matches('e')));
    let unchanged = format!("{} unchanged", plan.unchanged);
    counted.chain([unchanged]).collect::<Vec<_>>().join(", ")
}

fn rehearsed(ctx: &Context, args: &Args, store: Option<&Store>, plan: &Plan) -> Result<ExitCode> {
    if store.is_none() {
        let database = ctx.config.database.display();
        ctx.ui.note(format_args!(
            "there is no database {database} yet: it would be made"
        ));
    }
    // A file, or what of it can be used, is not for those to try who may not name it.
    let looks = store.is_none() || ctx.may_say_access();
    let unusable: Vec<Error> = credentials(plan)
        .filter(|_| looks)
        .filter_map(|(_, credential)| crate::secret::check_credential(credential, ctx.now()).err())
        .collect();
    if let Some(first) = unusable.first() {
        ctx.ui.warn(format_args!(
            "credentials that cannot be used from here: {}, the first: {first}",
            unusable.len()
        ));
    }
    ctx.ui
        .line(format_args!("would be done: {}", counts(plan)))?;
    ctx.ui.document(&plan::json(plan, false))?;
    if !args.exit_code || plan.steps.is_empty() {
        return Ok(ExitCode::Ok);
    }
    let file = shell_words::quote(&args.file.to_string_lossy()).into_owned();
    let what = format!(
        "what {} says is still to be done: {}",
        called(&args.file),
        counts(plan)
    );
    let error = Error::new(Kind::Attention, what);
    ctx.ui
        .reason(&error.hint(format!("tenantpilot fleet apply {file}")));
    Ok(ExitCode::Attention)
}

/// The credentials that are new, each with the name of its tenant.
fn credentials(plan: &Plan) -> impl Iterator<Item = (&str, &Credential)> {
    plan.steps.iter().filter_map(|step| match &step.deed {
        Deed::AddTenant(settings) => Some((step.tenant.as_str(), &settings.credential)),
        Deed::ChangeTenant(_, settings) => {
            let mut changes = step.changes.iter();
            let is_new = changes.any(|change| change.field == "credential");
            is_new.then_some((step.tenant.as_str(), &settings.credential))
        }
        _ => None,
    })
}

/// As `tenants add` does: a credential that cannot be used is refused before it is kept.
fn look_at_credentials(ctx: &Context, plan: &Plan) -> Result<()> {
    for (tenant, credential) in credentials(plan) {
        tenants::credential::look_at(ctx, credential)
            .map_err(|error| error.during(format_args!("tenant {tenant}")))?;
    }
    Ok(())
}

fn confirm(ctx: &Context, args: &Args, plan: &Plan) -> Result<()> {
    let taken: Vec<&Step> = plan.steps.iter().filter(|step| step.takes_away()).collect();
    if taken.is_empty() {
        return Ok(());
    }
    let told = taken.iter().take(5);
    let told = told.map(|step| format!("{} {}", step.action(), step.object()));
    let mut deed = told.collect::<Vec<_>>().join(", ");
    if taken.len() > 5 {
        deed.push_str(&format!(" and {} more", taken.len() - 5));
    }
    require_yes(ctx, args.yes, &deed)
}

/// Does all steps, each with its audit event, and one event for the file. What schedules missed until
/// now comes back, to be told once it is kept.
fn carry_out(
    ctx: &Context,
    tx: &Transaction<'_>,
    plan: &Plan,
    digest: &str,
) -> Result<Vec<(Schedule, Settled)>> {
    let mut settled = Vec::new();
    for step in &plan.steps {
        settled.extend(carry_out_one(ctx, tx, step)?);
    }
    if !plan.steps.is_empty() {
        let counts = ACTIONS
            .iter()
            .map(|action| ((*action).to_owned(), plan.count(action)));
        let counts: std::collections::BTreeMap<String, usize> = counts.collect();
        let event = Event {
            at: ctx.now(),
            actor: ctx.actor.name(),
            action: "fleet.apply",
            tenant: None,
            object: "fleet".to_owned(),
            outcome: Outcome::Ok,
            details: json!({ "counts": counts, "file_sha256": digest }),
        };
        store::audit::append(tx, &event)?;
    }
    Ok(settled)
}

fn carry_out_one(
    ctx: &Context,
    tx: &Transaction<'_>,
    step: &Step,
) -> Result<Option<(Schedule, Settled)>> {
    match &step.deed {
        Deed::AddTenant(settings) => tenants::add::insert(ctx, tx, settings).map(|_| None),
        Deed::ChangeTenant(id, settings) => {
            let before = store::tenants::get(tx, *id)?;
            tenants::edit::change(ctx, tx, &before, settings).map(|()| None)
        }
        Deed::RemoveTenant(id) => {
            tenants::remove::take_off(ctx, tx, &store::tenants::get(tx, *id)?).map(|()| None)
        }
        Deed::AddSchedule(settings) => {
            let tenant = store::tenants::by_name(tx, &step.tenant)?.ok_or_else(|| {
                Error::internal(format!("tenant {} is not there yet", step.tenant))
            })?;
            schedules::add::insert(ctx, tx, tenant.id, settings).map(|_| None)
        }
        Deed::ChangeSchedule(id, settings) => {
            let before = store::schedules::get(tx, *id)?;
            let settled = schedules::edit::change(ctx, tx, &before, settings)?;
            Ok(Some((before, settled)))
        }
        Deed::RestoreSchedule(id, settings) => {
            let before = store::schedules::get(tx, *id)?;
            if before.settings != *settings {
                schedules::edit::change(ctx, tx, &before, settings)?;
            }
            let archived = store::schedules::get(tx, *id)?;
            schedules::remove::bring_back(ctx, tx, &archived).map(|()| None)
        }
        Deed::ArchiveSchedule(id) => {
            let before = store::schedules::get(tx, *id)?;
            let settled = schedules::remove::archive(ctx, tx, &before)?;
            Ok(Some((before, settled)))
        }
    }
}
