//! `$batch`: takes a POST apart into the requests inside, and puts their answers together.
//!
//! What is inside is answered as if it had come by itself, with faults and limits of its own. The
//! answers come in another order than the requests, as live; what is not JSON comes as base64.

use base64::Engine as _;
use serde_json::Value;
use serde_json::value::RawValue;

use super::http::{Answer, Delivery, Request};
use super::json::{append, quote};
use super::refusal;

/// The most requests that one batch may hold.
const MOST: usize = 20;

/// One request inside, with its id.
pub struct Part {
    pub id: String,
    pub request: Request,
}

/// The requests inside a batch of that version, or the refusal of the whole.
pub fn parts(request: &Request, version: &str) -> Result<Vec<Part>, Box<Answer>> {
    let refused = |message: &str| Box::new(refusal::plain(request, 400, "BadRequest", message));
    if request.method != "POST" {
        let message = "Only POST is offered here.";
        return Err(Box::new(refusal::plain(
            request,
            405,
            "Request_BadRequest",
            message,
        )));
    }
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|_| refused("Unable to read JSON request payload."))?;
    let Some(items) = body["requests"]
        .as_array()
        .filter(|items| !items.is_empty())
    else {
        return Err(refused("The property 'requests' is missing or empty."));
    };
    if items.len() > MOST {
        let message = format!("Number of batch request steps exceeds the maximum value of {MOST}.");
        return Err(refused(&message));
    }
    let mut parts: Vec<Part> = Vec::new();
    for item in items {
        let part = part(request, version, item)
            .ok_or_else(|| refused("Each request needs an id, a method and a relative url."))?;
        if parts
            .iter()
            .any(|other| other.id.eq_ignore_ascii_case(&part.id))
        {
            return Err(refused(&format!("Request id {} is not unique.", part.id)));
        }
        parts.push(part);
    }
    Ok(parts)
}

fn part(outer: &Request, version: &str, item: &Value) -> Option<Part> {
    let url = item["url"].as_str()?.trim_start_matches('/');
    if url.is_empty() || url.contains("://") || url.starts_with("$batch") {
        return None;
    }
    let mut headers: Vec<(String, String)> = item["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let value = value.as_str().unwrap_or_default().to_owned();
            (name.to_ascii_lowercase(), value)
        })
        .collect();
    for inherited in ["authorization", "client-request-id", "user-agent"] {
        let value = outer.header(inherited).unwrap_or_default().to_owned();
        headers.push((inherited.to_owned(), value));
    }
    Some(Part {
        id: item["id"].as_str()?.to_owned(),
        request: Request {
            method: item["method"].as_str()?.to_owned(),
            target: format!("/{version}/{url}"),
            headers,
            body: Vec::new(),
            connection: outer.connection,
        },
    })
}

/// The answer to a batch out of the answers inside. One that is not delivered whole spoils all.
pub fn together(answers: Vec<(String, Answer)>) -> Answer {
    let spoilt = answers
        .iter()
        .map(|(_, answer)| answer.delivery)
        .find(|delivery| !matches!(delivery, Delivery::Sized | Delivery::Chunked));
    let responses: Vec<String> = answers
        .into_iter()
        .rev()
        .map(|(id, answer)| response(&id, &answer))
        .collect();
    let body = format!("{{\"responses\":[{}]}}", responses.join(","));
    let mut answer = Answer::new(200, refusal::JSON, body);
    answer.delivery = spoilt.unwrap_or(Delivery::Chunked);
    answer
}

fn response(id: &str, answer: &Answer) -> String {
    let mut headers = String::from("{");
    let mut names: Vec<&str> = answer
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.dedup();
    for name in names {
        let values: Vec<_> = answer
            .headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect();
        append(&mut headers, name, &quote(&values.join(",")));
    }
    headers.push('}');
    let mut text = String::from("{");
    append(&mut text, "id", &quote(id));
    append(&mut text, "status", &answer.status.to_string());
    append(&mut text, "headers", &headers);
    if !answer.body.is_empty() {
        append(&mut text, "body", &body(&answer.body));
    }
    text.push('}');
    text
}

fn body(bytes: &[u8]) -> String {
    match serde_json::from_slice::<&RawValue>(bytes) {
        Ok(json) => json.get().to_owned(),
        Err(_) => quote(&base64::engine::general_purpose::STANDARD.encode(bytes)),
    }
}
