//! Directory objects by their ids: `POST directoryObjects/getByIds`.
//!
//! As live: at most 1,000 ids, each a GUID; what is not there, or of another type, is left out; an
//! id that is given twice is answered once; it takes no query options; the answer goes on behind next
//! links, which are asked for with GET.

use serde_json::Value;

use super::graph::Graph;
use super::http::{Answer, Request};
use super::json::{self, Members};
use super::query::{decode, encode};
use super::refusal;

/// Where it is, below the version.
pub const PATH: &str = "directoryObjects/getByIds";
/// Where objects of each type are kept.
const TYPES: &[(&str, &str)] = &[
    ("group", "groups"),
    ("user", "users"),
    ("servicePrincipal", "servicePrincipals"),
];
const MOST: usize = 1000;
const TOKEN: &str = "$skiptoken=";

/// What is asked for.
struct Wanted {
    ids: Vec<String>,
    types: Vec<String>,
}

/// The answer to a request for objects by their ids.
pub fn answer(graph: Graph<'_>, request: &Request, version: &str) -> Answer {
    let wanted = match (request.method.as_str(), request.query()) {
        ("POST", "") => posted(&request.body),
        ("GET", query) if query.contains(TOKEN) => Ok(continued(query)),
        _ => Err("The OData request is not supported."),
    };
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(why) => return refusal::plain(request, 400, "Request_BadRequest", why),
    };
    let size = graph.page_size.max(1);
    let found: Vec<(&str, String)> = wanted
        .ids
        .iter()
        .filter_map(|id| Some((id.as_str(), object(graph, &wanted.types, id)?)))
        .collect();
    let (page, rest) = found.split_at(found.len().min(size));
    let values: Vec<&str> = page.iter().map(|(_, text)| text.as_str()).collect();
    let context = json::quote(&format!(
        "{}/{version}/$metadata#directoryObjects",
        graph.root
    ));
    let mut body = format!("{{\"@odata.context\":{context}");
    if !rest.is_empty() {
        let ids: Vec<&str> = rest.iter().map(|(id, _)| *id).collect();
        let token = encode(&format!("{};{}", wanted.types.join(","), ids.join(",")));
        let next = format!("{}/{version}/{PATH}?{TOKEN}{token}", graph.root);
        body.push_str(&format!(",\"@odata.nextLink\":{}", json::quote(&next)));
    }
    body.push_str(&format!(",\"value\":[{}]}}", values.join(",")));
    Answer::new(200, refusal::JSON, body)
}

fn posted(body: &[u8]) -> Result<Wanted, &'static str> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| "Unable to read JSON request payload.")?;
    let texts = |name: &str| -> Option<Vec<String>> {
        let elements = body.get(name)?.as_array()?.iter();
        elements
            .map(|text| text.as_str().map(str::to_owned))
            .collect()
    };
    let mut ids = texts("ids").ok_or("Invalid value specified for property 'ids'.")?;
    if ids.len() > MOST {
        return Err("The number of ids exceeds the limit of 1000.");
    }
    if ids.iter().any(|id| uuid::Uuid::try_parse(id).is_err()) {
        return Err("Invalid GUID in property 'ids'.");
    }
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(id.to_ascii_lowercase()));
    let types = match body.get("types") {
        None => TYPES.iter().map(|(name, _)| (*name).to_owned()).collect(),
        Some(_) => texts("types").ok_or("Invalid value specified for property 'types'.")?,
    };
    if types.iter().any(|name| place_of(name).is_none()) {
        return Err("Invalid value specified for property 'types'.");
    }
    Ok(Wanted { ids, types })
}

fn continued(query: &str) -> Wanted {
    let token = query.split_once(TOKEN).map_or("", |(_, token)| token);
    let token = decode(token);
    let (types, ids) = token.split_once(';').unwrap_or_default();
    let list = |text: &str| text.split(',').map(str::to_owned).collect();
    Wanted {
        ids: list(ids),
        types: list(types),
    }
}

fn place_of(type_name: &str) -> Option<&'static (&'static str, &'static str)> {
    TYPES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(type_name))
}

fn object(graph: Graph<'_>, types: &[String], id: &str) -> Option<String> {
    types
        .iter()
        .filter_map(|name| place_of(name))
        .find_map(|(name, path)| {
            let all = graph.tenant.list(path).iter();
            let found = all.clone().find(|item| item.id.eq_ignore_ascii_case(id))?;
            let text = Members::parse(&found.text)?.text();
            let odata_type = json::quote(&format!("#microsoft.graph.{name}"));
            let comma = if text == "{}" { "" } else { "," };
            Some(format!(
                "{{\"@odata.type\":{odata_type}{comma}{}",
                text.strip_prefix('{')?
            ))
        })
}
