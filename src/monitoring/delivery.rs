//! Telling a webhook or a hook what waits for it: step 2 and 3 of the protocol in the head of
//! [`crate::monitoring`].

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::change::Change;
use super::ping::{PAUSE, TRIES, TRY};
use super::{Monitor, Outcome, Subject};
use crate::clock::Clock;
use crate::error::Result;
use crate::http::address::Address;
use crate::http::messenger::{Message, Messenger};
use crate::lock::Locks;
use crate::stop::Stop;
use crate::store::{self, Store};

/// How long a dispatch goes on telling one monitor what waits for it.
pub const BUDGET: Duration = Duration::from_secs(30);

/// What it takes to deliver.
pub struct Means<'a> {
    /// Where what waits is kept.
    pub store: &'a Store,
    /// Whoever delivers holds a lock of these.
    pub locks: &'a Locks,
    /// For what takes time.
    pub clock: &'a dyn Clock,
    /// When to leave the rest to the next dispatch.
    pub stop: &'a Stop,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Tells what waits for `monitor` by `tell`, oldest first, until one cannot be told. How it went; none
/// where nothing waited, or another process is at it.
///
/// # Errors
/// What waits cannot be read, or that it was told not be written.
pub fn deliver(
    means: &Means<'_>,
    monitor: Monitor,
    mut tell: impl FnMut(&Change) -> Result<(), String>,
) -> Result<Option<Outcome>> {
    let store = means.store;
    if store::state_changes::waiting(store.read(), monitor)? == 0 {
        return Ok(None);
    }
    let Some(_lock) = means.locks.delivery(monitor.as_str())? else {
        return Ok(None);
    };
    give_up(store, monitor, means.at)?;
    let begun = means.clock.monotonic();
    let mut result = None;
    while means.stop.requested().is_none()
        && means.clock.monotonic().saturating_duration_since(begun) < BUDGET
    {
        let Some(change) = store::state_changes::oldest(store.read(), monitor)? else {
            break;
        };
        let told = tell(&change);
        if told.is_err() {
            result = Some(told);
            store.write(|tx| store::state_changes::tried(tx, monitor))?;
            give_up(store, monitor, means.at)?;
            break;
        }
        log::info!("{} told: {}", monitor.as_str(), change.message());
        store.write(|tx| store::state_changes::told(tx, &change))?;
        result = Some(told);
    }
    let subject = Subject::Dispatch(monitor);
    Ok(result.map(|result| Outcome { subject, result }))
}

fn give_up(store: &Store, monitor: Monitor, at: DateTime<Utc>) -> Result<()> {
    store.write(
        |tx| match store::state_changes::give_up(tx, monitor, monitor.tries(), at)? {
            0 => Ok(()),
            count => {
                log::warn!(
                    "{count} changes of state were not told to the {}: given up",
                    monitor.as_str()
                );
                store::monitors::add_given_up(tx, monitor, count)
            }
        },
    )
}

/// Tells a webhook of a change, tried again once where it does not arrive.
///
/// # Errors
/// Why it did not.
pub fn post(
    messenger: &Messenger,
    address: &Address,
    change: &Change,
    clock: &dyn Clock,
    stop: &Stop,
) -> Result<(), String> {
    let body = change.json().to_string();
    let message = Message {
        media_type: "application/json",
        body: &body,
    };
    let mut tries = 0;
    loop {
        let sent = messenger.send(address, address.exposed(), message, TRY);
        tries += 1;
        if sent.is_ok() || tries >= TRIES || stop.requested().is_some() {
            return sent;
        }
        clock.sleep(PAUSE, stop);
    }
}
