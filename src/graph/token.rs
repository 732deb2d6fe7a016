//! The access tokens of one process, kept in memory and nowhere else.
//!
//! - One token per [`Identity`]. It is replaced when less than 5 minutes of its life remain (or
//!   less than half, for one that lives shorter than 10), and after a 401.
//! - Where several threads want the same token, one fetches it and the rest wait for it; if it
//!   fails, they fail with it instead of asking in turn.
//! - Life is counted on the monotonic clock from before the request, as the answer may be slow.
//! - A token is opaque: nothing is decided by what is in it. Its roles are read for people who ask
//!   why something is forbidden.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::root::Root;
use super::{Error, Fault};
use crate::json;

const MARGIN: Duration = Duration::from_secs(5 * 60);

/// Whose token it is, for what: the same for all requests that may share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) authority: Root,
    pub(super) directory: String,
    pub(super) client_id: String,
    pub(super) scope: String,
    /// Kind and reference of the credential, so that a changed one signs in anew.
    pub(super) credential: (&'static str, String),
}

/// A token as the sign-in service gave it.
pub(super) struct Fresh {
    pub(super) secret: SecretString,
    pub(super) lifetime: Duration,
    /// When it was asked for.
    pub(super) asked_at: Instant,
}

/// A token in use.
#[derive(Clone)]
pub(super) struct Token {
    secret: Arc<SecretString>,
    serial: u64,
    refresh_at: Instant,
}

impl Token {
    /// What goes into the header.
    pub(super) fn secret(&self) -> &SecretString {
        &self.secret
    }
}

/// The application permissions that a token names; nothing where it does not say.
pub(super) fn roles(token: &SecretString) -> Option<Vec<String>> {
    let claims = token.expose_secret().split('.').nth(1)?;
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims).ok()?);
    let claims: Claims = json::read(&claims).ok()?;
    let names = claims.roles.into_iter().filter(|role| {
        role.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    });
    Some(names.collect())
}

/// What is read of a token.
#[derive(Deserialize)]
struct Claims {
    /// Left out where there is none.
    #[serde(default)]
    roles: Vec<String>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

/// All tokens of the process.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    slots: Mutex<HashMap<Identity, Arc<Slot>>>,
}

#[derive(Debug, Default)]
struct Slot {
    /// How often a token was asked for; what came of it last is in `state`.
    fetches: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    failure: Option<Error>,
}

impl Tokens {
    /// The token of `identity`; `fetch` is called where there is none that lasts.
    pub(super) fn get(
        &self,
        identity: &Identity,
        now: impl Fn() -> Instant,
        fetch: impl FnOnce() -> Result<Fresh, Error>,
    ) -> Result<Token, Error> {
        let slot = self.slot(identity);
        let fetches_seen = slot.fetches.load(Ordering::SeqCst);
        let mut state = lock(&slot.state);
        if let Some(token) = state.token.as_ref().filter(|t| now() < t.refresh_at) {
            return Ok(token.clone());
        }
        let fetches = slot.fetches.load(Ordering::SeqCst);
        if fetches != fetches_seen
            && let Some(failure) = &state.failure
        {
            return Err(failure.clone());
        }
        let fetched = fetch();
        slot.fetches.store(fetches + 1, Ordering::SeqCst);
        match fetched {
            Ok(fresh) => {
                let token = Token {
                    secret: Arc::new(fresh.secret),
                    serial: fetches + 1,
                    refresh_at: fresh.asked_at + useful_life(fresh.lifetime),
                };
                *state = State {
                    token: Some(token.clone()),
                    failure: None,
                };
                Ok(token)
            }
            Err(error) => {
                // The end of one run is no reason for another to fail.
                let shared = !matches!(error.fault, Fault::TimedOut | Fault::Canceled);
                *state = State {
                    token: None,
                    failure: shared.then(|| error.clone()),
                };
                Err(error)
            }
        }
    }

    /// Drops a token that Graph refused. One that was replaced meanwhile stays.
    pub(super) fn refused(&self, identity: &Identity, token: &Token) {
        let slot = self.slot(identity);
        let mut state = lock(&slot.state);
        if state
            .token
            .as_ref()
            .is_some_and(|t| t.serial == token.serial)
        {
            state.token = None;
        }
    }

    fn slot(&self, identity: &Identity) -> Arc<Slot> {
        Arc::clone(lock(&self.slots).entry(identity.clone()).or_default())
    }
}

