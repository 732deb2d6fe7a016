//! What stands between this machine and every service: the proxy, and whose certificates are
//! believed. Told as the HTTP library sees them, because that is what counts.

use std::fmt;

use secrecy::ExposeSecret as _;
use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

use crate::plural::form;
use crate::secret::proxy::{self, Named};

/// How a proxy is named.
pub const HINT: &str = "ALL_PROXY, HTTPS_PROXY, HTTP_PROXY: the first that can be used counts; write it as http://HOST:PORT";

/// The proxy in effect, without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The variable that names it.
    pub variable: &'static str,
    /// Its scheme, host and port.
    pub address: String,
    /// Whether it is given a user name.
    pub signs_in: bool,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proxy {} ({})", self.address, self.variable)
    }
}

/// The proxies that are named, as far as they can be used.
#[derive(Debug, Clone)]
pub struct Proxies {
    way: Option<(Way, Proxy)>,
    unusable: Vec<&'static str>,
    exemptions: Option<Proxy>,
}

impl Proxies {
    /// What the environment says.
    pub fn of_environment() -> Self {
        Self::of(&proxy::named(), &proxy::exempt())
    }

    /// The first of the `named` that can be used, for all hosts but those that are `exempt`.
    pub fn of(named: &[Named], exempt: &[String]) -> Self {
        let mut unusable = Vec::new();
        let way = named.iter().find_map(|one| {
            let way = usable(one);
            if way.is_none() {
                unusable.push(one.variable);
            }
            way
        });
        // It is never used; the library knows the patterns, and asks a proxy about them.
        let exemptions = exempt
            .iter()
            .fold(Proxy::builder(ProxyProtocol::Http), |proxy, host| {
                proxy.no_proxy(host)
            });
        Self {
            way,
            unusable,
            exemptions: exemptions.build().ok(),
        }
    }

    /// The proxy in effect, if there is one.
    pub fn way(&self) -> Option<&Way> {
        self.way.as_ref().map(|(way, _)| way)
    }

    pub(super) fn proxy(&self) -> Option<&Proxy> {
        self.way.as_ref().map(|(_, proxy)| proxy)
    }

    /// The variables before it whose value is no proxy that can be used; all of them, where none can.
    pub fn unusable(&self) -> &[&'static str] {
        &self.unusable
    }

    /// Whether this URL is asked for directly, whatever proxy is named.
    pub fn pass_by(&self, url: &str) -> bool {
        let uri: Result<Uri, _> = url.parse();
        match (&self.exemptions, uri) {
            (Some(exemptions), Ok(uri)) => exemptions.is_no_proxy(&uri),
            _ => false,
        }
    }

    /// The proxy that leads to this URL; none where it is asked for directly.
    ///
    /// # Errors
    /// Proxies are named, and none can be used: who named one wants nothing to go past it.
    pub fn toward(&self, url: &str) -> Result<Option<&Way>, String> {
        match self.way() {
            _ if self.pass_by(url) => Ok(None),
            None if !self.unusable.is_empty() => Err(cannot_be_used(&self.unusable)),
            way => Ok(way),
        }
    }
}

/// What is wrong with the values of these variables. They may hold a password, and are not told.
pub fn cannot_be_used(variables: &[&str]) -> String {
    let names = variables.join(", ");
    let names_one = form(
        variables.len(),
        "names a proxy that cannot",
        "name proxies that cannot",
    );
    format!("{names} {names_one} be used")
}

/// A proxy that this program can go through: by HTTP or HTTPS, for the library takes SOCKS and goes past it.
fn usable(named: &Named) -> Option<(Way, Proxy)> {
    let proxy = Proxy::new(named.url.expose_secret()).ok()?;
    let scheme = match proxy.protocol() {
        ProxyProtocol::Http => "http",
        ProxyProtocol::Https => "https",
        _ => return None,
    };
    let way = Way {
        variable: named.variable,
        address: format!("{scheme}://{}:{}", proxy.host(), proxy.port()),
        signs_in: proxy.username().is_some(),
    };
    Some((way, proxy))
}

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// How many authorities.
    pub count: usize,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// The authorities that certificates are checked against: those of this system, or those that
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
pub fn trust_roots() -> Roots {
    let found = rustls_native_certs::load_native_certs();
    Roots {
        count: found.certs.len(),
        problems: found.errors.iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn named(all: &[(&'static str, &str)]) -> Vec<Named> {
        all.iter()
            .map(|&(variable, url)| Named {
                variable,
                url: SecretString::from(url),
            })
            .collect()
    }

    fn proxies(all: &[(&'static str, &str)], exempt: &[&str]) -> Proxies {
        let exempt: Vec<String> = exempt.iter().map(|&host| host.to_owned()).collect();
        Proxies::of(&named(all), &exempt)
    }

    #[test]
    fn the_first_proxy_that_can_be_used_counts_and_its_password_is_not_told() {
        let none = proxies(&[], &[]);
        assert_eq!((none.way(), none.unusable()), (None, &[][..]));
        let found = proxies(
            &[
                ("ALL_PROXY", "gopher://nowhere"),
                ("all_proxy", "socks5://proxy.example.com:1080"),
                ("HTTPS_PROXY", "http://me:s3cret@proxy.example.com:3128"),
                ("HTTP_PROXY", "http://other.example.com"),
            ],
            &[],
        );
        let way = found.way().unwrap();
        assert_eq!(way.variable, "HTTPS_PROXY");
        assert_eq!(way.address, "http://proxy.example.com:3128");
        assert!(way.signs_in);
        assert_eq!(found.unusable(), ["ALL_PROXY", "all_proxy"]);
        assert!(!format!("{found:?} {way}").contains("s3cret"));
        let bare = proxies(&[("http_proxy", "proxy.example.com:8080")], &[]);
        assert_eq!(bare.way().unwrap().address, "http://proxy.example.com:8080");
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_not_gone_past() {
        let graph = "https://graph.microsoft.com/v1.0";
        assert_eq!(proxies(&[], &[]).toward(graph), Ok(None));
        for value in [
            "notaurl::",
            "socks5://127.0.0.1:1080",
            "socks5h://127.0.0.1",
        ] {
            let broken = [("HTTPS_PROXY", value)];
            let found = proxies(&broken, &["login.example"]);
            let said = "HTTPS_PROXY names a proxy that cannot be used";
            assert_eq!(found.toward(graph), Err(said.to_owned()), "{value}");
            for exempt in ["graph.microsoft.com", ".microsoft.com", "*"] {
                let exempt = proxies(&broken, &["", exempt]);
                assert_eq!(exempt.toward(graph), Ok(None));
            }
        }
        let two = proxies(&[("ALL_PROXY", "::"), ("HTTP_PROXY", "::")], &[]);
        let why = two.toward(graph).unwrap_err();
        assert_eq!(
            why,
            "ALL_PROXY, HTTP_PROXY name proxies that cannot be used"
        );
        let good = proxies(&[("ALL_PROXY", "::"), ("HTTP_PROXY", "http://p")], &["x"]);
        assert_eq!(good.toward(graph).unwrap(), good.way());
        assert_eq!(good.toward("https://x/"), Ok(None));
    }
}
