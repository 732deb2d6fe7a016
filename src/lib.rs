//! Scheduled, provable, restorable backups of Microsoft Intune configuration for many tenants.
//!
//! The map, from the words a user knows to what carries them:
//!
//! - [`tenant`], [`schedule`], [`slot`], [`recurrence`], [`zone`], [`run`], [`backup_set`],
//!   [`policy`], [`retention`], [`retry`], [`role`], [`notification`], [`status`], [`audit`] are the words; most of each is pure.
//! - [`dispatch`] decides what starts, between many processes; [`run::backup`] carries one run out;
//!   [`lock`] says who lives.
//! - [`check`] tries whether a tenant can be backed up at all.
//! - [`export`] makes files of a backup set, [`import`] a backup set of files; [`life`] tells what became of one policy,
//!   [`authors`] who changed it.
//! - [`doctor`] looks at everything around, with [`crontab`] for what cron was told; [`finding`] is what
//!   such checks find.
//! - [`monitoring`] tells others how runs went: pings, webhooks, a hook, metrics.
//! - [`diff`] says what changed between two backup sets, or since one.
//! - [`graph`] speaks to Microsoft Graph; [`store`] keeps everything in one SQLite file; they do not
//!   know each other.
//! - [`cli`] turns flags into domain types, [`ui`] is the only writer to the terminal, [`context`]
//!   and [`config`] are made once per process.
//! - [`http`] and [`program`] are the ways to other machines and other programs.
//! - [`clock`], [`secret`], [`stop`], [`progress`], [`disk`], [`plural`], `threads`, [`error`] are what every
//!   other module may use.

pub mod account;
pub mod actor;
pub mod audit;
pub mod authors;
pub mod backup_set;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod context;
pub mod crontab;
pub mod diff;
pub mod disk;
pub mod dispatch;
pub mod doctor;
pub mod duration;
pub mod error;
pub mod export;
pub mod finding;
pub mod fleet;
pub mod graph;
pub mod http;
pub mod import;
mod json;
pub mod labels;
pub mod life;
pub mod lock;
pub mod monitoring;
#[cfg(test)]
mod mutation;
pub mod notification;
pub mod plural;
pub mod policy;
#[cfg(any(test, fuzzing))]
pub mod probe;
pub mod program;
pub mod progress;
pub mod recurrence;
pub mod retention;
pub mod retry;
pub mod role;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod slot;
pub mod status;
pub mod stop;
pub mod store;
pub mod tenant;
mod threads;
pub mod ui;
pub mod zone;
