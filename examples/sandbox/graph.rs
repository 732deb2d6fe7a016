//! Answers to Graph requests out of the tenant: routing by the table, paging, refusals.
//!
//! Faults that change a list rather than replace an answer come in as a [`Twist`].

use base64::Engine as _;

use super::collections::{self, Row, Versions};
use super::directory;
use super::faults::Kind;
use super::http::{Answer, Delivery, Request};
use super::json::{self, Members};
use super::navigation;
use super::paging::{self, Place};
use super::query::{self, Expand, Query, decode, encode};
use super::refusal;
use super::shape::{self, Shape, Standing};
use super::tenant::{IN_CLEAR, Resource, Tenant};

/// What a Graph request is answered from.
#[derive(Debug, Clone, Copy)]
pub struct Graph<'a> {
    /// `http://127.0.0.1:PORT`
    pub root: &'a str,
    /// The contents.
    pub tenant: &'a Tenant,
    /// Largest page.
    pub page_size: usize,
    /// Whether the app may have values in clear that an object gives as placeholders.
    pub gives_in_clear: bool,
}

/// Which objects a filter lets pass.
type Passes = Box<dyn Fn(&Resource) -> bool>;

/// A fault in a list.
type Twist<'a> = Option<&'a Kind>;

/// Version and path of a Graph target, if it is one.
pub fn split(request: &Request) -> Option<(&'static str, &str)> {
    let path = request.path();
    ["v1.0", "beta"].into_iter().find_map(|version| {
        let rest = path.strip_prefix('/')?.strip_prefix(version)?;
        Some((version, rest.strip_prefix('/')?))
    })
}

/// Number of the page a request asks for, from 1.
pub fn page_number(request: &Request, page_size: usize) -> usize {
    let Some((row, _)) = split(request).and_then(|(_, path)| collections::find(path)) else {
        return 1;
    };
    let size = page_size_of(row, &Query::parse(request.query()), page_size);
    let place = paging::place(&request.target, row.style);
    place.map_or(1, |place| place.offset / size + 1)
}

fn page_size_of(row: &Row, query: &Query, page_size: usize) -> usize {
    let size = row.page.min(page_size).max(1);
    query.top.map_or(size, |top| top.min(size))
}

impl Graph<'_> {
    /// The answer to a GET.
    pub fn answer(&self, request: &Request, twist: Twist<'_>) -> Answer {
        let Some((version, path)) = split(request) else {
            return refusal::no_segment(request, request.path());
        };
        let Some((row, rest)) = collections::find(path) else {
            return refusal::no_segment(request, path.rsplit('/').next().unwrap_or(path));
        };
        if version == "v1.0" && row.versions == Versions::Beta {
            let segment = row.path.rsplit('/').next().unwrap_or(row.path);
            return refusal::no_segment(request, segment);
        }
        if row.path == directory::PATH {
            return directory::answer(*self, request, version);
        }
        if request.method != "GET" {
            return refusal::plain(
                request,
                405,
                "Request_BadRequest",
                "Only GET is offered here.",
            );
        }
        let query = Query::parse(request.query());
        if let Some(wrong) = &query.wrong {
            return refusal::plain(request, 400, "BadRequest", wrong);
        }
        let version_root = format!("{}/{version}", self.root);
        let call = Call {
            graph: *self,
            request,
            row,
            query,
            version_root: &version_root,
            twist,
        };
        match rest {
            "" if row.singleton => call.singleton(),
            "" => call.list(),
            rest => call.below(rest),
        }
    }
}

struct Call<'a> {
    graph: Graph<'a>,
    request: &'a Request,
    row: &'static Row,
    query: Query,
    version_root: &'a str,
    twist: Twist<'a>,
}

