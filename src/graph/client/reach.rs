//! Whether a service can be reached at all: name, way, TLS, and something that answers in HTTP. No
//! token is asked for and none is sent.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::root::Root;
use super::super::wire::{Lost, Outgoing, Payload};
use super::super::{Error, Fault};
use super::Connector;
use crate::disk;
use crate::graph::cloud::Cloud;
use crate::http::outside;
use crate::tenant::{Credential, Settings};

/// A person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// A service that tenants need.
#[derive(Debug, Clone)]
pub struct Service {
    /// A tenant that needs it.
    tenant: String,
    /// Its name in messages.
    name: &'static str,
    root: Root,
    /// The flag that sets its URL.
    flag: &'static str,
    /// What is asked for below the root; anybody may.
    path: &'static str,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Its status.
    pub status: u16,
    /// What time it is there.
    pub date: Option<DateTime<Utc>>,
}

impl Service {
    /// The Graph and the sign-in authority of a tenant; the latter only where its credential asks it.
    ///
    /// # Errors
    /// Why one of its URLs cannot be used.
    pub fn of(settings: &Settings) -> Result<Vec<Self>, String> {
        let root = |given: &Option<String>, of_cloud: fn(Cloud) -> &'static str| {
            let url = given.as_deref().unwrap_or_else(|| of_cloud(settings.cloud));
            Root::parse(url).map_err(|why| format!("tenant {}: URL {url:?} {why}", settings.name))
        };
        let mut services = vec![Self {
            tenant: settings.name.clone(),
            name: "Graph",
            root: root(&settings.graph_url, Cloud::graph_root)?,
            flag: "--graph-url",
            path: "v1.0",
        }];
        if !matches!(settings.credential, Credential::ManagedIdentity(_)) {
            services.push(Self {
                tenant: settings.name.clone(),
                name: "sign-in",
                root: root(&settings.authority_url, Cloud::authority)?,
                flag: "--authority-url",
                path: "common/v2.0/.well-known/openid-configuration",
            });
        }
        Ok(services)
    }

    /// Its name and where it is, for messages.
    pub fn described(&self) -> String {
        format!("{} at {}", self.name, self.root)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.root.to_string()
    }

    /// Its host name or address.
    pub fn host(&self) -> &str {
        self.root.host()
    }

    /// Whether it is this machine, to which no proxy leads.
    pub fn is_here(&self) -> bool {
        self.root.is_loopback()
    }

    /// Whether it is spoken to through TLS.
    pub fn is_https(&self) -> bool {
        self.root.is_https()
    }
}

impl Connector {
    /// That there is a way to the services of a tenant.
    ///
    /// # Errors
    /// The proxy that is named for one cannot be used.
    pub(super) fn require_ways(&self, settings: &Settings) -> Result<(), Error> {
        for service in Service::of(settings).unwrap_or_default() {
            self.shared.wire.require_way(&service.root).map_err(|why| {
                let what = format!(
                    "tenant {}: no way to {}: {why}",
                    settings.name,
                    service.described()
                );
                Error::new(Fault::Credential, what).hint(outside::HINT)
            })?;
        }
        Ok(())
    }

    /// Asks a service for something that it tells anybody.
    ///
    /// # Errors
    /// Nothing answers.
    pub fn reach(&self, service: &Service) -> Result<Reached, Error> {
        let sent = self.shared.wire.send(&Outgoing {
            root: &service.root,
            url: &service.root.below(service.path),
            payload: Payload::Get(&[]),
            request_id: &uuid::Uuid::new_v4().to_string(),
            left: PATIENCE,
            new_connection: true,
            flag: Some(service.flag),
            platform: None,
        });
        match sent {
            Ok(answer) => Ok(Reached {
                status: answer.status,
                date: answer
                    .headers
                    .date
                    .and_then(|date| DateTime::parse_from_rfc2822(&date).ok())
                    .map(|date| date.with_timezone(&Utc)),
            }),
            Err(Lost::Network { why, remedy, .. }) => {
                let error = Error::new(Fault::Network, why);
                Err(match remedy {
                    Some(remedy) => error.hint(remedy.hint(&service.tenant)),
                    None => error,
                })
            }
            Err(Lost::NoHandle(why)) => {
                Err(Error::new(Fault::NoHandle, why).hint(disk::MORE_FILES))
            }
            // It answered, whatever it was.
            Err(Lost::TooLarge(_) | Lost::Garbled) => Ok(Reached {
                status: 200,
                date: None,
            }),
        }
    }
}
