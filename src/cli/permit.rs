//! What each command does as far as roles go, and what is recorded where a role does not allow it.
//!
//! `ACTIONS` names every command of the tree; a test walks the tree, so that there is none without
//! an action. [`crate::role`] decides, [`Context`] asks it.

use std::cmp::Reverse;

use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::json;

use crate::audit::{Event, Outcome};
use crate::cli::schedules::find::{self, Prefer};
use crate::cli::{backups, history, tenants};
use crate::context::{Context, Deed, Denial, Named};
use crate::error::{Error, Kind, Result};
use crate::fleet::plan::{Change, Deed as Planned, Plan};
use crate::role::{Action, Place, Readable};
use crate::run::RunId;
use crate::store::{self, Store};
use crate::tenant::TenantId;

/// The words of a command, a flag that makes something else of it, and what it does then. The first
/// that fits counts.
const ACTIONS: &[(&str, Option<&str>, Action)] = &[
    ("tenants add", None, Action::AddTenant),
    ("tenants list", None, Action::Read),
    ("tenants show", None, Action::Read),
    ("tenants edit", None, Action::Tenant),
    ("tenants remove", None, Action::Tenant),
    ("tenants check", None, Action::SignIn),
    ("schedules add", None, Action::Schedule),
    ("schedules list", None, Action::Read),
    ("schedules show", None, Action::Read),
    ("schedules edit", None, Action::Schedule),
    ("schedules enable", None, Action::Schedule),
    ("schedules disable", None, Action::Schedule),
    ("schedules remove", Some("purge"), Action::Delete),
    ("schedules remove", None, Action::Schedule),
    ("schedules restore", None, Action::Schedule),
    ("schedules next", None, Action::Read),
    ("schedules upcoming", None, Action::Read),
    ("dispatch", None, Action::Dispatch),
    ("run", None, Action::Run),
    ("retry", None, Action::Run),
    ("retention", Some("set_default"), Action::RetainByDefault),
    ("retention", Some("show_default"), Action::Read),
    ("retention", Some("dry_run"), Action::Read),
    ("retention", None, Action::Retain),
    ("history", None, Action::Read),
    ("history show", None, Action::Read),
    ("status", None, Action::Read),
    ("backups list", None, Action::Read),
    ("backups show", None, Action::Read),
    ("backups export", None, Action::Read),
    ("backups import", None, Action::Import),
    ("backups log", Some("who"), Action::SignIn),
    ("backups log", None, Action::Read),
    ("backups diff", Some("live"), Action::SignIn),
    ("backups diff", None, Action::Read),
    ("backups verify", None, Action::Read),
    ("backups acknowledge", None, Action::Retain),
    ("backups pin", None, Action::Retain),
    ("backups unpin", None, Action::Retain),
    ("backups expire", None, Action::Retain),
    ("backups unexpire", None, Action::Retain),
    ("backups delete", None, Action::Delete),
    ("audit list", None, Action::Read),
    ("audit verify", None, Action::Inspect),
    ("notifications", None, Action::Read),
    ("roles grant", None, Action::Grant),
    ("roles revoke", None, Action::Grant),
    ("roles list", None, Action::Read),
    ("fleet apply", Some("dry_run"), Action::Read),
    // That a schedule may be changed somewhere; what each step needs is asked by `steps`.
    ("fleet apply", None, Action::Schedule),
    ("fleet export", None, Action::Read),
    ("policy-types list", None, Action::Nothing),
    ("policy-types show", None, Action::Nothing),
    ("db backup", None, Action::Copy),
    ("db info", None, Action::Inspect),
    ("db check", None, Action::Inspect),
    ("doctor", None, Action::Inspect),
    ("cron print", None, Action::Nothing),
    ("db compact", None, Action::Upkeep),
    ("completions", None, Action::Nothing),
    ("complete", None, Action::Read),
];

/// What a command line asks for.
pub(super) fn deed(matches: &ArgMatches) -> Deed {
    let (mut words, mut matches) = (Vec::new(), matches);
    while let Some((word, below)) = matches.subcommand() {
        words.push(word);
        matches = below;
    }
    let command = words.join(" ");
    let given = |flag: &str| matches.value_source(flag) == Some(ValueSource::CommandLine);
    let action = ACTIONS
        .iter()
        .find(|(name, flag, _)| *name == command && flag.is_none_or(given))
        .map(|(_, _, action)| *action);
    Deed {
        command,
        // What nobody wrote down is for an owner.
        action: action.unwrap_or(Action::Copy),
        named: named(matches),
    }
}

