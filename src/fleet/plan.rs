//! What has to be done so that a database is as a fleet says. Pure.
//!
//! The steps are in the order in which they are done: tenants by name, each before its schedules; then
//! what the file does not name.

use serde_json::{Value, json};

use super::fields::{Field, of_schedule, of_tenant};
use super::{Entry, Fleet};
use crate::schedule::{self, Schedule, ScheduleId};
use crate::tenant::{self, Tenant, TenantId};

/// A tenant that is there.
#[derive(Debug, Clone)]
pub struct Present {
    /// The tenant.
    pub tenant: Tenant,
    /// Its schedules, archived ones too.
    pub schedules: Vec<Schedule>,
    /// Why it cannot be removed, its schedules aside; none where it can.
    pub held: Option<String>,
}

/// What is done in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// A new tenant.
    AddTenant(tenant::Settings),
    /// Other settings for a tenant.
    ChangeTenant(TenantId, tenant::Settings),
    /// A tenant goes from the list.
    RemoveTenant(TenantId),
    /// A new schedule; its tenant may be new too.
    AddSchedule(schedule::Settings),
    /// Other settings for a schedule.
    ChangeSchedule(ScheduleId, schedule::Settings),
    /// An archived schedule comes back, with these settings.
    RestoreSchedule(ScheduleId, schedule::Settings),
    /// A schedule is archived.
    ArchiveSchedule(ScheduleId),
}

/// A step, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub deed: Deed,
    /// The name of the tenant.
    pub tenant: String,
    /// The id of the tenant, where it is there.
    pub tenant_id: Option<TenantId>,
    /// The name of the schedule, where it is one.
    pub schedule: Option<String>,
    /// What differs then.
    pub changes: Vec<Change>,
}

/// A field that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its key in a file.
    pub field: &'static str,
    /// What it is; null where there is none.
    pub before: Value,
    /// What it is going to be.
    pub after: Value,
}

impl Step {
    /// The word for it: `add`, `change`, `restore`, `archive` or `remove`.
    pub fn action(&self) -> &'static str {
        match self.deed {
            Deed::AddTenant(_) | Deed::AddSchedule(_) => "add",
            Deed::ChangeTenant(..) | Deed::ChangeSchedule(..) => "change",
            Deed::RestoreSchedule(..) => "restore",
            Deed::ArchiveSchedule(_) => "archive",
            Deed::RemoveTenant(_) => "remove",
        }
    }

    /// Whether it takes something away.
    pub fn takes_away(&self) -> bool {
        matches!(self.deed, Deed::ArchiveSchedule(_) | Deed::RemoveTenant(_))
    }

    /// Whether a schedule is brought back that starts nothing all the same.
    pub fn comes_back_disabled(&self) -> bool {
        matches!(&self.deed, Deed::RestoreSchedule(_, settings) if !settings.enabled)
    }

    /// What it is done to: `tenant contoso`, `schedule contoso/nightly`.
    pub fn object(&self) -> String {
        match &self.schedule {
            Some(schedule) => format!("schedule {}/{schedule}", self.tenant),
            None => format!("tenant {}", self.tenant),
        }
    }
}

/// A tenant that the file does not name and that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stays {
    /// Its name.
    pub tenant: String,
    /// Why.
    pub reason: String,
}

/// What has to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// How many tenants and schedules are as they are to be.
    pub unchanged: usize,
    /// What the file does not name and that stays.
    pub stays: Vec<Stays>,
    /// What looks as if a rename was meant.
    pub renames: Vec<Rename>,
}

/// Something new that differs from what goes, or stays unnamed, in nothing but the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// What is there.
    pub from: String,
    /// What the file names.
    pub to: String,
    /// What to type before the file is applied, so that history goes along.
    pub command: String,
}

impl Plan {
    /// How many steps are of that action.
    pub fn count(&self, action: &str) -> usize {
        let steps = self.steps.iter();
        steps.filter(|step| step.action() == action).count()
    }
}

