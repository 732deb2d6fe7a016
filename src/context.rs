//! What a command needs: settings, a way to talk, the time, who acts and what they may do, and the
//! store on demand.
//!
//! Whoever opens the store through here has at least one role that allows the command
//! ([`Context::begin`] says which command it is); to which tenants that applies is asked where the
//! command finds out which are meant ([`Context::permit`]). A denial is kept, and whoever carries
//! out commands records it when the command is over: what was begun is undone by then.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use signal_hook::consts::SIGHUP;

use crate::actor::Actor;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::graph::client::Connector;
use crate::lock::Locks;
use crate::monitoring::ping::Pings;
use crate::progress::Progress;
use crate::role::{Action, Held, Place, Readable, Role};
use crate::run::Means;
use crate::secret::platform::Platform;
use crate::stop::Stop;
use crate::store::{self, Store, volume};
use crate::tenant::TenantId;
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
    now: Cell<DateTime<Utc>>,
    zones: OnceCell<Source>,
    stop: Stop,
    heeds_stop: Arc<AtomicBool>,
    deed: RefCell<Deed>,
    held: RefCell<Held>,
    denial: RefCell<Option<Denial>>,
}

/// What the command line asks for, as far as roles go.
#[derive(Debug, Clone)]
pub struct Deed {
    /// The words that name the command.
    pub command: String,
    /// What it does.
    pub action: Action,
    /// What it does it to, as far as the command line says so.
    pub named: Vec<Named>,
}

/// Something of a tenant that a command line names, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// The tenant itself.
    Tenant(String),
    /// A schedule.
    Schedule(String),
    /// A run.
    Run(String),
    /// A backup set.
    BackupSet(String),
    /// All that the actor may look at.
    All,
}

impl Named {
    /// Whether the name of that tenant is part of what is typed: `contoso`, `contoso/nightly`.
    fn says(&self, tenant: &str) -> bool {
        match self {
            Self::Tenant(given) => given == tenant,
            Self::Schedule(given) => {
                let rest = given.strip_prefix(tenant);
                rest.is_some_and(|rest| rest.starts_with('/'))
            }
            Self::Run(_) | Self::BackupSet(_) | Self::All => false,
        }
    }
}

/// What somebody was kept from.
#[derive(Debug, Clone)]
pub struct Denial {
    /// The command.
    pub command: String,
    /// Where.
    pub place: Place,
    /// To what.
    pub object: String,
    /// The role that it takes.
    pub needs: &'static str,
    /// The role that they have there.
    pub has: Option<&'static str>,
}

impl Context {
    /// A context for this process, with the machine's clock.
    pub fn new(config: Config, stop: Stop) -> Self {
        Self {
            ui: Ui::new(&config),
            actor: Actor::of_process(config.sudo_user.as_deref(), &config.database),
            now: Cell::new(SystemClock.now()),
            clock: Box::new(SystemClock),
            zones: OnceCell::new(),
            config,
            stop,
            heeds_stop: Arc::default(),
            deed: RefCell::new(Deed {
                command: String::new(),
                // Of a command that nobody named, nothing is allowed but to an owner.
                action: Action::Copy,
                named: Vec::new(),
            }),
            held: RefCell::default(),
            denial: RefCell::default(),
        }
    }

    /// Says what the command is, before it begins.
    pub fn begin(&self, deed: Deed) {
        self.deed.replace(deed);
    }

    /// What the command line names.
    pub fn named(&self) -> Vec<Named> {
        self.deed.borrow().named.clone()
    }

    /// Says that the actor typed the name of this tenant: in a file, where no argument names it.
    pub fn names_tenant(&self, name: &str) {
        let named = Named::Tenant(name.to_owned());
        self.deed.borrow_mut().named.push(named);
    }

    /// The tenants of which the actor may look at anything; lists show no others. To be asked once
    /// the store is open.
    pub fn readable(&self) -> Readable {
        self.held.borrow().readable()
    }

    /// That the actor may do this in the tenant of that id and name; `object` is what it is done to.
    ///
    /// # Errors
    /// Their role does not allow it.
    pub fn permit(&self, tenant: TenantId, name: &str, object: impl Display) -> Result<()> {
        let action = self.deed.borrow().action;
        self.permit_to(action, tenant, name, object)
    }

    /// The same of another action than the command's: one of several that it may come to.
    ///
    /// # Errors
    /// Their role does not allow it.
    pub fn permit_to(
        &self,
        action: Action,
        tenant: TenantId,
        name: &str,
        object: impl Display,
    ) -> Result<()> {
        let (whose, grant) = match self.may_be_told(tenant, name) {
            true => (
                format!(" tenant {name} (id {})", tenant.0),
                format!(" --tenant {}", shell_words::quote(name)),
            ),
            false => (
                format!(" the tenant with id {}", tenant.0),
                format!(" --tenant {}", tenant.0),
            ),
        };
        self.require(action, Place::In(tenant), &whose, &grant, object)
    }