impl Call<'_> {
    fn shape(&self) -> Shape<'_> {
        Shape {
            version_root: self.version_root,
            collection: self.row.path,
            style: self.row.style,
            page: self.graph.page_size.max(1),
        }
    }

    fn newer_members(&self) -> bool {
        self.request
            .header("prefer")
            .is_some_and(|value| value.contains("include-unknown-enum-members"))
    }

    fn context(&self, path: &str, tail: &str) -> String {
        let select = match self.query.select.as_slice() {
            [] => String::new(),
            names => format!("({})", names.join(",")),
        };
        let context = format!("{}/$metadata#{path}{select}{tail}", self.version_root);
        format!("\"@odata.context\":{}", json::quote(&context))
    }

    fn singleton(&self) -> Answer {
        match self.graph.tenant.list(self.row.path).first() {
            Some(resource) => self.object(resource),
            None => refusal::not_found(self.request, self.row.path),
        }
    }

    fn object(&self, resource: &Resource) -> Answer {
        if let Some(refused) = self.refuse_options(self.row.expand_item) {
            return refused;
        }
        let text = shape::object(
            self.shape(),
            self.row,
            resource,
            Standing::Alone,
            &self.query,
            self.newer_members(),
        );
        let context = self.context(self.row.path, "/$entity");
        json_answer(with_context(&context, &text))
    }

    fn list(&self) -> Answer {
        if let Some(refused) = self.refuse_options(self.row.expand_list) {
            return refused;
        }
        let all = self.graph.tenant.list(self.row.path);
        let items: Vec<&Resource> = match self.filter() {
            Ok(passes) => all.iter().filter(|item| passes(item)).collect(),
            Err(refused) => return *refused,
        };
        let size = page_size_of(self.row, &self.query, self.graph.page_size);
        self.page(self.row.path, &items, size, |item| {
            shape::object(
                self.shape(),
                self.row,
                item,
                Standing::Listed,
                &self.query,
                self.newer_members(),
            )
        })
    }

    fn filter(&self) -> Result<Passes, Box<Answer>> {
        let Some(filter) = &self.query.filter else {
            return Ok(Box::new(|_| true));
        };
        let refused = |message: &str| {
            let code = "Request_UnsupportedQuery";
            Box::new(refusal::plain(self.request, 400, code, message))
        };
        if let Some((property, values)) = query::one_of(filter)
            && self.row.filter_in.contains(&property)
        {
            if values.len() > MOST_IN_FILTER {
                return Err(refused(
                    "Too many child clauses specified in search filter expression. Max allowed: 15.",
                ));
            }
            let property = property.to_owned();
            return Ok(Box::new(move |item| {
                let value = Members::parse(&item.text).and_then(|all| all.string(&property));
                value.is_some_and(|value| values.contains(&value))
            }));
        }
        if let Some((property, from, to)) = query::between(filter)
            && self.row.filter_between.contains(&property)
        {
            let property = property.to_owned();
            return Ok(Box::new(move |item| {
                let value = Members::parse(&item.text).and_then(|all| all.string(&property));
                let at = value.and_then(|value| query::time(&value));
                at.is_some_and(|at| from <= at && at <= to)
            }));
        }
        let known = self.row.filters.iter().find(|(text, _)| text == filter);
        match known {
            Some((_, member)) => Ok(Box::new(|item| is_false(item, member))),
            None => Err(refused(&format!(
                "Filter '{filter}' is not supported on this resource."
            ))),
        }
    }

    /// What follows a collection's own path: an object, and what hangs below it.
    fn below(&self, rest: &str) -> Answer {
        let mut segments = rest.split('/').map(decode);
        let id = segments.next().unwrap_or_default();
        let Some(object) = self.graph.tenant.get(self.row.path, &id) else {
            return refusal::not_found(self.request, &id);
        };
        let mut path = format!("{}/{}", self.row.path, encode(&id));
        let (mut resource, mut allowed) = (object, self.row.below);
        let mut through_type = false;
        loop {
            let Some(name) = segments.next() else {
                return if path.matches('/').count() == self.row.path.matches('/').count() + 1 {
                    self.object(resource)
                } else {
                    self.element(&path, resource)
                };
            };
            if name.starts_with("microsoft.graph.") {
                if !is_of_type(resource, &name) {
                    return refusal::no_segment(self.request, &name);
                }
                through_type = true;
                continue;
            }
            if let Some(argument) = name.strip_prefix(IN_CLEAR) {
                return self.in_clear(resource, argument);
            }
            let typed = through_type
                && self.row.below_type.contains(&name.as_str())
                && resource.below.iter().any(|(key, _)| *key == name);
            if !typed && !allowed.contains(&name.as_str()) {
                return refusal::no_segment(self.request, &name);
            }
            through_type = false;
            path = format!("{path}/{name}");
            let facts = navigation::below(&name);
            let elements = resource.below(&name);
            if facts.one {
                match elements.first() {
                    Some(only) if facts.file => return file(only),
                    Some(only) => resource = only,
                    None if facts.value => return Answer::new(204, refusal::JSON, ""),
                    None => return refusal::not_found(self.request, &name),
                }
            } else if let Some(id) = segments.next() {
                match elements.iter().find(|element| element.id == id) {
                    Some(element) => resource = element,
                    None => return refusal::not_found(self.request, &id),
                }
                path = format!("{path}/{}", encode(&id));
            } else {
                return self.list_below(&path, elements, facts.expand);
            }
            allowed = facts.below;
        }
    }

    /// A value that an object gives as a placeholder.
    fn in_clear(&self, object: &Resource, argument: &str) -> Answer {
        if !self.graph.gives_in_clear {
            let scope = "DeviceManagementConfiguration.ReadWrite.All";
            return refusal::forbidden(self.request, scope);
        }
        let name = argument
            .strip_suffix("')")
            .unwrap_or_default()
            .replace("''", "'");
        let values = object.below(IN_CLEAR);
        match values.iter().find(|value| value.id == name) {
            Some(value) => {
                let context = format!("{}/$metadata#Edm.String", self.version_root);
                json_answer(with_context(
                    &format!("\"@odata.context\":{}", json::quote(&context)),
                    &value.text,
                ))
            }
            None => refusal::not_found(self.request, &name),
        }
    }

    fn element(&self, path: &str, resource: &Resource) -> Answer {
        let (select, expand) = (&self.query.select, &self.query.expand);
        let text = shape::element(self.shape(), path, resource, select, expand);
        json_answer(with_context(&self.context(path, "/$entity"), &text))
    }

    fn list_below(&self, path: &str, elements: &[Resource], expand: &[&str]) -> Answer {
        if let Some(refused) = self.refuse_expand(&self.query.expand, expand) {
            return refused;
        }
        let elements: Vec<_> = elements.iter().collect();
        let size = self.graph.page_size.max(1);
        let size = self.query.top.map_or(size, |top| top.min(size));
        self.page(path, &elements, size, |element| {
            let path = format!("{path}/{}", encode(&element.id));
            let (select, expand) = (&self.query.select, &self.query.expand);
            shape::element(self.shape(), &path, element, select, expand)
        })
    }

    fn page(
        &self,
        path: &str,
        items: &[&Resource],
        size: usize,
        text: impl Fn(&Resource) -> String,
    ) -> Answer {
        let target = &self.request.target;
        let endless = self.twist == Some(&Kind::NextEndless);
        let place = match paging::place(target, self.row.style) {
            Some(place) => place,
            None if endless => Place {
                base: target
                    .split("$skiptoken")
                    .next()
                    .unwrap_or(target)
                    .to_owned(),
                offset: 0,
                continued: true,
            },
            None => {
                return refusal::plain(self.request, 400, "BadRequest", "Skip token is invalid.");
            }
        };
        let mut from = if endless {
            0
        } else {
            place.offset.min(items.len())
        };
        let mut to = (from + size).min(items.len());
        let mut next = (to < items.len())
            .then(|| paging::continuation(&place.base, to, self.row.style))
            .map(|target| format!("{}{target}", self.graph.root));
        match self.twist {
            Some(Kind::EmptyPage) if !place.continued => {
                to = 0;
                let target = paging::continuation(&place.base, 0, self.row.style);
                next = Some(format!("{}{target}", self.graph.root));
            }
            Some(Kind::Duplicate) => from = from.saturating_sub(1),
            Some(Kind::NextItself) => next = Some(format!("{}{target}", self.graph.root)),
            Some(Kind::NextTo(link)) => next = Some(link.clone()),
            Some(Kind::NextEndless) => {
                let target = paging::continuation(&place.base, place.offset + size, self.row.style);
                next = Some(format!("{}{target}", self.graph.root));
            }
            _ => {}
        }
        let page = items.get(from..to).unwrap_or_default();
        let page: Vec<_> = page.iter().map(|item| text(item)).collect();
        let mut body = format!("{{{}", self.context(path, &expanded(&self.query.expand)));
        if !place.continued {
            // As live, this is the size of the page and not of the list.
            body.push_str(&format!(",\"@odata.count\":{}", page.len()));
            if self.query.select.is_empty() {
                body.push_str(TIPS);
            }
        }
        if let Some(next) = next {
            body.push_str(&format!(",\"@odata.nextLink\":{}", json::quote(&next)));
        }
        body.push_str(&format!(",\"value\":[{}]}}", page.join(",")));
        let mut answer = json_answer(body);
        answer.delivery = Delivery::Chunked;
        answer
    }

    fn refuse_options(&self, expandable: &[&str]) -> Option<Answer> {
        let empty: &[&str] = self.row.expand_empty;
        let allowed: Vec<_> = expandable.iter().chain(empty).copied().collect();
        self.refuse_expand(&self.query.expand, &allowed)
            .or_else(|| self.refuse_select())
    }

    fn refuse_expand(&self, expansions: &[Expand], allowed: &[&str]) -> Option<Answer> {
        expansions.iter().find_map(|expansion| {
            let name = expansion.name.as_str();
            if !allowed.contains(&name) {
                return Some(refusal::no_property(self.request, name, self.row.declared));
            }
            self.refuse_expand(&expansion.expand, navigation::below(name).expand)
        })
    }

    fn refuse_select(&self) -> Option<Answer> {
        let items = self.graph.tenant.list(self.row.path);
        let known = |name: &str| {
            items.is_empty()
                || name == "id"
                || items.iter().any(|item| {
                    Members::parse(&item.text).is_some_and(|members| members.get(name).is_some())
                })
        };
        let wrong = self.query.select.iter().find(|name| !known(name))?;
        Some(refusal::no_property(self.request, wrong, self.row.declared))
    }
}

