//! How the findings of checks look: in the terminal, and as the one document of `--json`.

use serde_json::json;

use crate::context::Context;
use crate::error::Result;
use crate::finding::{Finding, Level};
use crate::ui::table::Table;

/// Tells all of them, each with what to type next.
pub(crate) fn tell(ctx: &Context, findings: &[Finding]) -> Result<()> {
    ctx.ui.document(&json!({
        "ok": is_well(findings),
        "findings": findings,
    }))?;
    if ctx.ui.plain() {
        let mut table = Table::new(&["LEVEL", "CHECK", "MESSAGE", "HINT"]);
        for finding in findings {
            table.row([
                finding.level.as_str().to_owned(),
                finding.check.clone(),
                finding.message.clone(),
                finding.hint.clone().unwrap_or_default(),
            ]);
        }
        return ctx.ui.table(&table);
    }
    let widest = findings.iter().map(|finding| finding.check.len()).max();
    let widest = widest.unwrap_or_default();
    for finding in findings {
        let check = finding.check.replace('_', " ");
        let level = finding.level.as_str();
        let lead = format!("{level:4}  {check:widest$}  ");
        ctx.ui.item(lead, &finding.message)?;
        // A hint is typed again: it stays one line, which a terminal that breaks it gives back as one.
        if let Some(hint) = &finding.hint {
            ctx.ui
                .line(format_args!("{:4}  {:widest$}  hint: {hint}", "", ""))?;
        }
    }
    Ok(())
}

/// Whether nothing is wrong; something to know is no harm.
pub(crate) fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.level != Level::Fail)
}