/// How long a token is used before the next is asked for.
fn useful_life(lifetime: Duration) -> Duration {
    // No clock reaches further than this, and an instant must not overflow.
    let lifetime = lifetime.min(Duration::from_secs(7 * 24 * 3600));
    lifetime.saturating_sub(MARGIN.min(lifetime / 2))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What holds whatever a token says: a role is a plain word. The bytes are taken for its claims, and
/// for the whole of it.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(bytes: &[u8]) {
    let claims = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(bytes));
    let whole = String::from_utf8_lossy(bytes).into_owned();
    for token in [claims, whole] {
        for role in roles(&SecretString::from(token)).unwrap_or_default() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            assert!(role.bytes().all(plain), "{role:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn identity(directory: &str) -> Identity {
        Identity {
            authority: Root::parse("https://login.microsoftonline.com").unwrap(),
            directory: directory.to_owned(),
            client_id: "app".to_owned(),
            scope: "https://graph.microsoft.com/.default".to_owned(),
            credential: ("secret-env", "SECRET".to_owned()),
        }
    }

    fn fresh(secret: &str, seconds: u64, asked_at: Instant) -> Result<Fresh, Error> {
        Ok(Fresh {
            secret: SecretString::from(secret),
            lifetime: Duration::from_secs(seconds),
            asked_at,
        })
    }

    fn text(token: &Token) -> &str {
        token.secret().expose_secret()
    }

    #[test]
    fn a_token_is_used_until_five_minutes_remain() {
        let (tokens, start) = (Tokens::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let get = |now: u64, secret: &str| {
            tokens
                .get(&identity("a"), || at(now), || fresh(secret, 3599, at(now)))
                .unwrap()
        };
        assert_eq!(text(&get(0, "one")), "one");
        assert_eq!(text(&get(3298, "two")), "one");
        assert_eq!(text(&get(3299, "two")), "two");
        let other = tokens
            .get(&identity("b"), || at(0), || fresh("other", 3599, at(0)))
            .unwrap();
        assert_eq!(text(&other), "other");
    }

    #[test]
    fn a_short_lived_token_is_used_for_half_its_life() {
        assert_eq!(
            useful_life(Duration::from_secs(60)),
            Duration::from_secs(30)
        );
        assert_eq!(useful_life(Duration::ZERO), Duration::ZERO);
        assert!(
            Instant::now()
                .checked_add(useful_life(Duration::MAX))
                .is_some()
        );
    }

    #[test]
    fn a_refused_token_is_dropped_once() {
        let (tokens, now) = (Tokens::default(), Instant::now());
        let get = |secret: &str| {
            tokens
                .get(&identity("a"), || now, || fresh(secret, 3599, now))
                .unwrap()
        };
        let old = get("old");
        tokens.refused(&identity("a"), &old);
        assert_eq!(text(&get("new")), "new");
        tokens.refused(&identity("a"), &old);
        assert_eq!(text(&get("newest")), "new");
    }

    #[test]
    fn many_threads_fetch_once_and_share_a_failure() {
        for fail in [false, true] {
            let (tokens, now) = (Tokens::default(), Instant::now());
            let (calls, all_here) = (AtomicUsize::new(0), Barrier::new(8));
            let outcomes: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            let id = identity("a");
                            let slot = tokens.slot(&id);
                            let fetch = || {
                                let first = calls.fetch_add(1, Ordering::SeqCst) == 0;
                                // Eight threads here, the same eight inside, and the map: then
                                // all of them wait for this fetch.
                                while first && Arc::strong_count(&slot) < 17 {
                                    std::thread::yield_now();
                                }
                                if fail {
                                    return Err(Error::new(Fault::Auth, "refused"));
                                }
                                fresh("one", 3599, now)
                            };
                            all_here.wait();
                            tokens.get(&id, || now, fetch).map(|t| text(&t).to_owned())
                        })
                    })
                    .collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            if fail {
                // A thread between its two reads may come late and ask once more.
                assert!(calls.load(Ordering::SeqCst) <= 2);
                assert!(outcomes.iter().all(Result::is_err));
            } else {
                assert_eq!(calls.load(Ordering::SeqCst), 1);
                assert!(outcomes.iter().all(|o| o.as_deref() == Ok("one")));
            }
        }
    }

    #[test]
    fn the_end_of_one_run_is_not_shared() {
        let (tokens, now) = (Tokens::default(), Instant::now());
        let error = |fault| Err(Error::new(fault, "x"));
        assert!(
            tokens
                .get(&identity("a"), || now, || error(Fault::TimedOut))
                .is_err()
        );
        assert!(lock(&tokens.slot(&identity("a")).state).failure.is_none());
    }

    #[test]
    fn roles_are_told_where_the_token_tells_them() {
        let of = |claims: &str| {
            let claims = URL_SAFE_NO_PAD.encode(claims);
            roles(&SecretString::from(format!("e30.{claims}.signature")))
        };
        let told = of(r#"{"roles":["A.Read.All","b\u001b[2J"],"aud":1}"#);
        assert_eq!(told, Some(vec!["A.Read.All".to_owned()]));
        assert_eq!(of(r#"{"aud":"x"}"#), Some(Vec::new()));
        for claims in [r#"{"roles":"x"}"#, "[1]", "<html>"] {
            assert_eq!(of(claims), None, "{claims}");
        }
        for token in ["", "opaque", "a.b", "a.!.c"] {
            assert_eq!(roles(&SecretString::from(token)), None, "{token}");
        }
    }

    #[test]
    fn nothing_prints_the_token() {
        let (tokens, now) = (Tokens::default(), Instant::now());
        let token = tokens
            .get(
                &identity("a"),
                || now,
                || fresh("marker-of-the-token", 3599, now),
            )
            .unwrap();
        assert!(!format!("{token:?} {tokens:?}").contains("marker-of"));
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_a_token_holds_a_role_is_a_plain_word(
            claims in crate::mutation::mutated(vec![
                br#"{"roles":["A.Read.All","B.ReadWrite.All"],"exp":1e5,"aud":"x"}"#.to_vec(),
                br#"{"roles":[],"a":{"b":[1,2,{"c":null}]}}"#.to_vec(),
                b"e30.eyJyb2xlcyI6WyJhIl19.x".to_vec(),
            ]),
        ) {
            probe(&claims);
        }
    }
}
