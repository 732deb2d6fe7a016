//! What a command needs: settings, a way to talk, the time, who acts, and the store on demand.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};

use crate::actor::Actor;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::error::{Kind, Result};
use crate::graph::client::Connector;
use crate::lock::Locks;
use crate::run::Means;
use crate::secret::platform::Platform;
use crate::stop::Stop;
use crate::store::Store;
use crate::ui::Ui;
use crate::zone::Source;

/// Made once per process, by main.
pub struct Context {
    /// Flags, environment and terminals.
    pub config: Config,
    /// The way to talk.
    pub ui: Ui,
    /// The time.
    pub clock: Box<dyn Clock>,
    /// Who acts.
    pub actor: Actor,
    now: DateTime<Utc>,
    zones: OnceCell<Source>,
    stop: Stop,
    heeds_stop: Arc<AtomicBool>,
}

impl Context {
    /// A context for this process, with the machine's clock.
    pub fn new(config: Config, stop: Stop) -> Self {
        Self {
            ui: Ui::new(&config),
            actor: Actor::of_process(config.sudo_user.as_deref()),
            now: SystemClock.now(),
            clock: Box::new(SystemClock),
            zones: OnceCell::new(),
            config,
            stop,
            heeds_stop: Arc::default(),
        }
    }

    /// The time at which the command began; it does not move.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Opens the database that is there; an older one is migrated first.
    ///
    /// # Errors
    /// None there, not ours, damaged, newer than this program, or not accessible.
    pub fn store(&self) -> Result<Store> {
        Store::open_as(&self.config.database, self.actor.name(), || self.now)
    }

    /// Opens the database, and makes it where there is none.
    ///
    /// # Errors
    /// Not ours, damaged, newer than this program, or not accessible.
    pub fn store_or_new(&self) -> Result<Store> {
        match self.store() {
            Err(error) if error.kind() == Kind::NoStore => {
                Store::open_or_create(&self.config.database)
            }
            opened => opened,
        }
    }

    /// Where zone rules come from on this machine.
    pub fn zones(&self) -> &Source {
        self.zones.get_or_init(Source::detect)
    }

    /// The locks beside the database.
    pub fn locks(&self) -> Locks {
        Locks::beside(&self.config.database)
    }

    /// What it takes to carry out runs. From now on a signal is heeded rather than deadly.
    pub fn means(&self) -> Means {
        self.means_within(None)
    }

    /// The same, asking each service of Graph for at most so much.
    pub fn means_within(&self, max_requests: Option<u16>) -> Means {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let stop = self.stop().clone();
        let user_agent = concat!("tenantpilot/", env!("CARGO_PKG_VERSION"));
        Means {
            database: self.config.database.clone(),
            locks: self.locks(),
            connector: Connector::on(
                Platform::of_process(),
                Arc::clone(&clock),
                stop.clone(),
                user_agent,
            )
            .at_most(max_requests),
            clock,
            stop,
            zones: self.zones().clone(),
            actor: self.actor.name().to_owned(),
        }
    }

    /// The request to stop, for a command that ends tidily by it. Until a command has asked for
    /// this, a signal ends the process at once: a store is safe from that, and a command that
    /// waits for an answer must not ignore Ctrl-C.
    pub fn stop(&self) -> &Stop {
        self.heeds_stop.store(true, Ordering::SeqCst);
        &self.stop
    }

    /// Whether the command ends by itself when asked to stop; for the thread that gets signals.
    pub fn heeds_stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.heeds_stop)
    }
}
