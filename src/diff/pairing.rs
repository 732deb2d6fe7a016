//! Which policy of one list is which of the other.

use std::collections::BTreeMap;

use crate::backup_set::ListEntry;

/// Two lists side by side.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Paired {
    /// Policies that are on both sides.
    pub both: Vec<(ListEntry, ListEntry)>,
    /// Those of the first list that are not in the second.
    pub gone: Vec<ListEntry>,
    /// Those of the second list that are not in the first.
    pub new: Vec<ListEntry>,
}

/// Pairs policies by their ids. Those of two tenants that are left are paired by their names, as far
/// as a name tells which is meant: where it is given several times, the platform has to tell.
pub(super) fn pair(before: Vec<ListEntry>, after: Vec<ListEntry>, across: bool) -> Paired {
    let mut paired = Paired::default();
    let mut after: BTreeMap<String, ListEntry> = after
        .into_iter()
        .map(|entry| (entry.id.clone(), entry))
        .collect();
    for entry in before {
        match after.remove(&entry.id) {
            Some(counterpart) => paired.both.push((entry, counterpart)),
            None => paired.gone.push(entry),
        }
    }
    paired.new = after.into_values().collect();
    if across {
        by(&mut paired, |entry| entry.name.clone());
        by(&mut paired, |entry| {
            (entry.name.clone(), entry.platform.clone())
        });
    }
    paired
}

/// Pairs what is left by a key that exactly one policy on either side has.
fn by<K: Ord>(paired: &mut Paired, key: impl Fn(&ListEntry) -> K) {
    let count = |entries: &[ListEntry]| {
        let mut counts: BTreeMap<K, usize> = BTreeMap::new();
        for entry in entries {
            *counts.entry(key(entry)).or_default() += 1;
        }
        counts
    };
    let (gone, new) = (count(&paired.gone), count(&paired.new));
    let telling = |entry: &ListEntry| {
        let of = |counts: &BTreeMap<K, usize>| counts.get(&key(entry)) == Some(&1);
        !entry.name.is_empty() && of(&gone) && of(&new)
    };
    let mut counterparts: BTreeMap<K, ListEntry> = BTreeMap::new();
    for entry in paired.new.extract_if(.., |entry| telling(entry)) {
        counterparts.insert(key(&entry), entry);
    }
    for entry in std::mem::take(&mut paired.gone) {
        match counterparts.remove(&key(&entry)) {
            Some(counterpart) => paired.both.push((entry, counterpart)),
            None => paired.gone.push(entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup_set::ContentHash;

    fn entries(given: &[(&str, &str, &str)]) -> Vec<ListEntry> {
        let entries = given.iter().map(|(id, name, platform)| ListEntry {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            platform: Some((*platform).to_owned()),
            bytes: 1,
            hash: ContentHash([0; 32]),
            warnings: Vec::new(),
        });
        entries.collect()
    }

    fn paired(
        before: &[(&str, &str, &str)],
        after: &[(&str, &str, &str)],
        across: bool,
    ) -> (Vec<String>, Vec<String>, Vec<String>) {
        let paired = pair(entries(before), entries(after), across);
        let ids = |entries: Vec<ListEntry>| entries.into_iter().map(|entry| entry.id).collect();
        let both = paired.both.into_iter();
        (
            both.map(|(old, new)| format!("{}={}", old.id, new.id))
                .collect(),
            ids(paired.gone),
            ids(paired.new),
        )
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn in_one_tenant_only_the_id_counts() {
        let before = [("1", "a", "x"), ("2", "b", "x")];
        let after = [("1", "z", "x"), ("3", "b", "x")];
        assert_eq!(
            paired(&before, &after, false),
            (owned(&["1=1"]), owned(&["2"]), owned(&["3"]))
        );
    }

    #[test]
    fn between_tenants_a_name_counts_where_it_tells_which_is_meant() {
        let before = [
            ("c1", "fixed", "x"),
            ("1", "unique", "x"),
            ("2", "twins", "ios"),
            ("3", "twins", "macos"),
            ("4", "same", "x"),
            ("5", "same", "x"),
            ("6", "", "x"),
        ];
        let after = [
            ("c1", "other", "x"),
            ("11", "unique", "y"),
            ("12", "twins", "ios"),
            ("13", "twins", "macos"),
            ("14", "same", "x"),
            ("16", "", "x"),
        ];
        assert_eq!(
            paired(&before, &after, true),
            (
                owned(&["c1=c1", "1=11", "2=12", "3=13"]),
                owned(&["4", "5", "6"]),
                owned(&["14", "16"])
            )
        );
    }
}
