//! From an object's text to what an answer holds of it: selection, omissions, expansions.

use super::collections::{Row, TokenStyle};
use super::json::{self, Members};
use super::navigation;
use super::paging;
use super::query::{Expand, Query, encode};
use super::tenant::Resource;

/// Where an object stands in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// One of a list.
    Listed,
    /// Alone.
    Alone,
}

/// What all objects of one answer have in common.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    /// `http://host:port/beta`, for links.
    pub version_root: &'a str,
    /// Path of the collection below the version.
    pub collection: &'a str,
    /// Look of the next links.
    pub style: TokenStyle,
    /// Largest number of elements in one page of an expansion.
    pub page: usize,
}

/// One object of a row's collection.
pub fn object(
    shape: Shape<'_>,
    row: &Row,
    resource: &Resource,
    standing: Standing,
    query: &Query,
    newer_members: bool,
) -> String {
    let text = match Members::parse(&resource.text) {
        Some(members) if touched(row, standing, query, newer_members) => {
            reduce(members, row, standing, query, newer_members)
        }
        _ => resource.text.clone(),
    };
    let path = format!("{}/{}", shape.collection, encode(&resource.id));
    let text = expand(shape, &path, text, resource, &query.expand);
    row.expand_empty
        .iter()
        .filter(|name| query.expand.iter().any(|expand| expand.name == **name))
        .fold(text, |text, name| with_member(&text, name, "[]"))
}

fn touched(row: &Row, standing: Standing, query: &Query, newer_members: bool) -> bool {
    let listed = standing == Standing::Listed;
    !query.select.is_empty()
        || !row.only_selected.is_empty()
        || (listed && !(row.list_nulls.is_empty() && row.list_lacks.is_empty()))
        || (!newer_members && !row.newer.is_empty())
}

fn reduce(
    mut members: Members,
    row: &Row,
    standing: Standing,
    query: &Query,
    newer_members: bool,
) -> String {
    let selected = |name: &str| query.select.iter().any(|select| select == name);
    if query.select.is_empty() {
        members.retain(|name| !row.only_selected.contains(&name));
    } else {
        members.retain(|name| name == "@odata.type" || selected(name));
    }
    if standing == Standing::Listed {
        members.retain(|name| !row.list_lacks.contains(&name));
        row.list_nulls
            .iter()
            .for_each(|name| members.replace(name, "null"));
    }
    if !newer_members {
        for (name, values) in row.newer {
            let current = members.string(name).unwrap_or_default();
            if current.split(',').any(|value| values.contains(&value)) {
                members.set(name, r#""unknownFutureValue""#);
            }
        }
    }
    members.text()
}

/// One element of a navigation property.
pub fn element(
    shape: Shape<'_>,
    path: &str,
    resource: &Resource,
    select: &[String],
    expand_with: &[Expand],
) -> String {
    let text = match Members::parse(&resource.text) {
        Some(mut members) if !select.is_empty() => {
            members.retain(|name| name == "@odata.type" || select.iter().any(|s| s == name));
            members.text()
        }
        _ => resource.text.clone(),
    };
    expand(shape, path, text, resource, expand_with)
}

fn expand(
    shape: Shape<'_>,
    path: &str,
    mut text: String,
    resource: &Resource,
    expansions: &[Expand],
) -> String {
    for expansion in expansions {
        let name = expansion.name.as_str();
        let held = resource.below.iter().any(|(key, _)| key == name);
        let one = navigation::below(name).one;
        let elements = resource.below(name);
        let below = format!("{path}/{name}");
        let part = |item: &Resource| {
            let path = format!("{below}/{}", encode(&item.id));
            element(shape, &path, item, &expansion.select, &expansion.expand)
        };
        if one {
            let value = elements.first().map_or("null".to_owned(), part);
            text = with_member(&text, name, &value);
            continue;
        }
        if held {
            let context = format!("{}/$metadata#{below}", shape.version_root);
            let annotation = format!("{name}@odata.context");
            text = with_member(&text, &annotation, &json::quote(&context));
        }
        let page: Vec<_> = elements.iter().take(shape.page).map(part).collect();
        text = with_member(&text, name, &format!("[{}]", page.join(",")));
        if elements.len() > shape.page {
            let base = format!("{}/{below}{}", version_path(shape), options(expansion));
            let target = paging::continuation(&base, shape.page, shape.style);
            let link = format!("{}{target}", host(shape));
            text = with_member(
                &text,
                &format!("{name}@odata.nextLink"),
                &json::quote(&link),
            );
        }
    }
    text
}

/// The options of an expansion as those of a list of its own.
fn options(expansion: &Expand) -> String {
    let mut options = Vec::new();
    if !expansion.expand.is_empty() {
        let names: Vec<_> = expansion.expand.iter().map(|e| e.name.as_str()).collect();
        options.push(format!("$expand={}", names.join(",")));
    }
    if !expansion.select.is_empty() {
        options.push(format!("$select={}", expansion.select.join(",")));
    }
    if options.is_empty() {
        return String::new();
    }
    format!("?{}", options.join("&"))
}

fn version_path<'a>(shape: Shape<'a>) -> &'a str {
    shape
        .version_root
        .strip_prefix(host(shape))
        .unwrap_or_default()
}

fn host<'a>(shape: Shape<'a>) -> &'a str {
    let end = shape.version_root.rfind('/').unwrap_or_default();
    shape.version_root.get(..end).unwrap_or_default()
}

/// The object with one more member, everything before it byte for byte.
fn with_member(object: &str, name: &str, raw: &str) -> String {
    let mut text = object
        .trim_end()
        .strip_suffix('}')
        .unwrap_or(object)
        .to_owned();
    json::append(&mut text, name, raw);
    text.push('}');
    text
}
