//! The requests that a row stands for.

use super::{Part, PolicyType, Reference, Sealed, Shape, Via, short_type};
use crate::graph::Request;

/// What stands in a path for the id of an object of the collection before it.
const PARENT: &str = "/{parent}/";

impl PolicyType {
    /// The list of the objects below which the type's own lists are; nothing where there is one
    /// list for the tenant.
    pub fn parents(&self) -> Option<Request> {
        let (parents, _) = self.path.split_once(PARENT)?;
        Some(self.request(parents.to_owned(), owned(self.parent_query)))
    }

    /// The list, with everything expanded that a list can expand, or without. Nothing where
    /// `parent` cannot be part of a path.
    pub fn list(&self, parent: Option<&str>, expanded: bool) -> Option<Request> {
        let path = self.place(parent)?;
        let mut query = owned(self.query);
        if !self.read_each {
            query.extend(expansion(self.parts, &[], expanded));
        }
        Some(self.request(path, query))
    }

    /// What is asked for first, for people: API version, path and query. `{parent}` stands for each
    /// object of the collection before it.
    pub fn asked(&self) -> String {
        let request = match self.shape {
            Shape::List => self.list(Some("{parent}"), true),
            Shape::Single => self.object(Some("{parent}"), self.key, true),
        };
        let (path, query) = match request {
            Some(request) => (request.path, request.query),
            None => (self.path.to_owned(), Vec::new()),
        };
        let options: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let joint = if options.is_empty() { "" } else { "?" };
        let path = path.replace("%7Bparent%7D", "{parent}");
        let version = self.version.segment();
        format!("{version}/{path}{joint}{}", options.join("&"))
    }

    /// The list with nothing but ids and names. Nothing where there is not one list for the tenant.
    pub fn labels(&self) -> Option<Request> {
        let path = self.place(None).filter(|_| self.shape == Shape::List)?;
        let select = ("$select".to_owned(), format!("id,{}", self.name));
        Some(self.request(path, vec![select]))
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
            format!("{place}/{}", part.segments()),
            query.into_iter().collect(),
        )
    }

    /// What the object at `place`, of that `@odata.type`, refers to by a property; nothing where its
    /// type has none of that name.
    pub fn reference(
        &self,
        place: &str,
        odata_type: Option<&str>,
        reference: &Reference,
    ) -> Option<Request> {
        let property = reference.property;
        let path = if reference.types.is_empty() {
            format!("{place}/{property}")
        } else {
            let cast = short_type(odata_type?);
            let cast = reference.types.iter().find(|name| **name == cast)?;
            format!("{place}/microsoft.graph.{cast}/{property}")
        };
        Some(self.request(path, Vec::new()))
    }

    /// The value in clear that the object at `place` names so. Its endpoint is the function: values
    /// that Graph fails to give say nothing about policies.
    pub fn unsealed(&self, place: &str, sealed: &Sealed, name: &str) -> Request {
        // In a literal a quote is written twice.
        let literal = segment(&name.replace('\'', "''"));
        let call = format!("{}({}='{literal}')", sealed.function, sealed.reference);
        Request {
            endpoint: sealed.function,
            ..self.request(format!("{place}/{call}"), Vec::new())
        }
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

impl Part {
    /// Its path below the object: the property, after the type that has it where that must be said.
    pub fn segments(&self) -> String {
        match self.cast {
            None => self.property.to_owned(),
            Some(cast) => format!("microsoft.graph.{cast}/{}", self.property),
        }
    }
}

/// The path of the object `id` below the collection at `place`. Nothing for an id that would not
/// stay one path segment.
pub fn below(place: &str, id: &str) -> Option<String> {
    if matches!(id, "" | "." | "..") {
        return None;
    }
    Some(format!("{place}/{}", segment(id)))
}

/// Text as part of a path segment.
fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

fn owned(query: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    query.iter().map(own).collect()
}

fn expansion(parts: &[Part], singles: &[&str], expanded: bool) -> Option<(String, String)> {
    let collections = parts
        .iter()
        .filter(|part| expanded && part.via == Via::Expanded)
        .map(|part| match expansion(part.parts, part.expand, true) {
            Some((option, inner)) => format!("{}({option}={inner})", part.segments()),
            None => part.segments(),
        });
    let names: Vec<String> = singles
        .iter()
        .map(|single| (*single).to_owned())
        .chain(collections)
        .collect();
    (!names.is_empty()).then(|| ("$expand".to_owned(), names.join(",")))
}
