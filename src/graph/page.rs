//! Reading lists: page after page until there is no next link, and item after item out of a page.
//!
//! - A list is read to its end or it is an error; there is no third outcome. An empty page with a
//!   next link goes on, a page without a `value` array is an error, and so are a link that comes
//!   twice and a list without end. Pages without an item that is new are the sign of one, long
//!   before the last page that a list can have.
//! - Items keep Graph's own bytes. An item that cannot be parsed by itself is handed over as
//!   [`Item::Broken`] and costs nothing but itself.
//! - `@odata.count` is never looked at: on some lists it counts the page.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

use super::{Error, Fault, Graph, Request};
use crate::json;

/// No list that Intune can hold has more pages.
const MAX_PAGES: u64 = 10_000;
/// Graph may give empty pages, and repeat an item that moved; never so many pages of that in a row.
const MAX_IDLE_PAGES: u32 = 100;
const NEXT_LINK: &str = "@odata.nextLink";
const TOP: &str = "$top";

/// One element of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A JSON object, byte for byte as it was received.
    Whole(&'a [u8]),
    /// Bytes that are not a JSON object.
    Broken(Broken<'a>),
}

/// An element that cannot be read, with what could be told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken<'a> {
    bytes: &'a [u8],
    reason: &'static str,
}

/// What reading a list came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PagesRead {
    /// Pages, empty ones included.
    pub pages: u64,
    /// Items, broken ones included.
    pub items: u64,
}

impl<'a> Item<'a> {
    /// Judges one object, whether it comes from a list or stands alone.
    pub fn of(bytes: &'a [u8]) -> Self {
        match why_broken(bytes) {
            None => Self::Whole(bytes),
            Some(reason) => Self::Broken(Broken { bytes, reason }),
        }
    }

    /// What was received.
    fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Broken(broken) => broken.bytes,
        }
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.bytes().hash(&mut hasher);
        hasher.finish()
    }
}

impl Broken<'_> {
    /// Why it cannot be read.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Its `id`, if that much can be told; bytes that are no text are replaced.
    pub fn id(&self) -> Option<String> {
        self.text("id")
    }

    /// Its `displayName` or `name`, if that much can be told.
    pub fn name(&self) -> Option<String> {
        self.text("displayName").or_else(|| self.text("name"))
    }

    /// The text of any member, if that much can be told.
    pub fn text(&self, member: &str) -> Option<String> {
        let members = json::members(self.bytes).ok()?;
        let raw = json::named(&members, member).into_iter().next()?;
        if let Some(text) = json::string(raw) {
            return Some(text.into_owned());
        }
        let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(String::from_utf8_lossy(inner).into_owned())
    }
}

