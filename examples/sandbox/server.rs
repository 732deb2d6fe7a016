//! A small Microsoft Graph on loopback, to try the program on and to test it against.
//!
//! Serves `/v1.0`, `/beta`, the token endpoint `/{directory}/oauth2/v2.0/token`, and control paths
//! below `/sandbox/`; what comes in a `$batch` is answered, spoilt and recorded one by one. The same
//! code is the example `sandbox` and the server of the integration tests, which include this file by
//! its path. Every directory that signs in sees the same tenant.
//!
//! What a collection answers is data (`collections.rs`); what the tenant holds is JSON text
//! (`sample.rs`); what goes wrong is asked for (`faults.rs`). It never leaves loopback and knows
//! nothing of the program it is made for.

#![allow(
    dead_code,
    reason = "each test, and the example, uses its own part of this"
)]

mod assertion;
mod batch;
mod budget;
mod collections;
mod control;
mod directory;
mod events;
pub mod faults;
mod graph;
mod http;
pub mod issuers;
mod json;
mod navigation;
mod paging;
mod query;
mod record;
mod refusal;
mod rest;
mod rows;
mod sample;
mod sample_admin;
mod sample_apps;
mod sample_catalog;
mod sample_compliance;
mod sample_directory;
mod sample_enrollment;
mod sample_files;
mod sample_networks;
mod sample_profiles;
mod sample_scripts;
mod sample_store;
mod sample_tokens;
mod sample_updates;
mod serve;
mod shape;
mod sign_in;
pub mod tenant;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use budget::Budget;
use faults::{Fault, Faults};
pub use record::Recorded;
use rest::Rest;
use serve::{Shared, lock};
use sign_in::SignIn;
use tenant::{Resource, Tenant};

/// The directory that examples and tests sign in to; any other does as well.
pub const DIRECTORY: &str = "11111111-2222-4333-8444-555555555555";

/// Paths of all collections, below the version.
pub fn paths() -> impl Iterator<Item = &'static str> {
    rows::rows().map(|row| row.path)
}

/// How a sandbox is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Time before each Graph answer.
    pub latency: Duration,
    /// Items in a page, at most.
    pub page_size: usize,
    /// About how many policies; `None` is the default tenant, `Some(0)` an empty one.
    pub policies: Option<usize>,
    /// Bytes of the descriptions of the most frequent policies; 0 leaves them as they are.
    pub padding: usize,
    /// The right client secret.
    pub client_secret: String,
    /// Seconds that a token is good for.
    pub token_lifetime: u64,
    /// What generated contents and random faults go by.
    pub seed: u64,
    /// Requests a directory may make in that time; beyond it, 429 with `Retry-After`.
    pub budget: Option<(u32, Duration)>,
    /// Whether the app has the permission to read values of custom settings in clear.
    pub gives_in_clear: bool,
    /// One request a second for Conditional Access; beyond it, 429 without `Retry-After`.
    pub conditional_access_limit: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            latency: Duration::ZERO,
            page_size: 25,
            policies: None,
            padding: 0,
            client_secret: "sandbox~Secret+1".to_owned(),
            token_lifetime: 3599,
            seed: 1,
            budget: None,
            gives_in_clear: false,
            conditional_access_limit: false,
        }
    }
}