/// The most values that a filter takes in one `in`.
const MOST_IN_FILTER: usize = 15;

/// Whether an object is of the type that a path segment names.
fn is_of_type(object: &Resource, segment: &str) -> bool {
    Members::parse(&object.text)
        .and_then(|members| members.string("@odata.type"))
        .is_some_and(|name| name.trim_start_matches('#') == segment)
}

const TIPS: &str = concat!(
    r#","@microsoft.graph.tips":"Use $select to choose only the properties your app needs, "#,
    r#"as this can lead to performance improvements.""#
);

fn expanded(expansions: &[Expand]) -> String {
    match expansions {
        [] => String::new(),
        all => {
            let names: Vec<_> = all.iter().map(|e| format!("{}()", e.name)).collect();
            format!("({})", names.join(","))
        }
    }
}

fn with_context(context: &str, object: &str) -> String {
    match object.strip_prefix('{') {
        Some("}") => format!("{{{context}}}"),
        Some(rest) => format!("{{{context},{rest}"),
        None => object.to_owned(),
    }
}

fn is_false(item: &Resource, member: &str) -> bool {
    Members::parse(&item.text).is_some_and(|members| members.get(member) == Some("false"))
}

/// The bytes of a file, under its own content type.
fn file(resource: &Resource) -> Answer {
    let members = Members::parse(&resource.text).unwrap_or_default();
    let kind = members.string("type").unwrap_or_default();
    let text = members.string("value").unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    Answer::new(200, &kind, bytes.unwrap_or_default())
}

fn json_answer(body: String) -> Answer {
    Answer::new(200, refusal::JSON, body)
}
