//! What a list does not name any more: whether it is gone.
//!
//! A list that leaves policies out looks like a deletion. So of each policy that is not in its
//! complete list any more, Graph is asked for the policy itself. Only what it does not find is gone:
//! - What it still gives was left out by the list, and what it gives no answer about may have been.
//!   Either is unread, and its type incomplete.
//! - Of some policies Graph goes on giving the deleted ones ([`PolicyType::outlives_deletion`]); there
//!   the list is asked a second time, as it was the first, and what neither names is gone. No more can
//!   be had: the answer by id is the same before and after, nothing in it that is documented tells a
//!   deletion, and no other list has these policies. So one that the list leaves out twice is taken
//!   for gone though it may be there, and that is always told as a warning.
//! - A policy that another type of the same list holds now is not absent.
//! - The same goes for a single object that Graph may rightly not have.
//! - Everything is asked for, however much it is: else a tenant that was cleaned up would never be
//!   complete again. Only of a type of which [`MOST_DOUBTFUL`] policies may still be there, the rest
//!   is not: one cannot say more of it. To know that early, and the same in each run, policies are
//!   asked for in rounds, of which each is twice as large as the one before.
//!
//! Decisions are pure; [`probe`] and what it calls ask Graph.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::read::{Reading, is_gone, listed_ids, missing_permissions, parent_ids, unusable};
use crate::backup_set::{ListEntry, UnreadPolicy};
use crate::graph::{Content, Error, Fault, Graph, Request};
use crate::plural::{counted, form};
use crate::policy::Outcome;
use crate::policy::catalogue::{Members, PolicyType, Shape};
use crate::policy::document::{Object, is_left_out};
use crate::threads;

/// Of a type of which so many policies may still be there, no more are asked for. Also what the
/// first round asks for of each type.
const MOST_DOUBTFUL: usize = 50;
/// So many policies are named in a reason.
const NAMED: usize = 3;

/// The ids that a reading names, read or not, by policy type.
#[derive(Debug, Default)]
pub(crate) struct Named<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Named<'a> {
    /// These too.
    pub(crate) fn add(&mut self, key: &'a str, ids: impl IntoIterator<Item = &'a String>) {
        let of_type = self.0.entry(key).or_default();
        of_type.extend(ids.into_iter().map(String::as_str));
    }

    /// Whether the list of a type names it.
    fn has(&self, row: &PolicyType, id: &str) -> bool {
        let mut sharing = row.sharing().filter_map(|row| self.0.get(row.key));
        sharing.any(|ids| ids.contains(id))
    }
}

/// A policy that was there before and that its list does not name now.
#[derive(Debug)]
pub(crate) struct Absent {
    row: &'static PolicyType,
    id: String,
    name: String,
}

/// What Graph says about an absent policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It does not find it.
    Gone,
    /// It gives it, as it does with deleted ones of the type, and no list names it.
    Unlisted,
    /// It is there.
    There,
    /// It is there, of another type or nobody's policy any more.
    Moved,
    /// Nothing that would tell, and why.
    Unclear(Error),
    /// It was not asked: enough others of the type may still be there.
    NotAsked,
}

impl Found {
    fn is_doubtful(&self) -> bool {
        !matches!(self, Self::Gone | Self::Unlisted | Self::Moved)
    }
}

/// Those of the policies `before` that a complete reading does not name.
pub(crate) fn absent(reading: &Reading, before: &[ListEntry], named: &Named<'_>) -> Vec<Absent> {
    let row = reading.policy_type;
    let tells = row.shape == Shape::List || row.may_be_absent;
    if reading.outcome != Outcome::Complete || !tells {
        return Vec::new();
    }
    let gone = before.iter().filter(|old| !named.has(row, &old.id));
    gone.map(|old| Absent {
        row,
        id: old.id.clone(),
        name: old.name.clone(),
    })
    .collect()
}

