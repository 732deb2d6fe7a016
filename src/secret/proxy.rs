//! The proxies that the environment names. Their URLs may hold a password, so they are secrets.

use std::fmt;

use secrecy::SecretString;

use super::variable_value;

/// The variables that are looked at, in this order; the first that can be used counts, for every
/// scheme.
const VARIABLES: [&str; 6] = [
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
];

/// A proxy and the variable that names it.
#[derive(Clone)]
pub struct Named {
    /// The variable.
    pub variable: &'static str,
    /// Its URL, or what should be one.
    pub url: SecretString,
}

/// The proxies that are named, in the order in which they count. Variables that are empty or not
/// UTF-8 name none.
pub fn named() -> Vec<Named> {
    let value = |name| variable_value(name)?.into_string().ok();
    VARIABLES
        .into_iter()
        .filter_map(|variable| {
            let url = value(variable).filter(|url| !url.is_empty())?;
            Some(Named {
                variable,
                url: SecretString::from(url),
            })
        })
        .collect()
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.variable)
    }
}
