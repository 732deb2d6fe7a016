//! What changed between two documents of one policy type, in the words of those who set it.
//!
//! Pure. Compared is the canonical form, so nothing is found exactly if both documents have the
//! same one: neither order nor noise shows as a change, and no change is lost on the way to people.
//!
//! - A field is named by what it means: a setting of the settings catalog by the id of its
//!   definition and of those above it, an administrative template by the name of its definition, an
//!   OMA setting by its name, everything else by its property. [`Field::path`] has ids where
//!   [`Field::name`] has names; the first is for programs and stays as it is.
//! - Elements of sets are told apart by their natural key, elements of lists by their place among
//!   those that stayed.
//! - Assignments are a set of their own.
//! - Long texts, and texts that Graph keeps in base64, come with a unified diff ([`text`]); other
//!   bytes as length and hash.
//! - A secret is never told, not even as the digest that is kept of it: only that it changed.
//!
//! [`lines`] and [`json`] are how the changes of one policy look, wherever they are told.

mod assignment;
mod excerpt;
pub mod json;
pub mod lines;
mod names;
pub mod outline;
mod pairs;
mod place;
mod secrets;
pub mod text;
mod walk;

use serde_json::Value;

use super::canonical;
use super::catalogue::{self, PolicyType};
use super::document::Flaw;

pub use assignment::{Assignment, Assignments};
#[cfg(any(test, fuzzing))]
pub(crate) use excerpt::probe as probe_excerpts;
pub use names::Names;

/// What stands on one side of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Absent,
    /// A value; a secret within it is masked.
    Plain(Value),
    /// The id of something whose name is known.
    Named {
        /// The id.
        id: String,
        /// The name.
        name: String,
    },
    /// Text that is kept in base64.
    Decoded(String),
    /// Bytes that are no text, kept in base64.
    Binary {
        /// How many.
        bytes: usize,
        /// Their SHA-256.
        sha256: String,
    },
    /// A secret.
    Secret,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where it is, by properties and ids.
    pub path: String,
    /// Where it is, by names.
    pub name: String,
    /// What was there.
    pub before: Content,
    /// What is there.
    pub after: Content,
    /// Both as a unified diff, where they are long texts.
    pub text: Option<String>,
    /// What the contents alone do not show.
    pub remark: Option<&'static str>,
}

impl Field {
    /// Whether it is about a secret.
    pub fn is_secret(&self) -> bool {
        self.before == Content::Secret || self.after == Content::Secret
    }
}

/// What changed in one policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Name before and after, where that changed.
    pub renamed: Option<(String, String)>,
    /// Everything but assignments, the name included.
    pub fields: Vec<Field>,
    /// Who got it, and who no longer has it.
    pub assignments: Assignments,
    /// Secrets of which nobody can say whether they changed.
    pub incomparable: Vec<Incomparable>,
}

/// A secret that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomparable {
    /// Its name, as that of a field.
    pub name: String,
    /// Why it cannot.
    pub why: Unlike,
}

/// Why two that are kept of secrets cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlike {
    /// Their digests were made under two keys.
    Keys,
    /// On one side Graph did not give the secret.
    NotCaptured,
}

impl Changes {
    /// What is left to say of documents that cannot be parsed: that they differ.
    pub fn of_bytes(before: &[u8], after: &[u8], names: (&str, &str)) -> Self {
        let content = |bytes: &[u8]| Content::Binary {
            bytes: bytes.len(),
            sha256: text::sha256(bytes),
        };
        let renamed = (names.0 != names.1).then(|| (names.0.to_owned(), names.1.to_owned()));
        Self {
            renamed,
            fields: vec![Field {
                path: String::new(),
                name: String::new(),
                before: content(before),
                after: content(after),
                text: None,
                remark: Some("cannot be parsed"),
            }],
            ..Self::default()
        }
    }

    /// Whether nothing changed, as far as it could be compared.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.assignments.is_empty()
    }

    /// Whether nothing but the name changed.
    pub fn only_renamed(&self) -> bool {
        let parsed = self.fields.iter().all(|field| !field.path.is_empty());
        self.renamed.is_some() && self.fields.len() == 1 && parsed && self.assignments.is_empty()
    }
}

/// What two documents are compared by, beside themselves.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What ids meant before.
    pub before: &'a Names,
    /// What ids mean after.
    pub after: &'a Names,
    /// Whether the documents belong to two tenants: ids that have a name are compared by it, and the
    /// policy's own id does not count.
    pub across: bool,
    /// Whether digests of secrets were made under one key on both sides, so that unequal ones are of
    /// unequal secrets. Never so for two tenants.
    pub one_key: bool,
}

/// Whether two documents mean the same: they have one canonical form.
pub fn same(row: &PolicyType, before: &[u8], after: &[u8]) -> Result<bool, Flaw> {
    let form = |document| canonical::value(row, canonical::parse(document)?);
    Ok(before == after || form(before)? == form(after)?)
}

/// What changed from `before` to `after`.
pub fn diff(
    row: &PolicyType,
    before: &[u8],
    after: &[u8],
    view: &View<'_>,
) -> Result<Changes, Flaw> {
    if view.across {
        return diff_whole(row, before, after, view);
    }
    if before == after {
        return Ok(Changes::default());
    }
    match excerpt::of_both(row, before, after) {
        Some((before, after)) => diff_whole(row, &before, &after, view),
        None => diff_whole(row, before, after, view),
    }
}

/// The same, of which nothing was left out.
fn diff_whole(
    row: &PolicyType,
    before: &[u8],
    after: &[u8],
    view: &View<'_>,
) -> Result<Changes, Flaw> {
    let (before, after) = (canonical::parse(before)?, canonical::parse(after)?);
    let mut labels = place::Labels::default();
    labels.collect(&before);
    labels.collect(&after);
    let mut before = canonical::value(row, before)?;
    let mut after = canonical::value(row, after)?;
    if view.across {
        view.before.by_name(&mut before);
        view.after.by_name(&mut after);
    }
    if before == after {
        return Ok(Changes::default());
    }
    let mut changes = walk::walk(row, &before, &after, view, labels);
    let name = |value: &Value| {
        value
            .get(row.name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let (old, new) = (name(&before), name(&after));
    if old != new {
        changes.renamed = Some((old.unwrap_or_default(), new.unwrap_or_default()));
    }
    Ok(changes)
}

/// What tells where a policy belongs beside its name, where its document does.
pub fn template_family(document: &[u8]) -> Option<String> {
    let document: Value = crate::json::read(document).ok()?;
    let family = document.get("templateReference")?.get("templateFamily")?;
    family.as_str().map(str::to_owned)
}

/// The row of a key; of one that this program does not know, what is assumed of all.
pub fn row_of(key: &str) -> &'static PolicyType {
    catalogue::find(key).unwrap_or(&catalogue::UNKNOWN)
}

#[cfg(test)]
mod tests;
