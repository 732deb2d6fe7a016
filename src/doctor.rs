//! Whether the machine, the database and the tenants are as a night of backups needs them.
//!
//! Each check is a function of its own that looks and then judges; what is judged is passed to a
//! pure function, so that each verdict can be tested without the machine that it is about. A check
//! that cannot be carried out says so as a warning. Nothing here changes anything: no database is
//! made or migrated, no lock is taken, no key is created, no token is asked for.
//!
//! | What | Where |
//! |---|---|
//! | database, schema, pages, references, audit trail, SQLite | `database` |
//! | modes and owners of the files | `files` |
//! | file system, room and growth | `disk` |
//! | the machine's clock | `time` |
//! | tz data, and the schedules on which its sources disagree | `zones` |
//! | the crontab line and whom it tells, cron itself, the newest dispatch | `cron` |
//! | runs that nobody answers for | `runs` |
//! | roles of users that the system does not know | `roles` |
//! | credentials | `credentials` |
//! | Apple's certificates and tokens, by the newest backup sets | `expiries` |
//! | who is told how runs went, and how that goes | `monitoring` |
//! | proxy, trust roots, the hosts of Graph and of the sign-in | `network` |

mod credentials;
pub mod cron;
mod database;
mod disk;
mod expiries;
mod files;
mod monitoring;
mod network;
mod roles;
mod runs;
mod time;
mod zones;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::graph::client::Connector;
use crate::http::outside::Proxies;
use crate::lock::Locks;
use crate::secret::platform::Platform;
use crate::stop::Stop;
use crate::store::Store;
use crate::zone::Source;

/// Why something is not known, where the database cannot be opened.
const UNASKED: &str = "the database could not be asked";

/// What to type where something lies in the way of a check that is told elsewhere.
const LOOK_AGAIN: &str = "mend what is told of the database, then: tenantpilot doctor";

/// What the checks look at.
pub struct Surroundings {
    /// The database.
    pub database: PathBuf,
    /// The database that a crontab line means which names none.
    pub default_database: PathBuf,
    /// The locks beside it.
    pub locks: Locks,
    /// Where zone rules come from.
    pub zones: Source,
    /// When the checks began.
    pub now: DateTime<Utc>,
    /// The clock, for what takes time.
    pub clock: Arc<dyn Clock>,
    /// A request to stop.
    pub stop: Stop,
    /// The way to every host; none where no host is to be asked.
    pub connector: Option<Connector>,
    /// What the platform hands to us.
    pub platform: Platform,
    /// The proxies that the environment names.
    pub proxies: Proxies,
    /// The variables that say where the trust roots are, with their values.
    pub trust_variables: Vec<(&'static str, PathBuf)>,
}

/// Carries out every check.
pub fn examine(around: &Surroundings) -> Vec<Finding> {
    // Before the database is opened: that makes files beside it which go with whoever opened it.
    let files = files::examine(around);
    let (mut findings, store) = database::examine(around);
    findings.extend(files);
    findings.extend(with_store(store.as_ref(), "key", |store| {
        files::key(around, store)
    }));
    findings.extend(disk::examine(around, store.as_ref()));
    findings.extend(time::examine(around, store.as_ref()));
    findings.extend(with_store(store.as_ref(), "tz_data", |store| {
        zones::examine(around, store)
    }));
    findings.extend(cron::examine(around, store.as_ref()));
    findings.extend(with_store(store.as_ref(), "runs", |store| {
        runs::examine(around, store)
    }));
    findings.extend(with_store(store.as_ref(), "roles", |store| {
        roles::examine(around, store)
    }));
    findings.extend(with_store(store.as_ref(), "credentials", |store| {
        credentials::examine(around, store)
    }));
    findings.extend(with_store(store.as_ref(), "expiries", |store| {
        expiries::examine(around, store)
    }));
    findings.extend(with_store(store.as_ref(), "monitoring", |store| {
        monitoring::examine(around, store)
    }));
    findings.extend(network::examine(around, store.as_ref()));
    findings
}

/// What a check finds that needs the database; nothing without one, which was said already.
fn with_store(
    store: Option<&Store>,
    check: &str,
    look: impl FnOnce(&Store) -> Result<Vec<Finding>>,
) -> Vec<Finding> {
    store.map_or_else(Vec::new, |store| found(check, look(store)))
}

/// What a check found, or that it could not be carried out.
fn found(check: &str, looked: Result<Vec<Finding>, Error>) -> Vec<Finding> {
    looked.unwrap_or_else(|error| vec![Finding::unable(check, &error)])
}
