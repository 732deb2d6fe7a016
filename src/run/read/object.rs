//! One object: the reads that its list left open, put together into its document.

use super::collection::below_parent;
use super::counted::{Counted, Extra};
use super::parts::{self, Trouble};
use super::references;
use super::sealed::{self, Rights};
use crate::graph::{Error, Fault, Graph};
use crate::policy::catalogue::{PolicyType, Shape};
use crate::policy::document::redaction::RedactionKey;
use crate::policy::document::{self, Flaw, Object};
use crate::policy::{Document, Unread};

/// An object of a list that is not read to its end.
#[derive(Debug)]
pub(super) struct Pending {
    /// The place of its collection.
    pub(super) collection: usize,
    /// Its policy type.
    pub(super) row: &'static PolicyType,
    /// The id of the object below which its list is.
    pub(super) parent: Option<String>,
    /// Whether an object of another parent has its id.
    pub(super) shared_id: bool,
    /// What the list gave.
    pub(super) item: String,
    /// What came up so far.
    pub(super) warnings: Vec<String>,
    /// Whether the list gave it before, with other content.
    pub(super) again: bool,
}

/// What became of an object.
pub(super) enum Done {
    /// It was read; with a flaw, not as Graph says it should be.
    Read {
        document: Document,
        flaw: Option<String>,
        extra: Extra,
    },
    /// It could not be read.
    Failed {
        unread: Unread,
        error: Option<Error>,
    },
    /// Graph does not find it, though its list named it.
    Gone { id: String, name: String },
    /// Nothing else in this run can succeed either.
    Ended(Error),
}

/// A document, what is not as Graph says it should be, and how many elements its object says it has
/// and has.
type Whole = (Document, Option<String>, (u64, u64));

/// Reads objects.
pub(super) struct Reader<'a> {
    pub(super) graph: &'a dyn Graph,
    pub(super) key: &'a RedactionKey,
    pub(super) rights: &'a Rights,
}

impl Reader<'_> {
    /// Reads what is open of an object.
    pub(super) fn read(&self, pending: &Pending) -> Done {
        let graph = Counted::new(self.graph);
        let counting = Reader {
            graph: &graph,
            key: self.key,
            rights: self.rights,
        };
        let trouble = match counting.document(pending) {
            Ok((document, flaw, (declared, counted))) => {
                return Done::Read {
                    document,
                    flaw,
                    extra: Extra {
                        declared,
                        counted,
                        ..graph.extra()
                    },
                };
            }
            Err(trouble) => trouble,
        };
        let (id, name) = labels(pending);
        let (reason, error) = match trouble {
            Trouble::Gone => return Done::Gone { id, name },
            Trouble::Graph(error) if error.fault.ends_run() => return Done::Ended(error),
            Trouble::Graph(error) => (why(pending.row, &error), Some(error)),
            Trouble::Flaw(flaw) => (flaw.0, None),
        };
        let unread = Unread {
            policy_type: pending.row.key,
            id,
            name,
            reason,
        };
        Done::Failed { unread, error }
    }

    fn document(&self, pending: &Pending) -> Result<Whole, Trouble> {
        let row = pending.row;
        let own = Own::of(pending)?;
        let text = if row.read_each {
            self.whole(row, &own)?
        } else {
            pending.item.clone()
        };
        let mut text = self.assembled(row, &own, text)?;
        let mut flaw = short(row, &text)?;
        if flaw.is_some() {
            // It may have been changed between the two reads; once more from the start.
            let whole = self.whole(row, &own)?;
            text = self.assembled(row, &own, whole)?;
            flaw = short(row, &text)?;
        }
        let counts = {
            let object = Object::parse(&text)?;
            let add = |(said, read), (_, one, other)| (said + one, read + other);
            counts(row, &object).fold((0, 0), add)
        };
        text = document::completed(row, own.parent, text)?;
        let asked = self.rights.ask(self.graph, row, &own.place, &text)?;
        let mut warnings = pending.warnings.clone();
        warnings.extend(flaw.clone());
        warnings.extend(asked.warning);
        warnings.extend(asked.flaw.clone());
        let flaw = flaw.or(asked.flaw);
        let mut document = document::finish(row, text, &asked.unsealed, warnings, self.key)?;
        let below = |parent| below_parent(Some(parent), &document.id);
        document.below = own.parent.map(below);
        if pending.shared_id {
            document.id = below_parent(own.parent, &document.id);
        }
        Ok((document, flaw, counts))
    }

    /// The object read alone. Gone means that Graph does not have it any more.
    fn whole(&self, row: &PolicyType, own: &Own<'_>) -> Result<String, Trouble> {
        let request = |expanded| {
            row.object(own.parent, &own.id, expanded)
                .ok_or_else(|| parts::unusable(&own.id))
        };
        let (expanded, plain) = (request(true)?, request(false)?);
        let answer = match self.graph.get(&expanded) {
            Err(error) if error.fault == Fault::Refused && expanded != plain => {
                self.graph.get(&plain)
            }
            answer => answer,
        };
        match answer {
            Ok(body) => Ok(parts::object_text(&body)?),
            Err(error) if is_gone(&error) && row.shape == Shape::List => Err(Trouble::Gone),
            Err(error) => Err(error.into()),
        }
    }

    /// The object with every part and reference in place. A part that is not found is a failure,
    /// unless the object itself is gone.
    fn assembled(&self, row: &PolicyType, own: &Own<'_>, text: String) -> Result<String, Trouble> {
        match parts::in_place(self.graph, row, &own.place, text) {
            Err(Trouble::Graph(error)) if is_gone(&error) => match self.whole(row, own) {
                Err(Trouble::Gone) => Err(Trouble::Gone),
                Err(Trouble::Graph(other)) if other.fault.ends_run() => Err(other.into()),
                _ => Err(error.into()),
            },
            Err(other) => Err(other),
            Ok(text) => self.with_references(row, own, text),
        }
    }

    /// Where Graph says that something is not referred to, the object itself must be there.
    fn with_references(
        &self,
        row: &PolicyType,
        own: &Own<'_>,
        text: String,
    ) -> Result<String, Trouble> {
        let done = references::in_place(self.graph, row, &own.place, text)?;
        if done.to_prove {
            self.whole(row, own)?;
        }
        Ok(done.text)
    }
}

