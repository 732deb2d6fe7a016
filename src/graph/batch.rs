//! The form of a `$batch`: several GETs in one POST, and what its answer says of each. Pure.
//!
//! Protocol ("Combine multiple HTTP requests using JSON batching"):
//! - `POST {root}/{version}/$batch` with `{"requests":[{"id","method","url","headers"}]}`: at most
//!   20, each with an id that is unique, each URL relative to the version, byte for byte what a
//!   request of its own would send. Each version has its own `$batch`.
//! - Headers of the POST do not hold for what is inside, so each carries its own `Prefer`.
//! - The answer is `{"responses":[{"id","status","headers","body"}]}` in any order. Its own 200
//!   says nothing about the parts; a 424 with responses is read like it. Names of headers are of
//!   any case. A `body` is a JSON value, or a string with base64 where the part is not JSON.
//! - A body is taken as the bytes that it has in the answer, found by their ends and never parsed
//!   here: what the service wrote is what is kept, and damage in one part costs only that part.
//!
//! What a part came to is judged where single answers are judged, by the same rules; a part that is
//! missing, doubled or without a status is an answer that cannot be used.
//!
//! What the answer as a whole came to:
//! - **Parts**: there is one for each.
//! - **Refused**: this service takes no batches (any final status, 4xx or other). Nothing is lost:
//!   each is asked for on its own, and no further batch goes out in the run.
//! - **Failed**: 401, 408, 429, 5xx, or no answer that can be read. Each part failed in this way.

use base64::Engine as _;

use super::wire::{Answer, Headers};
use crate::json;

/// The most requests that a batch may have.
pub(super) const MOST: usize = 20;
/// Where batches go, below the version.
pub(super) const PATH: &str = "$batch";

/// What an answer to a batch as a whole came to.
#[derive(Debug)]
pub(super) enum Whole {
    /// One answer for each request, in their order; or why there is none.
    Parts(Vec<Result<Answer, &'static str>>),
    /// No batches are taken here.
    Refused,
    /// Each request failed as the answer itself did.
    Failed,
}

/// The body that asks for these URLs, each relative to the version with a leading slash.
pub(super) fn body<'a>(urls: impl Iterator<Item = &'a str>) -> String {
    let requests: Vec<serde_json::Value> = urls
        .enumerate()
        .map(|(place, url)| {
            serde_json::json!({
                "id": id_of(place),
                "method": "GET",
                "url": url,
                "headers": { "Prefer": "include-unknown-enum-members" },
            })
        })
        .collect();
    serde_json::json!({ "requests": requests }).to_string()
}

/// What the answer to a batch of `count` came to.
pub(super) fn read(answer: &Answer, count: usize) -> Whole {
    match answer.status {
        200..=299 | 424 => match parts(&answer.body, count, answer.headers.date.as_deref()) {
            Some(parts) => Whole::Parts(parts),
            None => Whole::Failed,
        },
        401 | 408 | 429 | 500 | 502..=504 | 509 => Whole::Failed,
        _ => Whole::Refused,
    }
}

fn id_of(place: usize) -> String {
    (place + 1).to_string()
}

/// The parts by their places; `None` where the body is no answer to a batch at all.
fn parts(
    body: &[u8],
    count: usize,
    date: Option<&str>,
) -> Option<Vec<Result<Answer, &'static str>>> {
    let members = json::members(body).ok()?;
    let [responses] = json::named(&members, "responses")[..] else {
        return None;
    };
    let mut parts: Vec<_> = (0..count)
        .map(|_| Err("the answer to its batch leaves it out"))
        .collect();
    let mut seen = vec![false; count];
    for element in json::elements(responses).ok()? {
        let Ok(members) = json::members(element) else {
            continue;
        };
        let place = json::named(&members, "id")
            .first()
            .and_then(|raw| place_of(raw, count));
        let Some((part, seen)) = place.and_then(|at| Some((parts.get_mut(at)?, seen.get_mut(at)?)))
        else {
            continue;
        };
        *part = if *seen {
            Err("the answer to its batch has it twice")
        } else {
            part_of(&members, date)
        };
        *seen = true;
    }
    Some(parts)
}

fn place_of(raw: &[u8], count: usize) -> Option<usize> {
    let id = json::string(raw)?;
    (0..count).find(|&place| id_of(place) == id)
}

fn part_of(members: &[(&[u8], &[u8])], date: Option<&str>) -> Result<Answer, &'static str> {
    let status = json::named(members, "status")
        .first()
        .and_then(|raw| std::str::from_utf8(raw).ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or("the answer to its batch gives it no status")?;
    let mut headers = json::named(members, "headers")
        .first()
        .map(|raw| headers_of(raw))
        .unwrap_or_default();
    if headers.date.is_none() {
        headers.date = date.map(str::to_owned);
    }
    let body = json::named(members, "body")
        .first()
        .map(|raw| body_of(raw))
        .unwrap_or_default();
    Ok(Answer {
        status,
        headers,
        body,
    })
}

fn headers_of(raw: &[u8]) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in json::members(raw).unwrap_or_default() {
        let (Some(name), Some(value)) = (json::string(name), text(value)) else {
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "request-id" => headers.request_id = Some(value),
            "x-ms-ags-diagnostic" => headers.diagnostic = Some(value),
            "date" => headers.date = Some(value),
            "retry-after" => headers.retry_after.push(value),
            "www-authenticate" => headers.challenge = Some(value),
            "content-type" => headers.content_type = Some(value),
            _ => {}
        }
    }
    headers
}