    /// Whether a denial may tell the actor the name of that tenant ([`crate::role`] says why).
    fn may_be_told(&self, tenant: TenantId, name: &str) -> bool {
        let deed = self.deed.borrow();
        self.readable().contains(tenant) || deed.named.iter().any(|named| named.says(name))
    }

    /// That the actor may do this in all tenants.
    ///
    /// # Errors
    /// Their role does not allow it.
    pub fn permit_everywhere(&self) -> Result<()> {
        let action = self.deed.borrow().action;
        self.permit_everywhere_to(action, "all tenants")
    }

    /// The same of another action than the command's, and of an object.
    ///
    /// # Errors
    /// Their role does not allow it.
    pub fn permit_everywhere_to(&self, action: Action, object: impl Display) -> Result<()> {
        let whole = action.place() == Place::Everywhere;
        let whose = if whole { "" } else { " all tenants" };
        self.require(action, Place::Everywhere, whose, "", object)
    }

    fn require(
        &self,
        action: Action,
        place: Place,
        whose: &str,
        grant: &str,
        object: impl Display,
    ) -> Result<()> {
        let (deed, held) = (self.deed.borrow(), self.held.borrow());
        let Some(needed) = action.needs() else {
            return Ok(());
        };
        if held.allows(action, place) {
            return Ok(());
        }
        let (has, needs, user) = (held.at(place), needed.as_str(), self.actor.name());
        self.denial.replace(Some(Denial {
            command: deed.command.clone(),
            place,
            object: object.to_string(),
            needs,
            has: has.map(Role::as_str),
        }));
        let everywhere = match place {
            Place::Everywhere => " for all tenants",
            _ => "",
        };
        let has = has.map_or(format!("there is no role{everywhere}"), |role| {
            format!("the role{everywhere} is {}", role.as_str())
        });
        let message = format!(
            "{user} may not {}{whose}: {has}, and it takes {needs}",
            action.deed()
        );
        let user = shell_words::quote(user);
        let (reach, otherwise) = match place {
            Place::In(_) => ("", ""),
            Place::Everywhere => (" for all tenants", ""),
            Place::Somewhere => (" for all tenants", "; in one alone: with --tenant TENANT"),
        };
        Err(Error::new(Kind::Denied, message).hint(format!(
            "an owner can allow it{reach}: tenantpilot roles grant {user} {needs}{grant}{otherwise}"
        )))
    }

    /// That the actor may name this path to the account that acts: by sudo that of another user, which
    /// can read and write what they cannot.
    ///
    /// # Errors
    /// Their role does not allow it.
    pub fn permit_path(&self, path: &Path) -> Result<()> {
        if !self.config.by_sudo {
            return Ok(());
        }
        self.permit_everywhere_to(Action::Path, format_args!("file {}", path.display()))
    }

    /// Whether the actor may say how tenants are signed in to. To be asked once the store is open.
    pub fn may_say_access(&self) -> bool {
        let held = self.held.borrow();
        held.allows(Action::Access, Place::Everywhere)
    }

    /// Whether the actor may do this in that tenant: for what is shown to some alone. To be asked once
    /// the store is open.
    pub fn may(&self, action: Action, tenant: TenantId) -> bool {
        self.held.borrow().allows(action, Place::In(tenant))
    }

    /// What the actor was kept from, if from anything.
    pub fn denial(&self) -> Option<Denial> {
        self.denial.borrow().clone()
    }

    /// The time at which the command began, or last began to write; in between it does not move.
    pub fn now(&self) -> DateTime<Utc> {
        self.now.get()
    }

    /// Takes the time anew: from here on that is [`now`](Self::now).
    pub fn begin_to_write(&self) {
        self.now.set(self.clock.now());
    }

    /// Opens the database that is there; an older one is migrated first.
    ///
    /// # Errors
    /// None there, not ours, damaged, newer than this program, or not accessible; no role of the
    /// actor allows the command.
    pub fn store(&self) -> Result<Store> {
        self.refuse_strange_database()?;
        let store = Store::open_as(&self.config.database, self.actor.name(), || self.now())?;
        self.hold(&store)?;
        let action = self.deed.borrow().action;
        match action.place() {
            Place::Everywhere => self.permit_everywhere()?,
            _ => self.require(action, Place::Somewhere, " any tenant", "", "any tenant")?,
        }
        Ok(store)
    }

    /// Finds out which roles the actor has.
    fn hold(&self, store: &Store) -> Result<()> {
        let held = if self.actor.is_sovereign() {
            Held::owner()
        } else {
            Held::of(self.actor.name(), &store::roles::list(store.read())?)
        };
        self.held.replace(held);
        Ok(())
    }

    /// Opens the database that is there to look something up in passing ([`Store::glance`]). Only
    /// [`readable`](Self::readable) says what of it may be told: nobody is refused, and no denial
    /// is kept.
    ///
    /// # Errors
    /// It cannot be read just now, or as it is.
    pub fn glance(&self) -> Result<Store> {
        self.refuse_strange_database()?;
        let store = Store::glance(&self.config.database)?;
        self.hold(&store)?;
        Ok(store)
    }

