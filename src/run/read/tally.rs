//! What became of a policy type, from what became of its list and its objects. Pure.

use std::collections::{BTreeMap, HashSet};

use super::Reading;
use super::collection::is_not_offered;
use super::counted::Extra;
use super::object::{missing_permissions, why};
use crate::graph::{Error, Fault};
use crate::plural::counted;
use crate::policy::catalogue::PolicyType;
use crate::policy::{Outcome, Unread};

const MISSING_AGAIN: &str = "its list gave it twice, and then Graph did not find it";

/// What is counted while a policy type is read.
pub(super) struct Tally {
    row: &'static PolicyType,
    listed: u64,
    read: u64,
    failed: u64,
    forbidden: u64,
    failed_ids: HashSet<String>,
    /// What Graph does not find, by id with its name: deleted in between, if no list names it.
    missing: BTreeMap<String, String>,
    /// The first thing that went wrong with an object.
    trouble: Option<String>,
    error: Option<Error>,
    left_out: u64,
    deleted: u64,
    extra: Extra,
    /// What a broken item of the list makes doubtful for this type too.
    doubt: Option<String>,
    warnings: Vec<String>,
}

/// How the reading of a list ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum ListEnd<'a> {
    /// At its last page, after so many, with this HTTP status.
    Whole(u64, u16),
    /// By an error, after so many pages.
    Failed(u64, &'a Error),
    /// The whole reading ended first, by this error.
    Unreached(&'a Error),
}

impl Tally {
    pub(super) fn new(row: &'static PolicyType) -> Self {
        Self {
            row,
            listed: 0,
            read: 0,
            failed: 0,
            forbidden: 0,
            failed_ids: HashSet::new(),
            missing: BTreeMap::new(),
            trouble: None,
            error: None,
            left_out: 0,
            deleted: 0,
            extra: Extra::default(),
            doubt: None,
            warnings: Vec::new(),
        }
    }

    pub(super) fn row(&self) -> &'static PolicyType {
        self.row
    }

    /// An object was read; with a flaw, not as Graph says it should be.
    pub(super) fn read(&mut self, id: &str, name: &str, flaw: Option<&str>, again: bool) {
        if let Some(flaw) = flaw {
            self.trouble
                .get_or_insert(format!("{}: {flaw}", labeled(id, name)));
        }
        if self.missing.remove(id).is_some() {
            self.read += 1;
        } else if !again {
            self.listed += 1;
            self.read += 1;
        } else if self.failed_ids.remove(id) {
            self.failed = self.failed.saturating_sub(1);
            self.read += 1;
        }
    }

    /// What reading an object cost.
    pub(super) fn cost(&mut self, extra: Extra) {
        self.extra.add(extra);
    }

    /// An object could not be read.
    pub(super) fn failed(&mut self, unread: &Unread, error: Option<Error>, again: bool) {
        let what = labeled(&unread.id, &unread.name);
        self.trouble
            .get_or_insert(format!("{what}: {}", unread.reason));
        if let Some(error) = error {
            self.forbidden += u64::from(error.fault == Fault::Forbidden);
            self.error.get_or_insert(error);
        }
        if self.missing.remove(&unread.id).is_some() {
            self.failed_ids.insert(unread.id.clone());
            self.failed += 1;
            return;
        }
        let new = unread.id.is_empty() || self.failed_ids.insert(unread.id.clone());
        if !again {
            self.listed += 1;
            self.failed += 1;
        } else if new {
            self.read = self.read.saturating_sub(1);
            self.failed += 1;
        }
    }

    /// Graph does not find an object that its list named.
    pub(super) fn missing(&mut self, id: String, name: String, again: bool) {
        if self.missing.contains_key(&id) {
            return;
        }
        if again {
            // What its earlier content came to stands.
            let what = labeled(&id, &name);
            self.trouble
                .get_or_insert(format!("{what}: {MISSING_AGAIN}"));
        } else {
            self.listed += 1;
            self.missing.insert(id, name);
        }
    }

    /// Whether something of the list was not found.
    pub(super) fn lacks(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Judges what was not found by the ids that the list names now, or by why they are not known.
    /// Only what it does not name any more was deleted; gives everything else.
    pub(super) fn prove(&mut self, now: Result<&HashSet<String>, &str>) -> Vec<Unread> {
        let mut unread = Vec::new();
        for (id, name) in &self.missing {
            let reason = match now {
                Ok(ids) if !ids.contains(id) => {
                    let what = labeled(id, name);
                    self.warnings
                        .push(format!("{what} was deleted while it was read"));
                    self.deleted += 1;
                    continue;
                }
                Ok(_) => "Graph lists it and answers 404 for it".to_owned(),
                Err(why) => format!("Graph listed it and answers 404 for it; {why}"),
            };
            unread.push(Unread {
                policy_type: self.row.key,
                id: id.clone(),
                name: name.clone(),
                reason,
            });
        }
        for one in &unread {
            self.failed(one, None, false);
        }
        self.missing.clear();
        unread
    }

    /// An item of the list was broken and might have been of this type.
    pub(super) fn doubt(&mut self, reason: &str) {
        self.doubt.get_or_insert(reason.to_owned());
    }

    /// So many objects of the list are nobody's policies.
    pub(super) fn left_out(&mut self, count: u64) {
        self.left_out = count;
        if let (Some(left_out), 1..) = (self.row.left_out, count) {
            let called = left_out.called;
            self.warnings
                .push(format!("left out on purpose: {count} {called}"));
        }
    }

    /// These objects, below which lists of it are, were deleted before those were read.
    pub(super) fn parents_gone(&mut self, parents: &[String]) {
        let warning = |parent| format!("{parent} was deleted while its list was read");
        self.warnings.extend(parents.iter().map(warning));
    }

    /// What became of the type.
    pub(super) fn conclude(self, end: ListEnd<'_>) -> Reading {
        let pages = match end {
            ListEnd::Whole(pages, _) | ListEnd::Failed(pages, _) => pages,
            ListEnd::Unreached(_) => 0,
        };
        let status = match end {
            ListEnd::Whole(_, status) => Some(status),
            ListEnd::Failed(_, error) => error.status,
            ListEnd::Unreached(_) => None,
        };
        let (outcome, reason, error) = match end {
            ListEnd::Whole(..) => self.of_objects(),
            ListEnd::Failed(0, error) => {
                let outcome = of_list(self.row, error);
                (outcome, Some(why(self.row, error)), Some(error.clone()))
            }
            ListEnd::Failed(pages, error) => {
                let read = counted(pages, "page", "pages");
                let reason = format!("the list was cut off after {read}: {error}");
                (Outcome::Incomplete, Some(reason), Some(error.clone()))
            }
            ListEnd::Unreached(error) => {
                let reason = format!("reading ended early: {error}");
                (Outcome::Incomplete, Some(reason), Some(error.clone()))
            }
        };
        let fault = error.as_ref().map(|error| error.fault);
        let permissions = error
            .as_ref()
            .map(|error| missing_permissions(self.row, error))
            .unwrap_or_default();
        Reading {
            policy_type: self.row,
            outcome,
            reason,
            fault,
            permissions,
            hint: error.and_then(|error| error.hint),
            pages,
            listed: self.listed,
            read: self.read,
            failed: self.failed,
            left_out: self.left_out,
            deleted: self.deleted,
            extra: self.extra,
            last_page: matches!(end, ListEnd::Whole(..)),
            status,
            warnings: self.warnings,
        }
    }

    /// The outcome of a list that was read to its end.
    fn of_objects(&self) -> (Outcome, Option<String>, Option<Error>) {
        let reason = match (&self.trouble, self.failed) {
            (None, _) => self.doubt.clone(),
            (Some(trouble), 0) => Some(trouble.clone()),
            (Some(trouble), failed) => Some(format!(
                "{failed} of {} could not be read, the first {trouble}",
                self.listed
            )),
        };
        let outcome = match &reason {
            None => Outcome::Complete,
            Some(_) if self.failed > 0 && self.read == 0 && self.forbidden == self.failed => {
                Outcome::Forbidden
            }
            Some(_) => Outcome::Incomplete,
        };
        (outcome, reason, self.error.clone())
    }
}

/// What it means for the type that its list cannot be read at all.
fn of_list(row: &PolicyType, error: &Error) -> Outcome {
    match error.fault {
        Fault::Forbidden => Outcome::Forbidden,
        _ if is_not_offered(error) => Outcome::NotOffered,
        // Graph need not have heard of it, and says so in either way.
        _ if row.unpublished && matches!(error.status, Some(400 | 404)) => Outcome::NotOffered,
        _ => Outcome::Incomplete,
    }
}

fn labeled(id: &str, name: &str) -> String {
    match name {
        "" => format!("id {id:?}"),
        name => format!("{name} (id {id})"),
    }
}
