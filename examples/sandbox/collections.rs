//! How a collection of the sandbox answers: the columns of the table in `rows.rs`.
//!
//! Where live behaviour is known to be awkward (a list that leaves fields out, an expansion that is
//! refused or always empty) the row says so; the code that serves it is the same for all.

use super::rows::rows;

/// Under which versions a path exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// Only `beta`.
    Beta,
    /// `v1.0` and `beta`.
    Both,
}

/// What the next links of a list look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStyle {
    /// Encoded twice, as the settings catalog does.
    Double,
    /// Encoded once, with lower-case escapes.
    Single,
}

/// One collection.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Path below the version.
    pub path: &'static str,
    /// Where it exists.
    pub versions: Versions,
    /// The declared type, as error messages name it.
    pub declared: &'static str,
    /// A single object at that path, not a list.
    pub singleton: bool,
    /// The most items a page holds; `$top` counts up to here.
    pub page: usize,
    /// Look of its next links.
    pub style: TokenStyle,
    /// Members that a list gives as null.
    pub list_nulls: &'static [&'static str],
    /// Members that a list leaves out.
    pub list_lacks: &'static [&'static str],
    /// Members that only `$select` brings.
    pub only_selected: &'static [&'static str],
    /// What `$expand` takes on the list.
    pub expand_list: &'static [&'static str],
    /// What `$expand` takes on one object.
    pub expand_item: &'static [&'static str],
    /// What `$expand` takes and always answers with an empty list.
    pub expand_empty: &'static [&'static str],
    /// Paths below one object.
    pub below: &'static [&'static str],
    /// Paths below one object that go through its type; which types have one, the objects tell.
    pub below_type: &'static [&'static str],
    /// The only filters it takes: text, and the member that must be false.
    pub filters: &'static [(&'static str, &'static str)],
    /// Properties that it filters by with `in`.
    pub filter_in: &'static [&'static str],
    /// Times that it filters by: at or after one, and at or before another.
    pub filter_between: &'static [&'static str],
    /// Evolvable enumerations: member, and values hidden without the `Prefer` header.
    pub newer: &'static [(&'static str, &'static [&'static str])],
    /// Permissions that a refusal names.
    pub scopes: &'static str,
}

/// The row that a path below the version leads to, and what follows its own path.
pub fn find(path: &str) -> Option<(&'static Row, &str)> {
    rows()
        .filter_map(|row| {
            let rest = path.strip_prefix(row.path)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (row, rest.trim_start_matches('/')))
        })
        .max_by_key(|(row, _)| row.path.len())
}
