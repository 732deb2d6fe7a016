//! HTTP, as far as all who speak it share it: ways out with time limits, a proxy and trust roots, what
//! is told of a failure, and the pieces of URLs.
//!
//! With `graph/wire.rs`, which sends what Graph is asked, this is the only place that knows the HTTP
//! library. It knows neither Graph nor what anybody monitors.
//!
//! - A redirect is never followed: who is asked is decided here, not by who answers.
//! - The proxy comes from the environment, except for this machine, which is always reached
//!   directly: the library would send even loopback through a proxy. Where proxies are named and none
//!   can be used, nothing is sent: the library would go directly.
//! - A failure is told with the host and without the URL, whose path may be a secret.

pub mod address;
pub mod messenger;
mod names;
pub mod outside;
pub(crate) mod url;

use std::io::ErrorKind;
use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};
use ureq::{Agent, Proxy, Timeout};

use self::names::{Names, Unresolved};
use self::outside::{Proxies, Way};

/// How long the phases of any request may take. The whole of one is limited where it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phases {
    /// To find the address and to connect.
    pub(crate) connect: Duration,
    /// To send the request, and between two pieces of the answer's body.
    pub(crate) read: Duration,
}

/// Two ways out: through the proxy that the environment names, if it names one, and directly.
#[derive(Debug, Clone)]
pub(crate) struct WaysOut {
    by_proxy: Option<Agent>,
    direct: Agent,
    proxies: Proxies,
}

/// The way to one host, and the proxy that it leads through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WayOut<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) proxy: Option<&'a Way>,
}

impl WaysOut {
    /// Ways out that say `user_agent`. An answer of any status is an answer.
    pub(crate) fn new(user_agent: &str, phases: Phases) -> Self {
        let config = || {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .user_agent(user_agent)
                .accept("application/json")
                .tls_config(
                    TlsConfig::builder()
                        .root_certs(RootCerts::PlatformVerifier)
                        .build(),
                )
                .timeout_resolve(Some(phases.connect))
                .timeout_connect(Some(phases.connect))
                .timeout_send_request(Some(phases.read))
                .timeout_send_body(Some(phases.read))
                .max_idle_connections(64)
                .max_idle_connections_per_host(16)
        };
        let agent = |config: ureq::config::Config| {
            Agent::with_parts(
                config,
                DefaultConnector::default().chain(BodyPatience(phases.read)),
                Names,
            )
        };
        let proxies = Proxies::of_environment();
        let through = |proxy: &Proxy| agent(config().proxy(Some(proxy.clone())).build());
        Self {
            by_proxy: proxies.proxy().map(through),
            direct: agent(config().proxy(None).build()),
            proxies,
        }
    }

    /// The way to what no proxy leads to: this machine, and the platform that it is on.
    pub(crate) fn direct(&self) -> WayOut<'_> {
        WayOut {
            agent: &self.direct,
            proxy: None,
        }
    }

    /// The way to any other URL.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn toward(&self, url: &str) -> Result<WayOut<'_>, String> {
        let proxy = self.proxies.toward(url)?;
        match (proxy, &self.by_proxy) {
            (Some(way), Some(agent)) => Ok(WayOut {
                agent,
                proxy: Some(way),
            }),
            _ => Ok(self.direct()),
        }
    }

    /// All of them.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.by_proxy.iter().chain([&self.direct])
    }
}

/// The library's error in our words, of a request to `host`, at `port` if that is not the one of the
/// scheme, perhaps by a proxy: who did not answer is then the proxy. The library's own texts can hold
/// URLs, so few of them are passed on.
pub(crate) fn why(
    error: &ureq::Error,
    host: &str,
    port: Option<u16>,
    proxy: Option<&Way>,
) -> String {
    let there = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let asked = proxy.map_or_else(|| there.clone(), ToString::to_string);
    let by = proxy.map_or_else(String::new, |proxy| format!(", by {proxy}"));
    match error {
        ureq::Error::Timeout(phase @ (Timeout::Resolve | Timeout::Connect)) => {
            format!("{asked} did not answer in time ({phase})")
        }
        ureq::Error::Timeout(phase) => format!("{host} did not answer in time ({phase}){by}"),
        _ if is_of_name(error) => {
            let name = match proxy {
                Some(proxy) => format!("the host name of {proxy}"),
                None => format!("host name {host}"),
            };
            match error {
                ureq::Error::Other(why) => format!("{name} is not known: {why}"),
                _ => format!("{name} is not known"),
            }
        }
        ureq::Error::ConnectProxyFailed(why) => {
            let answered =
                status(why).map_or_else(String::new, |status| format!(": it answers {status}"));
            format!("{asked} gives no connection to {there}{answered}")
        }
        ureq::Error::Io(io) if io.kind() == ErrorKind::UnexpectedEof => {
            format!("{host} broke the connection off{by}")
        }
        ureq::Error::Io(io) if io.kind() == ErrorKind::ConnectionRefused => {
            format!("{asked} refuses the connection")
        }
        _ if is_no_tls(error) => format!("{there} answers with something that is not TLS{by}"),
        ureq::Error::Io(io) => format!("{there}: {io}{by}"),
        ureq::Error::Rustls(tls) => format!("{there}: {tls}{by}"),
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
            format!("{there} answers with something that is not HTTP{by}")
        }
        _ => format!("no connection to {host}{by}"),
    }
}

/// Whether something else came than TLS: the first byte was no type of a record.
pub(crate) fn is_no_tls(error: &ureq::Error) -> bool {
    let said = match error {
        ureq::Error::Io(io) => io.to_string(),
        ureq::Error::Rustls(tls) => tls.to_string(),
        _ => return false,
    };
    said.ends_with("InvalidContentType")
}

/// Whether a host has no address.
pub(crate) fn is_of_name(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound => true,
        ureq::Error::Other(other) => other.is::<Unresolved>(),
        _ => false,
    }
}

/// The status that a proxy answered with, in the library's words for it.
fn status(why: &str) -> Option<u16> {
    why.split([' ', '/']).find_map(|word| word.parse().ok())
}

/// Gives the reads of a body a limit each. The library's own limit per read would also end the
/// wait for the first byte of an answer, which may rightly take longer.
#[derive(Debug)]
struct BodyPatience(Duration);

impl Connector<Box<dyn Transport>> for BodyPatience {
    type Out = PatientTransport;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        chained: Option<Box<dyn Transport>>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|inner| PatientTransport {
            inner,
            per_read: self.0,
        }))
    }
}

#[derive(Debug)]
struct PatientTransport {
    inner: Box<dyn Transport>,
    per_read: Duration,
}

impl Transport for PatientTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, mut timeout: NextTimeout) -> Result<bool, ureq::Error> {
        if timeout.reason != Timeout::RecvResponse {
            timeout.per_read = Some(self.per_read.into());
        }
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
