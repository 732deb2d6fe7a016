//! One list of Graph and the policy types that share it; or one list per parent, where a path has
//! `{parent}`.
//!
//! Of lists below parents:
//! - They are read in the order of the parents' ids. An object has Graph's id; if a parent before
//!   has one of the same id, its policy's id is the parent's id, `/` and Graph's. So both are kept,
//!   and who has which does not depend on the order of Graph's answers.
//! - A parent below which the list fails costs what is below it, and makes the type incomplete; the
//!   others are read all the same, and each that failed is named.
//! - A parent below which Graph finds nothing to read is gone if the parents' list, read once more,
//!   does not name it: a warning. If it does, the type is not read to the end; not offered it is
//!   only if that is so below every parent.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::object::{Pending, labels};
use super::parts;
use crate::graph::page::{self, Item};
use crate::graph::{Content, Error, Fault, Graph, Looked, Request};
use crate::policy::Unread;
use crate::policy::catalogue::{Members, PolicyType, Shape};
use crate::policy::document::{Object, is_left_out};

/// So many parents are named in a reason.
const MOST_NAMED: usize = 10;

/// The selected policy types of one list.
pub(super) struct Collection {
    /// Where it is among the collections.
    place: usize,
    /// The types, in the order in which they were selected.
    pub(super) rows: Vec<&'static PolicyType>,
}

/// What a list gives, one by one.
pub(super) enum Found {
    /// An object of a selected type.
    Object(Pending),
    /// The id of an object that is no policy of a selected type.
    Elsewhere(String),
    /// Something of which not even the type can be told.
    Broken(Unread),
}

/// How the reading of a list ended.
pub(super) struct Listed {
    /// Pages that were read.
    pub(super) pages: u64,
    /// The HTTP status of the last answer, where that was no error.
    pub(super) status: u16,
    /// Why there are no more, unless it was the last.
    pub(super) error: Option<Error>,
    /// Objects that came a second time with other content: of each the last.
    pub(super) again: Vec<Pending>,
    /// How many objects are nobody's policies.
    pub(super) left_out: u64,
    /// Parents that were deleted before the list below them was read.
    pub(super) parents_gone: Vec<String>,
}

/// What takes over the things a list gives; says whether it wants more.
pub(super) type OnFound<'a> = dyn FnMut(Found) -> bool + 'a;

/// Puts the types that share a list together.
pub(super) fn collections(types: &[&'static PolicyType]) -> Vec<Collection> {
    let mut collections: Vec<Collection> = Vec::new();
    for row in types {
        let place = collections.len();
        let shared = collections.iter_mut().find(|collection| {
            let mut rows = collection.rows.iter();
            rows.any(|other| other.version == row.version && other.path == row.path)
        });
        match shared {
            Some(collection) => collection.rows.push(row),
            None => collections.push(Collection {
                place,
                rows: vec![row],
            }),
        }
    }
    collections
}

impl Collection {
    /// Reads the list and hands over what it gives. Nothing if somebody did not want more: why is
    /// known there, not here.
    pub(super) fn list(&self, graph: &dyn Graph, on_found: &mut OnFound<'_>) -> Option<Listed> {
        let mut listing = Listing {
            collection: self,
            seen: HashMap::new(),
            again: HashMap::new(),
            left_out: HashSet::new(),
            parents_gone: Vec::new(),
            pages: 0,
            // All that a list's page or a single object comes with.
            status: 200,
            halted: false,
            on_found,
        };
        let error = listing.read(graph).err();
        (!listing.halted).then(|| Listed {
            pages: listing.pages,
            status: listing.status,
            error,
            again: listing.again.into_values().collect(),
            left_out: listing.left_out.len() as u64,
            parents_gone: listing.parents_gone,
        })
    }

    /// The ids that the list names now, whatever their type: what shows whether an object that
    /// Graph does not find is deleted.
    pub(super) fn ids(&self, graph: &dyn Graph) -> Result<HashSet<String>, Error> {
        let mut ids = HashSet::new();
        let listed = self.list(graph, &mut |found| {
            ids.insert(match found {
                Found::Object(pending) => labels(&pending).0,
                Found::Elsewhere(id) => id,
                Found::Broken(unread) => unread.id,
            });
            true
        });
        if let Some(error) = listed.and_then(|listed| listed.error) {
            return Err(error);
        }
        if ids.contains("") {
            let message = "one of its items does not tell its id";
            return Err(Error::new(Fault::BadResponse, message));
        }
        Ok(ids)
    }

    /// The type under which a broken item is recorded.
    fn catch_all(&self) -> Option<&'static PolicyType> {
        let general = self.rows.iter().find(|row| row.is_general());
        general.or(self.rows.first()).copied()
    }

    /// The selected type of an object, with a warning where it is a stopgap; nothing if its type is
    /// not selected.
    fn row_of(&self, odata_type: Option<&str>) -> Option<(&'static PolicyType, Option<String>)> {
        let first = self.rows.first()?;
        if first.members == Members::All {
            return Some((first, None));
        }
        let named = odata_type.and_then(|name| first.sharing().find(|row| row.names(name)));
        if let Some(named) = named {
            let row = self.rows.iter().find(|row| row.key == named.key)?;
            return Some((row, None));
        }
        let row = self.rows.iter().find(|row| row.is_general())?;
        let warning = match odata_type {
            Some(name) => format!("kept under {}: its type {name} is not known", row.key),
            None => format!("kept under {}: it does not tell its type", row.key),
        };
        Some((row, Some(warning)))
    }
}

