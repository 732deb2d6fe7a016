//! Where a tenant's Graph or its sign-in authority is, which URLs are made from that, and which
//! links of an answer lead there. The only place that takes URLs apart.
//!
//! A token is sent to URLs made here and to no other. Of a link in an answer only path and query
//! are taken, byte for byte; the origin is always the configured one, after a check that the link
//! names the same. A link is never decoded or normalised: the settings catalogue's page token is
//! percent-encoded twice, and an encoder that "mends" it loses the place in the list.

use std::fmt;
use std::net::IpAddr;

use super::{Request, Version};
use crate::http::url::{
    address_of, default_port, has_dot_segment, host_and_port, is_loopback, is_path_byte, sendable,
    split_authority,
};

/// An origin and the path below which a service lives.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Root {
    https: bool,
    host: String,
    port: Option<u16>,
    prefix: String,
}

impl Root {
    /// Reads a configured URL: `https://HOST[:PORT][/PATH]`, or `http` where the host is this
    /// machine. The error says what is wrong with it, to stand after the URL.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let root = Self::of_any_scheme(url)?;
        if root.https || root.is_loopback() {
            return Ok(root);
        }
        Err("is not https: plain http goes to this machine only".to_owned())
    }

    /// The same for a service of the platform that this machine runs on: plain http may also go to
    /// a link-local address, which leads no further than the host.
    pub(super) fn of_platform(url: &str) -> Result<Self, String> {
        let root = Self::of_any_scheme(url)?;
        if root.https || root.is_loopback() || root.is_link_local() {
            return Ok(root);
        }
        Err("is not https: plain http goes to this machine or a link-local address only".to_owned())
    }

    fn of_any_scheme(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| "has no scheme".to_owned())?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("is not https".to_owned()),
        };
        let (authority, path) = split_authority(rest);
        if path.contains(['?', '#']) {
            return Err("has a query or a fragment".to_owned());
        }
        if authority.contains('@') {
            return Err("has a user name or password".to_owned());
        }
        let (host, port) =
            host_and_port(authority).ok_or_else(|| "has no usable host and port".to_owned())?;
        if !path.bytes().all(is_path_byte) || has_dot_segment(path) {
            return Err("has a character or a segment that no such URL has".to_owned());
        }
        Ok(Self {
            https,
            host,
            port: port.filter(|&port| port != default_port(https)),
            prefix: path.trim_end_matches('/').to_owned(),
        })
    }

    /// Whether it is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    fn is_link_local(&self) -> bool {
        matches!(address_of(&self.host), Some(IpAddr::V4(address)) if address.is_link_local())
    }

    /// Whether it is spoken to through TLS.
    pub(super) fn is_https(&self) -> bool {
        self.https
    }

    /// The host, for messages.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Its port, where that is not the one of its scheme.
    pub(super) fn port(&self) -> Option<u16> {
        self.port
    }

    /// The same port of the same host, spoken to with TLS where this is without, and the other way
    /// round.
    pub(super) fn with_other_scheme(&self) -> Self {
        let port = self.port.unwrap_or(default_port(self.https));
        Self {
            https: !self.https,
            port: Some(port).filter(|&port| port != default_port(!self.https)),
            ..self.clone()
        }
    }

    /// The URL of a path below the root, which is given without a leading slash.
    pub(super) fn below(&self, path: &str) -> String {
        format!("{self}/{path}")
    }

    /// The root itself with a query: what there is of one already, byte for byte, and options.
    pub(super) fn asking(&self, query: &str, options: &[(&str, &str)]) -> Result<String, String> {
        let mut url = format!("{self}?{query}");
        for (name, value) in options {
            if !url.ends_with(['?', '&']) {
                url.push('&');
            }
            encode_query(&mut url, name);
            url.push('=');
            encode_query(&mut url, value);
        }
        if query.contains('#') {
            return Err("has a fragment".to_owned());
        }
        sendable(url)
    }

    /// The URL of a request.
    pub(super) fn url_of(&self, request: &Request) -> Result<String, String> {
        let mut url = self.below(&format!("{}/{}", request.version.segment(), request.path));
        for (index, (name, value)) in request.query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            encode_query(&mut url, name);
            url.push('=');
            encode_query(&mut url, value);
        }
        if request.path.contains(['?', '#', '\\']) || has_dot_segment(&request.path) {
            return Err(format!("path {:?} cannot be sent as it is", request.path));
        }
        sendable(url)
    }

    /// The URL of a link in an answer to `request`, if it leads to the same Graph and version.
    pub(super) fn url_of_link(&self, request: &Request, link: &str) -> Result<String, String> {
        let tail = match split_scheme(link) {
            Some((scheme, rest)) => self.same_origin(scheme, rest)?.to_owned(),
            None => match link.strip_prefix("//") {
                Some(rest) => self
                    .same_origin(if self.https { "https" } else { "http" }, rest)?
                    .to_owned(),
                None => self.resolve(request, link)?,
            },
        };
        let path = tail.split(['?', '#']).next().unwrap_or("");
        if !is_below(path, &self.prefix, request.version) || has_dot_segment(path) {
            return Err(format!(
                "next link does not stay below {}",
                request.version.segment()
            ));
        }
        if tail.contains(['#', '\\']) {
            return Err("next link has a part that cannot be sent".to_owned());
        }
        sendable(format!("{}{tail}", self.origin()))
    }

    /// The part of a URL made here that follows the version, with its leading slash.
    pub(super) fn after_version<'a>(&self, url: &'a str, version: Version) -> Option<&'a str> {
        url.strip_prefix(&self.below(version.segment()))
            .filter(|rest| rest.starts_with('/'))
    }

    fn origin(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        match self.port {
            Some(port) => format!("{scheme}://{}:{port}", self.host),
            None => format!("{scheme}://{}", self.host),
        }
    }

    /// What follows the authority of an absolute link, if scheme, host and port are ours.
    fn same_origin<'a>(&self, scheme: &str, rest: &'a str) -> Result<&'a str, String> {
        let (authority, tail) = split_authority(rest);
        let ours = if self.https { "https" } else { "http" };
        let (host, port) = host_and_port(authority)
            .ok_or_else(|| "next link names a host in an unexpected form".to_owned())?;
        let same_port = port.unwrap_or(default_port(self.https))
            == self.port.unwrap_or(default_port(self.https));
        if !scheme.eq_ignore_ascii_case(ours) || host != self.host || !same_port {
            return Err(format!(
                "next link leads to {}://{authority} instead of {}",
                scheme.to_ascii_lowercase(),
                self.origin()
            ));
        }
        Ok(tail)
    }

    /// A relative link, made absolute in the manner of RFC 3986 except for dot segments, which
    /// are refused.
    fn resolve(&self, request: &Request, link: &str) -> Result<String, String> {
        let base = format!(
            "{}/{}/{}",
            self.prefix,
            request.version.segment(),
            request.path
        );
        if link.starts_with('/') {
            return Ok(link.to_owned());
        }
        if link.starts_with('?') {
            return Ok(format!("{base}{link}"));
        }
        let first = link.split(['/', '?', '#']).next().unwrap_or("");
        if first.is_empty() || first.contains(':') {
            return Err("next link is neither a URL nor a path".to_owned());
        }
        let folder = base
            .rfind('/')
            .and_then(|at| base.get(..=at))
            .unwrap_or("/");
        Ok(format!("{folder}{link}"))
    }
}

