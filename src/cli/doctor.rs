//! `doctor`: whether everything around is as a night of backups needs it.

mod as_cron;

use std::sync::Arc;

use clap::Args as ClapArgs;

use crate::cli::findings;
use crate::clock::SystemClock;
use crate::config;
use crate::context::Context;
use crate::doctor::{self, Surroundings};
use crate::error::{Error, ExitCode, Kind, Result};
use crate::finding::{Finding, Level};
use crate::graph::client::Connector;
use crate::http::outside::Proxies;
use crate::secret::platform::Platform;
use crate::stop::Stop;
use crate::store::Store;

/// Look at everything that backups need, and say what to do
///
/// It looks at the database, and whether it can be written, its schema, integrity and audit trail; at the
/// files, their modes and owners, the file system, disk space and growth; at the clock, tz data, and the
/// schedules on which its sources differ; at the crontab line and whom it tells, cron itself and the newest
/// dispatch; at interrupted runs, roles of users that the system does not know, credentials (never showing
/// them), and Apple's push certificates and tokens that expire soon, as the newest backup sets have them; at
/// proxy, trust roots, and whether the hosts of Graph and of the sign-in answer. It changes nothing.
///
/// Each finding is ok, warn or fail; those that are not ok come with what to type. Exits with 19 when
/// something fails. With warnings alone it exits with 0: something to know, or a check that could not be
/// carried out. With -q only what fails is printed, so that a crontab line mails nothing else. `backups
/// verify` says whether the backup sets are intact, `tenants check` whether a tenant can be read.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot doctor
  tenantpilot doctor --as-cron
  tenantpilot doctor --json | jq '.findings[] | select(.level != \"ok\")'")]
pub struct Args {
    /// Look from where cron starts programs: a bare environment, the variables of the crontab
    ///
    /// The same checks in a process that has HOME, LOGNAME, PATH, SHELL and what the crontab sets
    /// above its line, in the home folder. What differs from here is told at the end.
    #[arg(long)]
    as_cron: bool,

    /// Ask no host whether it can be reached
    #[arg(long)]
    offline: bool,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    // Who may look is asked where there is a database that says so; an older one is not migrated.
    if Store::open(&ctx.config.database).is_ok() {
        ctx.store()?;
    }
    let here = doctor::examine(&surroundings(ctx, args.offline));
    let findings = match args.as_cron {
        false => here,
        true => as_cron::examine(ctx, args.offline, &here),
    };
    findings::tell(ctx, &findings)?;
    ctx.ui.comment(summary(&findings))?;
    failures(&findings).for_each(|error| match ctx.config.quiet {
        true => ctx.ui.problem(&error),
        false => ctx.ui.reason(&error),
    });
    Ok(match findings::is_well(&findings) {
        true => ExitCode::Ok,
        false => ExitCode::Attention,
    })
}

fn surroundings(ctx: &Context, offline: bool) -> Surroundings {
    // A signal ends the process at once: nothing is left behind by it.
    let stop = Stop::default();
    let clock = Arc::new(SystemClock);
    let user_agent = concat!("tenantpilot/", env!("CARGO_PKG_VERSION"));
    Surroundings {
        database: ctx.config.database.clone(),
        default_database: ctx.config.cron_database.clone(),
        locks: ctx.locks(),
        zones: ctx.zones().clone(),
        now: ctx.now(),
        connector: (!offline).then(|| Connector::new(clock.clone(), stop.clone(), user_agent)),
        clock,
        stop,
        platform: Platform::of_process(),
        proxies: Proxies::of_environment(),
        trust_variables: config::trust_variables(),
    }
}

/// What fails, as errors.
fn failures(findings: &[Finding]) -> impl Iterator<Item = Error> {
    let failed = findings.iter().filter(|one| one.level == Level::Fail);
    failed.map(|one| {
        let what = format!("{}: {}", one.check.replace('_', " "), one.message);
        let error = Error::new(Kind::Attention, what);
        match &one.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

fn summary(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    format!(
        "{} failed, {} to look at, {} ok",
        count(Level::Fail),
        count(Level::Warn),
        count(Level::Ok)
    )
}
