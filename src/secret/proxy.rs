//! The proxies that the environment names, and what they are not for. Their URLs may hold a password,
//! so they are secrets.

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

/// The variables that say what no proxy is for; the first that is set counts.
const EXEMPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

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

/// The hosts that are asked directly, whatever proxy is named: names, or patterns with a star or a dot
/// at one end.
pub fn exempt() -> Vec<String> {
    let value = |name| variable_value(name)?.into_string().ok();
    let hosts = EXEMPTIONS.into_iter().find_map(value).unwrap_or_default();
    hosts
        .split(',')
        .map(|host| host.trim().to_owned())
        .collect()
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.variable)
    }
}
