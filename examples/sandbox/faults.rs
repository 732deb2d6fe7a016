//! Faults on demand: what goes wrong, where, how often.
//!
//! Only the decision is here; carrying it out is the business of whoever answers.

use std::time::Duration;

/// What goes wrong. Each has a word for the command line, see [`Kind::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An error answer of that status, in the shape the service gives it.
    Status(u16),
    /// 403 that names the permissions of the collection.
    Forbidden,
    /// 400 "not applicable to target tenant".
    NotLicensed,
    /// 403 by which Entra says that the tenant has no premium licence.
    NotPremium,
    /// 401 with a good token; with a claims challenge or not.
    Unauthorized {
        /// Whether more claims are asked for.
        claims: bool,
    },
    /// 503 on the connection that met it first, for as long as that lives; others are well.
    BadConnection,
    /// No answer until released.
    Hang,
    /// Eight bytes, then this pause.
    Drip(Duration),
    /// A reset instead of an answer.
    Reset,
    /// A reset in the middle of the body.
    ResetInBody,
    /// Less than `Content-Length` promised.
    Truncated,
    /// Chunks without a last one.
    TruncatedChunked,
    /// Half a body, delimited by the close.
    TruncatedClose,
    /// 200 with a web page.
    Html,
    /// 200 with nothing.
    Empty,
    /// 200 with `null`.
    Null,
    /// 200 with an object that has no `value`.
    NoValue,
    /// 200 with an error document.
    ErrorObject,
    /// 200 with half a JSON document, well delimited.
    InvalidJson,
    /// 200 with these bytes.
    Body(Vec<u8>),
    /// 200 with a small body that unpacks to so many bytes.
    Bomb(usize),
    /// A redirect of that status to there.
    Redirect(u16, String),
    /// The answer, padded with white space to that many bytes.
    Big(usize),
    /// The next link leads to the page it is on.
    NextItself,
    /// The next link leads there.
    NextTo(String),
    /// Always another page, with the same items.
    NextEndless,
    /// A first page without items and with a next link.
    EmptyPage,
    /// Each page begins with the last item of the one before.
    Duplicate,
    /// 400 that repeats what was sent, the secret parts too.
    Echo,
    /// Any one of 429 with and without `Retry-After`, 500, 502, 503, 504, a reset and a body that is
    /// cut off.
    Random,
}

impl Kind {
    /// Reads the word of a fault: `status:503`, `forbidden`, `hang`, `drip:50`, `big:20000000`,
    /// `next-to:URL`, …
    pub fn parse(word: &str) -> Option<Self> {
        let (name, argument) = word.split_once(':').unwrap_or((word, ""));
        Some(match name {
            "status" => Self::Status(argument.parse().ok()?),
            "forbidden" => Self::Forbidden,
            "not-licensed" => Self::NotLicensed,
            "not-premium" => Self::NotPremium,
            "not-found" => Self::Status(404),
            "unauthorized" => Self::Unauthorized { claims: false },
            "unauthorized-claims" => Self::Unauthorized { claims: true },
            "bad-connection" => Self::BadConnection,
            "hang" => Self::Hang,
            "drip" => Self::Drip(Duration::from_millis(argument.parse().unwrap_or(50))),
            "reset" => Self::Reset,
            "reset-in-body" => Self::ResetInBody,
            "truncated" => Self::Truncated,
            "truncated-chunked" => Self::TruncatedChunked,
            "truncated-close" => Self::TruncatedClose,
            "html" => Self::Html,
            "empty" => Self::Empty,
            "null" => Self::Null,
            "no-value" => Self::NoValue,
            "error-object" => Self::ErrorObject,
            "invalid-json" => Self::InvalidJson,
            "body" => Self::Body(argument.as_bytes().to_vec()),
            "bomb" => Self::Bomb(argument.parse().ok()?),
            "redirect" => Self::Redirect(302, argument.to_owned()),
            "big" => Self::Big(argument.parse().ok()?),
            "next-itself" => Self::NextItself,
            "next-to" => Self::NextTo(argument.to_owned()),
            "next-other-host" => Self::NextTo("https://graph.other.invalid/beta/x".to_owned()),
            "next-http" => Self::NextTo("http://graph.microsoft.com/beta/x".to_owned()),
            "next-endless" => Self::NextEndless,
            "empty-page" => Self::EmptyPage,
            "duplicate" => Self::Duplicate,
            "echo" => Self::Echo,
            "random" => Self::Random,
            _ => return None,
        })
    }
}

/// Whose faults have to be set by name: the sign-in, and the issuers.
const SIGN_IN: [&str; 6] = [
    "token",
    "vm-identity",
    "app-identity",
    "arc-identity",
    "github-oidc",
    "pipelines-oidc",
];

