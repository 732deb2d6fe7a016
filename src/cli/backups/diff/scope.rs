//! What of the two sides is compared: all, some policy types, or one policy.

use std::collections::BTreeSet;

use super::super::policy::{self, Match, SHAPE};
use super::choose::Chosen;
use super::{Args, find_present};
use crate::backup_set::BackupSetId;
use crate::cli::told;
use crate::context::Context;
use crate::diff::Scope;
use crate::error::{Error, Result};
use crate::policy::{catalogue, selection};
use crate::store::contents::Reader;
use crate::store::{Store, backup_sets};

/// What the flags ask for.
#[derive(Debug)]
pub(super) struct Asked {
    types: Option<BTreeSet<String>>,
    policy: Option<Policy>,
}

/// A policy as it is typed.
#[derive(Debug)]
enum Policy {
    /// Its policy type, and its id or name.
    Of(String, String),
    /// Its id or name.
    Bare(String),
}

impl Asked {
    /// What the flags say, as far as that can be told without the backup sets.
    ///
    /// # Errors
    /// A policy type that there is none of, or that the flags leave out.
    pub(super) fn of(args: &Args) -> Result<Self> {
        let types: Option<BTreeSet<String>> =
            (!args.types.is_empty()).then(|| args.types.iter().cloned().collect());
        for key in types.iter().flatten() {
            selection::known(key)?;
        }
        let policy = args.policy.as_deref().map(typed).transpose()?;
        if let (Some(types), Some(Policy::Of(key, _))) = (&types, &policy)
            && !types.contains(key)
        {
            return Err(Error::usage(format!(
                "--types leaves out {key}, which --policy names"
            )));
        }
        Ok(Self { types, policy })
    }

    /// What is compared of the backup sets.
    ///
    /// # Errors
    /// None of them has the policy, or several policies answer to what is typed.
    pub(super) fn scope(self, ctx: &Context, store: &Store, chosen: &Chosen) -> Result<Scope> {
        let policy = match self.policy {
            None => None,
            Some(Policy::Of(key, wanted)) => Some((key, wanted)),
            Some(Policy::Bare(wanted)) => {
                let sets = match chosen {
                    Chosen::Sets(from, to) => vec![*to, *from],
                    Chosen::Live(from) => vec![*from],
                };
                Some(meant(ctx, store, &sets, self.types.as_ref(), &wanted)?)
            }
        };
        Ok(Scope {
            types: self.types,
            policy,
        })
    }
}

/// A name may hold a slash, so that only what begins with a policy type is more than one.
fn typed(given: &str) -> Result<Policy> {
    let (key, wanted) = given.split_once('/').unwrap_or((given, ""));
    match catalogue::find(key) {
        Some(row) if wanted.is_empty() => Err(Error::usage(format!(
            "{} is a policy type, and no policy",
            row.key
        ))
        .hint(format!("{SHAPE}: tenantpilot backups show SET"))),
        Some(row) => Ok(Policy::Of(row.key.to_owned(), wanted.to_owned())),
        None => Ok(Policy::Bare(given.to_owned())),
    }
}

/// The type of the policy with this id or name, and its id; its name where each of two tenants has one
/// of that type.
fn meant(
    ctx: &Context,
    store: &Store,
    sets: &[BackupSetId],
    types: Option<&BTreeSet<String>>,
    wanted: &str,
) -> Result<(String, String)> {
    let mut matches: Vec<Match> = Vec::new();
    let mut most = 0;
    for id in sets {
        let set = find_present(ctx, store, *id)?;
        let reader = Reader::new(store.read(), set.tenant_id);
        let mut lists = policy::lists(&reader, &backup_sets::manifest(&reader, &set)?)?;
        lists.retain(|list| types.is_none_or(|types| types.contains(list.policy_type())));
        let found = policy::called(&lists, wanted);
        most = most.max(found.len());
        matches.extend(found);
    }
    let Some(first) = matches.first() else {
        return Err(nowhere(sets, wanted));
    };
    let is_one = |same: fn(&Match, &Match) -> bool| matches.iter().all(|one| same(one, first));
    if is_one(|one, first| one.entry.id == first.entry.id) && most == 1 {
        return Ok((first.policy_type.clone(), first.entry.id.clone()));
    }
    let by_name = |one: &Match, first: &Match| {
        one.policy_type == first.policy_type && one.entry.name == first.entry.name
    };
    if is_one(by_name) && most == 1 {
        return Ok((first.policy_type.clone(), first.entry.name.clone()));
    }
    Err(policy::ambiguous(wanted, &matches))
}

fn nowhere(sets: &[BackupSetId], wanted: &str) -> Error {
    let ids: Vec<String> = sets.iter().rev().map(ToString::to_string).collect();
    let which = ids.join(" and ");
    let newest = ids.last().map(String::as_str).unwrap_or_default();
    Error::not_found(format!("no policy {} in backup set {which}", told(wanted)))
        .hint(format!("{SHAPE}: tenantpilot backups show {newest}"))
}
