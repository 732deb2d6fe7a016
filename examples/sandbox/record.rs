//! What is remembered of each request, and the headers that every answer carries.

use chrono::{TimeDelta, Utc};

use super::http::{Answer, Request};

const REMEMBERED: &[&str] = &[
    "accept",
    "accept-encoding",
    "client-request-id",
    "connection",
    "consistencylevel",
    "content-type",
    "prefer",
    "user-agent",
];

/// One request that was answered, or left hanging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// `GET`, `POST`, …
    pub method: String,
    /// Root, path and query, byte for byte.
    pub url: String,
    /// Some of its headers, names in lower case; never the token.
    pub headers: Vec<(String, String)>,
    /// Whether it carried a token that is good.
    pub authorized: bool,
    /// Whose token that was.
    pub directory: Option<String>,
    /// The status it was answered with (200 also where the answer was spoilt on the way).
    pub status: u16,
    /// Which connection it came on, from 1.
    pub connection: u64,
    /// The number of the batch that it was part of. The batch itself is recorded after its parts.
    pub batch: Option<u64>,
}

impl Recorded {
    /// Notes a request.
    pub fn new(
        root: &str,
        request: &Request,
        directory: Option<String>,
        status: u16,
        batch: Option<u64>,
    ) -> Self {
        let remembered = |(name, _): &&(String, String)| REMEMBERED.contains(&name.as_str());
        Self {
            method: request.method.clone(),
            url: format!("{root}{}", request.target),
            headers: request.headers.iter().filter(remembered).cloned().collect(),
            authorized: directory.is_some(),
            directory,
            status,
            connection: request.connection,
            batch,
        }
    }

    /// The value of a remembered header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    /// The path below the version, without the query; the whole path where there is no version.
    pub fn path(&self) -> &str {
        let after = self.url.splitn(4, '/').nth(3).unwrap_or_default();
        let path = after.split('?').next().unwrap_or_default();
        path.strip_prefix("beta/")
            .or_else(|| path.strip_prefix("v1.0/"))
            .unwrap_or(path)
    }
}

/// Adds the headers that Graph puts on everything.
pub fn stamp(answer: Answer, request: &Request) -> Answer {
    let answer = answer
        .with("Date", http_date(0))
        .with("request-id", uuid::Uuid::new_v4().to_string())
        .with(
            "x-ms-ags-diagnostic",
            r#"{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"1","ScaleUnit":"000"}}"#,
        )
        .with("OData-Version", "4.0");
    match request.header("client-request-id") {
        Some(id) => answer.with("client-request-id", id),
        None => answer,
    }
}

/// The value of a `Retry-After` header: as given, or `date:N` as an HTTP date N seconds from now.
pub fn retry_after(value: &str) -> String {
    match value.strip_prefix("date:").map(str::parse) {
        Some(Ok(seconds)) => http_date(seconds),
        _ => value.to_owned(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server says what time it is; nothing is decided by it"
)]
fn http_date(seconds_from_now: i64) -> String {
    let shift = TimeDelta::try_seconds(seconds_from_now).unwrap_or_default();
    let now = Utc::now();
    let time = now.checked_add_signed(shift).unwrap_or(now);
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