/// A string, or a number as it is written.
fn text(raw: &[u8]) -> Option<String> {
    match json::string(raw) {
        Some(text) => Some(text.into_owned()),
        None => std::str::from_utf8(raw).ok().map(str::to_owned),
    }
}

fn body_of(raw: &[u8]) -> Vec<u8> {
    if raw == b"null" {
        return Vec::new();
    }
    json::string(raw)
        .and_then(|text| {
            let engine = base64::engine::general_purpose::STANDARD;
            engine.decode(text.as_bytes()).ok()
        })
        .unwrap_or_else(|| raw.to_vec())
}

/// What holds whatever is answered.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(body: &[u8]) {
    let answer = Answer {
        status: 200,
        headers: Headers::default(),
        body: body.to_vec(),
    };
    for count in 0..4 {
        if let Whole::Parts(parts) = read(&answer, count) {
            assert_eq!(parts.len(), count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: Headers {
                date: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
                ..Headers::default()
            },
            body: body.as_bytes().to_vec(),
        }
    }

    fn read_parts(body: &str, count: usize) -> Vec<Result<Answer, &'static str>> {
        match read(&answer(200, body), count) {
            Whole::Parts(parts) => parts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_asks_for_each_url_as_it_is() {
        let urls = [
            "/a?$skiptoken=%255Bx%255D",
            "/b/d%2F1?$expand=c($select=id)",
        ];
        assert_eq!(
            body(urls.into_iter()),
            r#"{"requests":[{"headers":{"Prefer":"include-unknown-enum-members"},"id":"1","method":"GET","url":"/a?$skiptoken=%255Bx%255D"},{"headers":{"Prefer":"include-unknown-enum-members"},"id":"2","method":"GET","url":"/b/d%2F1?$expand=c($select=id)"}]}"#
        );
    }

    #[test]
    fn parts_come_in_any_order_with_their_own_bytes() {
        let parts = read_parts(
            r#"{"responses":[
                {"id":"3","status":429,"headers":{"reTRY-after":2.128,"Content-Type":"application/json"},"body":{"error":{}}},
                {"id":"1","status":200,"headers":null,"body":{ "n":1e5, "s":"\u00e9\/" , "cut":"\ud800"}},
                {"id":"9","status":200,"body":{}},
                {"body":"eyJhIjoxfQ==","status":200,"headers":{"Date":"x","Retry-After":"5"},"id":"2"}
            ]}"#,
            3,
        );
        let part = |place: usize| parts[place].as_ref().unwrap();
        assert_eq!(
            part(0).body,
            br#"{ "n":1e5, "s":"\u00e9\/" , "cut":"\ud800"}"#
        );
        assert_eq!(
            part(0).headers.date.as_deref(),
            Some("Sun, 06 Nov 1994 08:49:37 GMT")
        );
        assert_eq!(part(1).body, br#"{"a":1}"#);
        assert_eq!(part(1).headers.date.as_deref(), Some("x"));
        assert_eq!(part(2).status, 429);
        assert_eq!(part(2).headers.retry_after, ["2.128"]);
    }

    #[test]
    fn what_is_missing_doubled_or_without_status_is_said() {
        let parts = read_parts(
            r#"{"responses":[{"id":"2","status":200,"body":{}},{"id":"2","status":200,"body":{}},
               {"id":"3","body":{}},{"id":"4","status":204},{"id":"5","status":200,"body":"<p>"},7]}"#,
            5,
        );
        assert!(parts[0].as_ref().unwrap_err().contains("leaves it out"));
        assert!(parts[1].as_ref().unwrap_err().contains("twice"));
        assert!(parts[2].as_ref().unwrap_err().contains("no status"));
        assert_eq!(parts[3].as_ref().unwrap().body, b"");
        assert_eq!(parts[4].as_ref().unwrap().body, b"\"<p>\"");
    }

    #[test]
    fn the_whole_is_refused_failed_or_has_parts() {
        let good = r#"{"responses":[]}"#;
        for status in [200, 424] {
            assert!(matches!(read(&answer(status, good), 1), Whole::Parts(_)));
        }
        for status in [400, 403, 404, 405, 410, 413, 415, 501, 302] {
            assert!(matches!(read(&answer(status, good), 1), Whole::Refused));
        }
        for status in [401, 408, 429, 500, 502, 503, 504] {
            assert!(matches!(read(&answer(status, good), 1), Whole::Failed));
        }
        for body in ["", "<html>", "{}", "[]", r#"{"responses":{}}"#, "null"] {
            for status in [200, 424] {
                let whole = read(&answer(status, body), 1);
                assert!(matches!(whole, Whole::Failed), "{body}");
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_a_batch_answers_there_is_one_verdict_for_each_part(
            body in crate::mutation::mutated(vec![
                br#"{"responses":[{"id":"1","status":200,"headers":{"Retry-After":5},"body":{"value":[1e5]}},{"id":"2","status":429,"body":"eyJhIjoxfQ=="}]}"#.to_vec(),
                br#"{"responses":[{"id":"2","status":204},{"id":"2","status":"x"},7,null]}"#.to_vec(),
            ]),
        ) {
            probe(&body);
        }
    }
}
