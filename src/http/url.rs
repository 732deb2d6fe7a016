//! Pieces of URLs, byte for byte: nothing is decoded, and what some reader might take for something
//! else is refused.

use std::net::{IpAddr, Ipv6Addr};

/// The longest URL that the HTTP library can carry.
const MAX_URL: usize = 65_000;

/// Splits what follows `://` where the authority ends.
pub(crate) fn split_authority(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

/// Host, lower-cased, and port; `None` where there is anything else, such as user information or a
/// character that some reader might take for the end of the host.
pub(crate) fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let host_end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(host_end)?;
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_domain(host),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|&port| port > 0)?)
        }
        Some(_) => return None,
        None if port.is_empty() => None,
        None => return None,
    };
    is_host.then(|| (host.to_ascii_lowercase(), port))
}

/// The port of a URL that names none.
pub(crate) fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// The address that a host is written as, if it is one.
pub(crate) fn address_of(host: &str) -> Option<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok()
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || address_of(host).is_some_and(|address| address.is_loopback())
}

/// Labels of letters, digits and inner dashes, joined by dots, up to 253 characters (RFC 1123).
pub(crate) fn is_domain(text: &str) -> bool {
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

/// Whether a byte may stand in the path of a URL that somebody configures.
pub(crate) fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)
}

/// A server may take `..` for the way up, also when it is encoded.
pub(crate) fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

/// A URL that goes out byte for byte: no blank, no control character, nothing outside ASCII, and
/// what the HTTP library parsed is what it was given.
pub(crate) fn sendable(url: String) -> Result<String, String> {
    if url.len() > MAX_URL {
        return Err(format!(
            "URL has {} bytes; at most {MAX_URL} can be sent",
            url.len()
        ));
    }
    let unchanged = url
        .parse::<ureq::http::Uri>()
        .is_ok_and(|uri| url.bytes().all(|byte| byte.is_ascii_graphic()) && uri.to_string() == url);
    if unchanged {
        Ok(url)
    } else {
        Err("URL cannot be sent unchanged".to_owned())
    }
}
