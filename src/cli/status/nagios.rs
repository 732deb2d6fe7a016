//! `status --nagios`: one line and the exit code of a monitoring plugin (Nagios Plugin Development
//! Guidelines): 0 ok, 1 warning, 2 critical, 3 unknown.

use super::{Overview, texts};
use crate::context::Context;
use crate::error::{Error, ExitCode, Result};
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
        let schedule = &standing.schedule;
        troubled.push(format!(
            "{}/{}: {}",
            schedule.tenant,
            schedule.name(),
            texts(&troubles)
        ));
    }
    let count = troubled.len();
    let ages = overview
        .schedules
        .iter()
        .filter(|(one, _)| one.schedule.settings.enabled);
    let oldest = ages.filter_map(|(one, _)| one.age(overview.now)).max();
    let oldest = oldest.unwrap_or_default().as_secs();
    let failing = overview.failing_monitors.len();
    let figures = format!(
        "| schedules={all} attention={count} oldest_success={oldest}s monitors_failing={failing}"
    );
    let untold = match failing {
        0 => String::new(),
        1 => ", 1 monitor fails".to_owned(),
        _ => format!(", {failing} monitors fail"),
    };
    let (word, code) = match gravest {
        None => {
            let line = format!("OK - {all} schedules{untold} {figures}");
            return (line, ExitCode::Ok);
        }
        Some(Gravity::Warning) => ("WARNING", ExitCode::Failed),
        Some(Gravity::Critical) => ("CRITICAL", ExitCode::Usage),
    };
    let more = match count.saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    troubled.truncate(NAMED);
    // A bar begins the figures, wherever it stands.
    let named = troubled.join("; ").replace('|', "/");
    let line = format!(
        "{word} - {count} of {all} schedules need attention: {named}{more}{untold} {figures}"
    );
    (line, code)
}
