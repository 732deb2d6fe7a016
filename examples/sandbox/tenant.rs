//! What the sandbox's tenant holds: objects as JSON text, with what hangs below them.
//!
//! An object's text is served as it is; only asked-for omissions and expansions change it. Order is
//! kept as it was put in. Nothing here knows HTTP.

use std::collections::BTreeMap;

use super::json::{self, Members};

/// Under this name hang the values in clear of an object, each with the id that the object has for it:
/// the beginning of the path that gives one.
pub const IN_CLEAR: &str = "getOmaSettingPlainTextValue(secretReferenceValueId='";

/// One object with its navigation properties.
#[derive(Debug, Clone, Default)]
pub struct Resource {
    /// Its id; empty for what has none.
    pub id: String,
    /// Its JSON text, without navigation properties.
    pub text: String,
    /// Navigation properties: a to-one property holds one element.
    pub below: Vec<(String, Vec<Resource>)>,
}

impl Resource {
    /// An object of that text; the id is read from it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let id = Members::parse(&text)
            .and_then(|members| members.string("id"))
            .unwrap_or_default();
        Self {
            id,
            text,
            below: Vec::new(),
        }
    }

    /// The same with a navigation property.
    pub fn with(mut self, name: &str, elements: Vec<Self>) -> Self {
        self.below.push((name.to_owned(), elements));
        self
    }

    /// What hangs below it under that name.
    pub fn below(&self, name: &str) -> &[Self] {
        self.below
            .iter()
            .find(|(key, _)| key == name)
            .map_or(&[], |(_, elements)| elements.as_slice())
    }

    /// The same, to be changed; made when it is not there.
    pub fn below_mut(&mut self, name: &str) -> &mut Vec<Self> {
        let at = self
            .below
            .iter()
            .position(|(key, _)| key == name)
            .unwrap_or_else(|| {
                self.below.push((name.to_owned(), Vec::new()));
                self.below.len() - 1
            });
        &mut self.below[at].1
    }

    /// Sets one member of its text to raw JSON.
    pub fn set(&mut self, name: &str, raw: &str) {
        if let Some(mut members) = Members::parse(&self.text) {
            members.set(name, raw);
            self.text = members.text();
        }
    }

    /// Its label, for people: `displayName` or `name`.
    pub fn name(&self) -> String {
        Members::parse(&self.text)
            .and_then(|members| {
                members
                    .string("displayName")
                    .or_else(|| members.string("name"))
            })
            .unwrap_or_default()
    }

    fn reverse_below(&mut self) {
        for (_, elements) in &mut self.below {
            elements.reverse();
            elements.iter_mut().for_each(Self::reverse_below);
        }
    }
}

/// All collections, by their path below the version.
#[derive(Debug, Clone, Default)]
pub struct Tenant {
    collections: BTreeMap<String, Vec<Resource>>,
}

impl Tenant {
    /// The objects of a collection; empty when nothing was ever put there.
    pub fn list(&self, collection: &str) -> &[Resource] {
        self.collections.get(collection).map_or(&[], Vec::as_slice)
    }

    /// One object.
    pub fn get(&self, collection: &str, id: &str) -> Option<&Resource> {
        self.list(collection).iter().find(|item| item.id == id)
    }

    /// One object, to be changed.
    pub fn get_mut(&mut self, collection: &str, id: &str) -> Option<&mut Resource> {
        let items = self.collections.get_mut(collection)?;
        items.iter_mut().find(|item| item.id == id)
    }

    /// Puts an object at the end of a collection.
    pub fn add(&mut self, collection: &str, resource: Resource) {
        self.collections
            .entry(collection.to_owned())
            .or_default()
            .push(resource);
    }

    /// Removes an object. `false` when it was not there.
    pub fn remove(&mut self, collection: &str, id: &str) -> bool {
        let Some(items) = self.collections.get_mut(collection) else {
            return false;
        };
        let before = items.len();
        items.retain(|item| item.id != id);
        items.len() < before
    }

    /// Gives an object another name, under the property that holds it.
    pub fn rename(&mut self, collection: &str, id: &str, name: &str) -> bool {
        let Some(item) = self.get_mut(collection, id) else {
            return false;
        };
        let Some(mut members) = Members::parse(&item.text) else {
            return false;
        };
        let property = if members.get("displayName").is_some() {
            "displayName"
        } else {
            "name"
        };
        members.set(property, &json::quote(name));
        item.text = members.text();
        true
    }

    /// Does something to each object of a collection.
    pub fn each(&mut self, collection: &str, change: impl FnMut(&mut Resource)) {
        let items = self.collections.get_mut(collection);
        items.into_iter().flatten().for_each(change);
    }

    /// Turns round the order of everything whose order means nothing: assignments, settings, …
    pub fn reorder(&mut self) {
        for items in self.collections.values_mut() {
            items.iter_mut().for_each(Resource::reverse_below);
        }
    }

    /// Changes the description of `count` objects of a collection, from the first on, and returns
    /// their ids and names. Each call leaves other texts than the one before.
    pub fn change(&mut self, collection: &str, count: usize, mark: u64) -> Vec<(String, String)> {
        let Some(items) = self.collections.get_mut(collection) else {
            return Vec::new();
        };
        items
            .iter_mut()
            .take(count)
            .map(|item| {
                item.set(
                    "description",
                    &json::quote(&format!("Changed in the portal, {mark}")),
                );
                (item.id.clone(), item.name())
            })
            .collect()
    }

    /// Number of objects in collections whose path passes.
    pub fn count(&self, counts: impl Fn(&str) -> bool) -> usize {
        self.collections
            .iter()
            .filter(|(path, _)| counts(path))
            .map(|(_, items)| items.len())
            .sum()
    }
}
