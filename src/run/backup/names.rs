//! The names of what the policies refer to, kept beside the ids.
//!
//! Best effort: nothing that happens here costs a policy, makes a type incomplete or a run partial.
//! What cannot be named is recorded with the reason, and with the last name that an earlier set of
//! the tenant knows.
//!
//! 1. What is in this very set is named by it, without a request. So is what a complete list of
//!    this set does not have: it is not there.
//! 2. The rest is asked for: directory objects by their ids, a thousand at a time; policies of types
//!    that are not in the set by one list of names; apps one by one, because they tell more.
//! 3. An error ends the asking for its kind; one that ends the run ends all of it.
//!
//! The plan is pure; [`ask`] and what it calls ask Graph.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::collect::Collected;
use crate::backup_set::{Reference, Unresolved};
use crate::graph::page::{self, Item};
use crate::graph::{self, Fault, Graph};
use crate::json;
use crate::plural::counted;
use crate::policy::Outcome;
use crate::policy::catalogue::directory::{self, DirectoryKind, Question};
use crate::policy::catalogue::{self, Members, PolicyType};
use crate::policy::references::{self, APP, AppIdentity};
use crate::run::read::is_gone;
use crate::store::backup_sets::names::Key;

/// The names that were found, and what is to be told about those that were not.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Everything that is referred to.
    pub entries: Vec<Reference>,
    /// Why names are missing, in a line for each reason.
    pub warnings: Vec<String>,
}

impl Names {
    /// What has no name.
    pub fn unknown(&self) -> BTreeSet<Key> {
        let unresolved = self.entries.iter().filter(|one| one.unresolved.is_some());
        unresolved
            .map(|one| (one.kind.clone(), one.id.clone()))
            .collect()
    }

    /// Gives what has no name the last known one.
    pub fn remember(&mut self, known: &BTreeMap<Key, Reference>) {
        for one in &mut self.entries {
            let earlier = known.get(&(one.kind.clone(), one.id.clone()));
            if let (Some(_), Some(earlier)) = (one.unresolved, earlier) {
                one.name.clone_from(&earlier.name);
                one.odata_type.clone_from(&earlier.odata_type);
                one.package.clone_from(&earlier.package);
            }
        }
    }
}

/// What is referred to and not named by the set itself: ids by kind.
type Open = BTreeMap<&'static str, Vec<String>>;

/// Names everything that the policies refer to; without asking where `graph` is none.
pub(super) fn look_up(collected: &Collected, graph: Option<&dyn Graph>) -> Names {
    let (mut entries, open) = plan(collected);
    let mut troubles = Troubles::default();
    let mut graph = graph;
    for (kind, ids) in open {
        let (answers, untold) = match graph {
            Some(graph) => (ask(graph, kind, &ids), "what was answered cannot be read"),
            None => (Answers::default(), "they were not asked for"),
        };
        let missing = entries.len();
        entries.extend(ids.iter().map(|id| answers.reference(kind, id)));
        let named = entries.iter().skip(missing);
        troubles.note(kind, named, answers.error.as_ref(), untold);
        if answers.error.is_some_and(|error| error.fault.ends_run()) {
            graph = None;
        }
    }
    Names {
        entries,
        warnings: troubles.told(),
    }
}

/// What the set names by itself, and what is left.
fn plan(collected: &Collected) -> (Vec<Reference>, Open) {
    let (mut named, mut open) = (Vec::new(), Open::new());
    for one in collected.all_referred() {
        match in_set(collected, one.kind, &one.id) {
            Some(reference) => named.push(reference),
            None if can_be_asked_for(one.kind) => {
                open.entry(one.kind).or_default().push(one.id.clone());
            }
            None => {}
        }
    }
    (named, open)
}

fn can_be_asked_for(kind: &str) -> bool {
    let in_list = |row: &PolicyType| row.labels().is_some() && row.not_app_only.is_none();
    directory::find(kind).is_some() || catalogue::find(kind).is_some_and(in_list)
}

