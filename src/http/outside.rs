//! What stands between this machine and every service: the proxy, and whose certificates are
//! believed. Told as the HTTP library sees them, because that is what counts.

use secrecy::ExposeSecret as _;
use ureq::Proxy;
use ureq::http::Uri;

use crate::secret::proxy::Named;

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

/// The first of the named proxies that can be used, if any can, and the variables before it whose
/// value cannot.
pub fn way(named: &[Named]) -> (Option<Way>, Vec<&'static str>) {
    let mut unusable = Vec::new();
    for one in named {
        match Proxy::new(one.url.expose_secret()) {
            Ok(proxy) => {
                let scheme = proxy.uri().scheme_str().unwrap_or("http");
                let way = Way {
                    variable: one.variable,
                    address: format!("{scheme}://{}:{}", proxy.host(), proxy.port()),
                    signs_in: proxy.username().is_some(),
                };
                return (Some(way), unusable);
            }
            Err(_) => unusable.push(one.variable),
        }
    }
    (None, unusable)
}

/// Whether `NO_PROXY` takes this URL off the proxy that is in effect.
pub fn passes_by(url: &str) -> bool {
    let uri: Result<Uri, _> = url.parse();
    match (Proxy::try_from_env(), uri) {
        (Some(proxy), Ok(uri)) => proxy.is_no_proxy(&uri),
        _ => false,
    }
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

    #[test]
    fn the_first_proxy_that_can_be_used_counts_and_its_password_is_not_told() {
        assert_eq!(way(&[]), (None, vec![]));
        let all = named(&[
            ("ALL_PROXY", "gopher://nowhere"),
            ("HTTPS_PROXY", "http://me:s3cret@proxy.example.com:3128"),
            ("HTTP_PROXY", "http://other.example.com"),
        ]);
        let (found, unusable) = way(&all);
        let found = found.unwrap();
        assert_eq!(found.variable, "HTTPS_PROXY");
        assert_eq!(found.address, "http://proxy.example.com:3128");
        assert!(found.signs_in);
        assert_eq!(unusable, ["ALL_PROXY"]);
        assert!(!format!("{found:?} {all:?}").contains("s3cret"));
        let (bare, _) = way(&named(&[("http_proxy", "proxy.example.com:8080")]));
        assert_eq!(bare.unwrap().address, "http://proxy.example.com:8080");
    }
}