/// Where an object is.
struct Own<'a> {
    parent: Option<&'a str>,
    id: String,
    place: String,
}

impl<'a> Own<'a> {
    fn of(pending: &'a Pending) -> Result<Self, Flaw> {
        let row = pending.row;
        let object = Object::parse(&pending.item)?;
        let id = match row.shape {
            Shape::List => object.id()?,
            Shape::Single => object.id().unwrap_or_else(|_| row.key.to_owned()),
        };
        let parent = pending.parent.as_deref();
        let place = row
            .object_place(parent, &id)
            .ok_or_else(|| parts::unusable(&id))?;
        Ok(Self { parent, id, place })
    }
}

/// Whether an object is as its list gave it, without any further read.
pub(super) fn needs_nothing(pending: &Pending) -> bool {
    let row = pending.row;
    let whole = |object: &Object<'_>| {
        Ok(parts::all_whole(object, row.parts)?
            && !references::are_open(row, object)
            && !sealed::are_there(row, object))
    };
    !row.read_each
        && Object::parse(&pending.item)
            .and_then(|object| whole(&object))
            // A flawed object needs nothing either: it fails as it is.
            .unwrap_or(true)
}

/// Id and label of an object, as far as they can be told.
pub(super) fn labels(pending: &Pending) -> (String, String) {
    let Ok(object) = Object::parse(&pending.item) else {
        return Default::default();
    };
    // A label that is no text is still one, as Graph wrote it.
    let name = object
        .string(pending.row.name)
        .unwrap_or_else(|_| object.get(pending.row.name).map(str::to_owned));
    if pending.row.shape == Shape::Single {
        let id = object.id().unwrap_or_else(|_| pending.row.key.to_owned());
        let label = || pending.row.label.to_owned();
        return (id, name.unwrap_or_else(label));
    }
    let id = match object.id() {
        Ok(id) if pending.shared_id => below_parent(pending.parent.as_deref(), &id),
        other => other.unwrap_or_default(),
    };
    (id, name.unwrap_or_default())
}

/// Why Graph did not give an object or a list, with the permissions of which one is needed.
pub(super) fn why(row: &PolicyType, error: &Error) -> String {
    let needed = missing_permissions(row, error);
    if needed.is_empty() || needed.iter().any(|name| error.message.contains(name)) {
        return error.message.clone();
    }
    format!("{error} (needs {})", needed.join(" or "))
}

/// The permissions of which one has to be granted: those the answer names, else the row's.
pub(in crate::run) fn missing_permissions(row: &PolicyType, error: &Error) -> Vec<String> {
    if error.fault != Fault::Forbidden || !error.permissions.is_empty() {
        return error.permissions.clone();
    }
    let named = row.read_permissions.iter();
    named.map(|name| (*name).to_owned()).collect()
}

/// Of each part whose number of elements the object tells: its name, that number, and how many there
/// are.
fn counts<'a>(
    row: &'a PolicyType,
    object: &'a Object<'_>,
) -> impl Iterator<Item = (&'static str, u64, u64)> + 'a {
    row.parts.iter().filter_map(|part| {
        let said = object.get(part.count?)?.parse().ok()?;
        let read = object.array(part.property).map_or(0, |array| array.len());
        Some((part.property, said, read as u64))
    })
}

/// What is wrong if a part has not as many elements as the object says it has.
fn short(row: &PolicyType, text: &str) -> Result<Option<String>, Flaw> {
    let object = Object::parse(text)?;
    let wrong = counts(row, &object).find(|(_, said, read)| said != read);
    Ok(wrong.map(|(property, said, read)| format!("{read} of {said} {property} were read")))
}

/// Whether Graph says that there is no such object: by a 404, or by a 400 with the code
/// `ResourceNotFound`, as it answers for a deleted policy of the settings catalog. Microsoft's own
/// provider for Terraform takes it for that as well (microsoft/terraform-provider-msgraph #61 and
/// #73). Other answers are known to be given for what was deleted, but each of them is also given for
/// what is there: a 403 (#159 there) or a 400 with no more than `BadRequest`
/// (microsoftgraph/microsoft-graph-docs #7128). Those say nothing.
pub(in crate::run) fn is_gone(error: &Error) -> bool {
    match error.status {
        Some(404) => error.fault == Fault::NotFound,
        Some(400) => error.resource_not_found,
        _ => false,
    }
}
