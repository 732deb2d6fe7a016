//! One try over HTTP: a request goes out, and a whole answer comes back or none. With `crate::http`,
//! which has the ways out, the only module that knows the HTTP library.
//!
//! - Every phase has a time limit, and the whole never outlasts what the caller allows.
//! - Redirects are not followed; an answer of any status is an answer.
//! - Bodies are bounded after decompression; of an error's body only the beginning is kept.
//! - Of the headers only an allow-list is kept, so that nothing else can reach a log.
//! - A stop shuts both ways out down: reads that block end, and later tries fail at once.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use ureq::http::{HeaderMap, HeaderValue, Response};
use ureq::{Body, RequestBuilder, Timeout};

use super::root::Root;
use crate::disk;
use crate::http::outside::{self, Way};
use crate::http::{self, Phases, WayOut, WaysOut};
use crate::stop::Stop;

/// How long the phases of one try may take, and how much it may bring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) connect: Duration,
    /// From the request to the end of the headers: Intune may think for tens of seconds.
    pub(super) header: Duration,
    /// Between two pieces of a body.
    pub(super) read: Duration,
    pub(super) whole: Duration,
    /// Bytes of a body, decompressed.
    pub(super) body: u64,
    /// Bytes that are kept of the body of an error.
    pub(super) error_body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            header: Duration::from_secs(100),
            read: Duration::from_secs(30),
            whole: Duration::from_secs(120),
            body: 64 * 1024 * 1024,
            error_body: 256 * 1024,
        }
    }
}

/// What goes out.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    /// The service that the URL belongs to.
    pub(super) root: &'a Root,
    pub(super) url: &'a str,
    pub(super) payload: Payload<'a>,
    /// A new id for each try; the customer's activity log shows it.
    pub(super) request_id: &'a str,
    /// The time left to the caller.
    pub(super) left: Duration,
    pub(super) new_connection: bool,
    /// It goes to the platform of this machine: through no proxy, and connects within this time.
    pub(super) platform: Option<Duration>,
    /// The flag of `tenants edit` that sets the root, if one does.
    pub(super) flag: Option<&'static str>,
}

/// What a request carries beside its URL.
#[derive(Debug)]
pub(super) enum Payload<'a> {
    /// A GET of JSON with this token.
    Bearer(&'a SecretString),
    /// A GET of bytes of any kind with this token.
    BearerForBytes(&'a SecretString),
    /// A POST of this JSON, which changes nothing, with this token.
    Question(&'a SecretString, &'a str),
    /// A POST of this form.
    Form(&'a SecretString),
    /// A GET with these headers.
    Get(&'a [(&'static str, SecretString)]),
    /// A POST of nothing with these headers.
    EmptyPost(&'a [(&'static str, SecretString)]),
}

impl Payload<'_> {
    /// The method, for the log.
    pub(super) fn verb(&self) -> &'static str {
        match self {
            Self::Bearer(_) | Self::BearerForBytes(_) | Self::Get(_) => "GET",
            Self::Question(..) | Self::Form(_) | Self::EmptyPost(_) => "POST",
        }
    }
}

/// A whole answer.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

/// The headers that are looked at or logged.
#[derive(Debug, Default, Clone)]
pub(super) struct Headers {
    pub(super) request_id: Option<String>,
    pub(super) diagnostic: Option<String>,
    pub(super) date: Option<String>,
    pub(super) retry_after: Vec<String>,
    pub(super) challenge: Option<String>,
    pub(super) content_type: Option<String>,
    /// Whether nothing but the end of the connection says where the body ends: then half of it looks
    /// whole.
    pub(super) open_ended: bool,
}

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// No connection, or it broke, or a time limit was over.
    Network {
        why: String,
        remedy: Option<Remedy>,
        /// The caller's time was over first.
        out_of_time: bool,
    },
    /// This process may open no more files; why, in words.
    NoHandle(String),
    /// The body has more than the limit.
    TooLarge(u64),
    /// The body cannot be decompressed.
    Garbled,
}

/// What to look at where a service is not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Nothing answers.
    WayOut,
    /// Its name is not known.
    NameService,
    /// The proxy does not let through.
    Proxy,
    /// A certificate is not believed.
    Trust,
    /// It is spoken to with TLS where it has none, or without where it has one.
    Scheme {
        /// What it speaks, or may speak.
        speaks: &'static str,
        /// The flag that sets its URL, with the right one.
        flag: String,
    },
}

