//! Which element of one set is which of another.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::policy::canonical::sort_key;

type Side<'v> = Option<&'v Value>;

/// Both sides of an element, under its key.
pub(super) type Pair<'v> = (Vec<String>, Side<'v>, Side<'v>);

/// The elements of two sets that differ, paired by their key; those that have no counterpart by the
/// whole key, by the first part of it.
pub(super) fn pairs<'v>(key: &[&str], before: &'v [Value], after: &'v [Value]) -> Vec<Pair<'v>> {
    let mut pairs = exact_pairs(key, before, after);
    if key.len() < 2 {
        return pairs;
    }
    let mut paired: Vec<Pair<'v>> = Vec::new();
    let alone: Vec<Pair<'v>> = pairs.extract_if(.., |pair| pair.2.is_none()).collect();
    for (key, old, _) in alone {
        let counterpart = pairs
            .iter()
            .position(|(other, one, _)| one.is_none() && other.first() == key.first());
        match counterpart {
            Some(at) => paired.push((key, old, pairs.remove(at).2)),
            None => paired.push((key, old, None)),
        }
    }
    pairs.extend(paired);
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs
}

/// The elements of two sets that differ, paired by their whole key, in the order of keys.
pub(super) fn exact_pairs<'v>(
    key: &[&str],
    before: &'v [Value],
    after: &'v [Value],
) -> Vec<Pair<'v>> {
    type Group<'v> = (Vec<&'v Value>, Vec<&'v Value>);
    let mut groups: BTreeMap<Vec<String>, Group<'v>> = BTreeMap::new();
    for element in before {
        let group = groups.entry(sort_key(element, key)).or_default();
        group.0.push(element);
    }
    for element in after {
        let group = groups.entry(sort_key(element, key)).or_default();
        match group.0.iter().position(|old| *old == element) {
            Some(equal) => drop(group.0.remove(equal)),
            None => group.1.push(element),
        }
    }
    let mut pairs = Vec::new();
    for (own, (old, new)) in groups {
        // Without a key an element is all there is to it: another one is not its successor.
        let apart = key.is_empty();
        let both = if apart { 0 } else { old.len().min(new.len()) };
        let paired = old.iter().zip(&new).take(both);
        pairs.extend(paired.map(|(old, new)| (own.clone(), Some(*old), Some(*new))));
        let gone = old.iter().skip(both);
        pairs.extend(gone.map(|old| (own.clone(), Some(*old), None)));
        let added = new.iter().skip(both);
        pairs.extend(added.map(|new| (own.clone(), None, Some(*new))));
    }
    pairs
}
