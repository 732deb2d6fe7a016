//! A comparison for a ticket.
//!
//! Every word that comes from outside stands in a code span or a code block whose fence is longer
//! than any run of backticks in it. There nothing is markup: no link, no mention, no heading, no
//! HTML; and no line break, since hidden characters are written out first.

use std::fmt::Write as _;

use super::text::side;
use crate::diff::{About, Change, ChangeKind, Diff};
use crate::error::Result;
use crate::plural::counted;
use crate::policy::diff::lines::{Limits, lines};
use crate::ui::Ui;
use crate::ui::text::visible;

pub(super) fn show(ui: &Ui, from: &About, to: &About, diff: &Diff) -> Result<()> {
    if ui.silent() {
        return Ok(());
    }
    ui.raw(&head(from, to, diff))?;
    diff.changes
        .iter()
        .try_for_each(|change| ui.raw(&section(change)))
}

fn head(from: &About, to: &About, diff: &Diff) -> String {
    let mut text = String::from("## What changed\n\n");
    let _ = writeln!(text, "- from {}", code(&side(from)));
    let _ = writeln!(text, "- to {}", code(&side(to)));
    let names = ChangeKind::ALL.map(ChangeKind::as_str).join(" | ");
    let counts = ChangeKind::ALL.map(|kind| diff.count(kind).to_string());
    let counts = counts.join(" | ");
    let unread = diff.unread_keys().len();
    let _ = write!(
        text,
        "\n| {names} | unread types |\n|---|---|---|---|---|---|\n| {counts} | {unread} |\n"
    );
    if diff.equal() {
        let compared = counted(diff.compared, "policy", "policies");
        let _ = writeln!(text, "\nNo difference in {compared}.");
    }
    if !diff.unread_types.is_empty() || !diff.unread_policies.is_empty() {
        text.push_str("\n### Not read\n\n");
    }
    for unread in &diff.unread_types {
        let (key, reason) = (code(&unread.policy_type), code(&unread.reason));
        let _ = writeln!(text, "- {key}: {reason}");
    }
    for unread in &diff.unread_policies {
        let policy = policy(&unread.policy_type, &unread.name, &unread.policy_id);
        let _ = writeln!(text, "- {policy}: {}", code(&unread.reason));
    }
    text
}

fn section(change: &Change) -> String {
    let policy_now = policy(&change.policy_type, &change.name, &change.policy_id);
    let mut text = format!("\n### {}: {policy_now}\n", change.kind.as_str());
    if let Some(former) = &change.former {
        let before = policy(&former.policy_type, &former.name, &former.policy_id);
        let _ = writeln!(text, "\nBefore: {before}");
    }
    let lines = lines(&change.changes, Limits::NONE);
    if !lines.is_empty() {
        // In the form in which a diff is coloured: what is changed is neither new nor gone.
        let lines: Vec<String> = lines
            .iter()
            .map(|line| match line.text.strip_prefix("    ") {
                Some(of_text) => visible(of_text).into_owned(),
                None => visible(&line.text).replacen('~', "!", 1),
            })
            .collect();
        let block = lines.join("\n");
        let fence = "`".repeat(longest_run(&block).max(2) + 1);
        let _ = write!(text, "\n{fence}diff\n{block}\n{fence}\n");
    }
    text
}

fn policy(key: &str, name: &str, id: &str) -> String {
    let name = if name.is_empty() { "(no name)" } else { name };
    format!("{} {}", code(name), code(&format!("{key}/{id}")))
}

/// A code span that shows exactly `text`.
fn code(text: &str) -> String {
    let text = visible(text);
    if text.trim().is_empty() {
        let blanks = counted(text.chars().count(), "blank", "blanks");
        return format!("`({blanks})`");
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`');
    runs.map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_leaves_its_code_span() {
        for (text, span) in [
            ("plain", "`plain`"),
            ("a`b", "``a`b``"),
            ("`", "`` ` ``"),
            ("```\n# x", r"```` ```\n# x ````"),
            (" @all ", "`  @all  `"),
            ("", "`(0 blanks)`"),
            ("  ", "`(2 blanks)`"),
            ("<b>[x](y)|", "`<b>[x](y)|`"),
            ("a\u{202e}b", r"`a\u{202e}b`"),
        ] {
            assert_eq!(code(text), span, "{text:?}");
        }
    }
}