/// Asks for each of them, so many at a time. An error that ends the reading ends the asking and
/// comes too.
pub(crate) fn probe(
    graph: &dyn Graph,
    at_once: usize,
    absent: Vec<Absent>,
) -> (Vec<(Absent, Found)>, Option<Error>) {
    let mut search = Search::default();
    let (mut open, mut done) = (absent, Vec::new());
    let mut round = MOST_DOUBTFUL;
    while !open.is_empty() {
        let (now, later) = share(open, round);
        let (hopeless, now): (Vec<_>, Vec<_>) = now
            .into_iter()
            .partition(|one| search.doubtful.get(one.row.key) >= Some(&MOST_DOUBTFUL));
        done.extend(hopeless.into_iter().map(|one| (one, Found::NotAsked)));
        let found = search.ask(graph, at_once, &now);
        for (one, found) in now.into_iter().zip(found) {
            *search.doubtful.entry(one.row.key).or_default() += usize::from(found.is_doubtful());
            done.push((one, found));
        }
        open = later;
        round = round.saturating_mul(2);
    }
    (done, search.ended)
}

/// The first so many of each type, and the rest.
fn share(absent: Vec<Absent>, most: usize) -> (Vec<Absent>, Vec<Absent>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    absent.into_iter().partition(|one| {
        let count = counts.entry(one.row.key).or_default();
        *count += 1;
        *count <= most
    })
}

/// What is known while absent policies are asked for.
#[derive(Default)]
struct Search {
    /// By policy type, how many may still be there.
    doubtful: BTreeMap<&'static str, usize>,
    /// By policy type, the ids of the objects below which its lists are.
    parents: HashMap<&'static str, Result<Vec<String>, Error>>,
    lists: Lists,
    ended: Option<Error>,
}

/// By policy type that outlives deletion, the ids that its list names when it is asked once more.
type Lists = HashMap<&'static str, Result<HashSet<String>, Error>>;

impl Search {
    /// Asks for these, in any order; what came of them is in theirs.
    fn ask(&mut self, graph: &dyn Graph, at_once: usize, absent: &[Absent]) -> Vec<Found> {
        for one in absent {
            self.learn_parents(graph, one);
            self.learn_list(graph, one.row);
        }
        let round = Round {
            absent,
            parents: &self.parents,
            lists: &self.lists,
            next: AtomicUsize::new(0),
            found: Mutex::new(vec![None; absent.len()]),
            ended: Mutex::new(self.ended.take()),
        };
        threads::in_parallel(at_once.min(absent.len()), || round.work(graph));
        self.ended = round
            .ended
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let found = round
            .found
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        found
            .into_iter()
            .map(|one| one.unwrap_or(Found::NotAsked))
            .collect()
    }

    /// Where a path goes through a parent, which parents there are.
    fn learn_parents(&mut self, graph: &dyn Graph, one: &Absent) {
        let key = one.row.key;
        if self.ended.is_some() || self.parents.contains_key(key) {
            return;
        }
        let Some(parents) = parents_of(one.row, &one.id) else {
            return;
        };
        let ids = parent_ids(graph, &parents);
        self.ended = ending(&ids);
        self.parents.insert(key, ids);
    }

    /// Where only the list tells, what it names now.
    fn learn_list(&mut self, graph: &dyn Graph, row: &'static PolicyType) {
        if self.ended.is_some() || !row.outlives_deletion || self.lists.contains_key(row.key) {
            return;
        }
        let ids = listed_ids(graph, row);
        self.ended = ending(&ids);
        self.lists.insert(row.key, ids);
    }
}

/// The error of an answer, where it ends the reading.
fn ending<T>(answer: &Result<T, Error>) -> Option<Error> {
    let error = answer.as_ref().err();
    error.filter(|error| error.fault.ends_run()).cloned()
}