    /// Somebody who may run this program as another user must not choose the file: in one of their
    /// own they are owner, and a tenant's secret can be a command.
    fn refuse_strange_database(&self) -> Result<()> {
        if self.config.database_flag.is_none() {
            return Ok(());
        }
        self.refuse_by_sudo(
            "--db is",
            "leave it out: the database is that of the other user",
        )
    }

    /// Refuses what is not for somebody who may run this program as another user than root and no other:
    /// `what` is the beginning of the sentence.
    ///
    /// # Errors
    /// They are one.
    pub fn refuse_by_sudo(&self, what: &str, hint: &str) -> Result<()> {
        if !self.config.by_sudo {
            return Ok(());
        }
        let whose = self.config.sudo_user.as_deref().unwrap_or_default();
        let what = format!("{what} not for {whose}, who acts as another user by sudo");
        Err(Error::usage(what).hint(hint))
    }

    /// The same for what runs or removes backups: not on a network file system.
    ///
    /// # Errors
    /// The same, and on a network file system.
    pub fn store_for_runs(&self) -> Result<Store> {
        volume::require_local(&self.config.database, self.locks().folder())?;
        self.store()
    }

    /// Opens the database, and makes it where there is none. Where there was one, it says so.
    ///
    /// # Errors
    /// Not ours, to be made on a network file system, damaged, newer than this program, or not accessible.
    pub fn store_or_new(&self) -> Result<Store> {
        self.held.replace(Held::owner());
        match self.store() {
            Err(error) if error.kind() == Kind::NoStore => {
                volume::require_local(&self.config.database, self.locks().folder())?;
                let trace = store::trace(&self.config.database);
                let store = Store::open_or_create(&self.config.database)?;
                if let Some(trace) = trace {
                    self.ui.warn(format!(
                        "{} is left of a database that was here, and the one that was made now is empty",
                        trace.display()
                    ));
                    self.ui.hint(
                        "to go back instead, put a copy of it in its place (README, The files)",
                    );
                }
                Ok(store)
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
            pings: Pings::new(Arc::clone(&clock), stop.clone(), user_agent),
            clock,
            stop,
            zones: self.zones().clone(),
            actor: self.actor.name().to_owned(),
            progress: Progress::default(),
        }
    }

    /// The request to stop, for a command that ends tidily by it. Until a command has asked for
    /// this, a signal ends the process at once: a store is safe from that, and a command that
    /// waits for an answer must not ignore Ctrl-C.
    ///
    /// From then on a terminal that is closed ends nothing either: what was begun goes on, as with
    /// `nohup`, and is told by history and notifications.
    pub fn stop(&self) -> &Stop {
        self.heeds_stop.store(true, Ordering::SeqCst);
        if let Err(error) = signal_hook::flag::register(SIGHUP, Arc::default()) {
            log::warn!("a closed terminal would end this: {error}");
        }
        &self.stop
    }

    /// Whether the command ends by itself when asked to stop; for the thread that gets signals.
    pub fn heeds_stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.heeds_stop)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::schedules;
    use crate::clock::FixedClock;
    use crate::config::{Environment, Flags};
    use crate::recurrence::Recurrence;
    use crate::schedule::Settings;
    use crate::tenant::{self, Credential};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_slot_that_passes_before_a_schedule_is_written_is_none_of_its() {
        let folder = tempfile::tempdir().unwrap();
        let begun = at("2027-01-01T01:58:30Z");
        let flags = Flags {
            database: Some(folder.path().join("tenantpilot.db")),
            ..Flags::default()
        };
        let config = Config::resolve(&flags, &Environment::default());
        let mut ctx = Context::new(config, Stop::default());
        ctx.clock = Box::new(FixedClock::new(begun));
        ctx.now.set(begun);
        let store = ctx.store_or_new().unwrap();
        let tenant = tenant::Settings {
            name: "contoso".to_owned(),
            directory: "contoso.com".to_owned(),
            cloud: crate::graph::cloud::Cloud::Global,
            client_id: None,
            credential: Credential::ManagedIdentity(None),
            graph_url: None,
            authority_url: None,
            labels: std::collections::BTreeMap::new(),
        };
        let daily = Recurrence::cron("0 2 * * *").unwrap();
        let settings = Settings::new("nightly".to_owned(), daily);

        ctx.clock.sleep(Duration::from_secs(7 * 60), &ctx.stop);
        assert_eq!(ctx.now(), begun, "a command that only reads has one time");
        let schedule = ctx
            .write(&store, |tx| {
                // While it writes, too, there is one time.
                ctx.clock.sleep(Duration::from_secs(60), &ctx.stop);
                let tenant = store::tenants::insert(tx, &tenant, ctx.now())?;
                let id = schedules::add::insert(&ctx, tx, tenant, &settings)?;
                store::schedules::get(tx, id)
            })
            .unwrap();
        let written = at("2027-01-01T02:05:30Z");
        assert_eq!((ctx.now(), schedule.created_at), (written, written));
        assert_eq!(schedule.slots_from.to_string(), "2027-01-01T02:06:00Z");
        assert_eq!(
            schedule.next_slot.unwrap().to_string(),
            "2027-01-02T02:00:00Z"
        );
    }
}
