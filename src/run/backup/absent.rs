//! What was there before and is not now: whether that can be believed.
//!
//! A list that leaves policies out, or an answer that a whole type is not offered, looks like a
//! deletion. So what is absent is looked for first:
//! - Of each policy that is not in its complete list any more, Graph is asked once. Only what it
//!   does not find is gone; what it still gives makes the type incomplete. An answer that tells
//!   neither is a warning. At most [`MAX_PROBES`] of a type are asked for.
//! - A policy that another type of the same list holds now is not absent.
//! - A type that held policies is not taken for one that the tenant never had.
//!
//! Decisions are pure; [`probe`] alone asks Graph.

use std::collections::BTreeSet;

use super::changes::Baselines;
use super::collect::Collected;
use crate::backup_set::UnreadPolicy;
use crate::graph::{self, Fault, Graph};
use crate::policy::Outcome;
use crate::policy::catalogue::{Members, PolicyType, Shape};
use crate::policy::document::{Object, is_left_out};
use crate::run::read::parent_ids;

/// So many policies of a type are asked for: a list that leaves some out shows by them.
const MAX_PROBES: usize = 50;
/// So many policies are named in a reason.
const NAMED: usize = 3;

/// A policy of the baseline that its list does not name now.
#[derive(Debug)]
pub(super) struct Absent {
    row: &'static PolicyType,
    id: String,
    name: String,
}

/// What Graph says about an absent policy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It does not find it.
    Gone,
    /// It is there.
    There,
    /// It is there, of another type or nobody's policy any more.
    Moved,
    /// Nothing that would tell, and why.
    Unclear(String),
}

/// A type that is not offered now and held policies before is incomplete: Graph gives the same
/// answer where a licence or a service is missing for an hour.
pub(super) fn doubt_not_offered(collected: &mut Collected, baselines: &Baselines, schedule: &str) {
    for reading in &mut collected.readings {
        let key = reading.policy_type.key;
        let Some((set, policies @ 1..)) = baselines.held(key) else {
            continue;
        };
        if reading.outcome != Outcome::NotOffered {
            continue;
        }
        let held = match policies {
            1 => "1 policy".to_owned(),
            several => format!("{several} policies"),
        };
        let why =
            format!("Graph answers as if it were not offered; backup set {set} held {held} of it");
        reading.outcome = Outcome::Incomplete;
        reading.warnings.extend(reading.reason.replace(why));
        reading.hint = Some(format!(
            "if the tenant has it no more: tenantpilot schedules edit {schedule} --exclude-types {key}"
        ));
    }
}

/// The absent policies to ask for.
pub(super) fn absent(collected: &Collected, baselines: &Baselines) -> Vec<Absent> {
    let complete = collected.readings.iter().filter(|reading| {
        reading.outcome == Outcome::Complete && reading.policy_type.shape == Shape::List
    });
    complete
        .flat_map(|reading| {
            let row = reading.policy_type;
            let there: BTreeSet<&str> = row
                .sharing()
                .flat_map(|row| ids(collected, row.key))
                .collect();
            baselines
                .before(row.key)
                .iter()
                .filter(move |old| !there.contains(old.id.as_str()))
                .take(MAX_PROBES)
                .map(|old| Absent {
                    row,
                    id: old.id.clone(),
                    name: old.name.clone(),
                })
        })
        .collect()
}

/// Every id that is known of a type, read or not; of what a parent's list gave, both that it may
/// have.
fn ids<'a>(collected: &'a Collected, key: &str) -> impl Iterator<Item = &'a str> {
    let below = collected.below.get(key).into_iter().flatten();
    let read = collected.entries.get(key).into_iter().flatten();
    let unread = collected.unread.get(key).into_iter().flatten();
    read.map(|(id, _)| id.as_str())
        .chain(unread.map(|unread| unread.id.as_str()))
        .chain(below.map(String::as_str))
}

/// Asks for each of them. An error that ends the run ends the asking and comes too.
pub(super) fn probe(
    graph: &dyn Graph,
    absent: Vec<Absent>,
) -> (Vec<(Absent, Found)>, Option<graph::Error>) {
    let mut ended = None;
    let answers = absent
        .into_iter()
        .map(|one| {
            let found = match &ended {
                Some(error) => unclear(error),
                None => look_for(graph, one.row, &one.id).unwrap_or_else(|error| {
                    let found = unclear(&error);
                    if error.fault.ends_run() {
                        ended = Some(error);
                    }
                    found
                }),
            };
            (one, found)
        })
        .collect();
    (answers, ended)
}

