//! Telling a webhook or a hook what waits for it: step 2 and 3 of the protocol in the head of
//! [`crate::monitoring`].

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::change::Change;
use super::ping::{PAUSE, TRIES, TRY};
use super::{Monitor, Outcome, Subject};
use crate::clock::Clock;
use crate::error::Result;
use crate::http::address::Address;
use crate::http::messenger::{Message, Messenger, Unsent};
use crate::lock::Locks;
use crate::plural::counted;
use crate::stop::Stop;
use crate::store::{self, Store};

/// After how long a dispatch begins to tell one monitor no more of what waits for it.
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

/// Why a change was not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untold {
    /// No other could be told either.
    All(String),
    /// Nor could any other, and it was not so much as begun: that was no try.
    NotBegun(String),
    /// Another may be.
    This(String),
    /// We were asked to stop.
    Stopped,
}

/// Tells what waits for `monitor` by `tell`, oldest first. Where one cannot be told, those of its
/// schedule wait behind it. How it went: the first failure, if there was one; none where nothing waited,
/// or another process is at it.
///
/// # Errors
/// What waits cannot be read, or that it is told not be written: then it is not told.
pub fn deliver(
    means: &Means<'_>,
    monitor: Monitor,
    mut tell: impl FnMut(&Change) -> Result<(), Untold>,
) -> Result<Option<Outcome>> {
    let store = means.store;
    if store::state_changes::waiting(store.read(), monitor)? == 0 {
        return Ok(None);
    }
    let Some(_lock) = means.locks.delivery(monitor.as_str())? else {
        return Ok(None);
    };
    give_up(store, monitor, monitor.tries(), means.at)?;
    let begun = means.clock.monotonic();
    let mut result = None;
    let mut after = 0;
    let mut behind = BTreeSet::new();
    while means.stop.requested().is_none()
        && means.clock.monotonic().saturating_duration_since(begun) < BUDGET
    {
        let Some(change) = store::state_changes::next(store.read(), monitor, after)? else {
            break;
        };
        after = change.id;
        if behind.contains(&change.run.schedule_id) {
            continue;
        }
        store.write(|tx| store::state_changes::tries(tx, &change))?;
        match tell(&change) {
            Ok(()) => {
                log::info!("{} told: {}", monitor.as_str(), change.message());
                store.write(|tx| store::state_changes::told(tx, monitor, &change))?;
                result = result.or(Some(Ok(())));
            }
            Err(Untold::This(why)) => {
                log::info!("{} not told: {}: {why}", monitor.as_str(), change.message());
                behind.insert(change.run.schedule_id);
                result = first_failure(result, why);
            }
            Err(Untold::All(why)) => {
                result = first_failure(result, why);
                break;
            }
            Err(Untold::NotBegun(why)) => {
                store.write(|tx| store::state_changes::does_not_count(tx, &change))?;
                result = first_failure(result, why);
                break;
            }
            Err(Untold::Stopped) => {
                store.write(|tx| store::state_changes::does_not_count(tx, &change))?;
                break;
            }
        }
    }
    give_up(store, monitor, monitor.tries(), means.at)?;
    let subject = Subject::Dispatch(monitor);
    Ok(result.map(|result| Outcome { subject, result }))
}

type Told = Option<std::result::Result<(), String>>;

fn first_failure(before: Told, why: String) -> Told {
    match before {
        Some(Err(first)) => Some(Err(first)),
        _ => Some(Err(why)),
    }
}

/// Gives up what waits for a monitor that this dispatch has since longer than a day, and what was tried
/// so often.
pub(super) fn give_up(
    store: &Store,
    monitor: Monitor,
    tries: u32,
    at: DateTime<Utc>,
) -> Result<()> {
    if store::state_changes::waiting(store.read(), monitor)? == 0 {
        return Ok(());
    }
    let count = store.write(|tx| store::state_changes::give_up(tx, monitor, tries, at))?;
    if count > 0 {
        let monitor = monitor.as_str();
        let changes = counted(count, "change of state was", "changes of state were");
        log::warn!("{changes} not told to the {monitor}: given up");
    }
    Ok(())
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
) -> Result<(), Untold> {
    let body = change.json().to_string();
    let message = Message {
        media_type: "application/json",
        body: &body,
    };
    let mut tries = 0;
    loop {
        let sent = messenger.send(address, address.exposed(), message, TRY);
        tries += 1;
        match sent {
            Ok(()) => return Ok(()),
            Err(Unsent::Refused(why)) => return Err(Untold::This(why)),
            Err(_) if stop.requested().is_some() => return Err(Untold::Stopped),
            Err(unsent) if tries >= TRIES => return Err(Untold::All(unsent.why().to_owned())),
            Err(_) => clock.sleep(PAUSE, stop),
        }
    }
}
