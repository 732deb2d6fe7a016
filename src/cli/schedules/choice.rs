//! Which schedules a command is for: those that are named, or all that a tenant, labels or `--all`
//! choose.
//!
//! A command that acts on what it was not told by name must not pass for done where nothing matched:
//! an empty choice is an error. And whatever is chosen, the actor's role is asked for each before
//! anything is done to one.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::find::{permit, readable};
use super::find_all;
use crate::cli::tenants;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::labels::Wanted;
use crate::schedule::Schedule;
use crate::store;
use crate::store::schedules::Listed;
use crate::tenant::{Tenant, TenantId};

/// How many labels a hint names at most.
const LABELS_TOLD: usize = 10;

/// Which schedules; what the command can do to all it says itself.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "which", required = true, multiple = true)]
pub(crate) struct Which {
    /// The schedules: ids, names, or TENANT/NAME
    #[arg(value_name = "SCHEDULE", conflicts_with_all = ["tenant", "labels", "all"])]
    schedules: Vec<String>,

    /// All schedules of this tenant: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

    /// All schedules that have this label or whose tenant has it; given several times, each has to match
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,

    /// All schedules
    #[arg(long)]
    all: bool,
}

/// Which of all schedules can be meant without being named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Those that are enabled.
    Enabled,
    /// Those that are not archived.
    Active,
    /// Archived ones.
    Archived,
}

impl Pool {
    fn has(self, schedule: &Schedule) -> bool {
        let archived = schedule.archived_at.is_some();
        match self {
            Self::Enabled => !archived && schedule.settings.enabled,
            Self::Active => !archived,
            Self::Archived => archived,
        }
    }

    fn adjective(self) -> &'static str {
        match self {
            Self::Enabled => "enabled ",
            Self::Active => "",
            Self::Archived => "archived ",
        }
    }
}

impl Which {
    /// The schedules that are meant, each once, each of them permitted; those that are named as
    /// `find` finds them, else those of `pool` by id.
    ///
    /// # Errors
    /// One that is named cannot be found, none is chosen, or the actor's role does not allow the
    /// command in the tenant of one.
    pub(crate) fn choose(
        &self,
        ctx: &Context,
        conn: &Connection,
        pool: Pool,
        find: impl Fn(&str) -> Result<Schedule>,
    ) -> Result<Vec<Schedule>> {
        if !self.schedules.is_empty() {
            return find_all(&self.schedules, find);
        }
        let mut chosen = choose(ctx, conn, self.tenant.as_deref(), &self.labels, pool)?;
        chosen.sort_by_key(|schedule| schedule.id);
        chosen
            .iter()
            .try_for_each(|schedule| permit(ctx, schedule))?;
        Ok(chosen)
    }
}

/// The schedules of `pool` that a tenant and labels choose, by name.
///
/// # Errors
/// There is none; no such tenant, or none that the actor may look at.
pub(crate) fn choose(
    ctx: &Context,
    conn: &Connection,
    tenant: Option<&str>,
    labels: &[String],
    pool: Pool,
) -> Result<Vec<Schedule>> {
    let wanted = Wanted::parse(labels)?;
    let tenant = tenant
        .map(|given| tenants::find(ctx, conn, given))
        .transpose()?;
    let matching = matching(
        ctx,
        conn,
        tenant.as_ref().map(|tenant| tenant.id),
        &wanted,
        pool == Pool::Archived,
    )?;
    let is_any_active = matching
        .iter()
        .any(|listed| Pool::Active.has(&listed.schedule));
    let chosen: Vec<Schedule> = matching
        .into_iter()
        .map(|listed| listed.schedule)
        .filter(|schedule| pool.has(schedule))
        .collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let none = none(ctx, conn, tenant.as_ref(), &wanted, pool)?;
    Err(match pool == Pool::Enabled && is_any_active {
        true => none.hint(enable(tenant.as_ref(), labels)),
        false => none,
    })
}

/// The command that enables what a tenant and labels choose, where all of it is disabled.
fn enable(tenant: Option<&Tenant>, labels: &[String]) -> String {
    let tenant = tenant.map(|tenant| ["--tenant", tenant.name()]);
    let labels = labels.iter().map(|label| ["--label", label]);
    let words: Vec<&str> = tenant.into_iter().chain(labels).flatten().collect();
    let which = match words.as_slice() {
        [] => "--all".to_owned(),
        words => shell_words::join(words),
    };
    format!("tenantpilot schedules enable {which}")
}

/// The schedules that the actor may look at, by name: of one tenant or of all, those that match the
/// labels by their own or by their tenant's; with `archived` those too.
pub(crate) fn matching(
    ctx: &Context,
    conn: &Connection,
    tenant: Option<TenantId>,
    wanted: &Wanted,
    archived: bool,
) -> Result<Vec<Listed>> {
    let mut listed = readable(ctx, conn, tenant, archived)?;
    if wanted.is_empty() {
        return Ok(listed);
    }
    let tenants: BTreeMap<_, _> = store::tenants::list(conn)?
        .into_iter()
        .map(|tenant| (tenant.id, tenant.settings.labels))
        .collect();
    listed.retain(|Listed { schedule, .. }| {
        let of_tenant = tenants.get(&schedule.tenant_id).into_iter();
        let places: Vec<_> = of_tenant.chain([&schedule.settings.labels]).collect();
        wanted.are_in(&places)
    });
    Ok(listed)
}

/// The error of an empty choice: what there is none of, and what there is.
fn none(
    ctx: &Context,
    conn: &Connection,
    tenant: Option<&Tenant>,
    wanted: &Wanted,
    pool: Pool,
) -> Result<Error> {
    let schedule = format!("{}schedule", pool.adjective());
    let tenant = tenant.map(tenants::described);
    if wanted.is_empty() {
        let what = match tenant {
            Some(tenant) => format!("{tenant} has no {schedule}"),
            None => format!("there is no {schedule}"),
        };
        let hint = match store::schedules::list(conn, None, true)?.is_empty() {
            true => "tenantpilot schedules add --help",
            false => "tenantpilot schedules list --archived",
        };
        return Ok(Error::not_found(what).hint(hint));
    }
    let of = tenant.map_or_else(String::new, |tenant| format!(" of {tenant}"));
    let what = format!("no {schedule}{of} has the label {wanted}, itself or by its tenant");
    let in_use = labels_in_use(ctx, conn)?;
    Ok(Error::not_found(what).hint(match in_use.as_slice() {
        [] => "no label is in use: tenantpilot tenants edit TENANT --label K=V".to_owned(),
        some => format!("labels in use: {}", some.join(", ")),
    }))
}

/// The first few labels of what the actor may look at, as they are typed.
fn labels_in_use(ctx: &Context, conn: &Connection) -> Result<Vec<String>> {
    let mut in_use = BTreeSet::new();
    for tenant in tenants::readable(ctx, conn)? {
        in_use.extend(tenant.settings.labels);
    }
    for listed in readable(ctx, conn, None, false)? {
        in_use.extend(listed.schedule.settings.labels);
    }
    let in_use = in_use.into_iter().take(LABELS_TOLD);
    Ok(in_use
        .map(|(key, value)| format!("{key}={value}"))
        .collect())
}