/// What the set itself says of an object.
fn in_set(collected: &Collected, kind: &str, id: &str) -> Option<Reference> {
    let row = catalogue::find(kind)?;
    let found = row.sharing().find_map(|row| {
        let entries = collected.entries.get(row.key)?;
        // Graph compares ids without regard to case; nearly always they are alike.
        let alike = || entries.values().find(|one| one.id.eq_ignore_ascii_case(id));
        entries.get(id).or_else(alike)
    });
    if let Some(entry) = found {
        let app = collected.apps.get(&entry.id).filter(|_| kind == APP);
        return Some(named(kind, id, entry.name.clone(), app.cloned()));
    }
    let whole = |row: &'static PolicyType| {
        collected.readings.iter().any(|reading| {
            reading.policy_type.key == row.key && reading.outcome == Outcome::Complete
        })
    };
    let all_there = row.left_out.is_none()
        && row.query.iter().all(|(name, _)| *name != "$filter")
        && (row.members == Members::All || row.sharing().all(whole))
        && whole(row);
    all_there.then(|| Reference::unresolved(kind, id, Unresolved::NotFound))
}

fn named(kind: &str, id: &str, name: String, app: Option<AppIdentity>) -> Reference {
    let app = app.unwrap_or_default();
    Reference {
        kind: kind.to_owned(),
        id: id.to_owned(),
        name: Some(name),
        odata_type: app.odata_type,
        package: app.package,
        unresolved: None,
    }
}

/// What Graph said about some objects of one kind.
#[derive(Debug, Default)]
struct Answers {
    /// By id in lower case: what is there. Without a name where that may not be read.
    found: HashMap<String, (Option<String>, AppIdentity)>,
    /// In lower case, what was answered for and is not there.
    absent: BTreeSet<String>,
    /// In lower case, what is there and cannot be read.
    broken: BTreeSet<String>,
    /// Whether something came that does not tell its id: it may be anything that was asked for.
    unidentified: bool,
    /// What ended the asking.
    error: Option<graph::Error>,
}

impl Answers {
    fn reference(&self, kind: &str, id: &str) -> Reference {
        let key = id.to_ascii_lowercase();
        match self.found.get(&key) {
            Some((Some(name), app)) => named(kind, id, name.clone(), Some(app.clone())),
            Some((None, _)) => Reference::unresolved(kind, id, Unresolved::Forbidden),
            None if self.absent.contains(&key) => {
                Reference::unresolved(kind, id, Unresolved::NotFound)
            }
            None => {
                let forbidden = |error: &graph::Error| error.fault == Fault::Forbidden;
                let why = match self.error.as_ref().is_some_and(forbidden) {
                    true => Unresolved::Forbidden,
                    false => Unresolved::Unreadable,
                };
                Reference::unresolved(kind, id, why)
            }
        }
    }

    /// Takes what one object of an answer says.
    fn take(&mut self, item: &Item<'_>, id: &str, name: &str) {
        let object = match item {
            Item::Whole(bytes) => json::read::<Value>(bytes).ok(),
            Item::Broken(broken) => {
                // An id that is broken itself is none.
                let known = broken
                    .text(id)
                    .filter(|id| !id.contains(['\\', char::REPLACEMENT_CHARACTER]))
                    .map(|id| id.to_ascii_lowercase());
                self.unidentified |= known.is_none();
                self.broken.extend(known);
                return;
            }
        };
        let text = |property| object.as_ref()?.get(property)?.as_str();
        let Some(id) = text(id) else {
            self.unidentified = true;
            return;
        };
        let known = text(name).map(str::to_owned);
        let app = object.as_ref().map(references::app_identity);
        let found = (known, app.unwrap_or_default());
        self.found.insert(id.to_ascii_lowercase(), found);
    }

    /// What a whole answer leaves out is not there, unless it holds something without an id.
    fn answered(&mut self, ids: &[String]) {
        if std::mem::take(&mut self.unidentified) {
            return;
        }
        let ids = ids.iter().map(|id| id.to_ascii_lowercase());
        let absent = ids.filter(|id| !self.found.contains_key(id) && !self.broken.contains(id));
        let absent: Vec<String> = absent.collect();
        self.absent.extend(absent);
    }
}

fn ask(graph: &dyn Graph, kind: &str, ids: &[String]) -> Answers {
    let mut answers = Answers::default();
    let asked = match (directory::find(kind), catalogue::find(kind)) {
        (Some(row), _) => ask_directory(graph, row, ids, &mut answers),
        (None, Some(row)) if kind == APP => ask_each(graph, row, ids, &mut answers),
        (None, Some(row)) => ask_list(graph, row, ids, &mut answers),
        (None, None) => Ok(()),
    };
    answers.error = asked.err();
    answers
}

