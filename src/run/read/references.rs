//! What an object refers to at paths of their own only, put into it.
//!
//! Graph answers 404 or 400 where an object refers to nothing by a property, so neither is a
//! failure.

use super::parts::{Trouble, take};
use crate::graph::{Content, Error, Fault, Graph, Request, page};
use crate::policy::catalogue::{PolicyType, Reference};
use crate::policy::document::{Flaw, Object};

/// What is kept of an object that is only referred to.
const IDENTITY: [&str; 3] = ["@odata.type", "id", "displayName"];

/// The object at `place` with all that it refers to in place.
pub(super) fn in_place(
    graph: &dyn Graph,
    row: &PolicyType,
    place: &str,
    mut text: String,
) -> Result<String, Trouble> {
    let odata_type = Object::parse(&text)?.string("@odata.type")?;
    for reference in row.references {
        let Some(request) = row.reference(place, odata_type.as_deref(), reference) else {
            continue;
        };
        let value = if reference.many {
            several(graph, reference, &request)?
        } else {
            one(graph, reference, &request)?
        };
        text = Object::parse(&text)?.with(reference.property, &value);
    }
    Ok(text)
}

/// Whether an object may refer to something that its list cannot give.
pub(super) fn are_open(row: &PolicyType, object: &Object<'_>) -> bool {
    let odata_type = object.string("@odata.type").ok().flatten();
    let mut references = row.references.iter();
    references.any(|one| row.reference("", odata_type.as_deref(), one).is_some())
}

fn one(graph: &dyn Graph, reference: &Reference, request: &Request) -> Result<String, Trouble> {
    let nothing = || Ok("null".to_owned());
    let body = match graph.find(request, Content::Object) {
        Ok(Some(body)) => body,
        Ok(None) => return nothing(),
        Err(error) if says_nothing(&error) => return nothing(),
        Err(error) => return Err(error.into()),
    };
    let text = std::str::from_utf8(&body).map_err(|error| Flaw(error.to_string()))?;
    match Object::parse(text)?.get("id") {
        Some(_) => Ok(kept(reference, text)?),
        None => nothing(),
    }
}

fn several(graph: &dyn Graph, reference: &Reference, request: &Request) -> Result<String, Trouble> {
    let mut elements = Vec::new();
    let read = page::read_all(graph, request, |items| take(&mut elements, request, items));
    match read {
        Ok(_) => {}
        Err(error) if says_nothing(&error) => elements.clear(),
        Err(error) => return Err(error.into()),
    }
    let kept: Result<Vec<String>, Flaw> = elements.iter().map(|one| kept(reference, one)).collect();
    Ok(format!("[{}]", kept?.join(",")))
}

fn kept(reference: &Reference, text: &str) -> Result<String, Flaw> {
    if reference.owned.is_some() {
        return Ok(text.to_owned());
    }
    let object = Object::parse(text)?;
    object.id()?;
    let members: Vec<String> = IDENTITY
        .iter()
        .filter_map(|name| Some(format!("\"{name}\":{}", object.get(name)?)))
        .collect();
    Ok(format!("{{{}}}", members.join(",")))
}

fn says_nothing(error: &Error) -> bool {
    matches!(error.fault, Fault::NotFound | Fault::Refused)
        && matches!(error.status, Some(400 | 404))
}
