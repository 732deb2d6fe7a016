//! A URL that whoever knows it may use: the ping URL of a check, the address of a webhook. Its path
//! is as good as a password, so that it is shown shortened and is told by no error.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::url::{
    default_port, has_dot_segment, host_and_port, is_loopback, is_path_byte, sendable,
    split_authority,
};

/// No such URL is longer.
const LONGEST: usize = 2000;

/// `https://HOST[:PORT][/PATH][?QUERY]`, or plain `http` where the host is this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    whole: String,
    host: String,
    port: Option<u16>,
    is_https: bool,
}

impl Address {
    /// Reads a URL as somebody gives it. The error says what is wrong with it and holds nothing of it,
    /// to stand after the name of what it is for.
    ///
    /// # Errors
    /// Plain http to another machine, a user or a password, a fragment, a host that cannot be one, or
    /// what cannot be sent as it is.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("is no https URL")?;
        let is_https = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err("is no https URL".to_owned()),
        };
        let (authority, tail) = split_authority(rest);
        if authority.contains('@') {
            return Err("has a user name or a password".to_owned());
        }
        let (host, port) = host_and_port(authority).ok_or("has no usable host and port")?;
        if !is_https && !is_loopback(&host) {
            return Err("is not https: plain http goes to this machine only".to_owned());
        }
        if tail.contains('#') {
            return Err("has a fragment, which is never sent".to_owned());
        }
        let path = tail.split('?').next().unwrap_or_default();
        if url.len() > LONGEST || !tail.bytes().all(is_path_byte) || has_dot_segment(path) {
            return Err("has a character or a segment that no such URL has".to_owned());
        }
        // What is sent begins its path with a slash, whether it was typed or not.
        let slash = if path.is_empty() { "/" } else { "" };
        let whole = format!("{scheme}://{}{slash}{tail}", authority.to_ascii_lowercase());
        Ok(Self {
            whole: sendable(whole).map_err(|_| "cannot be sent as it is")?,
            host,
            port: port.filter(|&port| port != default_port(is_https)),
            is_https,
        })
    }

    /// All of it. For whoever sends to it, or may change it.
    pub fn exposed(&self) -> &str {
        &self.whole
    }

    /// Its host, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port, where that is not the one of its scheme.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether it is spoken to through TLS.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether it is this machine, to which no proxy leads.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Where it leads, for everybody: the origin, and eight digits by which two can be told apart.
    /// They are of a digest, so that nothing can be sent with them.
    pub fn shortened(&self) -> String {
        let end = self.whole.find("://").map_or(0, |at| at + 3);
        let (scheme, rest) = self.whole.split_at(end);
        let (authority, _) = split_authority(rest);
        let digest = Sha256::digest(self.whole.as_bytes());
        let digits: String = digest[..4]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{scheme}{authority}/… ({digits})")
    }

    /// The URL with a segment more in its path, and an option more in its query; what it had before
    /// stays as it is. Both are letters, digits and dashes.
    pub fn with(&self, segment: Option<&str>, option: Option<(&str, &str)>) -> String {
        let (path, query) = match self.whole.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.whole.as_str(), None),
        };
        let mut url = match segment {
            Some(segment) => format!("{}/{segment}", path.trim_end_matches('/')),
            None => path.to_owned(),
        };
        let option = option.map(|(name, value)| format!("{name}={value}"));
        let options = [query.map(str::to_owned), option];
        let options: Vec<String> = options.into_iter().flatten().collect();
        if !options.is_empty() {
            url.push('?');
            url.push_str(&options.join("&"));
        }
        url
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shortened())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_and_an_error_holds_nothing_of_it() {
        for good in [
            "https://hc-ping.com/5f0a-secret",
            "https://push.example.com:8443/api/secret?status=up&msg=OK",
            "http://127.0.0.1:8080/secret",
            "http://localhost/secret",
            "http://[::1]:1/secret",
        ] {
            assert_eq!(Address::parse(good).unwrap().exposed(), good);
        }
        let bare = Address::parse("https://Hooks.Example.com").unwrap();
        assert_eq!(bare.exposed(), "https://hooks.example.com/");
        let long = format!("https://h.example/secret{}", "x".repeat(2000));
        for bad in [
            "",
            "secret",
            "ftp://h.example/secret",
            "http://h.example/secret",
            "http://127.0.0.1.example/secret",
            "https://user:secret@h.example/",
            "https://h.example/secret#x",
            "https://h.example/a/../secret",
            "https://h.example/sec ret",
            "https://h.example/secret\n",
            "https:///secret",
            "https://h.example:0/secret",
            "https://h_x.example/secret",
            &long,
        ] {
            let why = Address::parse(bad).unwrap_err();
            assert!(!why.contains("secret"), "{bad}: {why}");
        }
    }

    #[test]
    fn what_is_shown_leads_nowhere() {
        let one = Address::parse("https://h.example:8443/secret-1?key=secret").unwrap();
        let other = Address::parse("https://h.example:8443/secret-2?key=secret").unwrap();
        let shown = one.shortened();
        assert!(shown.starts_with("https://h.example:8443/… ("), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
        assert_ne!(shown, other.shortened());
        assert_eq!(format!("{one:?}"), shown);
    }

    #[test]
    fn segments_and_options_are_added_to_what_is_there() {
        let with = |url: &str, segment, option| Address::parse(url).unwrap().with(segment, option);
        let rid = Some(("rid", "1-2"));
        assert_eq!(
            with("https://h.example/a", None, None),
            "https://h.example/a"
        );
        assert_eq!(
            with("https://h.example/a", Some("start"), rid),
            "https://h.example/a/start?rid=1-2"
        );
        assert_eq!(
            with("https://h.example/a/?create=1", Some("fail"), rid),
            "https://h.example/a/fail?create=1&rid=1-2"
        );
        assert_eq!(
            with("https://h.example", None, rid),
            "https://h.example/?rid=1-2"
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_taken_is_sent_as_it_is_and_to_its_host(
            url in crate::mutation::mutated_text(&[
                "https://hc-ping.com/5f0a3c1e-secret",
                "https://push.example.com:8443/api/secret?status=up&msg=OK",
                "http://127.0.0.1:8080/secret",
                "http://[::1]/",
            ]),
        ) {
            if let Ok(address) = Address::parse(&url) {
                let again = Address::parse(address.exposed()).unwrap();
                proptest::prop_assert_eq!(&again, &address);
                let url = address.with(Some("start"), Some(("rid", "1-2")));
                let uri: ureq::http::Uri = url.parse().unwrap();
                proptest::prop_assert_eq!(uri.host(), Some(address.host()));
                proptest::prop_assert!(uri.to_string() == url);
            }
        }
    }
}
