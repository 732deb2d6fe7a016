//! The addresses of a host, looked up in a thread of its own, since a lookup knows no time limit.
//!
//! The library's own way panics where the system gives no more threads. Here a lookup is then made in
//! the thread that asks, and takes as long as the system's resolver lets it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::vec::IntoIter;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How many addresses the library has room for.
const MOST: usize = 16;

/// Looks addresses up.
#[derive(Debug)]
pub(super) struct Names;

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let parts = uri.scheme().zip(uri.authority());
        let named = parts.and_then(|(scheme, host)| DefaultResolver::host_and_port(scheme, host));
        let found = look_up(&named.ok_or(Error::HostNotFound)?, timeout)?;
        let mut addresses = self.empty();
        let family = config.ip_family();
        let wanted = family.keep_wanted(found);
        wanted.take(MOST).for_each(|one| addresses.push(one));
        match addresses.is_empty() {
            true => Err(Error::HostNotFound),
            false => Ok(addresses),
        }
    }
}

fn look_up(named: &str, timeout: NextTimeout) -> Result<IntoIter<SocketAddr>, Error> {
    let (sender, receiver) = sync_channel(1);
    let aside = named.to_owned();
    // Nobody listens any more when the time was over first.
    let spawned = thread::Builder::new().spawn(move || sender.send(aside.to_socket_addrs()).ok());
    if spawned.is_err() {
        return named.to_socket_addrs().map_err(told);
    }
    match receiver.recv_timeout(*timeout.after) {
        Ok(found) => found.map_err(told),
        Err(RecvTimeoutError::Timeout) => Err(Error::Timeout(timeout.reason)),
        Err(RecvTimeoutError::Disconnected) => Err(Error::HostNotFound),
    }
}

/// That the name service has no address for a name, and why, in the system's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unresolved(String);

/// What the system's resolver says has no number of the system's, unless it lacked something itself.
fn told(error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(_) => Error::Io(error),
        None => {
            let why = error.to_string();
            let why = why.rsplit(": ").next().unwrap_or_default();
            Error::Other(Unresolved(why.to_owned()).into())
        }
    }
}
