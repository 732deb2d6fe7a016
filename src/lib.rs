//! Scheduled, provable, restorable backups of Microsoft Intune configuration for many tenants.

pub mod backup_set;
pub mod clock;
pub mod error;
pub mod graph;
pub mod policy;
pub mod recurrence;
pub mod schedule;
pub mod secret;
pub mod slot;
pub mod stop;
pub mod store;
pub mod tenant;
pub mod zone;