/// A list that is being read.
struct Listing<'a, 'b> {
    collection: &'a Collection,
    /// The policies so far, by id.
    seen: HashMap<String, Seen>,
    again: HashMap<String, Pending>,
    left_out: HashSet<String>,
    parents_gone: Vec<String>,
    pages: u64,
    status: u16,
    halted: bool,
    on_found: &'a mut OnFound<'b>,
}

/// What is remembered of an object.
struct Seen {
    parent: Option<String>,
    fingerprint: u64,
}

impl Listing<'_, '_> {
    fn read(&mut self, graph: &dyn Graph) -> Result<(), Error> {
        let Some(row) = self.collection.rows.first() else {
            return Ok(());
        };
        let Some(parents) = row.parents() else {
            return self.read_below(graph, row, None);
        };
        let ids = parent_ids(graph, &parents)?;
        let (mut lacking, mut failed) = (Vec::new(), Vec::new());
        for id in &ids {
            let before = self.pages;
            match self.read_below(graph, row, Some(id)) {
                Ok(()) => {}
                Err(error) if self.halted || error.fault.ends_run() => return Err(error),
                Err(error) if is_not_offered(&error) && before == self.pages => {
                    lacking.push((id, error));
                }
                Err(error) => failed.push((id, error)),
            }
        }
        if !failed.is_empty() {
            failed.extend(lacking);
            return Err(of_parents(&parents, failed));
        }
        if lacking.is_empty() {
            return Ok(());
        }
        let now = parent_ids(graph, &parents)?;
        let (lacking, gone): (Vec<_>, Vec<_>) = lacking
            .into_iter()
            .partition(|(id, _)| now.binary_search(id).is_ok());
        let gone = gone
            .into_iter()
            .map(|(id, _)| format!("{}/{id}", parents.path));
        self.parents_gone.extend(gone);
        let Some((id, mut error)) = lacking.into_iter().next() else {
            return Ok(());
        };
        if self.pages > 0 {
            let parent = format!("{}/{id}", parents.path);
            error.message = format!("nothing below {parent}, which is there: {error}");
        }
        Err(error)
    }

    /// The list, or the single object, below one parent or below none. Where Graph refuses it as it
    /// is, once more without expansions: every part then comes from its own path.
    fn read_below(
        &mut self,
        graph: &dyn Graph,
        row: &'static PolicyType,
        parent: Option<&str>,
    ) -> Result<(), Error> {
        let request = |expanded: bool| match row.shape {
            Shape::List => row.list(parent, expanded),
            Shape::Single => row.object(parent, row.key, expanded),
        };
        let (Some(expanded), Some(plain)) = (request(true), request(false)) else {
            let flaw = parts::unusable(parent.unwrap_or_default());
            return Err(Error::new(Fault::BadResponse, flaw));
        };
        let before = self.pages;
        match self.read_pages(graph, row, parent, &expanded) {
            Err(error)
                if error.fault == Fault::Refused && before == self.pages && expanded != plain =>
            {
                self.read_pages(graph, row, parent, &plain)
            }
            other => other,
        }
    }

    fn read_pages(
        &mut self,
        graph: &dyn Graph,
        row: &PolicyType,
        parent: Option<&str>,
        request: &Request,
    ) -> Result<(), Error> {
        match row.shape {
            Shape::List => {
                page::read_all(graph, request, |items| self.page(items, parent)).map(|_| ())
            }
            Shape::Single if row.may_be_absent => match graph.find(request, Content::Object)? {
                Looked::There(body) => self.page(&[Item::of(&body)], parent),
                Looked::Nothing(status) => {
                    self.status = status;
                    self.page(&[], parent)
                }
            },
            Shape::Single => self.page(&[Item::of(&graph.get(request)?)], parent),
        }
    }

