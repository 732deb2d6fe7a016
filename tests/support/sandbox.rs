//! The sandbox for tests, and a plain client of it that decides nothing by itself.

#![allow(dead_code, reason = "each test file uses its own part of this")]

#[path = "../../examples/sandbox/server.rs"]
pub mod server;

use std::time::Duration;

use serde_json::Value;
use server::{DIRECTORY, Options, Sandbox};

/// The settings catalog.
pub const CATALOG: &str = "deviceManagement/configurationPolicies";
/// Device configuration profiles.
pub const PROFILES: &str = "deviceManagement/deviceConfigurations";
/// PowerShell scripts.
pub const SCRIPTS: &str = "deviceManagement/deviceManagementScripts";

/// A client that does as it is told and follows nothing by itself.
pub struct Client {
    pub agent: ureq::Agent,
    pub root: String,
    pub token: String,
}

/// An answer, whatever its status.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The items of a page.
    pub fn items(&self) -> Vec<Value> {
        self.json()["value"].as_array().unwrap().clone()
    }

    /// The link to the next page.
    pub fn next(&self) -> Option<String> {
        Some(self.json()["@odata.nextLink"].as_str()?.to_owned())
    }

    /// Every value of a header, by its lower-case name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

impl Client {
    /// Signs in with the default secret.
    pub fn new(sandbox: &Sandbox) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(20)))
            .build();
        let mut client = Self {
            agent: agent.into(),
            root: sandbox.url().to_owned(),
            token: String::new(),
        };
        client.sign_in();
        client
    }

    /// Asks for a token with that secret.
    pub fn ask_token(&self, secret: &str) -> Reply {
        let url = format!("{}/{DIRECTORY}/oauth2/v2.0/token", self.root);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "00000000-0000-4000-8000-00000000abcd"),
            ("scope", &format!("{}/.default", self.root)),
            ("client_secret", secret),
        ];
        reply(self.agent.post(&url).send_form(form)).unwrap()
    }

    /// Gets a fresh token.
    pub fn sign_in(&mut self) {
        let secret = Options::default().client_secret;
        let answer = self.ask_token(&secret).json();
        self.token = answer["access_token"].as_str().unwrap().to_owned();
    }

    /// GETs a whole URL, byte for byte.
    pub fn url(&self, url: &str) -> Result<Reply, ureq::Error> {
        let bearer = format!("Bearer {}", self.token);
        let request = self.agent.get(url).header("Authorization", &bearer);
        reply(request.call())
    }

    /// GETs a path below `beta`.
    pub fn get(&self, path: &str) -> Reply {
        self.url(&format!("{}/beta/{path}", self.root)).unwrap()
    }

    /// The same with the header that brings newer enum members.
    pub fn preferring(&self, path: &str) -> Reply {
        let request = self
            .agent
            .get(format!("{}/beta/{path}", self.root))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Prefer", "include-unknown-enum-members");
        reply(request.call()).unwrap()
    }

    /// Whether a GET below `beta` gives no answer.
    pub fn fails(&self, path: &str) -> bool {
        self.url(&format!("{}/beta/{path}", self.root)).is_err()
    }

    /// All pages of a list.
    pub fn pages(&self, path: &str) -> Vec<Reply> {
        let mut pages = vec![self.get(path)];
        while let Some(next) = pages.last().and_then(Reply::next) {
            assert!(pages.len() < 1000, "endless: {next}");
            pages.push(self.url(&next).unwrap());
        }
        pages
    }

    /// All items of a list.
    pub fn list(&self, path: &str) -> Vec<Value> {
        self.pages(path).iter().flat_map(Reply::items).collect()
    }
}

/// Reads an answer to its end.
pub fn reply(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Reply, ureq::Error> {
    let mut answer = answer?;
    let text = answer
        .body_mut()
        .with_config()
        .limit(1 << 28)
        .read_to_string()?;
    let headers = answer.headers().iter();
    Ok(Reply {
        status: answer.status().as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        text,
    })
}

/// The ids of some items.
pub fn ids(items: &[Value]) -> Vec<String> {
    let ids = items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned());
    ids.collect()
}

/// The default sandbox, and a client that is signed in.
pub fn start() -> (Sandbox, Client) {
    let sandbox = Sandbox::start(Options::default());
    let client = Client::new(&sandbox);
    (sandbox, client)
}
