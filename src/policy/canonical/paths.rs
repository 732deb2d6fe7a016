//! The paths of a row that still matter at one place of a document.

use crate::policy::catalogue::{self, PolicyType, Reference};

/// What the row says about the place where we are and everything below it.
pub(in crate::policy) struct Paths<'a> {
    /// The rest of each path from here on, and what it means for the place it ends at.
    open: Vec<(&'a str, Meaning)>,
    /// Whether only the `id` counts here.
    referred: bool,
    /// The key of the elements, if this is an array without an order.
    set: Option<&'static [&'static str]>,
    /// Whether this is an element of such an array, and its `id` a generated one.
    generated_id: bool,
    /// Whether this is within a setting of the settings catalog.
    in_setting: bool,
}

#[derive(Debug, Clone, Copy)]
enum Meaning {
    Volatile,
    Referred,
    Set(&'static [&'static str]),
}

impl Paths<'static> {
    /// At the top of a document of `row`.
    pub(in crate::policy) fn of(row: &PolicyType) -> Self {
        let volatile = catalogue::VOLATILE.iter().chain(row.volatile);
        let sets = catalogue::SETS.iter().chain(row.sets);
        let open = volatile
            .map(|path| (*path, Meaning::Volatile))
            .chain(row.referred.iter().map(|path| (*path, Meaning::Referred)))
            .chain(sets.map(|set| (set.path, Meaning::Set(set.key))))
            .chain(row.references.iter().flat_map(of_reference))
            .collect();
        Self {
            open,
            referred: false,
            set: None,
            generated_id: false,
            in_setting: false,
        }
    }
}

impl<'a> Paths<'a> {
    /// At a property, or with `[]` at the elements of the array here.
    pub(in crate::policy) fn below(&self, name: &str) -> Paths<'a> {
        let nested = self.in_setting && name == catalogue::NESTED_SETTINGS.path;
        let mut below = Paths {
            open: Vec::new(),
            // Where there are several, it is said of each.
            referred: self.referred && name == "[]",
            set: nested.then_some(catalogue::NESTED_SETTINGS.key),
            in_setting: self.in_setting || name == catalogue::SETTING,
            generated_id: name == "[]" && self.set.is_some_and(|key| !key.contains(&"id")),
        };
        for (path, meaning) in &self.open {
            match after(path, name) {
                None => {}
                Some("") => match meaning {
                    Meaning::Volatile => {}
                    Meaning::Referred => below.referred = true,
                    Meaning::Set(key) => below.set = Some(key),
                },
                Some(rest) => below.open.push((rest, *meaning)),
            }
        }
        below
    }

    /// Whether a property of the object here does not count.
    pub(in crate::policy) fn drops(&self, name: &str) -> bool {
        (self.referred && name != "id")
            || (self.generated_id && name == "id")
            || catalogue::DATES.contains(&name)
            || self
                .open
                .iter()
                .any(|(path, meaning)| matches!(meaning, Meaning::Volatile) && *path == name)
    }

    /// The key of the elements, if the array here has no order.
    pub(in crate::policy) fn set_key(&self) -> Option<&'static [&'static str]> {
        self.set
    }
}

/// What a reference leads to is a set where it is several; only the `id` counts, unless it is owned.
fn of_reference(reference: &Reference) -> impl Iterator<Item = (&'static str, Meaning)> {
    let key = reference.owned.unwrap_or(&["id"]);
    let set = reference
        .many
        .then_some((reference.property, Meaning::Set(key)));
    let referred = reference
        .owned
        .is_none()
        .then_some((reference.property, Meaning::Referred));
    set.into_iter().chain(referred)
}

/// What is left of `path` after its first step, if that step is `name`.
fn after<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(name)?;
    if rest.is_empty() || rest.starts_with("[]") {
        return Some(rest);
    }
    rest.strip_prefix('/')
}