impl Remedy {
    /// The hint where it is a service of the tenant of that name.
    pub(super) fn hint(self, tenant: &str) -> String {
        let tenant = shell_words::quote(tenant);
        let urls = || format!("tenantpilot tenants show {tenant}");
        match self {
            Self::WayOut => format!(
                "check firewall and proxy (ALL_PROXY, HTTPS_PROXY, HTTP_PROXY), and the URLs: {}",
                urls()
            ),
            Self::NameService => format!(
                "check the name service of this machine, and the URLs: {}",
                urls()
            ),
            Self::Proxy => outside::HINT.to_owned(),
            Self::Scheme { speaks, flag } => {
                format!("{speaks}: tenantpilot tenants edit {tenant} {flag}")
            }
            Self::Trust => {
                "certificates are checked against this system's trust store (Debian: ca-certificates)"
                    .to_owned()
            }
        }
    }
}

impl Lost {
    /// The same, out of time only if it `may` be.
    pub(super) fn out_of_time_if(mut self, may: bool) -> Self {
        if let Self::Network { out_of_time, .. } = &mut self {
            *out_of_time &= may;
        }
        self
    }
}

/// Both ways out, with their connections.
pub(super) struct Wire {
    ways: WaysOut,
    limits: Limits,
}

impl Wire {
    /// Ways out that close when a stop is requested.
    pub(super) fn new(user_agent: &str, limits: Limits, stop: &Stop) -> Self {
        let phases = Phases {
            connect: limits.connect,
            read: limits.read,
        };
        let ways = WaysOut::new(user_agent, phases);
        for agent in ways.agents() {
            let agent = agent.clone();
            stop.on_request(move || agent.clone().shutdown());
        }
        Self { ways, limits }
    }

    /// Makes one try.
    pub(super) fn send(&self, outgoing: &Outgoing<'_>) -> Result<Answer, Lost> {
        let WayOut { agent, proxy } = match outgoing.platform {
            Some(_) => self.ways.direct(),
            None => self.way(outgoing.root, outgoing.url).map_err(no_way)?,
        };
        let sent = match outgoing.payload {
            Payload::Bearer(token) => self
                .prepared(agent.get(outgoing.url), outgoing)
                .header("authorization", bearer(token)?)
                .header("prefer", "include-unknown-enum-members")
                .call(),
            Payload::BearerForBytes(token) => self
                .prepared(agent.get(outgoing.url), outgoing)
                .header("authorization", bearer(token)?)
                .header("accept", "*/*")
                // Unpacked bytes have no length to hold them against.
                .header("accept-encoding", "identity")
                .call(),
            Payload::Question(token, question) => self
                .prepared(agent.post(outgoing.url), outgoing)
                .header("authorization", bearer(token)?)
                .header("content-type", "application/json")
                .send(question),
            Payload::Get(headers) => {
                with_headers(self.prepared(agent.get(outgoing.url), outgoing), headers)?.call()
            }
            Payload::EmptyPost(headers) => {
                with_headers(self.prepared(agent.post(outgoing.url), outgoing), headers)?
                    .send_empty()
            }
            Payload::Form(form) => self
                .prepared(agent.post(outgoing.url), outgoing)
                .header("content-type", "application/x-www-form-urlencoded")
                .send(form.expose_secret()),
        };
        sent.and_then(|response| self.read(response))
            .map_err(|error| {
                let cut_short = outgoing.left <= self.limits.whole;
                lost(&error, outgoing, proxy, cut_short)
            })
    }