/// The URL without a trailing slash.
impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.prefix)
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Path and names of the query options of a URL: what may be logged of it.
pub(super) fn loggable(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let path_and_query = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    // What is quoted in a path is the argument of a function, e.g. the name of a secret.
    let path: Vec<&str> = path
        .split('\'')
        .enumerate()
        .map(|(at, part)| if at % 2 == 0 { part } else { "…" })
        .collect();
    let path = path.join("'");
    let names: Vec<&str> = query
        .split('&')
        .filter_map(|option| option.split('=').next())
        .filter(|name| !name.is_empty())
        .collect();
    if names.is_empty() {
        path
    } else {
        format!("{path}?{}", names.join("&"))
    }
}

fn split_scheme(link: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = link.split_once("://")?;
    let is_scheme = !scheme.contains(['/', '?', '#']);
    is_scheme.then_some((scheme, rest))
}

fn is_below(path: &str, prefix: &str, version: Version) -> bool {
    path.strip_prefix(prefix)
        .and_then(|path| path.strip_prefix('/'))
        .and_then(|path| path.strip_prefix(version.segment()))
        .is_some_and(|path| path.starts_with('/'))
}

/// Percent-encodes what would end a query option or cannot be in a URL. What OData writes in
/// options (`$ ( ) , ; = ' : @ / * !`) stays readable.
fn encode_query(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~$(),;='*!:@/".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ServiceGroup;
    use super::*;

    fn request(path: &str, query: &[(&str, &str)]) -> Request {
        Request {
            version: Version::Beta,
            path: path.to_owned(),
            query: query
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            group: ServiceGroup::DeviceConfiguration,
            endpoint: "deviceConfiguration",
        }
    }

    fn graph() -> Root {
        Root::parse("https://graph.microsoft.com").unwrap()
    }

    #[test]
    fn only_https_and_loopback_are_roots() {
        for (good, kept) in [
            ("https://graph.microsoft.com", "https://graph.microsoft.com"),
            (
                "HTTPS://Graph.Microsoft.Com:443/",
                "https://graph.microsoft.com",
            ),
            (
                "https://a.example:8443/proxy//",
                "https://a.example:8443/proxy",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://localhost:1/", "http://localhost:1"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ] {
            assert_eq!(Root::parse(good).unwrap().to_string(), kept);
        }
        for bad in [
            "",
            "graph.microsoft.com",
            "http://graph.microsoft.com",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://128.0.0.1",
            "http://169.254.169.254",
            "https://user@graph.microsoft.com",
            "https://user:pw@graph.microsoft.com",
            "https://graph.microsoft.com/?a=b",
            "https://graph.microsoft.com?a=b",
            "https://graph.microsoft.com/#x",
            "https://graph.microsoft.com/../x",
            "https://",
            "https:///x",
            "https://graph microsoft",
            "https://graph.microsoft.com:99999",
            "https://graph.microsoft.com:0",
            "https://graph.microsoft.com:+1",
            "https://graph.microsoft.com:",
            "https://graph.microsoft.com/\u{7}",
            "https://a.com\\@b.com",
            "http://[::1",
            "https://[x]",
            "ftp://localhost",
            "file:///etc/passwd",
        ] {
            assert!(Root::parse(bad).is_err(), "{bad}");
        }
        assert!(Root::parse("http://[::1]:80").unwrap().is_loopback());
        assert!(!graph().is_loopback());
    }

    #[test]
    fn a_platform_is_also_at_a_link_local_address() {
        for good in [
            "http://169.254.169.254",
            "http://127.0.0.1:1",
            "https://a.example",
        ] {
            assert!(Root::of_platform(good).is_ok(), "{good}");
        }
        for bad in [
            "http://169.253.0.1",
            "http://10.0.0.1",
            "http://imds.example",
        ] {
            assert!(Root::of_platform(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_that_is_there_is_kept() {
        let root = Root::parse("https://a.example/token").unwrap();
        let options = [("audience", "api://a b&c")];
        for (query, expected) in [
            ("", "https://a.example/token?audience=api://a%20b%26c"),
            (
                "v=2%2F0&x",
                "https://a.example/token?v=2%2F0&x&audience=api://a%20b%26c",
            ),
        ] {
            assert_eq!(root.asking(query, &options).unwrap(), expected);
        }
        for query in ["a#b", "a b", "ä"] {
            assert!(root.asking(query, &options).is_err(), "{query}");
        }
    }

    #[test]
    fn query_options_are_encoded_and_keep_their_dollar() {
        let request = request(
            "deviceManagement/deviceConfigurations",
            &[
                ("$filter", "name eq 'a&b+c #ä%'"),
                ("$expand", "x($select=id)"),
            ],
        );
        assert_eq!(
            graph().url_of(&request).unwrap(),
            "https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations\
             ?$filter=name%20eq%20'a%26b%2Bc%20%23%C3%A4%25'&$expand=x($select=id)"
        );
        for path in ["a b", "a?b", "a#b", "../v1.0/me", "a/%2E%2e/b", "a\\b", "ä"] {
            let request = self::request(path, &[]);
            assert!(graph().url_of(&request).is_err(), "{path}");
        }
    }

    #[test]
    fn a_link_to_the_same_graph_keeps_every_byte() {
        let request = request("deviceManagement/configurationPolicies", &[]);
        let tail =
            "/beta/deviceManagement/configurationPolicies?$skiptoken=%255Bcosmos%255D%2b+x&a=%";
        for link in [
            format!("https://graph.microsoft.com{tail}"),
            format!("https://GRAPH.microsoft.com:443{tail}"),
            format!("HTTPS://graph.microsoft.com{tail}"),
            format!("//graph.microsoft.com{tail}"),
            tail.to_owned(),
            tail.replace("/beta/deviceManagement/", ""),
            tail.replace("/beta/deviceManagement/configurationPolicies", ""),
        ] {
            assert_eq!(
                graph().url_of_link(&request, &link).unwrap(),
                format!("https://graph.microsoft.com{tail}"),
                "{link}"
            );
        }
    }

    #[test]
    fn a_link_elsewhere_is_refused() {
        let request = request("deviceManagement/configurationPolicies", &[]);
        for link in [
            "https://evil.example/beta/x",
            "http://graph.microsoft.com/beta/x",
            "https://graph.microsoft.com:8443/beta/x",
            "https://graph.microsoft.com@evil.example/beta/x",
            "https://user@graph.microsoft.com/beta/x",
            "https://graph.microsoft.com\\@evil.example/beta/x",
            "https://graph.microsoft.com.evil.example/beta/x",
            "https://graph.microsoft.com%2eevil.example/beta/x",
            "https:///evil.example/beta/x",
            "//evil.example/beta/x",
            "///evil.example/beta/x",
            "\\\\evil.example\\beta",
            "javascript:alert(1)",
            "ftp://graph.microsoft.com/beta/x",
            "https://graph.microsoft.com/v1.0/x",
            "https://graph.microsoft.com/betamax/x",
            "https://graph.microsoft.com/beta",
            "https://graph.microsoft.com/beta/../v1.0/x",
            "https://graph.microsoft.com/beta/%2e%2E/v1.0/x",
            "/v1.0/x",
            "../v1.0/x",
            "https://graph.microsoft.com/beta/x#y",
            "https://graph.microsoft.com/beta/x y",
            "https://graph.microsoft.com/beta/x\r\nHost: evil",
            "https://graph.microsoft.com/beta/ä",
            "",
        ] {
            assert!(graph().url_of_link(&request, link).is_err(), "{link}");
        }
        let long = format!("https://graph.microsoft.com/beta/{}", "x".repeat(70_000));
        assert!(graph().url_of_link(&request, &long).is_err());
    }

    #[test]
    fn a_prefix_belongs_to_the_root() {
        let root = Root::parse("https://gateway.example:444/graph/").unwrap();
        let request = request("a/b", &[]);
        assert_eq!(
            root.url_of(&request).unwrap(),
            "https://gateway.example:444/graph/beta/a/b"
        );
        assert!(root.url_of_link(&request, "/beta/a").is_err());
        assert_eq!(
            root.url_of_link(&request, "?c").unwrap(),
            "https://gateway.example:444/graph/beta/a/b?c"
        );
    }

    #[test]
    fn the_log_gets_no_query_value() {
        assert_eq!(
            loggable("https://h/beta/a?$top=5&$skiptoken=secret&x"),
            "/beta/a?$top&$skiptoken&x"
        );
        assert_eq!(loggable("https://h"), "/");
        assert_eq!(
            loggable("https://h/beta/a/f(name='secret%27')/b?x=1"),
            "/beta/a/f(name='…')/b?x"
        );
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_a_link_says_a_request_goes_to_our_origin_and_version(
            link in crate::mutation::mutated_text(&[
                "https://graph.microsoft.com/beta/deviceManagement/x?$skiptoken=%255Ba%255D",
                "//graph.microsoft.com:443/beta/x?$top=5&$skip=5",
                "https://graph.microsoft.com@evil.example/beta/x",
                "/beta/x/../../v1.0/y",
                "?$skiptoken=abc",
                "x?y=https://evil.example",
            ]),
        ) {
            let request = request("deviceManagement/x", &[("$top", "5")]);
            if let Ok(url) = graph().url_of_link(&request, &link) {
                proptest::prop_assert!(url.starts_with("https://graph.microsoft.com/beta/"), "{url}");
                proptest::prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
                proptest::prop_assert!(!url.contains(['\\', '#']), "{url}");
                let path = url.split('?').next().unwrap_or_default();
                proptest::prop_assert!(!has_dot_segment(path), "{url}");
                // What the HTTP library makes of it.
                let uri: ureq::http::Uri = url.parse().unwrap();
                proptest::prop_assert_eq!(uri.host(), Some("graph.microsoft.com"));
                proptest::prop_assert_eq!(uri.port_u16(), None);
            }
        }

        #[test]
        fn a_configured_url_is_refused_or_read_back_from_what_is_made_of_it(
            url in crate::mutation::mutated_text(&[
                "https://graph.microsoft.com",
                "https://gateway.example:444/graph/",
                "http://[::1]:8080/x",
                "http://127.0.0.1:1",
            ]),
        ) {
            if let Ok(root) = Root::parse(&url) {
                let shown = root.to_string();
                let again = Root::parse(&shown);
                proptest::prop_assert_eq!(again, Ok(root), "{}", shown);
            }
        }
    }
}
