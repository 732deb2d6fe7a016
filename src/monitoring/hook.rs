//! A program that is started for each change of state, with what happened in its environment.
//!
//! No shell stands between, and names are in variables only: nothing in them is ever part of a command.
//! It gets the environment of dispatch but not what is secret in it: the URLs and commands of monitors,
//! the variables that a tenant's credential names, the tokens that a platform hands to us.

use std::time::Duration;

use super::change::Change;
use super::delivery::{self, Means, Untold};
use super::{Monitor, Outcome};
use crate::error::Result;
use crate::program::{Program, Unfinished, Variables};
use crate::secret::platform;
use crate::store;
use crate::tenant::Credential;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(20);
/// How much of what it prints is logged, in bytes.
const HEARD: u64 = 16 * 1024;

/// The variables that dispatch itself is told by.
const OURS: [&str; 4] = [
    "TENANTPILOT_PING_URL",
    "TENANTPILOT_WEBHOOK",
    "TENANTPILOT_HOOK",
    "TENANTPILOT_METRICS",
];

/// Calls the hook for each change that waits for it. How that went.
///
/// # Errors
/// What waits, or what a hook must not see, cannot be read.
pub fn deliver(program: &Program, means: &Means<'_>) -> Result<Option<Outcome>> {
    let mut withheld = None;
    delivery::deliver(means, Monitor::Hook, |change| {
        let names = match withheld.take() {
            Some(names) => names,
            None => self::withheld(means)
                .map_err(|error| Untold::NotBegun(error.message().to_owned()))?,
        };
        let called = call(program, change, &names, means);
        withheld = Some(names);
        called
    })
}

/// The variables of this process that a hook must not see.
fn withheld(means: &Means<'_>) -> Result<Vec<String>> {
    let mut withheld: Vec<String> = OURS
        .iter()
        .chain(&platform::VARIABLES)
        .map(|name| (*name).to_owned())
        .collect();
    for tenant in store::tenants::list(means.store.read())? {
        if let Credential::SecretEnv(name) = tenant.settings.credential {
            withheld.push(name);
        }
    }
    Ok(withheld)
}

/// Starts the hook for a change, and waits for its end. Why it did not end well, if it did not.
fn call(
    program: &Program,
    change: &Change,
    withheld: &[String],
    means: &Means<'_>,
) -> Result<(), Untold> {
    let variables = Variables {
        set: change.variables(),
        unset: withheld.to_vec(),
    };
    let heard = log::log_enabled!(log::Level::Info).then_some(HEARD);
    let path = program.path();
    let ended = program.tell(&variables, LIMIT, heard, means.clock, means.stop);
    let (status, printed) = ended.map_err(|why| untold(path, why))?;
    for line in String::from_utf8_lossy(&printed).lines() {
        log::info!("hook: {line}");
    }
    match status.success() {
        true => Ok(()),
        false => Err(Untold::This(format!("{path} failed with {status}"))),
    }
}

/// Why there is no end of the hook at `path` to speak of.
fn untold(path: &str, why: Unfinished) -> Untold {
    match why {
        Unfinished::NotStarted(error) => {
            Untold::NotBegun(format!("{path} cannot be started: {error}"))
        }
        Unfinished::Stopped => Untold::Stopped,
        Unfinished::TooLong(limit) => {
            Untold::This(format!("{path} was not done after {} s", limit.as_secs()))
        }
        Unfinished::TooMuch(_) => Untold::This(format!("{path} printed too much")),
        Unfinished::Io(error) => Untold::This(format!("{path}: {error}")),
        Unfinished::GoesOn(why, id) => match untold(path, *why) {
            Untold::This(why) => Untold::This(format!("{why}; it cannot be ended, see ps {id}")),
            other => {
                log::warn!("{path} cannot be ended, see ps {id}");
                other
            }
        },
    }
}