    /// The way to what is at a root.
    fn way(&self, root: &Root, url: &str) -> Result<WayOut<'_>, String> {
        match root.is_loopback() {
            true => Ok(self.ways.direct()),
            false => self.ways.toward(url),
        }
    }

    /// That there is a way to a service.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn require_way(&self, root: &Root) -> Result<(), String> {
        self.way(root, &root.to_string()).map(drop)
    }

    fn prepared<Any>(
        &self,
        request: RequestBuilder<Any>,
        outgoing: &Outgoing<'_>,
    ) -> RequestBuilder<Any> {
        let whole = self.limits.whole.min(outgoing.left);
        let config = request
            .config()
            .https_only(outgoing.root.is_https())
            .timeout_global(Some(whole))
            // Never later than the whole, and with room to tell the phases apart.
            .timeout_recv_response(Some(self.limits.header.min(whole.mul_f32(0.9))));
        let config = if outgoing.new_connection {
            config.max_idle_age(Duration::ZERO)
        } else {
            config
        };
        let config = match outgoing.platform {
            Some(connect) => config.timeout_connect(Some(connect)),
            None => config,
        };
        config
            .build()
            .header("client-request-id", outgoing.request_id)
    }

    fn read(&self, mut response: Response<Body>) -> Result<Answer, ureq::Error> {
        let status = response.status().as_u16();
        let mut headers = Headers::of(response.headers());
        headers.open_ended = response.body().content_length().is_none()
            && !response.headers().contains_key("transfer-encoding");
        let success = response.status().is_success();
        let body = if success {
            response
                .body_mut()
                .with_config()
                .limit(self.limits.body)
                .read_to_vec()?
        } else {
            beginning(&mut response, self.limits.error_body)
        };
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

/// Sizes and times only: bodies hold secrets more often than one would hope.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Headers {
    fn of(map: &HeaderMap) -> Self {
        let text = |name: &str| {
            map.get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        Self {
            request_id: text("request-id"),
            diagnostic: text("x-ms-ags-diagnostic"),
            date: text("date"),
            retry_after: map
                .get_all("retry-after")
                .iter()
                .filter_map(|value| value.to_str().ok())
                .map(str::to_owned)
                .collect(),
            challenge: text("www-authenticate"),
            content_type: text("content-type"),
            open_ended: false,
        }
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, Lost> {
    sensitive(&SecretString::from(format!(
        "Bearer {}",
        token.expose_secret()
    )))
}

/// The body of an error helps to explain it, but an error it stays without.
fn beginning(response: &mut Response<Body>, limit: u64) -> Vec<u8> {
    use std::io::Read as _;

    let mut kept = Vec::new();
    let mut reader = response.body_mut().as_reader().take(limit);
    // What came before the break is kept.
    let _ = reader.read_to_end(&mut kept);
    kept
}

fn with_headers<Any>(
    request: RequestBuilder<Any>,
    headers: &[(&'static str, SecretString)],
) -> Result<RequestBuilder<Any>, Lost> {
    headers.iter().try_fold(request, |request, (name, value)| {
        Ok(request.header(*name, sensitive(value)?))
    })
}

fn sensitive(value: &SecretString) -> Result<HeaderValue, Lost> {
    let mut header = HeaderValue::from_str(value.expose_secret())
        .map_err(|_| network("the token cannot be sent"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn network(why: impl Into<String>) -> Lost {
    Lost::Network {
        why: why.into(),
        remedy: None,
        out_of_time: false,
    }
}

/// What was lost, once it is known whether it is this machine that lacks something. What looks for a
/// name or for trust roots in files that it cannot open says that there are none.
fn lost(
    error: &ureq::Error,
    outgoing: &Outgoing<'_>,
    proxy: Option<&Way>,
    cut_short: bool,
) -> Lost {
    match (error, told(error, outgoing, proxy, cut_short)) {
        (ureq::Error::Io(io), _) if disk::is_of_handles(io) => {
            Lost::NoHandle(format!("no connection to {}: {io}", outgoing.root.host()))
        }
        (error, Lost::Network { why, .. }) if is_opaque(error) && disk::handles_are_short() => {
            Lost::NoHandle(format!("{why}; this process may open no more files"))
        }
        (_, lost) => lost,
    }
}

/// Whether a file that could not be opened can be behind it.
fn is_opaque(error: &ureq::Error) -> bool {
    use std::io::ErrorKind;

    match error {
        ureq::Error::Io(io) => !matches!(
            io.kind(),
            ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
        ),
        ureq::Error::Timeout(_)
        | ureq::Error::Protocol(_)
        | ureq::Error::LargeResponseHeader(..) => false,
        _ => true,
    }
}

/// The library's error in our words, with what to look at.
fn told(
    error: &ureq::Error,
    outgoing: &Outgoing<'_>,
    proxy: Option<&Way>,
    cut_short: bool,
) -> Lost {
    use std::io::ErrorKind;

    let root = outgoing.root;
    let why = http::why(error, root.host(), root.port(), proxy);
    let (remedy, out_of_time) = match error {
        ureq::Error::BodyExceedsLimit(limit) => return Lost::TooLarge(*limit),
        ureq::Error::Decompress(..) => return Lost::Garbled,
        ureq::Error::Timeout(phase) => {
            (Some(Remedy::WayOut), cut_short && *phase == Timeout::Global)
        }
        _ if http::is_of_name(error) => (Some(Remedy::NameService), false),
        ureq::Error::ConnectProxyFailed(_) => (Some(Remedy::Proxy), false),
        ureq::Error::Io(io) => match io.kind() {
            ErrorKind::UnexpectedEof => (None, false),
            ErrorKind::ConnectionRefused => (Some(Remedy::WayOut), false),
            _ => (trust(&why), false),
        },
        ureq::Error::Rustls(_) => (trust(&why), false),
        _ => (None, false),
    };
    let remedy = match remedy.or_else(|| other_scheme(error, outgoing)) {
        // Whose name is not known, and who does not answer, is the proxy.
        Some(Remedy::NameService | Remedy::WayOut) if proxy.is_some() => Some(Remedy::Proxy),
        remedy => remedy,
    };
    Lost::Network {
        why,
        remedy,
        out_of_time,
    }
}

/// What to do where a port does not speak what its URL says. Without TLS nothing goes to another
/// machine, so of that it is not asked.
fn other_scheme(error: &ureq::Error, outgoing: &Outgoing<'_>) -> Option<Remedy> {
    use std::io::ErrorKind;

    let (root, flag) = (outgoing.root, outgoing.flag?);
    if !root.is_loopback() {
        return None;
    }
    let broken_off = |kind| matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset);
    let speaks = match error {
        _ if root.is_https() && http::is_no_tls(error) => "that port speaks plain HTTP",
        ureq::Error::Io(io) if root.is_https() && broken_off(io.kind()) => {
            "if that port speaks plain HTTP"
        }
        ureq::Error::Protocol(_) if !root.is_https() => "if that port speaks TLS",
        _ => return None,
    };
    let flag = format!("{flag} {}", root.with_other_scheme());
    Some(Remedy::Scheme { speaks, flag })
}

fn no_way(why: String) -> Lost {
    Lost::Network {
        why,
        remedy: Some(Remedy::Proxy),
        out_of_time: false,
    }
}

/// What to look at where a certificate is not believed.
fn trust(why: &str) -> Option<Remedy> {
    why.contains("certificate").then_some(Remedy::Trust)
}

/// What holds whatever a next link says, as this library reads it: the request goes to the tenant's
/// Graph and no other, or nowhere.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(link: &str) {
    use ureq::http::Uri;

    use super::{Request, ServiceGroup, Version};

    let request = Request {
        version: Version::Beta,
        path: "things/x".to_owned(),
        query: vec![("$top".to_owned(), "5".to_owned())],
        group: ServiceGroup::Devices,
        endpoint: "x",
    };
    for graph in ["https://graph.microsoft.com", "http://127.0.0.1:8080/below"] {
        let Ok(root) = Root::parse(graph) else {
            continue;
        };
        let Ok(url) = root.url_of_link(&request, link) else {
            continue;
        };
        assert!(url.starts_with(&format!("{graph}/beta/")), "{url}");
        assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
        assert!(!url.contains(['\\', '#']), "{url}");
        let path = url.split('?').next().unwrap_or_default();
        let dots = path
            .split('/')
            .any(|part| matches!(part.to_lowercase().replace("%2e", ".").as_str(), "." | ".."));
        assert!(!dots, "{url}");
        let read: Result<Uri, _> = url.parse();
        assert!(
            read.is_ok_and(|uri| uri.host() == Some(root.host())),
            "{url}"
        );
    }
    // What somebody configures, or an environment.
    if let Ok(root) = Root::parse(link) {
        let url = root.below("x");
        let read: Result<Uri, _> = url.parse();
        assert!(read.is_ok_and(|uri| uri.host().is_some()), "{url}");
    }
}