/// Reads the whole list behind `request` and hands over the items of each page. Where Graph refuses
/// a `$top`, the list is asked for once more without it.
pub fn read_all<G, F>(graph: &G, request: &Request, on_page: F) -> Result<PagesRead, Error>
where
    G: Graph + ?Sized,
    F: FnMut(&[Item<'_>]) -> Result<(), Error>,
{
    let (request, first) = first_page(graph, request)?;
    read_pages(graph, &request, first, &mut HashSet::new(), on_page)
}

/// Reads the whole list that answers a question.
pub fn read_answer<G, F>(
    graph: &G,
    request: &Request,
    question: &str,
    on_page: F,
) -> Result<PagesRead, Error>
where
    G: Graph + ?Sized,
    F: FnMut(&[Item<'_>]) -> Result<(), Error>,
{
    let first = graph.look_up(request, question)?;
    read_pages(graph, request, first, &mut HashSet::new(), on_page)
}

/// Asks for one item of the list behind `request` and for no further page: the least that shows
/// whether the list can be read. Gives the bytes of that item; nothing where the page is empty.
pub fn read_one<G>(graph: &G, request: &Request) -> Result<Option<Vec<u8>>, Error>
where
    G: Graph + ?Sized,
{
    let mut small = request.clone();
    small.query.retain(|(name, _)| name != TOP);
    small.query.push((TOP.to_owned(), "1".to_owned()));
    let (_, body) = first_page(graph, &small)?;
    let page = page_of(&body).map_err(|why| bad(&request.path, why))?;
    Ok(page.items.first().map(|item| item.bytes().to_vec()))
}

/// Reads the rest of a list whose first page is already there, e.g. an expanded collection, from
/// its next link ([`nested_next_link`]) on. `request` is the one whose answer held the link.
pub fn read_rest<G, F>(
    graph: &G,
    request: &Request,
    next_link: &str,
    on_page: F,
) -> Result<PagesRead, Error>
where
    G: Graph + ?Sized,
    F: FnMut(&[Item<'_>]) -> Result<(), Error>,
{
    let mut seen = HashSet::from([next_link.to_owned()]);
    let first = graph.follow(request, next_link)?;
    read_pages(graph, request, first, &mut seen, on_page)
}

/// The link to the rest of the expanded collection `property` of an object; `None` where the
/// object has all of it.
pub fn nested_next_link(object: &[u8], property: &str) -> Result<Option<String>, Error> {
    let members = json::members(object).map_err(|_| bad("object", "is not JSON"))?;
    next_link(&members, &format!("{property}{NEXT_LINK}"))
        .map_err(|why| bad(&format!("expanded {property}"), why))
}

fn without_top(request: &Request) -> Option<Request> {
    let mut request = request.clone();
    let options = request.query.len();
    request.query.retain(|(name, _)| name != TOP);
    (request.query.len() < options).then_some(request)
}

/// The body of the first page, and the request that it answers: where Graph refuses a `$top`, the
/// one without it.
fn first_page<G>(graph: &G, request: &Request) -> Result<(Request, Vec<u8>), Error>
where
    G: Graph + ?Sized,
{
    match graph.get(request) {
        Err(error) if error.fault == Fault::Refused && error.status == Some(400) => {
            let request = without_top(request).ok_or(error)?;
            let first = graph.get(&request)?;
            Ok((request, first))
        }
        first => Ok((request.clone(), first?)),
    }
}

fn read_pages<G, F>(
    graph: &G,
    request: &Request,
    first: Vec<u8>,
    seen: &mut HashSet<String>,
    mut on_page: F,
) -> Result<PagesRead, Error>
where
    G: Graph + ?Sized,
    F: FnMut(&[Item<'_>]) -> Result<(), Error>,
{
    let mut read = PagesRead::default();
    let mut known = HashSet::new();
    let mut idle = 0_u32;
    let mut body = first;
    loop {
        let page = page_of(&body).map_err(|why| bad(&request.path, why))?;
        read.pages += 1;
        read.items += page.items.len() as u64;
        let mut news = false;
        for item in &page.items {
            news |= known.insert(item.fingerprint());
        }
        idle = if news { 0 } else { idle + 1 };
        on_page(&page.items)?;
        let Some(link) = page.next_link else {
            return Ok(read);
        };
        if read.pages >= MAX_PAGES {
            return Err(endless(request, &format!("more than {MAX_PAGES} pages")));
        }
        if idle >= MAX_IDLE_PAGES {
            let why = format!("{MAX_IDLE_PAGES} pages in a row with nothing new");
            return Err(endless(request, &why));
        }
        if !seen.insert(link.clone()) {
            return Err(endless(request, "a next link that leads back"));
        }
        body = graph.follow(request, &link)?;
    }
}

struct Page<'a> {
    items: Vec<Item<'a>>,
    next_link: Option<String>,
}

fn page_of(body: &[u8]) -> Result<Page<'_>, &'static str> {
    let members = json::members(body).map_err(|_| "is not JSON")?;
    let [value] = json::named(&members, "value")[..] else {
        return Err("has no list of values, or several");
    };
    let elements = json::elements(value).map_err(|_| "has values that are no list")?;
    Ok(Page {
        items: elements.into_iter().map(Item::of).collect(),
        next_link: next_link(&members, NEXT_LINK)?,
    })
}

/// The link called `name`. A link that cannot be read is an error and not the end of the list.
fn next_link(members: &[(&[u8], &[u8])], name: &str) -> Result<Option<String>, &'static str> {
    match json::named(members, name)[..] {
        [] | [b"null"] => Ok(None),
        [raw] => match json::string(raw) {
            Some(link) if !link.is_empty() => Ok(Some(link.into_owned())),
            _ => Err("has a next link that cannot be read"),
        },
        _ => Err("has several next links"),
    }
}

fn why_broken(bytes: &[u8]) -> Option<&'static str> {
    if std::str::from_utf8(bytes).is_err() {
        return Some("it is not valid UTF-8");
    }
    match json::read::<Value>(bytes) {
        Ok(Value::Object(_)) => None,
        Ok(_) => Some("it is not a JSON object"),
        Err(error) => {
            let text = error.to_string();
            Some(if text.contains("recursion limit") {
                "it is nested deeper than 128 levels"
            } else if text.contains(json::RESERVED_NAME) {
                json::RESERVED_NAME
            } else if text.contains("surrogate") || text.contains("hex escape") {
                "it holds half a character (a lone surrogate)"
            } else {
                "it is not valid JSON"
            })
        }
    }
}

fn bad(what: &str, why: &str) -> Error {
    Error::new(Fault::BadResponse, format!("answer to {what} {why}"))
}

fn endless(request: &Request, why: &str) -> Error {
    Error::new(
        Fault::Paging,
        format!("list {} does not end: {why}", request.path),
    )
}

/// What holds whatever a page is: each of its items is an object, or broken and told why.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(body: &[u8]) {
    let _ = nested_next_link(body, "settings");
    let Ok(page) = page_of(body) else {
        return;
    };
    for item in &page.items {
        match item {
            Item::Whole(bytes) => {
                assert!(json::read::<Value>(bytes).is_ok_and(|value| value.is_object()));
            }
            Item::Broken(broken) => {
                assert!(!broken.reason().is_empty());
                let _ = (broken.id(), broken.name());
            }
        }
    }
    assert!(page.next_link.is_none_or(|link| !link.is_empty()));
}

#[cfg(test)]
mod tests;
