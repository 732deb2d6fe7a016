//! One comparison of two sides: what is on both is paired and compared, what is on one only is told, or
//! named as unknown where a type is not complete.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::documents::{self, Pair};
use super::pairing::{self, Paired};
use super::side::{self, Side};
use super::{Change, ChangeKind, Diff, Former, Scope, UnreadPolicy, UnreadType, Which, moves};
use crate::backup_set::{DigestKey, ListEntry};
use crate::error::{Error, Kind, Result};
use crate::policy::Outcome;
use crate::policy::diff::{Changes, Names, Unlike, View};

/// Among so many policies one is looked for that is equal to another of the same name.
pub(super) const MOST_TWINS: usize = 200;

/// A policy that is on one side only.
pub(super) struct Single {
    pub(super) policy_type: String,
    pub(super) entry: ListEntry,
}

/// Two sides, and what is known so far of what changed from one to the other.
pub(super) struct Comparison<'a, 's> {
    from: &'a Side<'s>,
    to: &'a Side<'s>,
    scope: &'a Scope,
    across: bool,
    /// Whether digests of secrets were made under one key on both sides.
    one_key: bool,
    /// What ids mean on each side, once that is needed.
    names: OnceCell<(Names, Names)>,
    /// Policies on both sides whose documents have to be compared.
    pairs: Vec<Pair>,
    diff: Diff,
    gone: Vec<Single>,
    new: Vec<Single>,
}

impl<'a, 's> Comparison<'a, 's> {
    /// One in which nothing was compared yet.
    pub(super) fn new(from: &'a Side<'s>, to: &'a Side<'s>, scope: &'a Scope) -> Self {
        let across = from.tenant_id() != to.tenant_id();
        Self {
            from,
            to,
            scope,
            across,
            one_key: !across && DigestKey::are_one([from.digest_key(), to.digest_key()]),
            names: OnceCell::new(),
            pairs: Vec::new(),
            diff: Diff::default(),
            gone: Vec::new(),
            new: Vec::new(),
        }
    }
}

impl Comparison<'_, '_> {
    /// A type that was asked for.
    pub(super) fn policy_type(&mut self, key: &str) -> Result<()> {
        let complete = self.note_unread(key);
        if !self.across && self.from.same_list(self.to, key) && self.scope.policy.is_none() {
            self.diff.compared += self.to.policies(key);
            return Ok(());
        }
        let mut paired = self.pair(key)?;
        let labels =
            labels((paired.gone.iter().chain(&paired.new)).filter(|entry| self.scope.has(entry)));
        self.narrow(key, &mut paired, &labels)?;
        for (old, new) in paired.both {
            // By its name before as well as after: a policy that was renamed is still that one.
            if self.scope.has(&old) || self.scope.has(&new) {
                self.diff.compared += 1;
                if old.hash != new.hash || self.across {
                    let key = key.to_owned();
                    self.pairs.push(Pair { key, old, new });
                }
            }
        }
        self.singles(key, paired.gone, Which::To, complete);
        self.singles(key, paired.new, Which::From, complete);
        Ok(())
    }

    /// A type that was not asked for: where policies of one that was may have moved, or come from.
    pub(super) fn beside(&mut self, key: &str) -> Result<()> {
        let singles = self.gone.iter().chain(&self.new);
        let singles = singles.filter(|single| moves::related(&single.policy_type, key));
        let labels = labels(singles.map(|single| &single.entry));
        let complete = |side: &Side<'_>| side.outcome(key) == Some(Outcome::Complete);
        let nothing = !self.across && self.from.same_list(self.to, key);
        if labels.is_empty() || nothing || !complete(self.from) || !complete(self.to) {
            return Ok(());
        }
        let mut paired = self.pair(key)?;
        self.narrow(key, &mut paired, &labels)?;
        self.singles(key, paired.gone, Which::To, true);
        self.singles(key, paired.new, Which::From, true);
        Ok(())
    }

    fn pair(&self, key: &str) -> Result<Paired> {
        let (before, after) = (self.from.entries(key)?, self.to.entries(key)?);
        Ok(pairing::pair(before, after, self.across))
    }

    /// Leaves of what is on one side only what has one of these ids or names.
    fn narrow(&mut self, key: &str, paired: &mut Paired, labels: &BTreeSet<String>) -> Result<()> {
        let told = |entry: &ListEntry| labels.contains(&entry.id) || labels.contains(&entry.name);
        paired.gone.retain(told);
        paired.new.retain(told);
        if self.across {
            self.pair_twins(key, paired)?;
        }
        Ok(())
    }