/// Policies that are asked for side by side.
struct Round<'a> {
    absent: &'a [Absent],
    parents: &'a HashMap<&'static str, Result<Vec<String>, Error>>,
    lists: &'a Lists,
    next: AtomicUsize,
    found: Mutex<Vec<Option<Found>>>,
    ended: Mutex<Option<Error>>,
}

impl Round<'_> {
    fn work(&self, graph: &dyn Graph) {
        let graph = graph.together();
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = self.absent.get(place) else {
                return;
            };
            let ended = lock(&self.ended).clone();
            let found = match ended {
                Some(error) => Found::Unclear(error),
                None => self.look(&*graph, one),
            };
            if let Found::Unclear(error) = &found
                && error.fault.ends_run()
            {
                lock(&self.ended).get_or_insert_with(|| error.clone());
            }
            if let Some(told) = lock(&self.found).get_mut(place) {
                *told = Some(found);
            }
        }
    }

    fn look(&self, graph: &dyn Graph, one: &Absent) -> Found {
        let parents = parents_of(one.row, &one.id).and_then(|_| self.parents.get(one.row.key));
        let found = match parents {
            None => look_at(graph, one.row, None, &one.id),
            Some(Ok(parents)) => look_below(graph, one.row, parents, &one.id),
            Some(Err(error)) => Err(error.clone()),
        };
        match (found, self.lists.get(one.row.key)) {
            (Ok(Found::There), Some(Err(error))) => Found::Unclear(error.clone()),
            (Ok(Found::There), Some(Ok(ids))) if !has_id(ids, &one.id) => Found::Unlisted,
            (found, _) => found.unwrap_or_else(Found::Unclear),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The list of the objects through one of which the path of a policy goes.
fn parents_of(row: &PolicyType, id: &str) -> Option<Request> {
    let needed = row.object_path.is_none() || id.contains('/');
    row.parents().filter(|_| needed)
}

/// Asks for one policy below each parent that may be its own: which one that was, is not kept.
fn look_below(
    graph: &dyn Graph,
    row: &PolicyType,
    parents: &[String],
    id: &str,
) -> Result<Found, Error> {
    // An id that several parents' objects have begins with the parent's.
    let own = parents.iter().find_map(|parent| {
        let id = id.strip_prefix(parent.as_str())?.strip_prefix('/')?;
        Some((parent, id))
    });
    if let Some((parent, id)) = own {
        return look_at(graph, row, Some(parent), id);
    }
    let mut last = Found::Gone;
    for parent in parents {
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
) -> Result<Found, Error> {
    let Some(request) = row.object(parent, id, false) else {
        return Err(Error::new(Fault::BadResponse, unusable(id).0));
    };
    let body = if row.shape == Shape::Single {
        graph.find(&request, Content::Object)?.there()
    } else {
        match graph.get(&request) {
            Err(error) if is_gone(&error) => None,
            answer => Some(answer?),
        }
    };
    Ok(match body {
        None => Found::Gone,
        Some(body) if is_of(row, &body) => Found::There,
        Some(_) => Found::Moved,
    })
}

/// Whether a list that names these ids names that one, in whatever case.
fn has_id(ids: &HashSet<String>, id: &str) -> bool {
    ids.iter().any(|other| other.eq_ignore_ascii_case(id))
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

/// Takes what Graph said into account: makes types incomplete, and gives by type what is unread.
pub(crate) fn believe(
    readings: &mut [Reading],
    answers: &[(Absent, Found)],
) -> BTreeMap<&'static str, Vec<UnreadPolicy>> {
    let mut unread = BTreeMap::new();
    for reading in readings {
        let key = reading.policy_type.key;
        let doubtful: Vec<&(Absent, Found)> = answers
            .iter()
            .filter(|(one, found)| one.row.key == key && found.is_doubtful())
            .collect();
        warn_of_unlisted(reading, answers);
        if doubtful.is_empty() {
            warn_of_loss(reading, answers);
            continue;
        }
        reading.outcome = Outcome::Incomplete;
        reading.reason = Some(why(&doubtful));
        reading.failed += doubtful.len() as u64;
        if let Some(error) = first_error(&doubtful) {
            reading.fault = Some(error.fault);
            reading.permissions = missing_permissions(reading.policy_type, error);
            reading.hint.clone_from(&error.hint);
        }
        unread.insert(key, doubtful.into_iter().map(unread_policy).collect());
    }
    unread
}

/// A single object that went is worth a word: Graph says the same of it where it never was.
fn warn_of_loss(reading: &mut Reading, answers: &[(Absent, Found)]) {
    let row = reading.policy_type;
    let of_row = |(one, _): &&(Absent, Found)| one.row.key == row.key;
    if row.shape == Shape::Single
        && let Some((one, _)) = answers.iter().find(of_row)
    {
        let warning = format!(
            "{} was there before; Graph says twice that there is none",
            labeled(one)
        );
        reading.warnings.push(warning);
    }
}

/// That a policy is gone is here what the list says alone.
fn warn_of_unlisted(reading: &mut Reading, answers: &[(Absent, Found)]) {
    let key = reading.policy_type.key;
    let unlisted = answers
        .iter()
        .filter(|(one, found)| one.row.key == key && *found == Found::Unlisted);
    reading.warnings.extend(unlisted.map(|(one, _)| {
        format!(
            "{} is taken for removed: Graph's list, asked twice, does not name it; Graph still gives it \
             by its id, as it does with deleted ones of this type",
            labeled(one)
        )
    }));
}

fn unread_policy((one, found): &(Absent, Found)) -> UnreadPolicy {
    let reason = match found {
        Found::Unclear(error) => {
            format!("it is not listed any more; whether it was deleted could not be seen: {error}")
        }
        Found::NotAsked => format!(
            "it is not listed any more and was not asked for: {MOST_DOUBTFUL} others may still be there"
        ),
        Found::There | Found::Gone | Found::Unlisted | Found::Moved => {
            "Graph's list left it out, and it is still there".to_owned()
        }
    };
    UnreadPolicy {
        id: one.id.clone(),
        name: one.name.clone(),
        reason,
    }
}

fn first_error<'a>(doubtful: &[&'a (Absent, Found)]) -> Option<&'a Error> {
    doubtful.iter().find_map(|(_, found)| match found {
        Found::Unclear(error) => Some(error),
        _ => None,
    })
}

