//! Which policy types a schedule means: its words and keys, made into rows of the catalogue.
//!
//! Pure. The words are `default` and `all`, beside keys. What is excluded stays out, whatever else
//! would bring it in; a general row of a shared list comes along with any of its specific rows.

use super::catalogue::{self, PolicyType};
use crate::error::{Error, Kind, Result};

/// What a schedule means.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The rows to read, in the order of the catalogue.
    pub types: Vec<&'static PolicyType>,
    /// Keys that this program cannot back up, as written.
    pub unknown: Vec<String>,
}

/// What `policy_types` without `exclude_types` means.
pub fn select(
    policy_types: &[String],
    exclude_types: &[String],
    include_foundations: bool,
) -> Selection {
    let has = |list: &[String], word: &str| list.iter().any(|key| key == word);
    let asked = |row: &PolicyType| {
        has(policy_types, row.key)
            || has(policy_types, "all")
            || (row.default && has(policy_types, "default"))
            || (row.foundation && include_foundations)
    };
    let readable = |row: &PolicyType| row.not_app_only.is_none();
    let chosen = |row: &PolicyType| asked(row) && !has(exclude_types, row.key) && readable(row);
    let types = catalogue::all()
        .filter(|row| {
            chosen(row)
                || (row.is_general() && !has(exclude_types, row.key) && row.sharing().any(chosen))
        })
        .collect();
    let unknown = policy_types
        .iter()
        .filter(|key| !is_word(key) && !catalogue::find(key).is_some_and(readable))
        .cloned()
        .collect();
    Selection { types, unknown }
}

/// Checks a selection before it is saved: every key is known and can be backed up, and something is
/// left beside the foundations that only come along.
pub fn check(
    policy_types: &[String],
    exclude_types: &[String],
    include_foundations: bool,
) -> Result<Selection> {
    for key in policy_types.iter().filter(|key| !is_word(key)) {
        let row = known(key)?;
        if let Some(reason) = row.not_app_only {
            return Err(Error::usage(format!(
                "policy type {key} cannot be backed up: {reason}"
            )));
        }
    }
    for key in exclude_types {
        known(key)?;
    }
    if select(policy_types, exclude_types, false).types.is_empty() {
        return Err(Error::usage("no policy type is left to back up")
            .hint("name at least one in --types that --exclude-types does not take away"));
    }
    Ok(select(policy_types, exclude_types, include_foundations))
}

fn is_word(key: &str) -> bool {
    matches!(key, "default" | "all")
}

/// The row of a key that somebody typed.
pub fn known(key: &str) -> Result<&'static PolicyType> {
    catalogue::find(key).ok_or_else(|| {
        let error = Error::new(Kind::Usage, format!("no policy type is called {key:?}"));
        match catalogue::suggest(key) {
            Some(meant) => error.hint(format!("did you mean {meant}?")),
            None => error.hint("list them with `tenantpilot policy-types list`"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    fn keys(types: &[&str], excluded: &[&str], foundations: bool) -> Vec<&'static str> {
        select(&owned(types), &owned(excluded), foundations)
            .types
            .iter()
            .map(|row| row.key)
            .collect()
    }

    #[test]
    fn keys_come_with_foundations_and_in_the_order_of_the_catalogue() {
        assert_eq!(
            keys(&["deviceShellScript", "settingsCatalogPolicy"], &[], true),
            [
                "settingsCatalogPolicy",
                "notificationMessageTemplate",
                "deviceShellScript",
                "assignmentFilter",
                "roleScopeTag",
            ]
        );
        assert_eq!(
            keys(&["deviceShellScript"], &[], false),
            ["deviceShellScript"]
        );
    }

    #[test]
    fn a_specific_row_brings_the_general_one_unless_excluded() {
        assert_eq!(
            keys(&["windowsUpdateRing"], &[], false),
            ["deviceConfiguration", "windowsUpdateRing"]
        );
        assert_eq!(
            keys(&["windowsUpdateRing"], &["deviceConfiguration"], false),
            ["windowsUpdateRing"]
        );
        assert_eq!(
            keys(&["deviceConfiguration"], &[], false),
            ["deviceConfiguration"],
            "and not the other way round"
        );
    }

    #[test]
    fn all_is_what_an_app_can_read() {
        let every = keys(&["all"], &[], false);
        assert!(!every.contains(&"termsOfUseAgreement"));
        assert_eq!(every.len() + 1, catalogue::all().count());
        let default = keys(&["default"], &[], false);
        assert!(default.iter().all(|key| every.contains(key)));
        assert!(default.len() < every.len() && !default.contains(&"mobileApp"));
        assert!(!keys(&["all"], &["roleScopeTag"], true).contains(&"roleScopeTag"));
    }

    #[test]
    fn a_key_of_a_newer_program_is_unknown_and_no_error_at_run_time() {
        let selection = select(&owned(&["roleScopeTag", "fromTheFuture"]), &[], false);
        assert_eq!(selection.unknown, ["fromTheFuture"]);
        assert_eq!(selection.types.len(), 1);
        assert_eq!(
            select(&owned(&["termsOfUseAgreement"]), &[], false).unknown,
            ["termsOfUseAgreement"]
        );
    }

    #[test]
    fn what_cannot_be_backed_up_is_refused_when_saved() {
        let refused = |types: &[&str], excluded: &[&str]| {
            let error = check(&owned(types), &owned(excluded), true).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            let hint = error.hint_text().unwrap_or_default().to_owned();
            (error.message().to_owned(), hint)
        };
        let (message, hint) = refused(&["roleScopeTags"], &[]);
        assert_eq!(message, "no policy type is called \"roleScopeTags\"");
        assert_eq!(hint, "did you mean roleScopeTag?");
        assert!(
            refused(&["default"], &["nonsense"])
                .1
                .contains("policy-types list")
        );
        assert!(
            refused(&["termsOfUseAgreement"], &[])
                .0
                .contains("signed-in user")
        );
        assert!(
            refused(&["roleScopeTag"], &["roleScopeTag"])
                .0
                .contains("left")
        );
        assert!(refused(&[], &[]).0.contains("left"));
        assert!(check(&owned(&["default"]), &[], true).is_ok());
    }
}
