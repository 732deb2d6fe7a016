//! Where a tenant is: its directory, its app registration, and the hosts that stand in for the
//! cloud's. Everything here ends up in a URL, so each check lets through only what cannot change
//! the meaning of one.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::error::{Error, Result};

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

/// Checks a root that replaces the cloud's, and returns it without trailing slashes.
///
/// # Errors
/// Not https (plain http only for loopback), a user or password, a query or fragment, a host or
/// port that cannot be one.
pub fn check_root(url: &str) -> Result<String> {
    let wrong = |why: &str| Error::usage(format!("URL {url:?} {why}"));
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| wrong("has no scheme"))?;
    if rest.contains(['?', '#']) {
        return Err(wrong("has a query or a fragment"));
    }
    if !rest
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
    {
        return Err(wrong("has a character that no URL has"));
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err(wrong("has a user name or password"));
    }
    let host = host_of(authority).ok_or_else(|| wrong("has no usable host and port"))?;
    match scheme {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => {
            return Err(wrong("is not https").hint("plain http is only for this machine itself"));
        }
        _ => return Err(wrong("is not https")),
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// The host, if it and the port are well formed.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        (authority.get(..address.len() + 2)?, after)
    } else {
        let end = authority.find(':').unwrap_or(authority.len());
        let (host, after) = authority.split_at_checked(end)?;
        is_domain(host).then_some(())?;
        (host, after)
    };
    let port_is_fine = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => port.is_empty(),
    };
    port_is_fine.then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || address.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// Labels of letters, digits and inner dashes, joined by dots, up to 253 characters (RFC 1123).
fn is_domain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
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
    fn a_root_is_https_or_loopback() {
        for (good, kept) in [
            ("https://graph.example.com/", "https://graph.example.com"),
            (
                "https://graph.example.com:8443/proxy//",
                "https://graph.example.com:8443/proxy",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:1/", "http://localhost:1"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ] {
            assert_eq!(check_root(good).unwrap(), kept);
        }
        for bad in [
            "",
            "graph.example.com",
            "http://graph.example.com",
            "ftp://localhost",
            "https://",
            "https:///x",
            "https://a@b.com",
            "https://a:b@c.com",
            "https://a.com?x=1",
            "https://a.com/#x",
            "https://a.com:0",
            "https://a.com:99999",
            "https://a.com:+1",
            "https://a.com:",
            "https://a b.com",
            "https://a.com/\u{7}",
            "http://127.0.0.1.evil.com",
            "http://localhost.evil.com",
            "http://[::1",
            "https://[x]",
            "https://a.com\\@b.com",
        ] {
            assert!(check_root(bad).is_err(), "{bad:?}");
        }
    }
}