fn unclear(error: &graph::Error) -> Found {
    Found::Unclear(error.message.clone())
}

/// Asks for one policy by its id. Where its path goes through a parent, below each one that may be
/// its own: which one that was, is not kept.
pub(crate) fn look_for(
    graph: &dyn Graph,
    row: &PolicyType,
    id: &str,
) -> Result<Found, graph::Error> {
    let parents = match row.parents() {
        Some(parents) if row.object_path.is_none() || id.contains('/') => {
            parent_ids(graph, &parents)?
        }
        _ => return look_at(graph, row, None, id),
    };
    // An id that several parents' objects have begins with the parent's.
    let own = parents.iter().find_map(|parent| {
        let id = id.strip_prefix(parent.as_str())?.strip_prefix('/')?;
        Some((parent, id))
    });
    if let Some((parent, id)) = own {
        return look_at(graph, row, Some(parent), id);
    }
    let mut last = Found::Gone;
    for parent in &parents {
        match look_at(graph, row, Some(parent), id)? {
            Found::Gone => {}
            Found::There => return Ok(Found::There),
            other => last = other,
        }
    }
    Ok(last)
}

fn look_at(
    graph: &dyn Graph,
    row: &PolicyType,
    parent: Option<&str>,
    id: &str,
) -> Result<Found, graph::Error> {
    let Some(request) = row.object(parent, id, false) else {
        let why = "it has no path of its own".to_owned();
        return Ok(Found::Unclear(why));
    };
    match graph.get(&request) {
        Ok(body) if is_of(row, &body) => Ok(Found::There),
        Ok(_) => Ok(Found::Moved),
        Err(error) if error.fault == Fault::NotFound && error.status == Some(404) => {
            Ok(Found::Gone)
        }
        Err(error) => Err(error),
    }
}

/// Whether an object is of the type; one that tells nothing to the contrary is.
fn is_of(row: &PolicyType, body: &[u8]) -> bool {
    let object = std::str::from_utf8(body)
        .ok()
        .and_then(|text| Object::parse(text).ok());
    if object
        .as_ref()
        .is_some_and(|object| is_left_out(row, object))
    {
        return false;
    }
    let told = object.and_then(|object| object.string("@odata.type").ok().flatten());
    let Some(told) = told else {
        return true;
    };
    row.members == Members::All
        || row
            .sharing()
            .find(|row| row.names(&told))
            .map_or(row.is_general(), |named| named.key == row.key)
}

/// Takes what Graph said into account.
pub(super) fn believe(collected: &mut Collected, answers: &[(Absent, Found)]) {
    for reading in &mut collected.readings {
        let row = reading.policy_type;
        let of_row = || answers.iter().filter(|(one, _)| one.row.key == row.key);
        for (one, found) in of_row() {
            if let Found::Unclear(why) = found {
                reading.warnings.push(format!(
                    "{} is not listed any more; whether it was deleted could not be seen: {why}",
                    labeled(one)
                ));
            }
        }
        let there: Vec<&Absent> = of_row()
            .filter(|(_, found)| *found == Found::There)
            .map(|(one, _)| one)
            .collect();
        if there.is_empty() {
            continue;
        }
        reading.outcome = Outcome::Incomplete;
        reading.reason = Some(left_out(&there));
        reading.failed += there.len() as u64;
        let unread = collected.unread.entry(row.key).or_default();
        unread.extend(there.iter().map(|one| UnreadPolicy {
            id: one.id.clone(),
            name: one.name.clone(),
            reason: "Graph's list left it out, and it is still there".to_owned(),
        }));
    }
}

fn left_out(there: &[&Absent]) -> String {
    let named: Vec<String> = there.iter().take(NAMED).map(|one| labeled(one)).collect();
    let (count, are) = match there.len() {
        1 => ("1 policy".to_owned(), "is"),
        several => (format!("{several} policies"), "are"),
    };
    let more = if there.len() > NAMED { ", …" } else { "" };
    format!(
        "Graph's list left out {count} that {are} still there: {}{more}",
        named.join(", ")
    )
}

fn labeled(absent: &Absent) -> String {
    match absent.name.as_str() {
        "" => format!("id {:?}", absent.id),
        name => format!("{name} ({})", absent.id),
    }
}

#[cfg(test)]
mod tests;