    /// Pairs policies of two tenants whose name does not tell them apart, as far as they are equal.
    fn pair_twins(&self, key: &str, paired: &mut Paired) -> Result<()> {
        for old in std::mem::take(&mut paired.gone) {
            let mut twin = None;
            let candidates = paired.new.iter().enumerate();
            let candidates = candidates.filter(|(_, new)| old.name == new.name);
            for (at, new) in candidates.take(MOST_TWINS) {
                let (key, old, new) = (key.to_owned(), old.clone(), new.clone());
                if self.changes(&Pair { key, old, new })?.is_empty() {
                    twin = Some(at);
                    break;
                }
            }
            match twin {
                Some(at) => paired.both.push((old, paired.new.remove(at))),
                None => paired.gone.push(old),
            }
        }
        Ok(())
    }

    /// Notes what of a type could not be read; says whether it is complete on both sides.
    fn note_unread(&mut self, key: &str) -> bool {
        let outcome = |side: &Side<'_>| side.outcome(key);
        let (old, new) = (outcome(self.from), outcome(self.to));
        let nothing = |side: &Side<'_>, outcome| match outcome {
            Some(Outcome::NotOffered) => true,
            Some(Outcome::Complete) => side.policies(key) == 0,
            _ => false,
        };
        if nothing(self.from, old) && nothing(self.to, new) {
            return true;
        }
        let complete = Some(Outcome::Complete);
        for (side, which) in [(self.from, Which::From), (self.to, Which::To)] {
            if outcome(side) != complete && self.scope.policy.is_none() {
                self.diff.unread_types.push(unread_type(key, side, which));
            }
            for unread in side.unread(key) {
                if self.scope.has_words(&unread.id, &unread.name) {
                    self.diff.unread_policies.push(UnreadPolicy {
                        policy_type: key.to_owned(),
                        policy_id: unread.id.clone(),
                        name: unread.name.clone(),
                        side: which,
                        reason: unread.reason.clone(),
                    });
                }
            }
        }
        (old, new) == (complete, complete)
    }

    /// Policies that are not on `side`.
    fn singles(&mut self, key: &str, entries: Vec<ListEntry>, side: Which, complete: bool) {
        if complete {
            let singles = match side {
                Which::From => &mut self.new,
                Which::To => &mut self.gone,
            };
            singles.extend(entries.into_iter().map(|entry| Single {
                policy_type: key.to_owned(),
                entry,
            }));
            return;
        }
        for entry in entries {
            if self.scope.has(&entry) {
                self.unknown(key, entry, side);
            }
        }
    }

    /// A policy that is not on `side`, whose type is not complete.
    fn unknown(&mut self, key: &str, entry: ListEntry, side: Which) {
        let told = self.diff.unread_policies.iter().any(|unread| {
            unread.policy_type == key && unread.policy_id == entry.id && unread.side == side
        });
        if told {
            return;
        }
        // Complete here, and the other side is not: the lack of it says nothing all the same.
        let missing = match side {
            Which::From => self.from,
            Which::To => self.to,
        };
        let reason = match missing.outcome(key) {
            Some(Outcome::Complete) => {
                "it is not there, and the policy type is not complete on the other side".to_owned()
            }
            _ => missing.why_unread(key).1,
        };
        self.diff.unread_policies.push(UnreadPolicy {
            policy_type: key.to_owned(),
            policy_id: entry.id,
            name: entry.name,
            side,
            reason,
        });
    }

    /// Compares the documents of the policies that are on both sides.
    fn documents(&mut self) -> Result<()> {
        let pairs = std::mem::take(&mut self.pairs);
        if pairs.is_empty() {
            return Ok(());
        }
        let all = documents::compare(self.from, self.to, &pairs, &self.view()?)?;
        for (pair, changes) in pairs.into_iter().zip(all) {
            self.told(pair, changes);
        }
        Ok(())
    }

    fn told(&mut self, pair: Pair, changes: Changes) {
        let Pair { key, old, new } = pair;
        let keys = [self.from.digest_key(), self.to.digest_key()];
        let whose = if self.across {
            "secrets of two tenants"
        } else if keys.contains(&&DigestKey::Foreign) {
            "secrets of an import"
        } else {
            "secrets that were kept under two keys"
        };
        for secret in &changes.incomparable {
            self.diff.unread_policies.push(UnreadPolicy {
                policy_type: key.clone(),
                policy_id: new.id.clone(),
                name: new.name.clone(),
                side: Which::To,
                reason: match secret.why {
                    Unlike::Keys => format!("{}: {whose} cannot be compared", secret.name),
                    Unlike::NotCaptured => format!(
                        "{}: the secret was captured on one side only, so whether it changed is not known",
                        secret.name
                    ),
                },
            });
        }
        if changes.is_empty() {
            return;
        }
        let kind = if changes.only_renamed() {
            ChangeKind::Renamed
        } else {
            ChangeKind::Changed
        };
        let differs = old.name != new.name || old.id != new.id;
        self.diff.changes.push(Change {
            kind,
            former: differs.then(|| former(&key, &old)),
            policy_type: key,
            policy_id: new.id,
            name: new.name,
            changes,
        });
    }

    /// What ids mean on either side.
    fn view(&self) -> Result<View<'_>> {
        let (before, after) = match self.names.get() {
            Some(names) => names,
            None => {
                let names = side::names(self.from, self.to, self.across)?;
                self.names.get_or_init(|| names)
            }
        };
        Ok(View {
            before,
            after,
            across: self.across,
            one_key: self.one_key,
        })
    }

    /// What changed in one pair.
    fn changes(&self, pair: &Pair) -> Result<Changes> {
        let before = self.from.document(&pair.key, &pair.old)?;
        let after = self.to.document(&pair.key, &pair.new)?;
        Ok(pair.changes(&before, &after, &self.view()?))
    }

    /// What changed, all in all.
    pub(super) fn conclude(mut self) -> Result<Diff> {
        self.documents()?;
        let mut moved = moves::find(&mut self.gone, &mut self.new, self.to)?;
        moved.retain(|(old, new)| self.scope.has_single(old) || self.scope.has_single(new));
        self.gone.retain(|single| self.scope.has_single(single));
        self.new.retain(|single| self.scope.has_single(single));
        for (old, new) in moved {
            let changes = if old.entry.id == new.entry.id && old.entry.hash != new.entry.hash {
                self.changes(&Pair {
                    key: new.policy_type.clone(),
                    old: old.entry.clone(),
                    new: new.entry.clone(),
                })?
            } else {
                Changes::default()
            };
            self.diff.changes.push(Change {
                kind: ChangeKind::Moved,
                former: Some(former(&old.policy_type, &old.entry)),
                policy_type: new.policy_type,
                policy_id: new.entry.id,
                name: new.entry.name,
                changes,
            });
        }
        let singles = |kind, singles: Vec<Single>| {
            singles.into_iter().map(move |single| Change {
                kind,
                policy_type: single.policy_type,
                policy_id: single.entry.id,
                name: single.entry.name,
                former: None,
                changes: Changes::default(),
            })
        };
        let (gone, new) = (self.gone, self.new);
        let mut diff = self.diff;
        diff.changes.extend(singles(ChangeKind::Removed, gone));
        diff.changes.extend(singles(ChangeKind::Added, new));
        diff.changes.sort_by(|one, other| {
            let place = |change: &Change| {
                let key = change.policy_type.clone();
                (key, change.name.clone(), change.policy_id.clone())
            };
            place(one).cmp(&place(other))
        });
        if diff.compared == 0
            && diff.changes.is_empty()
            && diff.unread_policies.is_empty()
            && let Some((key, wanted)) = &self.scope.policy
        {
            // It is nowhere, if both sides know what there is.
            for (side, which) in [(self.from, Which::From), (self.to, Which::To)] {
                let known = [Some(Outcome::Complete), Some(Outcome::NotOffered)];
                if !known.contains(&side.outcome(key)) {
                    diff.unread_types.push(unread_type(key, side, which));
                }
            }
            if diff.unread_types.is_empty() {
                return Err(Error::new(
                    Kind::NotFound,
                    format!("there is no {key} with the id or name {wanted:?} on either side"),
                )
                .hint("copy type and id from: tenantpilot backups show SET"));
            }
        }
        Ok(diff)
    }
}

fn unread_type(key: &str, side: &Side<'_>, which: Which) -> UnreadType {
    let (outcome, reason) = side.why_unread(key);
    UnreadType {
        policy_type: key.to_owned(),
        side: which,
        outcome,
        reason,
    }
}

fn labels<'e>(entries: impl Iterator<Item = &'e ListEntry>) -> BTreeSet<String> {
    let labels = entries.flat_map(|entry| [&entry.id, &entry.name]);
    labels.cloned().collect()
}

fn former(key: &str, entry: &ListEntry) -> Former {
    Former {
        policy_type: key.to_owned(),
        policy_id: entry.id.clone(),
        name: entry.name.clone(),
    }
}