/// One fault and when it strikes.
#[derive(Debug, Clone)]
pub struct Fault {
    path: String,
    kind: Kind,
    times: Option<u32>,
    after_page: usize,
    after_requests: u32,
    percent: u8,
    retry_after: Vec<String>,
    directory: Option<String>,
    bad_connections: Vec<u64>,
}

/// What a request is, as far as faults go.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Path below the version, or `token` for the sign-in.
    pub path: &'a str,
    /// Number of the page, from 1.
    pub page: usize,
    /// Whose token it carries.
    pub directory: &'a str,
    /// On which connection it came.
    pub connection: u64,
}

impl Fault {
    /// A fault of everything at and below `path` (below the version), for ever.
    ///
    /// `""` is all of Graph, `token` the sign-in, and each issuer has a name. A path that ends with `/` means only what is
    /// below, one that ends with `$` only the path itself.
    pub fn on(path: &str, kind: Kind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            times: None,
            after_page: 0,
            after_requests: 0,
            percent: 100,
            retry_after: Vec::new(),
            directory: None,
            bad_connections: Vec::new(),
        }
    }

    /// Strikes that many times.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Leaves the first `pages` pages of a list alone.
    pub fn after_page(mut self, pages: usize) -> Self {
        self.after_page = pages;
        self
    }

    /// Leaves the first `requests` matching requests alone.
    pub fn after_requests(mut self, requests: u32) -> Self {
        self.after_requests = requests;
        self
    }

    /// Strikes that share of the matching requests, by the sandbox's seed.
    pub fn percent(mut self, percent: u8) -> Self {
        self.percent = percent;
        self
    }

    /// Adds a `Retry-After` header, as given; `date:N` becomes the HTTP date N seconds from now.
    /// Twice gives two headers.
    pub fn retry_after(mut self, value: &str) -> Self {
        self.retry_after.push(value.to_owned());
        self
    }

    /// Only for requests of that directory.
    pub fn directory(mut self, directory: &str) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    fn concerns(&self, subject: Subject<'_>) -> bool {
        let path = subject.path;
        let here = match self.path.strip_suffix('$') {
            Some(exact) => path == exact,
            None if self.path.is_empty() => !SIGN_IN.contains(&path),
            None if self.path.ends_with('/') => path.starts_with(&self.path),
            None => path
                .strip_prefix(&self.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        };
        let whose = self.directory.as_deref();
        here && subject.page > self.after_page
            && whose.is_none_or(|directory| directory == subject.directory)
    }
}

/// A fault that strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// What goes wrong.
    pub kind: Kind,
    /// Values of `Retry-After` headers.
    pub retry_after: Vec<String>,
}

/// All faults that are set, and the dice.
#[derive(Debug)]
pub struct Faults {
    faults: Vec<Fault>,
    dice: Dice,
}

impl Faults {
    /// None.
    pub fn new(seed: u64) -> Self {
        Self {
            faults: Vec::new(),
            dice: Dice(seed),
        }
    }

    /// Sets one more; the one that was set first wins.
    pub fn set(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        self.faults.clear();
    }

    /// Whether, and how, a request fails.
    pub fn strike(&mut self, subject: Subject<'_>) -> Option<Strike> {
        for fault in &mut self.faults {
            if !fault.concerns(subject) || !strikes(fault, subject, &mut self.dice) {
                continue;
            }
            let mut retry_after = fault.retry_after.clone();
            let kind = match &fault.kind {
                Kind::Random => self.dice.pick(&mut retry_after),
                Kind::BadConnection => Kind::Status(503),
                kind => kind.clone(),
            };
            return Some(Strike { kind, retry_after });
        }
        None
    }
}

fn strikes(fault: &mut Fault, subject: Subject<'_>, dice: &mut Dice) -> bool {
    if fault.bad_connections.contains(&subject.connection) {
        return true;
    }
    if fault.after_requests > 0 {
        fault.after_requests -= 1;
        return false;
    }
    if fault.times == Some(0) || dice.roll(100) >= u64::from(fault.percent) {
        return false;
    }
    if let Some(times) = &mut fault.times {
        *times -= 1;
    }
    if fault.kind == Kind::BadConnection {
        fault.bad_connections.push(subject.connection);
    }
    true
}

/// Numbers that look random and repeat with the seed (the SplitMix64 sequence).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(sides).unwrap_or(0)
    }

    /// One of the faults that pass; a 429 asks for a second in half of the cases.
    fn pick(&mut self, retry_after: &mut Vec<String>) -> Kind {
        match self.roll(10) {
            0 => {
                retry_after.push("1".to_owned());
                Kind::Status(429)
            }
            1 => Kind::Status(429),
            2 => Kind::Status(500),
            3 => Kind::Status(502),
            4 => Kind::Status(503),
            5 => Kind::Status(504),
            6 => Kind::Reset,
            7 => Kind::ResetInBody,
            8 => Kind::Truncated,
            _ => Kind::TruncatedClose,
        }
    }
}
