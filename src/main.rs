//! The process: arguments in, exit code out. Logging and signals are set up here; everything else
//! is in the library. Nothing but this file leaves the process.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use log::LevelFilter;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tenantpilot::cli::{self, Parsed};
use tenantpilot::config::LogFormat;
use tenantpilot::context::{Context, Deed};
use tenantpilot::disk;
use tenantpilot::error::{self, Kind};
use tenantpilot::secret::memory;
use tenantpilot::stop::{Reason, Stop};
use tenantpilot::ui::Ui;
use tenantpilot::ui::panic;
use tenantpilot::ui::text::visible;

fn main() -> ExitCode {
    let unsealed = memory::seal().err().map(|error| error.to_string());
    let code = panic::guard(|ui| run(unsealed, ui));
    ExitCode::from(code.number())
}

/// `unsealed` is what kept the memory from being sealed; `ui` is to be how this process talks.
fn run(unsealed: Option<String>, ui: &mut Option<Ui>) -> error::ExitCode {
    let (command, deed, config) = match cli::parse(std::env::args_os()) {
        Parsed::Command {
            command,
            deed,
            config,
        } => (command, deed, config),
        Parsed::Answered(code) => return code,
    };
    let stop = Stop::default();
    let context = Context::new(*config, stop.clone());
    *ui = Some(context.ui.clone());
    start_log(&context);
    if let Some(error) = unsealed {
        log::warn!("a crash could leave secrets in a core file: {error}");
    }
    log::info!(
        "tenantpilot {}, database {}",
        env!("CARGO_PKG_VERSION"),
        context.config.database.display()
    );
    match carry_out(&context, *command, deed, &stop) {
        Ok(code) => {
            context.ui.conclude(code);
            code
        }
        Err(error) => {
            let error = expected(error);
            let code = match (error.kind(), stop.requested()) {
                (Kind::Canceled, Some(reason)) => code_of(reason),
                (kind, _) => kind.exit_code(),
            };
            context.ui.failure(&error, code);
            code
        }
    }
}

fn carry_out(
    context: &Context,
    command: cli::Command,
    deed: Deed,
    stop: &Stop,
) -> anyhow::Result<error::ExitCode> {
    let ui = context.ui.clone();
    listen_for_signals(stop.clone(), context.heeds_stop(), ui).map_err(|error| deaf(&error))?;
    Ok(cli::run(context, command, deed)?)
}

/// Why signals cannot be heard: no file handle is left for them, or a bug.
fn deaf(error: &std::io::Error) -> error::Error {
    let what = format!("cannot listen for signals: {error}");
    match disk::way_out(error) {
        Some(hint) => error::Error::new(disk::kind_of(error), what).hint(hint),
        None => error::Error::internal(what),
    }
}

/// The failure as the product tells it. What the library did not foresee is a bug, told with all
/// its causes in one line.
fn expected(error: anyhow::Error) -> error::Error {
    error
        .downcast()
        .unwrap_or_else(|other| error::Error::internal(format!("{other:#}")))
}

/// Log lines go to stderr. ureq and rustls stay at warnings: below that they write what is on the
/// wire, tokens included.
fn start_log(context: &Context) {
    let config = &context.config;
    let level = match (config.quiet, config.verbosity) {
        (true, _) => LevelFilter::Off,
        (_, 0) => LevelFilter::Error,
        (_, 1) => LevelFilter::Info,
        _ => LevelFilter::Debug,
    };
    let mut log = env_logger::Builder::new();
    log.target(env_logger::Target::Pipe(context.ui.log_lines()));
    log.filter_level(level);
    for module in ["ureq", "ureq_proto", "rustls", "rustls_platform_verifier"] {
        log.filter_module(module, level.min(LevelFilter::Warn));
    }
    if config.log_format == LogFormat::Json {
        log.format(|line, record| {
            let object = serde_json::json!({
                "at": line.timestamp_millis().to_string(),
                "level": record.level().as_str().to_lowercase(),
                "target": record.target(),
                "message": record.args().to_string(),
            });
            writeln!(
                line,
                "{}",
                tenantpilot::ui::text::ascii_controls(&object.to_string())
            )
        });
    } else {
        let journal = config.journal;
        log.format(move |line, record| {
            let message = record.args().to_string();
            let (at, level) = (line.timestamp_millis(), record.level());
            if journal {
                let priority = priority(level);
                let target = record.target();
                return writeln!(line, "<{priority}>{target}: {}", visible(&message));
            }
            writeln!(
                line,
                "{at} {level:<5} {}: {}",
                record.target(),
                visible(&message)
            )
        });
    }
    log.init();
}

/// How bad a log line is, as the journal of systemd counts.
fn priority(level: log::Level) -> u8 {
    match level {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    }
}

/// The first signal asks the command to stop, where it heeds that; else, and the second time, the
/// process ends at once.
fn listen_for_signals(stop: Stop, heeds_stop: Arc<AtomicBool>, ui: Ui) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            let reason = match signal {
                SIGINT => Reason::Interrupt,
                _ => Reason::Terminate,
            };
            if stop.requested().is_some() || !heeds_stop.load(Ordering::SeqCst) {
                ui.wipe();
                leave(code_of(reason));
            }
            stop.request(reason);
        }
    })?;
    Ok(())
}

fn code_of(reason: Reason) -> error::ExitCode {
    match reason {
        Reason::Interrupt => error::ExitCode::Interrupted,
        Reason::Terminate => error::ExitCode::Terminated,
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn leave(code: error::ExitCode) -> ! {
    std::process::exit(i32::from(code.number()))
}