fn ask_directory(
    graph: &dyn Graph,
    row: &DirectoryKind,
    ids: &[String],
    answers: &mut Answers,
) -> Result<(), graph::Error> {
    for question in row.questions(ids) {
        put(graph, row, &question, answers)?;
        answers.answered(&question.ids);
    }
    Ok(())
}

fn put(
    graph: &dyn Graph,
    row: &DirectoryKind,
    question: &Question,
    answers: &mut Answers,
) -> Result<(), graph::Error> {
    let on_page = |items: &[Item<'_>]| {
        for item in items {
            answers.take(item, row.id, row.name);
        }
        Ok(())
    };
    match &question.body {
        Some(body) => page::read_answer(graph, &question.request, body, on_page),
        None => page::read_all(graph, &question.request, on_page),
    }
    .map(drop)
}

fn ask_list(
    graph: &dyn Graph,
    row: &PolicyType,
    ids: &[String],
    answers: &mut Answers,
) -> Result<(), graph::Error> {
    let Some(request) = row.labels() else {
        return Ok(());
    };
    page::read_all(graph, &request, |items| {
        for item in items {
            answers.take(item, "id", row.name);
        }
        Ok(())
    })?;
    answers.answered(ids);
    Ok(())
}

fn ask_each(
    graph: &dyn Graph,
    row: &PolicyType,
    ids: &[String],
    answers: &mut Answers,
) -> Result<(), graph::Error> {
    for id in ids {
        let Some(request) = row.object(None, id, false) else {
            continue;
        };
        match graph.get(&request) {
            Ok(body) => answers.take(&Item::of(&body), "id", row.name),
            Err(error) if is_gone(&error) => {
                answers.answered(std::slice::from_ref(id));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Why names are missing, what several have in common told once.
#[derive(Debug, Default)]
struct Troubles {
    /// What is forbidden, by kind: how many, and the permission that is missing.
    forbidden: BTreeMap<&'static str, (u64, String)>,
    /// What was not read, by kind: how many, and why.
    unreadable: BTreeMap<&'static str, (u64, String)>,
}

impl Troubles {
    fn note<'a>(
        &mut self,
        kind: &'static str,
        references: impl Iterator<Item = &'a Reference>,
        error: Option<&graph::Error>,
        untold: &str,
    ) {
        let (mut forbidden, mut unreadable) = (0, 0);
        for reference in references {
            match reference.unresolved {
                Some(Unresolved::Forbidden) => forbidden += 1,
                Some(Unresolved::Unreadable) => unreadable += 1,
                Some(Unresolved::NotFound) | None => {}
            }
        }
        if forbidden > 0 {
            let told = error.and_then(|error| error.permissions.first().cloned());
            let least = told.or_else(|| permissions(kind).first().map(|&name| name.to_owned()));
            self.forbidden
                .insert(kind, (forbidden, least.unwrap_or_default()));
        }
        if unreadable > 0 {
            let why = error.map_or(untold, |error| &error.message);
            self.unreadable.insert(kind, (unreadable, why.to_owned()));
        }
    }

    fn told(self) -> Vec<String> {
        let mut told = Vec::new();
        if !self.forbidden.is_empty() {
            let counts = self
                .forbidden
                .iter()
                .map(|(kind, (count, _))| things(kind, *count));
            let counts: Vec<String> = counts.collect();
            let missing: BTreeSet<&str> = self
                .forbidden
                .values()
                .map(|(_, least)| least.as_str())
                .collect();
            let missing: Vec<&str> = missing.into_iter().collect();
            told.push(format!(
                "names of {} are not allowed to be read: grant {} to the app registration to have them beside the ids",
                counts.join(", "),
                missing.join(", ")
            ));
        }
        for (kind, (count, why)) in &self.unreadable {
            told.push(format!(
                "names of {} could not be looked up: {why}",
                things(kind, *count)
            ));
        }
        told
    }
}

/// Any one of these is enough to look up the names of a kind; the least first.
fn permissions(kind: &str) -> &'static [&'static str] {
    let of_directory = directory::find(kind).map(|row| row.permissions);
    of_directory
        .or_else(|| catalogue::find(kind).map(|row| row.read_permissions))
        .unwrap_or_default()
}

fn things(kind: &str, count: u64) -> String {
    match directory::find(kind) {
        Some(row) => counted(count, row.label[0], row.label[1]),
        None => format!("{} of {kind}", counted(count, "policy", "policies")),
    }
}

#[cfg(test)]
mod tests;
