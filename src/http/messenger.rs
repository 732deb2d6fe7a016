//! A short message to a service that somebody configured, as a POST. What it answers is not read
//! beyond the status.

use std::time::Duration;

use super::address::Address;
use super::{Phases, WaysOut, why};

/// The way to every such service.
#[derive(Debug, Clone)]
pub struct Messenger {
    ways: WaysOut,
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Its media type.
    pub media_type: &'a str,
    /// The text.
    pub body: &'a str,
}

/// Why a message did not arrive. Names the host and nothing else of the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsent {
    /// Nobody answered.
    Unanswered(String),
    /// Whoever answered takes no message now: 429 or 5xx.
    Busy(String),
    /// Any other answer that does not say that it arrived. Another message may.
    Refused(String),
}

impl Unsent {
    /// Why.
    pub fn why(&self) -> &str {
        match self {
            Self::Unanswered(why) | Self::Busy(why) | Self::Refused(why) => why,
        }
    }
}

impl Messenger {
    /// A messenger that says `user_agent`.
    pub fn new(user_agent: &str) -> Self {
        // What one message may take at most limits each phase, too.
        let phase = Duration::from_secs(10);
        let phases = Phases {
            connect: phase,
            read: phase,
        };
        Self {
            ways: WaysOut::new(user_agent, phases),
        }
    }

    /// Sends a message to `url`, which is `address` or made of it, within `limit`.
    ///
    /// # Errors
    /// Why it did not arrive: no answer in time, or one that does not say that it did.
    pub fn send(
        &self,
        address: &Address,
        url: &str,
        message: Message<'_>,
        limit: Duration,
    ) -> Result<(), Unsent> {
        let host = address.host();
        let way = match address.is_loopback() {
            true => self.ways.direct(),
            false => self.ways.toward(url).map_err(Unsent::Unanswered)?,
        };
        let sent = way
            .agent
            .post(url)
            .config()
            .https_only(address.is_https())
            .timeout_global(Some(limit))
            .build()
            .header("content-type", message.media_type)
            .header("accept", "*/*")
            .send(message.body);
        let sent =
            sent.map_err(|error| Unsent::Unanswered(why(&error, host, address.port(), way.proxy)))?;
        let status = sent.status().as_u16();
        match status {
            200..=299 => Ok(()),
            300..=399 => Err(Unsent::Refused(format!(
                "{host} answers {status} and leads elsewhere, where nothing is sent"
            ))),
            429 | 500.. => Err(Unsent::Busy(format!("{host} answers {status}"))),
            _ => Err(Unsent::Refused(format!("{host} answers {status}"))),
        }
    }
}