/// A running sandbox; dropping it ends every thread and connection.
pub struct Sandbox {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts one. Panics when the port cannot be had: use [`try_start`](Self::try_start) where
    /// somebody chose the port.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads well where options are written in place"
    )]
    pub fn start(options: Options) -> Self {
        Self::try_start(&options).unwrap_or_else(|error| panic!("cannot start a sandbox: {error}"))
    }

    /// Starts one; fails when the port cannot be had.
    pub fn try_start(options: &Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        let address = listener.local_addr()?;
        let mut tenant = sample::tenant(options.policies, options.seed);
        if options.padding > 0 {
            sample::pad(&mut tenant, options.padding, options.seed);
        }
        let shared = Arc::new(Shared {
            root: format!("http://{address}"),
            page_size: options.page_size.max(1),
            gives_in_clear: AtomicBool::new(options.gives_in_clear),
            latency_ms: AtomicU64::new(milliseconds(options.latency)),
            batches: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            tenant: RwLock::new(tenant),
            faults: Mutex::new(Faults::new(options.seed)),
            sign_in: Mutex::new(SignIn::new(&options.client_secret, options.token_lifetime)),
            budget: Mutex::new(Budget::new(
                options.budget,
                options.conditional_access_limit,
            )),
            recorded: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            connections: Mutex::default(),
            rest: Rest::default(),
        });
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || serving.accept(&listener));
        Ok(Self {
            shared,
            address,
            thread: Some(thread),
        })
    }

    /// The root of Graph, and the authority: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.shared.root
    }

    /// Every request since the start or [`forget_requests`](Self::forget_requests), except those
    /// to the control paths.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.recorded).clone()
    }

    /// Forgets the requests so far, and how many there were at once.
    pub fn forget_requests(&self) {
        self.shared.forget_requests();
    }

    /// The most Graph requests that were being answered at the same time.
    pub fn most_in_flight(&self) -> usize {
        self.shared.most_in_flight.load(Ordering::SeqCst)
    }

    /// Sets a fault.
    pub fn fault(&self, fault: Fault) {
        lock(&self.shared.faults).set(fault);
    }

    /// Takes all faults away. Requests that hang keep hanging.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Waits until `count` requests hang; `false` when they do not within `limit`.
    pub fn await_hanging(&self, count: usize, limit: Duration) -> bool {
        self.shared.rest.await_hanging(count, limit)
    }

    /// Lets hanging requests go: their connections are closed.
    pub fn release(&self) {
        self.shared.rest.release();
    }

    /// Gives or takes the permission to read values of custom settings in clear.
    pub fn give_in_clear(&self, given: bool) {
        self.shared.gives_in_clear.store(given, Ordering::SeqCst);
    }

    /// Makes every token given out so far worthless.
    pub fn revoke_tokens(&self) {
        lock(&self.shared.sign_in).revoke();
    }

    /// Makes the next `count` tokens worthless from the start.
    pub fn give_bad_tokens(&self, count: u32) {
        lock(&self.shared.sign_in).born_revoked = count;
    }

    /// Uploads every certificate of a PEM text to the app registration. `false` when there is none.
    pub fn register_certificate(&self, pem: &str) -> bool {
        let mut sign_in = lock(&self.shared.sign_in);
        sign_in.assertions.register(pem).is_some()
    }

    /// Takes all certificates away.
    pub fn forget_certificates(&self) {
        lock(&self.shared.sign_in).assertions.forget();
    }

    /// Trusts a token of another issuer, and no other that was trusted before.
    pub fn trust(&self, assertion: &str) {
        let trusted = &mut lock(&self.shared.sign_in).trusted;
        trusted.clear();
        trusted.insert(assertion.to_owned());
    }

    /// Changes what new tokens say that the application may do.
    pub fn set_roles(&self, roles: &[&str]) {
        let roles = roles.iter().map(|&role| role.to_owned());
        lock(&self.shared.sign_in).roles = roles.collect();
    }

    /// Changes the file that the agent of Azure Arc names, and the key that it wants to see.
    pub fn set_arc_key(&self, file: &str, key: &str) {
        let mut sign_in = lock(&self.shared.sign_in);
        file.clone_into(&mut sign_in.arc_key_file);
        key.clone_into(&mut sign_in.arc_key);
    }

    /// Changes the right client secret.
    pub fn set_secret(&self, secret: &str) {
        secret.clone_into(&mut lock(&self.shared.sign_in).secret);
    }

    /// Changes what is left to wait before each Graph answer.
    pub fn set_latency(&self, latency: Duration) {
        let latency = milliseconds(latency);
        self.shared.latency_ms.store(latency, Ordering::SeqCst);
    }

    /// Reads the tenant.
    pub fn read<T>(&self, reader: impl FnOnce(&Tenant) -> T) -> T {
        self.shared.read(reader)
    }

    /// Changes the tenant in any way.
    pub fn write<T>(&self, writer: impl FnOnce(&mut Tenant) -> T) -> T {
        self.shared.write(writer)
    }

    /// Ids of a collection (`deviceManagement/configurationPolicies`, …), in its order.
    pub fn ids(&self, collection: &str) -> Vec<String> {
        let ids = |tenant: &Tenant| {
            let items = tenant.list(collection).iter();
            items.map(|item| item.id.clone()).collect()
        };
        self.read(ids)
    }

    /// The text of an object, without what hangs below it.
    pub fn text(&self, collection: &str, id: &str) -> Option<String> {
        self.read(|tenant| Some(tenant.get(collection, id)?.text.clone()))
    }

    /// Gives an object another text. `false` when it is not there.
    pub fn update(&self, collection: &str, id: &str, edit: impl FnOnce(&str) -> String) -> bool {
        self.shared
            .edit(collection, id, |item| item.text = edit(&item.text))
    }

    /// Changes what hangs below an object: `assignments`, `settings`, … `false` when it is not there.
    pub fn update_below(
        &self,
        collection: &str,
        id: &str,
        name: &str,
        edit: impl FnOnce(&mut Vec<Resource>),
    ) -> bool {
        self.shared
            .edit(collection, id, |item| edit(item.below_mut(name)))
    }

    /// Adds an object of that text and returns its id.
    pub fn add(&self, collection: &str, text: &str) -> String {
        self.add_resource(collection, Resource::new(text))
    }

    /// Adds an object with what hangs below it and returns its id.
    pub fn add_resource(&self, collection: &str, resource: Resource) -> String {
        let id = resource.id.clone();
        self.shared.add(collection, resource);
        id
    }

    /// Removes an object. `false` when it is not there.
    pub fn remove(&self, collection: &str, id: &str) -> bool {
        self.shared.remove(collection, id)
    }

    /// Renames an object. `false` when it is not there.
    pub fn rename(&self, collection: &str, id: &str, name: &str) -> bool {
        self.shared.rename(collection, id, name)
    }

    /// Changes the description of the first `count` objects; returns their ids and names.
    pub fn change(&self, collection: &str, count: usize) -> Vec<(String, String)> {
        self.shared.change(collection, count)
    }

    /// Turns round the order of assignments, settings and all else whose order means nothing.
    pub fn reorder(&self) {
        self.write(Tenant::reorder);
    }

    /// Adds an object whose name is a lone surrogate; returns its id.
    pub fn add_lone_surrogate(&self, collection: &str) -> Option<String> {
        self.write(|tenant| sample::add_lone_surrogate(tenant, collection))
    }

    /// Number of policies: objects of every collection except groups, apps and the like.
    pub fn policies(&self) -> usize {
        self.read(sample::policies)
    }

    /// Waits until somebody asks for a stop over the control path.
    pub fn wait(&self) {
        self.shared.rest.await_stop();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.rest.stop();
        // Wakes the accept call; the connection itself is of no interest.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