/// Why a type is incomplete of which these may still be there.
fn why(doubtful: &[&(Absent, Found)]) -> String {
    let (there, unclear): (Vec<_>, Vec<_>) = doubtful
        .iter()
        .partition(|(_, found)| *found == Found::There);
    let mut told = Vec::new();
    if !there.is_empty() {
        let (count, are) = policies(there.len());
        let names = named(&there);
        told.push(format!(
            "Graph's list left out {count} that {are} still there: {names}"
        ));
    }
    if !unclear.is_empty() {
        let (count, are) = policies(unclear.len());
        let names = named(&unclear);
        let error = first_error(&unclear).map(|error| format!(": {error}"));
        told.push(format!(
            "{count} {are} not listed any more, and whether deleted could not be seen ({names}){}",
            error.unwrap_or_default()
        ));
    }
    told.join("; ")
}

fn policies(count: usize) -> (String, &'static str) {
    (
        counted(count, "policy", "policies"),
        form(count, "is", "are"),
    )
}

fn named(some: &[&(Absent, Found)]) -> String {
    let names: Vec<String> = some
        .iter()
        .take(NAMED)
        .map(|(one, _)| labeled(one))
        .collect();
    let more = if some.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

fn labeled(absent: &Absent) -> String {
    match absent.name.as_str() {
        "" => format!("id {:?}", absent.id),
        name => format!("{name} ({})", absent.id),
    }
}

#[cfg(test)]
pub(in crate::run) mod tests;
