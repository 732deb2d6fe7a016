//! Whom a dispatch tells: its flags, and telling them when it is over.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::warn;
use crate::config;
use crate::context::Context;
use crate::error::Error;
use crate::http::address::Address;
use crate::monitoring::ping::Signal;
use crate::monitoring::{self, Monitors, Subject};
use crate::plural::counted;
use crate::program::Program;
use crate::run::Means;
use crate::store::Store;

/// Whom to tell. A variable keeps what is secret in a URL off the command line; an empty one is none.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Monitoring")]
pub struct Flags {
    /// Ping this URL when dispatch could do its work, and /fail below it when it could not
    ///
    /// So that somebody notices when cron does not run. It does not tell how runs end: for that, give a
    /// schedule a ping URL of its own.
    ///
    /// For this and the other monitors: one that cannot be reached is named once here, and by `status` and
    /// `doctor`, and changes no exit code of dispatch. A URL or a command that cannot be used is named by
    /// the first dispatch that has it. A monitor that no dispatch had for some minutes is forgotten by the
    /// next one that is not started on a terminal.
    #[arg(
        long,
        value_name = "URL",
        env = "TENANTPILOT_PING_URL",
        hide_env_values = true
    )]
    ping_url: Option<String>,

    /// POST JSON to this URL when a schedule fails, is partial, misses slots, or recovers
    ///
    /// Once per change, not per run, those of a schedule in their order; also of what `run` and `retry`
    /// did. What cannot be delivered is tried by each dispatch, for a day at most; after that, the next run
    /// that ends otherwise than was last delivered is told. One may come twice, with the same `id`. The
    /// document has `event` (failed, partial, missed, recovered), `at`, `tenant`, `schedule`, `run_id`,
    /// `status`, `error_code`, `state`, `previous_state`, `message` and others.
    #[arg(
        long,
        value_name = "URL",
        env = "TENANTPILOT_WEBHOOK",
        hide_env_values = true
    )]
    webhook: Option<String>,

    /// Start this command then, with TENANTPILOT_EVENT and others in its environment; no shell
    ///
    /// It is split into words as a shell would, and nothing in it is expanded. It gets TENANTPILOT_EVENT,
    /// _EVENT_ID, _AT, _TENANT, _SCHEDULE, _SCHEDULE_ID, _RUN_ID, _TRIGGER, _SCHEDULED_FOR, _STATUS,
    /// _ERROR_CODE, _STATE, _PREVIOUS_STATE and _MESSAGE, and no credential of ours. It has 20 seconds.
    /// If it fails, it is tried three times, once by each dispatch; if it cannot be started, for a day, as a
    /// webhook. What it prints is logged with -v.
    #[arg(
        long,
        value_name = "CMD",
        env = "TENANTPILOT_HOOK",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    hook: Option<String>,

    /// Write how every schedule stands to this file, for Prometheus' node_exporter
    ///
    /// After each dispatch, as a whole, readable by everybody. Its name has to end in .prom for
    /// node_exporter. Links are not followed, and a file that is not one of ours is not replaced.
    #[arg(
        long,
        value_name = "FILE",
        env = "TENANTPILOT_METRICS",
        hide_env_values = true,
        // clap's own takes no empty one, and a variable that is empty would end every dispatch.
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    metrics: Option<PathBuf>,
}

impl Flags {
    /// What is given, as far as it can be used; an empty value is none.
    pub(super) fn monitors(&self) -> Monitors {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let address = |text| {
            let url = given(text)?;
            Some(Address::parse(&url).map_err(|why| format!("its URL {why}")))
        };
        Monitors {
            ping: address(&self.ping_url),
            webhook: address(&self.webhook),
            hook: given(&self.hook).map(|command| hook(&command)),
            metrics: self
                .metrics
                .clone()
                .filter(|path| !path.as_os_str().is_empty()),
        }
    }
}

fn hook(command: &str) -> Result<Program, String> {
    let program = Program::of(command).map_err(|why| format!("it is no command: {why}"))?;
    match program.is_missing(&config::search_path()) {
        true => Err(format!(
            "{} is no program that can be started",
            program.path()
        )),
        false => Ok(program),
    }
}

/// Sees to it that what this dispatch is going to find is told, and nothing more said of monitors that
/// are gone. That it cannot is no reason not to look.
pub(super) fn register(ctx: &Context, store: &Store, monitors: &Monitors) {
    let now = ctx.clock.now();
    match monitors.settle(store, &ctx.locks(), now, !ctx.ui.interactive()) {
        Ok(mended) => {
            for monitor in mended {
                let who = Subject::Dispatch(monitor).described();
                ctx.ui.warn(format!("{who} can be used again"));
            }
        }
        Err(error) => log::info!("what is known of monitors stays as it is: {error}"),
    }
    if let Err(error) = monitors.register(store, now) {
        ctx.ui
            .warn(format!("changes of state may not be told: {error}"));
    }
}

/// Pings that dispatch decided what is due; how many schedules nothing could be decided of.
pub(super) fn decided(means: &Means, monitors: &Monitors, unusable: usize) {
    let Some(Ok(address)) = &monitors.ping else {
        return;
    };
    let (signal, line) = match unusable {
        0 => (Signal::Success, "dispatch ok".to_owned()),
        count => (
            Signal::Fail,
            format!(
                "dispatch: {} cannot be used",
                counted(count, "schedule", "schedules")
            ),
        ),
    };
    means.pings.dispatched(address.clone(), signal, &line);
}

/// Pings that dispatch could not do its work.
pub(super) fn failed(ctx: &Context, monitors: &Monitors, error: &Error) {
    let Some(Ok(address)) = &monitors.ping else {
        return;
    };
    let means = ctx.means();
    let line = format!("dispatch failed: {}", error.kind().exit_code().name());
    means.pings.dispatched(address.clone(), Signal::Fail, &line);
    for outcome in means.pings.wait() {
        if let Err(reason) = outcome.result {
            log::warn!("{} fails: {reason}", outcome.subject.described());
        }
    }
}

/// Tells everybody what there is to tell, and says aloud what has to be said of that.
pub(super) fn conclude(ctx: &Context, means: &Means, monitors: &Monitors) {
    let mut outcomes = means.pings.wait();
    if outcomes.is_empty() && monitors.is_empty() {
        return;
    }
    let mut told = || -> crate::error::Result<Vec<Error>> {
        let store = Store::open(&means.database)?;
        outcomes.extend(monitors.tell(&store, means));
        Ok(monitoring::record(&store, &outcomes, means.clock.now()))
    };
    match told() {
        Ok(aloud) => aloud.iter().for_each(|warning| warn(ctx, warning)),
        Err(error) => ctx.ui.warn(format!("nobody could be told: {error}")),
    }
}