    fn page(&mut self, items: &[Item<'_>], parent: Option<&str>) -> Result<(), Error> {
        self.pages += 1;
        for item in items {
            let found = match item {
                Item::Whole(bytes) => match self.object(bytes, parent) {
                    Ok(Some(found)) => found,
                    Ok(None) => continue,
                    Err(reason) => self.broken(String::new(), String::new(), reason),
                },
                Item::Broken(broken) => self.broken(
                    broken.id().unwrap_or_default(),
                    broken.name().unwrap_or_default(),
                    broken.reason().to_owned(),
                ),
            };
            if !(self.on_found)(found) {
                self.halted = true;
                return Err(Error::new(Fault::Canceled, "reading was stopped"));
            }
        }
        Ok(())
    }

    /// The object of an item, if it is not one we have.
    fn object(&mut self, bytes: &[u8], parent: Option<&str>) -> Result<Option<Found>, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let object = Object::parse(text).map_err(|flaw| flaw.0)?;
        let odata_type = object.string("@odata.type").map_err(|flaw| flaw.0)?;
        let Some((row, warning)) = self.collection.row_of(odata_type.as_deref()) else {
            return Ok(object.id().ok().map(Found::Elsewhere));
        };
        if is_left_out(row, &object)
            && let Ok(id) = object.id()
        {
            self.left_out.insert(below_parent(parent, &id));
            return Ok(Some(Found::Elsewhere(id)));
        }
        let mut pending = Pending {
            collection: self.collection.place,
            row,
            parent: parent.map(str::to_owned),
            shared_id: false,
            item: text.to_owned(),
            warnings: warning.into_iter().collect(),
            again: false,
        };
        let Ok(mut id) = object.id() else {
            return Ok(Some(Found::Object(pending)));
        };
        let first = self.seen.get(&id);
        if first.is_some_and(|first| first.parent.as_deref() != parent) {
            pending.shared_id = true;
            id = below_parent(parent, &id);
        }
        let fingerprint = fingerprint(text);
        match self.seen.entry(id) {
            Entry::Vacant(new) => {
                let parent = pending.parent.clone();
                new.insert(Seen {
                    parent,
                    fingerprint,
                });
                Ok(Some(Found::Object(pending)))
            }
            Entry::Occupied(old) if old.get().fingerprint == fingerprint => Ok(None),
            Entry::Occupied(mut old) => {
                old.get_mut().fingerprint = fingerprint;
                pending.again = true;
                let warning = "its list gave it twice with different content; this is the last";
                pending.warnings.push(warning.to_owned());
                self.again.insert(old.key().clone(), pending);
                Ok(None)
            }
        }
    }

    fn broken(&self, id: String, name: String, reason: String) -> Found {
        Found::Broken(Unread {
            policy_type: self.collection.catch_all().map_or("", |row| row.key),
            id,
            name,
            reason,
        })
    }
}

/// The ids that the list of a type names, asked for as when it is read.
pub(in crate::run) fn listed_ids(
    graph: &dyn Graph,
    row: &'static PolicyType,
) -> Result<HashSet<String>, Error> {
    let collection = Collection {
        place: 0,
        rows: vec![row],
    };
    collection.ids(graph)
}

/// The ids of the objects below which lists are, in order and each once.
pub(in crate::run) fn parent_ids(
    graph: &dyn Graph,
    parents: &Request,
) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    page::read_all(graph, parents, |items| {
        for item in items {
            ids.push(parent_id(parents, item)?);
        }
        Ok(())
    })?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// What went wrong below these parents: each is named, as far as there is room. What it means for
/// the type is what the gravest of the errors means: that all of it is forbidden, or not offered,
/// must be true of each.
fn of_parents(parents: &Request, failed: Vec<(&String, Error)>) -> Error {
    let ids = failed.iter().take(MOST_NAMED).map(|(id, _)| id.as_str());
    let named = ids.collect::<Vec<_>>().join(", ");
    let more = match failed.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let gravity = |error: &Error| match error.fault {
        Fault::Refused => 2,
        _ if is_not_offered(error) => 2,
        Fault::Forbidden => 1,
        _ => 0,
    };
    let errors = failed.into_iter().map(|(_, error)| error);
    let gravest = errors.min_by_key(gravity);
    let mut error =
        gravest.unwrap_or_else(|| Error::new(Fault::BadResponse, "it is not known why"));
    error.message = format!("not read below {}/{named}{more}: {error}", parents.path);
    error
}

/// Whether a list is refused as if the tenant had no such thing.
pub(super) fn is_not_offered(error: &Error) -> bool {
    matches!(error.fault, Fault::NotFound | Fault::NotLicensed)
}

/// The id of a policy whose Graph id another parent's object has too.
pub(super) fn below_parent(parent: Option<&str>, id: &str) -> String {
    match parent {
        Some(parent) => format!("{parent}/{id}"),
        None => id.to_owned(),
    }
}

pub(super) fn parent_id(request: &Request, item: &Item<'_>) -> Result<String, Error> {
    let id = match item {
        Item::Whole(bytes) => std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| Object::parse(text).and_then(|object| object.id()).ok()),
        Item::Broken(broken) => broken.id(),
    };
    id.ok_or_else(|| {
        let message = format!("an object of {} has no id", request.path);
        Error::new(Fault::BadResponse, message)
    })
}

fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