/// What is named, of what is typed.
type Name = fn(String) -> Named;

/// The flags and arguments that name something of a tenant.
const NAMES: [(&str, Name); 7] = [
    ("tenant", Named::Tenant),
    ("schedule", Named::Schedule),
    ("schedules", Named::Schedule),
    ("run", Named::Run),
    ("runs", Named::Run),
    ("set", Named::BackupSet),
    ("sets", Named::BackupSet),
];

/// Those that stand for all that the actor may look at, or for some of it.
const ALL: [&str; 3] = ["all", "failed", "labels"];

/// What the arguments of a command name.
fn named(matches: &ArgMatches) -> Vec<Named> {
    let given = |flag: &str| {
        // Most commands do not know most of them.
        matches.try_contains_id(flag).unwrap_or(false)
            && matches.value_source(flag) == Some(ValueSource::CommandLine)
    };
    let mut named = Vec::new();
    for (flag, kind) in NAMES.iter().filter(|(flag, _)| given(flag)) {
        let values = matches.get_raw(flag).into_iter().flatten();
        named.extend(values.map(|value| kind(value.to_string_lossy().into_owned())));
    }
    if named.is_empty() && ALL.into_iter().any(given) {
        named.push(Named::All);
    }
    named
}

/// A denial that says in which tenant, where no role in any tenant was enough and the command line says
/// which one is meant: whoever gives the role goes by it. By name only as [`crate::role`] has it.
pub(super) fn closer(ctx: &Context, error: Error) -> Error {
    let place = ctx.denial().map(|denial| denial.place);
    if error.kind() != Kind::Denied || place != Some(Place::Somewhere) {
        return error;
    }
    let Ok(store) = ctx.glance() else {
        return error;
    };
    let denials = ctx.named().into_iter().map(|named| ask(ctx, &store, named));
    denials
        .filter_map(Result::err)
        .find(|found| found.kind() == Kind::Denied)
        .unwrap_or(error)
}

/// Asks for what is named alone.
fn ask(ctx: &Context, store: &Store, named: Named) -> Result<()> {
    let conn = store.read();
    let id = |text: &str| text.parse().map_err(|_| Error::usage("no id"));
    match named {
        Named::Tenant(given) => tenants::find(ctx, conn, &given).map(drop),
        Named::Schedule(given) => find::find(ctx, conn, &given, Prefer::Active).map(drop),
        Named::Run(given) => history::find_run(ctx, conn, RunId(id(&given)?)).map(drop),
        Named::BackupSet(given) => backups::find(ctx, conn, id(&given)?).map(drop),
        // Of several tenants none is meant more than the others.
        Named::All => match tenants::readable(ctx, conn)?.as_slice() {
            [one] => tenants::permit(ctx, one),
            _ => Ok(()),
        },
    }
}

/// All that the command of these words may do, by its flags; nothing for what is no command.
pub fn actions(command: &str) -> Vec<Action> {
    let rows = ACTIONS.iter().filter(|(name, ..)| *name == command);
    rows.map(|(_, _, action)| *action).collect()
}

/// The keys of a tenant in a file that say how it is reached and signed in to: [`Action::Access`].
const ACCESS: [&str; 5] = [
    "directory",
    "cloud",
    "credential",
    "graph_url",
    "authority_url",
];

/// That the actor may take each step of a plan: an owner adds, changes and removes tenants, an owner for
/// all says how they are signed in to, a manager of a tenant changes its schedules.
pub(super) fn steps(ctx: &Context, plan: &Plan) -> Result<()> {
    for step in &plan.steps {
        let object = step.object();
        let action = match &step.deed {
            Planned::AddTenant(_) => Action::AddTenant,
            Planned::ChangeTenant(..) | Planned::RemoveTenant(_) => Action::Tenant,
            Planned::AddSchedule(_)
            | Planned::ChangeSchedule(..)
            | Planned::RestoreSchedule(..)
            | Planned::ArchiveSchedule(_) => Action::Schedule,
        };
        match step.tenant_id {
            Some(tenant) => ctx.permit_to(action, tenant, &step.tenant, object)?,
            // A schedule of a tenant that is not there yet goes with adding that.
            None => ctx.permit_everywhere_to(Action::AddTenant, object)?,
        }
        let is_access = |change: &Change| ACCESS.contains(&change.field);
        if step.schedule.is_none() && step.changes.iter().any(is_access) {
            ctx.permit_everywhere_to(Action::Access, step.object())?;
        }
    }
    Ok(())
}

