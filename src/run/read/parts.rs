//! The parts of an object: what came expanded is kept and completed, what did not come is read from
//! its own path, at every level.
//!
//! An expansion is never trusted to be there, nor to be all: it may be missing from an item, and it
//! may go on behind a next link of its own. A single object or a file may rightly be absent; then
//! nothing is put in.

use base64::Engine as _;
use serde_json::value::RawValue;

use crate::graph::page::{self, Item};
use crate::graph::{Content, Error, Fault, Graph, Request};
use crate::json;
use crate::policy::catalogue::requests::below;
use crate::policy::catalogue::{Form, Part, PolicyType, Via};
use crate::policy::document::{Flaw, Object, next_link};

/// The most bytes that a file may have: Graph takes pictures of less than one megabyte.
const MAX_FILE: usize = 8 << 20;

/// Why an object could not be read.
pub(super) enum Trouble {
    /// Graph does not have it any more.
    Gone,
    /// Graph failed.
    Graph(Error),
    /// It cannot be used as it came.
    Flaw(Flaw),
}

impl From<Flaw> for Trouble {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Graph(error)
    }
}

/// The object at `place` with every part of its type in place.
pub(super) fn in_place(
    graph: &dyn Graph,
    row: &PolicyType,
    place: &str,
    text: String,
) -> Result<String, Trouble> {
    Parts { graph, row }.put_in(place, text, row.parts)
}

struct Parts<'a> {
    graph: &'a dyn Graph,
    row: &'a PolicyType,
}

impl Parts<'_> {
    fn put_in(&self, place: &str, mut text: String, parts: &[Part]) -> Result<String, Trouble> {
        for part in parts {
            let object = Object::parse(&text)?;
            if is_whole(&object, part)? {
                continue;
            }
            text = match part.form {
                Form::Many => {
                    object.with_array(part.property, &self.elements(place, &object, part)?)
                }
                Form::One | Form::File => match self.one(place, part)? {
                    Some(value) => object.with(part.property, &value),
                    None => continue,
                },
            };
        }
        Ok(text)
    }

    /// The single object or the file that a part is, as JSON; nothing where there is none.
    fn one(&self, place: &str, part: &Part) -> Result<Option<String>, Trouble> {
        let content = match part.form {
            Form::File => Content::Bytes,
            Form::Many | Form::One => Content::Object,
        };
        let request = self.row.part(place, part, false);
        let Some(body) = self.graph.find(&request, content)?.there() else {
            return Ok(None);
        };
        match content {
            Content::Object => {
                let text = object_text(&body)?;
                let null = is_null(&Object::parse(&text)?);
                Ok((!null).then_some(text))
            }
            Content::Bytes if body.len() > MAX_FILE => {
                let (property, bytes) = (part.property, body.len());
                let why = format!("{property} has {bytes} bytes, and at most {MAX_FILE} are kept");
                Err(Flaw(why).into())
            }
            Content::Bytes => {
                let text = base64::engine::general_purpose::STANDARD.encode(&body);
                Ok(Some(format!("\"{text}\"")))
            }
        }
    }

    /// Every element of a part, each with its own parts in place.
    fn elements(
        &self,
        place: &str,
        object: &Object<'_>,
        part: &Part,
    ) -> Result<Vec<String>, Trouble> {
        let list = format!("{place}/{}", part.segments());
        self.listed(place, object, part)?
            .into_iter()
            .map(|element| self.element(&list, element, part.parts))
            .collect()
    }

    fn element(&self, list: &str, text: String, parts: &[Part]) -> Result<String, Trouble> {
        if parts.is_empty() {
            return Ok(text);
        }
        let object = Object::parse(&text)?;
        if all_whole(&object, parts)? {
            return Ok(text);
        }
        let id = object.id()?;
        let place = below(list, &id).ok_or_else(|| unusable(&id))?;
        self.put_in(&place, text, parts)
    }

    /// The elements that came expanded and the rest of them, or all from their own path.
    fn listed(
        &self,
        place: &str,
        object: &Object<'_>,
        part: &Part,
    ) -> Result<Vec<String>, Trouble> {
        let request = self.row.part(place, part, true);
        let Some(first) = expanded(object, part) else {
            return self.read_apart(place, part, &request);
        };
        let mut elements: Vec<String> = first.iter().map(|one| one.get().to_owned()).collect();
        if let Some(link) = object.string(&next_link(part.property))? {
            page::read_rest(self.graph, &request, &link, |items| {
                take(&mut elements, &request, items)
            })?;
        }
        Ok(elements)
    }

    fn read_apart(
        &self,
        place: &str,
        part: &Part,
        request: &Request,
    ) -> Result<Vec<String>, Trouble> {
        let read = |request: &Request| -> Result<Vec<String>, Error> {
            let mut elements = Vec::new();
            page::read_all(self.graph, request, |items| {
                take(&mut elements, request, items)
            })?;
            Ok(elements)
        };
        let plain = self.row.part(place, part, false);
        match read(request) {
            Err(error) if error.fault == Fault::Refused && plain != *request => Ok(read(&plain)?),
            answer => Ok(answer?),
        }
    }
}

/// A part with an element that cannot be used is not whole, so its object is not either.
pub(super) fn take(
    elements: &mut Vec<String>,
    request: &Request,
    items: &[Item<'_>],
) -> Result<(), Error> {
    for item in items {
        let why = match item {
            Item::Whole(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => {
                    elements.push(text.to_owned());
                    continue;
                }
                Err(error) => error.to_string(),
            },
            Item::Broken(broken) => broken.reason().to_owned(),
        };
        let message = format!("an element of {} cannot be used: {why}", request.path);
        return Err(Error::new(Fault::BadResponse, message));
    }
    Ok(())
}

/// Whether it is how Graph writes that there is no object.
pub(super) fn is_null(object: &Object<'_>) -> bool {
    object.get("@odata.null") == Some("true")
}

/// The body of an answer, byte for byte.
pub(super) fn object_text(body: &[u8]) -> Result<String, Flaw> {
    let text: Box<RawValue> =
        json::read(body).map_err(|error| Flaw(format!("the answer is not JSON: {error}")))?;
    Ok(text.get().to_owned())
}

/// The part as it came expanded.
fn expanded<'a>(object: &Object<'a>, part: &Part) -> Option<Vec<&'a RawValue>> {
    match part.via {
        Via::Expanded => object.array(part.property),
        Via::Path => None,
    }
}

/// Whether nothing of these parts is missing from the object.
pub(super) fn all_whole(object: &Object<'_>, parts: &[Part]) -> Result<bool, Flaw> {
    for part in parts {
        if !is_whole(object, part)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_whole(object: &Object<'_>, part: &Part) -> Result<bool, Flaw> {
    if part.told_by.is_some_and(|name| object.is_blank(name)) {
        return Ok(true);
    }
    if part.form != Form::Many {
        let there = object.get(part.property);
        return Ok(match part.via {
            Via::Expanded => there.is_some(),
            Via::Path => there.is_some_and(|value| value != "null"),
        });
    }
    let Some(elements) = expanded(object, part) else {
        return Ok(false);
    };
    if object.string(&next_link(part.property))?.is_some() {
        return Ok(false);
    }
    for element in elements {
        if !part.parts.is_empty() && !all_whole(&Object::parse(element.get())?, part.parts)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The flaw of an id that would not stay one path segment.
pub(in crate::run) fn unusable(id: &str) -> Flaw {
    Flaw(format!("its id {id:?} cannot be part of a path"))
}
