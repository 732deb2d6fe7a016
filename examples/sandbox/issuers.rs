//! Who vouches for a machine or a job: the identity services of Azure's platforms, which give
//! tokens for Graph, and the issuers of GitHub Actions and Azure Pipelines, which give assertions.
//!
//! | Path | Plays | Faults are set on |
//! |---|---|---|
//! | `/metadata/identity/oauth2/token` | a VM | `vm-identity` |
//! | `/msi/token` | App Service, Container Apps | `app-identity` |
//! | `/arc/token` | the agent of Azure Arc | `arc-identity` |
//! | `/github/token` | GitHub Actions | `github-oidc` |
//! | `/pipelines/token` | Azure Pipelines | `pipelines-oidc` |

use std::collections::HashMap;

use super::DIRECTORY;
use super::http::{Answer, Request};
use super::query::decode;
use super::sign_in::{JSON, SignIn};

/// What every assertion of an issuer of the sandbox begins with.
pub const VOUCHED: &str = "sandbox-assertion.";
/// What a job needs to ask its issuer: `ACTIONS_ID_TOKEN_REQUEST_TOKEN`, `SYSTEM_ACCESSTOKEN`.
pub const REQUEST_TOKEN: &str = "sandbox-request-token";
/// What an app needs to ask: `IDENTITY_HEADER`.
pub const IDENTITY_HEADER: &str = "sandbox-identity-header";

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer {
    /// A VM.
    Vm,
    /// App Service, Container Apps.
    App,
    /// Azure Arc.
    Arc,
    /// GitHub Actions.
    Github,
    /// Azure Pipelines.
    Pipelines,
}

impl Issuer {
    /// Who is asked at that path.
    pub fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/metadata/identity/oauth2/token" => Self::Vm,
            "/msi/token" => Self::App,
            "/arc/token" => Self::Arc,
            "/github/token" => Self::Github,
            "/pipelines/token" => Self::Pipelines,
            _ => return None,
        })
    }

    /// What faults call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vm => "vm-identity",
            Self::App => "app-identity",
            Self::Arc => "arc-identity",
            Self::Github => "github-oidc",
            Self::Pipelines => "pipelines-oidc",
        }
    }

    /// Its answer.
    pub fn answer(self, sign_in: &mut SignIn, request: &Request) -> Answer {
        let options = options(request);
        let option = |name: &str| options.get(name).map_or("", String::as_str);
        let header = |name: &str| request.header(name).unwrap_or_default();
        let bearer = header("authorization").strip_prefix("Bearer ") == Some(REQUEST_TOKEN);
        let metadata = header("metadata") == "true";
        let resource = option("resource");
        let right_resource = resource.starts_with("http") && !resource.ends_with("/.default");
        let version = option("api-version");
        match self {
            Self::Vm if metadata && version == "2018-02-01" && right_resource => {
                token(sign_in, true)
            }
            Self::App if version == "2019-08-01" && right_resource => {
                if header("x-identity-header") == IDENTITY_HEADER {
                    token(sign_in, false)
                } else {
                    refused(401, "unauthorized", "The identity header is wrong.")
                }
            }
            Self::Arc if metadata && version == "2020-06-01" && right_resource => {
                arc(sign_in, header("authorization"))
            }
            Self::Github if request.method == "GET" => {
                let audience = option("audience").starts_with("api://AzureADTokenExchange");
                match bearer && audience {
                    true => given("value", &sign_in.vouch()),
                    false => refused(403, "forbidden", "Wrong token or audience."),
                }
            }
            Self::Pipelines if request.method == "POST" => {
                let right = version == "7.1"
                    && !option("serviceConnectionId").is_empty()
                    && header("content-length") == "0";
                match (bearer, header("x-tfs-fedauthredirect") == "Suppress") {
                    (true, _) if right => given("oidcToken", &sign_in.vouch()),
                    (false, false) => Answer::new(302, JSON, "").with("Location", "/sign-in"),
                    _ => refused(401, "unauthorized", "Wrong token or service connection."),
                }
            }
            _ => refused(
                400,
                "invalid_request",
                "The request is not as it should be.",
            ),
        }
    }
}

/// The agent names a file, and wants to see that its content can be read.
fn arc(sign_in: &mut SignIn, shown: &str) -> Answer {
    match shown.strip_prefix("Basic ") {
        Some(key) if !key.is_empty() && key == sign_in.arc_key => token(sign_in, true),
        Some(_) => refused(403, "forbidden", "The key is wrong."),
        None => refused(401, "unauthorized", "A key is needed.").with(
            "WWW-Authenticate",
            format!("Basic realm={}", sign_in.arc_key_file),
        ),
    }
}

/// A token for Graph; numbers are texts, and an app is told a time alone.
fn token(sign_in: &mut SignIn, lives: bool) -> Answer {
    let token = sign_in.new_token(DIRECTORY);
    let lifetime = sign_in.lifetime;
    let until = sign_in.until();
    let lives = if lives {
        format!(r#""expires_in":"{lifetime}","#)
    } else {
        String::new()
    };
    Answer::new(
        200,
        JSON,
        format!(
            r#"{{"access_token":"{token}",{lives}"expires_on":"{until}","resource":"sandbox","token_type":"Bearer"}}"#
        ),
    )
}

fn given(field: &str, assertion: &str) -> Answer {
    Answer::new(200, JSON, format!(r#"{{"{field}":"{assertion}"}}"#))
}

fn refused(status: u16, error: &str, description: &str) -> Answer {
    let body = format!(r#"{{"error":"{error}","error_description":"{description}"}}"#);
    Answer::new(status, JSON, body)
}

fn options(request: &Request) -> HashMap<String, String> {
    let pairs = request.query().split('&');
    pairs
        .filter_map(|option| option.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
