//! The requests that a row stands for.

use super::{Part, PolicyType, Shape, Via};
use crate::graph::Request;

/// What stands in a path for the id of an object of the collection before it.
const PARENT: &str = "/{parent}/";

impl PolicyType {
    /// The list of the objects below which the type's own lists are; nothing where there is one
    /// list for the tenant.
    pub fn parents(&self) -> Option<Request> {
        let (parents, _) = self.path.split_once(PARENT)?;
        Some(self.request(parents.to_owned(), Vec::new()))
    }

    /// The list, with everything expanded that a list can expand, or without. Nothing where
    /// `parent` cannot be part of a path.
    pub fn list(&self, parent: Option<&str>, expanded: bool) -> Option<Request> {
        let path = self.place(parent)?;
        let mut query: Vec<(String, String)> = self
            .query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        if !self.read_each {
            query.extend(expansion(self.parts, &[], expanded));
        }
        Some(self.request(path, query))
    }

    /// One object alone, with its parts expanded or without. Nothing where an id cannot be part of
    /// a path.
    pub fn object(&self, parent: Option<&str>, id: &str, expanded: bool) -> Option<Request> {
        let mut query: Vec<(String, String)> = self
            .query
            .iter()
            .filter(|(name, _)| *name == "$select")
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        query.extend(expansion(self.parts, &[], expanded));
        Some(self.request(self.object_place(parent, id)?, query))
    }

    /// The path of one object. Nothing where an id cannot be part of a path.
    pub fn object_place(&self, parent: Option<&str>, id: &str) -> Option<String> {
        if self.shape == Shape::Single {
            return self.place(parent);
        }
        match self.object_path {
            Some(path) => below(path, id),
            None => below(&self.place(parent)?, id),
        }
    }

    /// A part of the object at `place`, with the parts of its elements expanded or without.
    pub fn part(&self, place: &str, part: &Part, expanded: bool) -> Request {
        let query = expansion(part.parts, part.expand, expanded);
        self.request(
            format!("{place}/{}", part.property),
            query.into_iter().collect(),
        )
    }

    fn place(&self, parent: Option<&str>) -> Option<String> {
        match (self.path.split_once(PARENT), parent) {
            (None, _) => Some(self.path.to_owned()),
            (Some((parents, own)), Some(parent)) => {
                Some(format!("{}/{own}", below(parents, parent)?))
            }
            (Some(_), None) => None,
        }
    }

    /// Rows that share a list fail together, so they have one endpoint.
    fn request(&self, path: String, query: Vec<(String, String)>) -> Request {
        let endpoint = self
            .sharing()
            .find(|row| row.is_general())
            .map_or(self.key, |row| row.key);
        Request {
            version: self.version,
            path,
            query,
            group: self.group,
            endpoint,
        }
    }
}

/// The path of the object `id` below the collection at `place`. Nothing for an id that would not
/// stay one path segment.
pub fn below(place: &str, id: &str) -> Option<String> {
    if matches!(id, "" | "." | "..") {
        return None;
    }
    let mut path = format!("{place}/");
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(path)
}

fn expansion(parts: &[Part], singles: &[&str], expanded: bool) -> Option<(String, String)> {
    let collections = parts
        .iter()
        .filter(|part| expanded && part.via == Via::Expanded)
        .map(|part| match expansion(part.parts, part.expand, true) {
            Some((option, inner)) => format!("{}({option}={inner})", part.property),
            None => part.property.to_owned(),
        });
    let names: Vec<String> = singles
        .iter()
        .map(|single| (*single).to_owned())
        .chain(collections)
        .collect();
    (!names.is_empty()).then(|| ("$expand".to_owned(), names.join(",")))
}
