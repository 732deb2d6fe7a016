//! The control paths below `/sandbox/`: change the tenant, set faults, look at requests, stop.
//!
//! Arguments are query options; every answer is JSON. See `deed` for the words.

use std::sync::atomic::Ordering;

use super::faults::{Fault, Kind};
use super::http::{Answer, Request};
use super::json::quote;
use super::query::decode;
use super::sample;
use super::serve::{Shared, lock};
use super::tenant::{Resource, Tenant};

const JSON: &str = "application/json; charset=utf-8";
/// Stops the sandbox, after the answer is out.
pub const STOP: &str = "/sandbox/stop";

const CATALOG: &str = "deviceManagement/configurationPolicies";

/// The answer to a control request.
pub fn answer(shared: &Shared, name: &str, request: &Request) -> Answer {
    match deed(shared, name, request, &Arguments::of(request)) {
        Ok(body) => Answer::new(200, JSON, body),
        Err(message) => Answer::new(400, JSON, format!("{{\"error\":{}}}", quote(&message))),
    }
}

fn deed(
    shared: &Shared,
    name: &str,
    request: &Request,
    arguments: &Arguments,
) -> Result<String, String> {
    let kind = arguments.get("type").unwrap_or(CATALOG);
    match name {
        "requests" => return Ok(requests(shared)),
        "show" => return Ok(show(shared)),
        "object" => {
            let (collection, id) = arguments.object()?;
            let text = shared.read(|tenant| Some(tenant.get(collection, id)?.text.clone()));
            return text.ok_or_else(|| format!("no {collection}/{id}"));
        }
        "change" => {
            return Ok(changed(
                &shared.change(kind, arguments.number("count")?.unwrap_or(1)),
            ));
        }
        "add" => return add(shared, kind, request, arguments),
        "put" => {
            let (collection, id) = arguments.object()?;
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let put = shared.edit(collection, id, |item| item.text = text);
            found(put.then_some(()))?;
        }
        "remove" => {
            let (collection, id) = arguments.object()?;
            let removed = shared.remove(collection, id);
            found(removed.then_some(()))?;
        }
        "rename" => {
            let (collection, id) = arguments.object()?;
            let name = arguments.get("name").ok_or("no name")?;
            let renamed = shared.rename(collection, id, name);
            found(renamed.then_some(()))?;
        }
        "reorder" => shared.write(Tenant::reorder),
        "surrogate" => {
            found(shared.write(|tenant| sample::add_lone_surrogate(tenant, kind)))?;
        }
        "fault" => lock(&shared.faults).set(fault(arguments)?),
        "clear" => lock(&shared.faults).clear(),
        "release" => shared.rest.release(),
        "revoke" => lock(&shared.sign_in).revoke(),
        "forget" => shared.forget_requests(),
        "latency" => {
            let ms = arguments.number("ms")?.unwrap_or(0);
            shared.latency_ms.store(ms, Ordering::SeqCst);
        }
        "lifetime" => {
            let seconds = arguments.number("seconds")?.unwrap_or(3599);
            lock(&shared.sign_in).lifetime = seconds;
        }
        "stop" => {}
        other => return Err(format!("unknown control path {other}")),
    }
    Ok("{}".to_owned())
}

fn fault(arguments: &Arguments) -> Result<Fault, String> {
    let word = arguments.get("kind").ok_or("no kind")?;
    let kind = Kind::parse(word).ok_or_else(|| format!("unknown kind {word}"))?;
    let mut fault = Fault::on(arguments.get("path").unwrap_or_default(), kind);
    if let Some(times) = arguments.number("times")? {
        fault = fault.times(times);
    }
    if let Some(pages) = arguments.number("after-page")? {
        fault = fault.after_page(pages);
    }
    if let Some(requests) = arguments.number("after-requests")? {
        fault = fault.after_requests(requests);
    }
    if let Some(percent) = arguments.number("percent")? {
        fault = fault.percent(percent);
    }
    if let Some(directory) = arguments.get("directory") {
        fault = fault.directory(directory);
    }
    let waits = arguments.0.iter().filter(|(name, _)| name == "retry-after");
    Ok(waits.fold(fault, |fault, (_, value)| fault.retry_after(value)))
}

/// Adds the body, or a copy of the first object under a new id and the given name.
fn add(
    shared: &Shared,
    collection: &str,
    request: &Request,
    arguments: &Arguments,
) -> Result<String, String> {
    let resource = if request.body.is_empty() {
        let first = shared.read(|tenant| tenant.list(collection).first().cloned());
        let mut copy = first.ok_or("nothing to copy, send a body")?;
        copy.id = uuid::Uuid::new_v4().to_string();
        copy.set("id", &quote(&copy.id.clone()));
        copy
    } else {
        Resource::new(String::from_utf8_lossy(&request.body))
    };
    let id = resource.id.clone();
    shared.add(collection, resource);
    if let Some(name) = arguments.get("name") {
        shared.rename(collection, &id, name);
    }
    Ok(format!("{{\"id\":{}}}", quote(&id)))
}

fn found(thing: Option<impl Sized>) -> Result<(), String> {
    thing.map(drop).ok_or_else(|| "no such object".to_owned())
}

fn changed(objects: &[(String, String)]) -> String {
    let objects: Vec<_> = objects
        .iter()
        .map(|(id, name)| format!("{{\"id\":{},\"name\":{}}}", quote(id), quote(name)))
        .collect();
    format!("{{\"changed\":[{}]}}", objects.join(","))
}

fn requests(shared: &Shared) -> String {
    let recorded = lock(&shared.recorded);
    let items: Vec<_> = recorded
        .iter()
        .map(|request| {
            serde_json::json!({
                "method": request.method,
                "url": request.url,
                "headers": request.headers,
                "authorized": request.authorized,
                "directory": request.directory,
                "status": request.status,
                "connection": request.connection,
                "batch": request.batch,
            })
            .to_string()
        })
        .collect();
    format!("[{}]", items.join(",\n"))
}

fn show(shared: &Shared) -> String {
    let rows = super::rows::rows();
    let collections: serde_json::Map<_, _> = shared.read(|tenant| {
        rows.map(|row| (row.path.to_owned(), tenant.list(row.path).len().into()))
            .collect()
    });
    let policies = shared.read(sample::policies);
    serde_json::json!({ "policies": policies, "collections": collections }).to_string()
}

struct Arguments(Vec<(String, String)>);

impl Arguments {
    fn of(request: &Request) -> Self {
        let options = request
            .query()
            .split('&')
            .filter(|option| !option.is_empty());
        let pairs = options.map(|option| option.split_once('=').unwrap_or((option, "")));
        Self(
            pairs
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let parse = |text: &str| text.parse().map_err(|_| format!("{name}: not a number"));
        self.get(name).map(parse).transpose()
    }

    /// Collection and id of `path=COLLECTION/ID`.
    fn object(&self) -> Result<(&str, &str), String> {
        let path = self.get("path").ok_or("no path")?;
        path.rsplit_once('/')
            .ok_or_else(|| "path is not COLLECTION/ID".to_owned())
    }
}
