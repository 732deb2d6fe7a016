//! What an object refers to at paths of their own only, put into it.
//!
//! Graph answers 404 or 400 where an object refers to nothing by a property, so neither is a
//! failure. It answers the same where the object itself is gone, so who asked has to see that it is
//! still there ([`InPlace::to_prove`]). A list that begins and then breaks off says no such thing,
//! and neither does an object without an id that is not null in Graph's own words.

use super::parts::{Trouble, is_null, take};
use crate::graph::{Content, Error, Fault, Graph, Looked, Request, page};
use crate::policy::catalogue::{PolicyType, Reference};
use crate::policy::document::{Flaw, Object};

/// What is kept of an object that is only referred to.
const IDENTITY: [&str; 3] = ["@odata.type", "id", "displayName"];

/// An object with all that it refers to.
pub(super) struct InPlace {
    /// It.
    pub(super) text: String,
    /// Whether an answer would have been the same if the object were gone.
    pub(super) to_prove: bool,
}

/// The object at `place` with all that it refers to in place.
pub(super) fn in_place(
    graph: &dyn Graph,
    row: &PolicyType,
    place: &str,
    mut text: String,
) -> Result<InPlace, Trouble> {
    let mut to_prove = false;
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
        to_prove |= value.is_none();
        let nothing = if reference.many { "[]" } else { "null" };
        let value = value.as_deref().unwrap_or(nothing);
        text = Object::parse(&text)?.with(reference.property, value);
    }
    Ok(InPlace { text, to_prove })
}

/// Whether an object may refer to something that its list cannot give.
pub(super) fn are_open(row: &PolicyType, object: &Object<'_>) -> bool {
    let odata_type = object.string("@odata.type").ok().flatten();
    let mut references = row.references.iter();
    references.any(|one| row.reference("", odata_type.as_deref(), one).is_some())
}

/// What it refers to, or null; nothing where Graph does not find it.
fn one(
    graph: &dyn Graph,
    reference: &Reference,
    request: &Request,
) -> Result<Option<String>, Trouble> {
    let body = match graph.find(request, Content::Object) {
        Ok(Looked::There(body)) => body,
        Ok(Looked::Nothing(_)) => return Ok(None),
        Err(error) if says_nothing(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let text = std::str::from_utf8(&body).map_err(|error| Flaw(error.to_string()))?;
    if is_null(&Object::parse(text)?) {
        return Ok(Some("null".to_owned()));
    }
    Ok(Some(kept(reference, text)?))
}

/// All that it refers to; nothing where Graph does not find the list.
fn several(
    graph: &dyn Graph,
    reference: &Reference,
    request: &Request,
) -> Result<Option<String>, Trouble> {
    let (mut elements, mut begun) = (Vec::new(), false);
    let read = page::read_all(graph, request, |items| {
        begun = true;
        take(&mut elements, request, items)
    });
    match read {
        Ok(_) => {}
        Err(error) if says_nothing(&error) && !begun => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let kept: Result<Vec<String>, Flaw> = elements.iter().map(|one| kept(reference, one)).collect();
    Ok(Some(format!("[{}]", kept?.join(","))))
}

fn kept(reference: &Reference, text: &str) -> Result<String, Flaw> {
    if reference.owned.is_some() {
        return Ok(text.to_owned());
    }
    let object = Object::parse(text)?;
    let unidentified = |flaw: Flaw| Flaw(format!("{}: {}", reference.property, flaw.0));
    object.id().map_err(unidentified)?;
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
