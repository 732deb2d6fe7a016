//! Whether the properties that a row of the catalogue names are those of its type.

use tenantpilot::policy::catalogue::{COUNTER, Platform, PolicyType, Shape};

use super::metadata::{Field, Metadata};

/// What is wrong with the names of a row whose objects are of that class: one line each.
pub fn wrong(metadata: &Metadata, row: &PolicyType, class: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let mut name = |path: &str| paths.push(path.to_owned());
    row.volatile
        .iter()
        .chain(row.referred)
        .for_each(|path| name(path));
    for set in row.sets {
        name(set.path);
        for key in set.key {
            name(&format!("{}[]/{key}", set.path));
        }
    }
    for part in row.parts {
        [part.told_by, part.count]
            .into_iter()
            .flatten()
            .for_each(&mut name);
    }
    if let Some(left_out) = row.left_out {
        name(left_out.property);
        name(left_out.unless);
    }
    if let Platform::Property(property) = row.platform {
        name(property);
    }
    if row.shape == Shape::List {
        name(row.name);
    }
    row.parent_as.into_iter().for_each(&mut name);
    let known = |path: &&String| path.as_str() != COUNTER && !leads(metadata, class, path);
    paths
        .iter()
        .filter(known)
        .map(|path| format!("{}: {path}", row.key))
        .collect()
}

/// Whether a path leads from property to property of the class, or of a class derived from it.
fn leads(metadata: &Metadata, class: &str, path: &str) -> bool {
    let mut class = Some(class.to_owned());
    for step in path.split('/').map(|step| step.trim_end_matches("[]")) {
        let Some(of) = &class else {
            return false;
        };
        if step == "@odata.type" {
            return true;
        }
        class = match metadata.field_below(of, step) {
            None if step != "id" => return false,
            Some(Field::Object(inner)) => Some(inner.clone()),
            _ => None,
        };
    }
    true
}