/// Every word of [`Step::action`], in the order in which counts are told.
pub const ACTIONS: [&str; 5] = ["add", "change", "restore", "archive", "remove"];

/// What has to be done to `present`, tenants by name, so that it is as `fleet` says. With `prune`,
/// what the fleet does not name goes as far as nothing hangs on it.
pub fn plan(present: &[Present], fleet: &Fleet, prune: bool) -> Plan {
    let mut plan = Plan::default();
    for entry in &fleet.tenants {
        let there = present
            .iter()
            .find(|there| there.tenant.name() == entry.tenant.name);
        plan_tenant(&mut plan, there, entry);
    }
    let named = |name: &str| fleet.tenants.iter().any(|entry| entry.tenant.name == name);
    for there in present.iter().filter(|there| !named(there.tenant.name())) {
        plan_unnamed(&mut plan, there, fleet, present, prune);
    }
    plan
}

fn plan_tenant(plan: &mut Plan, there: Option<&Present>, entry: &Entry) {
    let tenant = entry.tenant.name.clone();
    let id = there.map(|there| there.tenant.id);
    let step = |deed, schedule: Option<&str>, changes| Step {
        deed,
        tenant: tenant.clone(),
        tenant_id: id,
        schedule: schedule.map(str::to_owned),
        changes,
    };
    match there {
        None => plan.steps.push(step(
            Deed::AddTenant(entry.tenant.clone()),
            None,
            Vec::new(),
        )),
        Some(there) if there.tenant.settings == entry.tenant => plan.unchanged += 1,
        Some(there) => {
            let changes = differing(
                &of_tenant(&there.tenant.settings),
                &of_tenant(&entry.tenant),
            );
            let deed = Deed::ChangeTenant(there.tenant.id, entry.tenant.clone());
            plan.steps.push(step(deed, None, changes));
        }
    }
    let schedules = there.map_or(&[][..], |there| &there.schedules);
    for wanted in &entry.schedules {
        let name = Some(wanted.name.as_str());
        let Some(known) = called(schedules, &wanted.name) else {
            let deed = Deed::AddSchedule(wanted.clone());
            plan.steps.push(step(deed, name, Vec::new()));
            continue;
        };
        let wanted = with_what_no_file_says(wanted, &known.settings);
        let changes = differing(&of_schedule(&known.settings), &of_schedule(&wanted));
        let deed = match known.archived_at {
            Some(_) => Deed::RestoreSchedule(known.id, wanted),
            None if known.settings == wanted => {
                plan.unchanged += 1;
                continue;
            }
            None => Deed::ChangeSchedule(known.id, wanted),
        };
        plan.steps.push(step(deed, name, changes));
    }
    let unnamed = schedules.iter().filter(|schedule| {
        let is_named = entry
            .schedules
            .iter()
            .any(|wanted| wanted.name == schedule.name());
        schedule.archived_at.is_none() && !is_named
    });
    for schedule in unnamed {
        let deed = Deed::ArchiveSchedule(schedule.id);
        plan.steps
            .push(step(deed, Some(schedule.name()), Vec::new()));
        let same = entry.schedules.iter().find(|wanted| {
            let renamed = schedule::Settings {
                name: schedule.name().to_owned(),
                ..with_what_no_file_says(wanted, &schedule.settings)
            };
            called(schedules, &wanted.name).is_none() && renamed == schedule.settings
        });
        if let Some(same) = same {
            plan.renames.push(Rename {
                from: format!("schedule {tenant}/{}", schedule.name()),
                to: format!("schedule {tenant}/{}", same.name),
                command: format!(
                    "tenantpilot schedules edit {} --name {}",
                    schedule.id.0,
                    shell_words::quote(&same.name)
                ),
            });
        }
    }
}

/// What a file wants of a schedule that is there: what is in no file stays as it is.
fn with_what_no_file_says(
    wanted: &schedule::Settings,
    known: &schedule::Settings,
) -> schedule::Settings {
    schedule::Settings {
        ping_url: known.ping_url.clone(),
        ..wanted.clone()
    }
}

