//! A comparison as lines for a terminal: the counts first, then what is not known, then each policy.

use crate::cli::backups::shaded;
use crate::cli::history::time;
use crate::diff::{About, Change, ChangeKind, Diff};
use crate::error::Result;
use crate::plural::counted;
use crate::policy::diff::lines::{Limits, lines};
use crate::ui::table::Table;
use crate::ui::{Shade, Ui};

pub(super) fn show(ui: &Ui, from: &About, to: &About, diff: &Diff) -> Result<()> {
    if ui.plain() {
        return ui.table(&records(diff));
    }
    ui.line(format_args!("from  {}", side(from)))?;
    ui.line(format_args!("to    {}", side(to)))?;
    ui.line("")?;
    counts(ui, diff)?;
    if diff.equal() {
        ui.line("")?;
        return ui.line(format_args!(
            "no difference in {}",
            counted(diff.compared, "policy", "policies")
        ));
    }
    if !diff.unread_types.is_empty() || !diff.unread_policies.is_empty() {
        ui.line("")?;
    }
    for unread in &diff.unread_types {
        ui.line(format_args!(
            "unread  {}: {}",
            unread.policy_type, unread.reason
        ))?;
    }
    for unread in &diff.unread_policies {
        let policy = label(&unread.name, &unread.policy_id);
        let key = &unread.policy_type;
        ui.line(format_args!("unread  {key}  {policy}: {}", unread.reason))?;
    }
    let limits = if ui.unbounded() {
        Limits::NONE
    } else {
        Limits::SHORT
    };
    diff.changes.iter().try_for_each(|change| {
        let mut told = vec![(Shade::Plain, String::new()), headline(change)];
        told.extend(shaded("  ", lines(&change.changes, limits)));
        ui.shaded(&told)
    })
}

/// What differs, and what is not known, as a record each.
fn records(diff: &Diff) -> Table {
    let mut table = Table::new(&["CHANGE", "POLICY TYPE", "ID", "NAME", "NOTE"]);
    let mut row = |change: &str, key: &str, id: &str, name: &str, note: &str| {
        table.row([change, key, id, name, note].map(str::to_owned));
    };
    for unread in &diff.unread_types {
        row("unread", &unread.policy_type, "", "", &unread.reason);
    }
    for unread in &diff.unread_policies {
        let (key, id) = (&unread.policy_type, &unread.policy_id);
        row("unread", key, id, &unread.name, &unread.reason);
    }
    for change in &diff.changes {
        let (key, id) = (&change.policy_type, &change.policy_id);
        let note = before(change).unwrap_or_default();
        row(change.kind.as_str(), key, id, &change.name, &note);
    }
    table
}

fn counts(ui: &Ui, diff: &Diff) -> Result<()> {
    const COUNTED: [&str; 7] = [
        "ADDED",
        "REMOVED",
        "CHANGED",
        "RENAMED",
        "MOVED",
        "UNREAD TYPES",
        "UNREAD POLICIES",
    ];
    let mut table = Table::new(&COUNTED).whole(&COUNTED);
    let [added, removed, changed, renamed, moved] =
        ChangeKind::ALL.map(|kind| diff.count(kind).to_string());
    let types = diff.unread_keys().len().to_string();
    let policies = diff.unread_policies.len().to_string();
    table.row([added, removed, changed, renamed, moved, types, policies]);
    ui.table(&table)
}

fn headline(change: &Change) -> (Shade, String) {
    let shade = match change.kind {
        ChangeKind::Added => Shade::Added,
        ChangeKind::Removed => Shade::Removed,
        ChangeKind::Changed | ChangeKind::Renamed | ChangeKind::Moved => Shade::Changed,
    };
    let policy = label(&change.name, &change.policy_id);
    let mut line = format!(
        "{:8} {}  {policy}",
        change.kind.as_str(),
        change.policy_type
    );
    if let Some(before) = before(change) {
        line.push_str(&format!(", before: {before}"));
    }
    (shade, line)
}

/// What a policy was before, as far as that differs.
fn before(change: &Change) -> Option<String> {
    let former = change.former.as_ref()?;
    let labelled = || label(&former.name, &former.policy_id);
    Some(match change.kind {
        ChangeKind::Moved => format!("{} {}", former.policy_type, labelled()),
        _ if former.policy_id == change.policy_id => former.name.clone(),
        _ => labelled(),
    })
}

fn label(name: &str, id: &str) -> String {
    match name {
        "" => format!("(no name) ({id})"),
        name => format!("{name} ({id})"),
    }
}

/// How a side is called in the head.
pub(super) fn side(about: &About) -> String {
    match about {
        About::Set(set) => format!(
            "{}, {}, {}",
            set.described(),
            time(set.time),
            set.status.as_str()
        ),
        About::Live { at, .. } => format!("{}, {}", about.described(), time(*at)),
    }
}