/// Records that somebody was kept from something. Where that cannot be written it is said: they were
/// kept from it all the same.
pub(super) fn record(ctx: &Context, denial: &Denial) {
    let event = Event {
        at: ctx.now(),
        actor: ctx.actor.name(),
        action: &denial.command.replace(' ', "."),
        tenant: match denial.place {
            Place::In(tenant) => Some(tenant),
            _ => None,
        },
        object: denial.object.clone(),
        outcome: Outcome::Denied,
        details: json!({ "needs": denial.needs, "has": denial.has }),
    };
    let recorded = Store::open(&ctx.config.database)
        .and_then(|store| store.write(|tx| store::audit::append(tx, &event)));
    if let Err(error) = recorded {
        ctx.ui.warn(error.during("the denial is not recorded"));
    }
}

/// The newest `limit` items of all that the actor may look at, the newest first by their `id`; `read`
/// gives the newest of one tenant, or of all with none.
pub(crate) fn list<T, K: Ord>(
    ctx: &Context,
    limit: u32,
    id: impl Fn(&T) -> K,
    read: impl Fn(Option<TenantId>) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let Readable::Only(tenants) = ctx.readable() else {
        return read(None);
    };
    let mut items = Vec::new();
    for tenant in tenants {
        items.extend(read(Some(tenant))?);
    }
    items.sort_by_key(|item| Reverse(id(item)));
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(items)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    /// Every command that can be typed, by its words, with the flags that it takes.
    fn commands() -> BTreeMap<String, BTreeSet<String>> {
        let mut found = BTreeMap::new();
        let mut left = vec![(String::new(), Cli::command())];
        while let Some((words, command)) = left.pop() {
            for below in command.get_subcommands() {
                let words = format!("{words} {}", below.get_name());
                left.push((words.trim().to_owned(), below.clone()));
            }
            if !command.is_subcommand_required_set() && !words.is_empty() {
                let flags = command
                    .get_arguments()
                    .map(|flag| flag.get_id().to_string());
                found.insert(words, flags.collect());
            }
        }
        found
    }

    #[test]
    fn every_command_says_what_it_does_and_no_other() {
        let commands = commands();
        assert!(commands.len() > 40, "{commands:?}");
        for name in commands.keys() {
            let is_named =
                |(known, flag, _): &(&str, Option<&str>, _)| known == name && flag.is_none();
            let named = ACTIONS.iter().filter(|row| is_named(row)).count();
            assert_eq!(named, 1, "{name} stands in ACTIONS so often without a flag");
        }
        for (name, flag, _) in ACTIONS {
            let flags = commands.get(*name);
            let flags = flags.unwrap_or_else(|| panic!("there is no command {name}"));
            assert!(
                flag.is_none_or(|flag| flags.contains(flag)),
                "{name} {flag:?}"
            );
        }
    }

    #[test]
    fn flags_make_something_else_of_a_command() {
        let action = |line: &str| {
            let words = line.split(' ');
            deed(&Cli::command().try_get_matches_from(words).unwrap()).action
        };
        assert_eq!(action("tenantpilot history"), Action::Read);
        assert_eq!(action("tenantpilot retention"), Action::Retain);
        assert_eq!(action("tenantpilot retention --dry-run"), Action::Read);
        let both = "tenantpilot retention --set-default --keep-last 1";
        assert_eq!(action(both), Action::RetainByDefault);
        assert_eq!(action("tenantpilot schedules remove 1"), Action::Schedule);
        let purge = "tenantpilot schedules remove 1 --purge --yes";
        assert_eq!(action(purge), Action::Delete);
        assert_eq!(action("tenantpilot backups diff 1 --live"), Action::SignIn);
        assert_eq!(action("tenantpilot backups diff 1 2"), Action::Read);
    }
}