/// The schedule of that name: the one that is not archived, else the one that was archived last.
fn called<'a>(schedules: &'a [Schedule], name: &str) -> Option<&'a Schedule> {
    schedules
        .iter()
        .filter(|schedule| schedule.name() == name)
        .max_by_key(|schedule| {
            (
                schedule.archived_at.is_none(),
                schedule.archived_at,
                schedule.id,
            )
        })
}

fn plan_unnamed(plan: &mut Plan, there: &Present, fleet: &Fleet, present: &[Present], prune: bool) {
    let tenant = &there.tenant;
    let step = |deed, schedule: Option<&str>| Step {
        deed,
        tenant: tenant.name().to_owned(),
        tenant_id: Some(tenant.id),
        schedule: schedule.map(str::to_owned),
        changes: Vec::new(),
    };
    if prune {
        let active = there
            .schedules
            .iter()
            .filter(|one| one.archived_at.is_none());
        for schedule in active {
            let deed = Deed::ArchiveSchedule(schedule.id);
            plan.steps.push(step(deed, Some(schedule.name())));
        }
    }
    let reason = match (prune, &there.held) {
        (true, None) => {
            plan.steps.push(step(Deed::RemoveTenant(tenant.id), None));
            None
        }
        (true, Some(held)) => Some(held.clone()),
        (false, _) => Some("it is not in the file".to_owned()),
    };
    plan.stays.extend(reason.map(|reason| Stays {
        tenant: tenant.name().to_owned(),
        reason,
    }));
    let is_new = |name: &str| present.iter().all(|other| other.tenant.name() != name);
    let same = fleet.tenants.iter().find(|entry| {
        let (old, new) = (&tenant.settings, &entry.tenant);
        is_new(&new.name) && old.directory == new.directory && old.cloud == new.cloud
    });
    if let Some(same) = same {
        plan.renames.push(Rename {
            from: format!("tenant {}", tenant.name()),
            to: format!("tenant {}", same.tenant.name),
            command: format!(
                "tenantpilot tenants edit {} --name {}",
                tenant.id.0,
                shell_words::quote(&same.tenant.name)
            ),
        });
    }
}

fn differing(before: &[Field], after: &[Field]) -> Vec<Change> {
    let pairs = before.iter().zip(after);
    let differing = pairs.filter(|((_, before), (_, after))| before != after);
    differing
        .map(|((field, before), (_, after))| Change {
            field,
            before: before.clone(),
            after: after.clone(),
        })
        .collect()
}

/// A plan as `--json` gives it; `applied` where it was carried out.
pub fn json(plan: &Plan, applied: bool) -> Value {
    let changes = plan.steps.iter().map(|step| {
        let fields = step.changes.iter().map(|change| {
            json!({ "field": change.field, "before": change.before, "after": change.after })
        });
        json!({
            "action": step.action(),
            "object": if step.schedule.is_some() { "schedule" } else { "tenant" },
            "tenant": step.tenant,
            "name": step.schedule.as_ref().unwrap_or(&step.tenant),
            "fields": fields.collect::<Vec<_>>(),
        })
    });
    let mut counts: serde_json::Map<String, Value> = ACTIONS
        .iter()
        .map(|action| ((*action).to_owned(), json!(plan.count(action))))
        .collect();
    counts.insert("unchanged".to_owned(), json!(plan.unchanged));
    let renames = plan
        .renames
        .iter()
        .map(|rename| json!({ "from": rename.from, "to": rename.to, "command": rename.command }));
    let stays = plan.stays.iter();
    let stays = stays.map(|one| json!({ "tenant": one.tenant, "reason": one.reason }));
    json!({
        "ok": true,
        "applied": applied,
        "changes": changes.collect::<Vec<_>>(),
        "counts": counts,
        "not_in_file": stays.collect::<Vec<_>>(),
        "renames": renames.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
