//! Policies that left one policy type and came up in another.
//!
//! Microsoft moves objects: endpoint security from intents to the settings catalog, under a new id,
//! and a profile from the general row of its list to one of its own, under the same. To show that as
//! a removal would frighten, and to hide it would be a lie. It is a move where the catalogue knows
//! that one type follows the other, and the name is the same and means one policy on either side; or
//! where the id is the same and both types are read from one list.

use super::Side;
use super::comparison::Single;
use crate::error::Result;
use crate::policy::catalogue;
use crate::policy::diff::template_family;

/// Pairs that moved, taken out of what is gone and what is new.
pub(super) fn find(
    gone: &mut Vec<Single>,
    new: &mut Vec<Single>,
    to: &Side<'_>,
) -> Result<Vec<(Single, Single)>> {
    let mut moved = Vec::new();
    let mut at = 0;
    while let Some(old) = gone.get(at) {
        match successor(old, gone, new, to)? {
            Some(place) => moved.push((gone.remove(at), new.remove(place))),
            None => at += 1,
        }
    }
    Ok(moved)
}

fn successor(
    old: &Single,
    gone: &[Single],
    new: &[Single],
    to: &Side<'_>,
) -> Result<Option<usize>> {
    let same_list = new.iter().position(|single| {
        single.entry.id == old.entry.id && share_list(&old.policy_type, &single.policy_type)
    });
    if same_list.is_some() {
        return Ok(same_list);
    }
    let follows = |single: &Single| {
        catalogue::SUCCESSORS.contains(&(old.policy_type.as_str(), single.policy_type.as_str()))
    };
    let same_name = |single: &Single| single.entry.name == old.entry.name;
    let twins = gone
        .iter()
        .filter(|single| single.policy_type == old.policy_type && same_name(single));
    let mut candidates = new
        .iter()
        .enumerate()
        .filter(|(_, single)| follows(single) && same_name(single));
    let (Some((place, candidate)), None) = (candidates.next(), candidates.next()) else {
        return Ok(None);
    };
    if old.entry.name.is_empty() || twins.count() != 1 || !platforms_agree(old, candidate) {
        return Ok(None);
    }
    // What follows an object made from a template is made from one itself.
    let document = to.document(&candidate.policy_type, &candidate.entry)?;
    let family = template_family(&document);
    let made_from_template = family.is_some_and(|family| !family.is_empty() && family != "none");
    Ok(made_from_template.then_some(place))
}

/// Whether a policy may move from one of these types to the other.
pub(super) fn related(one: &str, other: &str) -> bool {
    let follows = |one, other| catalogue::SUCCESSORS.contains(&(one, other));
    share_list(one, other) || follows(one, other) || follows(other, one)
}

fn share_list(one: &str, other: &str) -> bool {
    catalogue::find(one).is_some_and(|row| row.sharing().any(|row| row.key == other))
}

fn platforms_agree(old: &Single, new: &Single) -> bool {
    match (&old.entry.platform, &new.entry.platform) {
        (Some(old), Some(new)) => old == new,
        _ => true,
    }
}
