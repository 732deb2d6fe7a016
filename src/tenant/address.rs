//! Where a tenant is: its directory, its app registration, and the hosts that stand in for the
//! cloud's. Everything here ends up in a URL, so each check lets through only what cannot change
//! the meaning of one.

use crate::error::{Error, Result};
use crate::graph::Version;
use crate::graph::root::Root;
use crate::http::url::is_domain;

/// Checks a directory: a GUID, or a domain with at least one dot.
///
/// # Errors
/// Anything else; `common` and `organizations` too, which name no directory.
pub fn check_directory(directory: &str) -> Result<()> {
    if is_guid(directory) || (directory.contains('.') && is_domain(directory)) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{directory:?} is neither a directory GUID nor a domain"
    ))
    .hint(
        "the tenant id is on the overview page of Microsoft Entra; or use a verified domain, \
             e.g. contoso.onmicrosoft.com",
    ))
}

/// Checks the client id of an app registration: a GUID.
///
/// # Errors
/// Anything else.
pub fn check_client_id(client_id: &str) -> Result<()> {
    if is_guid(client_id) {
        return Ok(());
    }
    Err(
        Error::usage(format!("client id {client_id:?} is not a GUID"))
            .hint("use the application (client) id of the app registration"),
    )
}

/// Checks a root that replaces the cloud's, and returns it in plain form, without trailing slashes.
///
/// # Errors
/// Not https (plain http only for loopback), a user or password, a query or fragment, a host or
/// port that cannot be one.
pub fn check_root(url: &str) -> Result<String> {
    Root::parse(url)
        .map(|root| root.to_string())
        .map_err(|why| {
            Error::usage(format!("URL {url:?} {why}")).hint(
                "give https:// and the host, e.g. https://graph.microsoft.com; it may be left out",
            )
        })
}

/// Checks a root that replaces the one of Graph, as [`check_root`] does. Its path may be that of a
/// gateway before Graph, and does not end with a version: each request brings its own.
///
/// # Errors
/// As there; and a path that ends with a version.
pub fn check_graph_url(url: &str) -> Result<String> {
    let root = check_root(url)?;
    let version = [Version::V1, Version::Beta]
        .into_iter()
        .find_map(|version| {
            let (below, last) = root.rsplit_once('/')?;
            let below = below.trim_end_matches('/');
            // Before a host without a path stands only the scheme.
            let is_version = last.eq_ignore_ascii_case(version.segment()) && below.contains("://");
            is_version.then_some((below, version))
        });
    match version {
        None => Ok(root),
        Some((below, version)) => {
            let what = format!("URL {url:?} ends with /{}", version.segment());
            let why = "the version of Graph is no part of it, each request brings its own";
            Err(Error::usage(format!("{what}: {why}")).hint(format!("give it without: {below}")))
        }
    }
}

/// Five groups of hexadecimal digits: 8-4-4-4-12.
fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_a_guid_or_a_domain() {
        for good in [
            "11111111-2222-3333-4444-555555555555",
            "contoso.onmicrosoft.com",
            "a-b.no",
        ] {
            check_directory(good).unwrap();
        }
        for bad in [
            "",
            "common",
            "organizations",
            "contoso",
            "a/b.com",
            "a.com/",
            "..",
            ".com",
            "a..b",
            "-a.com",
            "a_b.com",
            "a.com?x",
            "ü.com",
            "a b.com",
            "1111-2222",
            "{11111111-2222-3333-4444-555555555555}",
        ] {
            assert!(check_directory(bad).is_err(), "{bad:?}");
        }
        assert!(check_client_id("contoso.com").is_err());
        assert!(check_client_id("11111111-2222-3333-4444-55555555555g").is_err());
    }

    #[test]
    fn a_root_is_kept_in_plain_form_or_told_with_what_is_wrong() {
        assert_eq!(
            check_root("https://Graph.example.com:443/proxy//").unwrap(),
            "https://graph.example.com/proxy"
        );
        let error = check_graph_url("http://graph.example.com").unwrap_err();
        assert!(
            error
                .message()
                .starts_with("URL \"http://graph.example.com\" is not https"),
            "{error}"
        );
    }

    #[test]
    fn the_root_of_graph_has_no_version_and_may_be_below_a_gateway() {
        for (bad, good) in [
            (
                "https://graph.microsoft.com/v1.0",
                "https://graph.microsoft.com",
            ),
            (
                "https://graph.microsoft.com/Beta/",
                "https://graph.microsoft.com",
            ),
            (
                "https://gate.example/graph/v1.0//",
                "https://gate.example/graph",
            ),
            ("http://127.0.0.1:8040/beta", "http://127.0.0.1:8040"),
        ] {
            let error = check_graph_url(bad).unwrap_err();
            assert_eq!(error.kind().exit_code(), crate::error::ExitCode::Usage);
            let hint = format!("give it without: {good}");
            assert_eq!(error.hint_text(), Some(hint.as_str()), "{bad}");
            assert_eq!(check_graph_url(good).unwrap(), good);
        }
        for good in [
            "https://gate.example/beta/graph",
            "https://gate.example/v1.0-proxy",
            "https://beta",
        ] {
            assert_eq!(check_graph_url(good).unwrap(), good);
        }
    }
}
