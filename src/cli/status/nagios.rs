//! `status --nagios`: one line and the exit code of a monitoring plugin (Nagios Plugin Development
//! Guidelines): 0 ok, 1 warning, 2 critical, 3 unknown.

use super::{Overview, texts};
use crate::context::Context;
use crate::error::{Error, ExitCode, Result};
use crate::plural::{counted, form};
use crate::status::Gravity;

/// Schedules that the line names; more are counted.
const NAMED: usize = 5;

/// Prints the line. A failure to find out is told in it and is no failure of the command.
pub(super) fn report(
    ctx: &Context,
    overview: std::result::Result<&Overview, &Error>,
) -> Result<ExitCode> {
    let (line, code) = match overview {
        Ok(overview) => assess(overview),
        // The number of a usage error is that of a warning there; of a partial run, unknown.
        Err(error) => (format!("UNKNOWN - {}", error.message()), ExitCode::Partial),
    };
    ctx.ui.line(format_args!("TENANTPILOT {line}"))?;
    Ok(code)
}

fn assess(overview: &Overview) -> (String, ExitCode) {
    let all = overview.schedules.len();
    let mut gravest = None;
    let mut troubled = Vec::new();
    for (standing, _) in &overview.schedules {
        let troubles = overview.troubles(standing);
        let Some(first) = troubles.first() else {
            continue;
        };
        gravest = gravest.max(Some(first.gravity()));
        let (tenant, name) = (&standing.schedule.tenant, standing.schedule.name());
        troubled.push(format!("{tenant}/{name}: {}", texts(&troubles)));
    }
    let count = troubled.len();
    let more = match count.saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    troubled.truncate(NAMED);
    // A bar begins the figures, wherever it stands.
    let named = troubled.join("; ").replace('|', "/");
    let schedules = counted(all, "schedule", "schedules");
    let need = form(count, "needs", "need");
    let attention = format!("{count} of {schedules} {need} attention: {named}{more}");
    let (word, code, what) = match gravest {
        Some(Gravity::Critical) => ("CRITICAL", ExitCode::Usage, attention),
        Some(Gravity::Warning) => ("WARNING", ExitCode::Failed, attention),
        // Nothing is in trouble where nothing is watched.
        None if all == 0 => {
            let what = "there is no schedule".to_owned();
            ("UNKNOWN", ExitCode::Partial, what)
        }
        None if disabled(overview) == all => {
            let what = format!("none of {schedules} is enabled");
            ("WARNING", ExitCode::Failed, what)
        }
        None => ("OK", ExitCode::Ok, schedules),
    };
    let untold = match overview.failing_monitors.len() {
        0 => String::new(),
        failing => format!(", {}", counted(failing, "monitor fails", "monitors fail")),
    };
    let figures = figures(overview, count);
    (format!("{word} - {what}{untold} | {figures}"), code)
}

fn disabled(overview: &Overview) -> usize {
    let schedules = overview.schedules.iter();
    schedules
        .filter(|(one, _)| !one.schedule.settings.enabled)
        .count()
}

/// What a monitor keeps over time.
fn figures(overview: &Overview, attention: usize) -> String {
    let enabled = overview.schedules.iter();
    let enabled = enabled.filter(|(one, _)| one.schedule.settings.enabled);
    let oldest = enabled.filter_map(|(one, _)| one.age(overview.now)).max();
    format!(
        "schedules={} disabled={} attention={attention} oldest_success={}s monitors_failing={}",
        overview.schedules.len(),
        disabled(overview),
        oldest.unwrap_or_default().as_secs(),
        overview.failing_monitors.len()
    )
}
