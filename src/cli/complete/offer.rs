//! What may stand at a place: flags and commands from the tree, values by what they are a name of.
//!
//! What a value is, its value name says, the word that help and man pages show in its place. `VALUES`
//! has all of these words; a test walks the tree, so that there is no other.

use clap::{Arg, ArgAction, Command};

use super::names::Names;
use super::place::{Place, What};
use super::{Candidate, names};
use crate::context::Context;
use crate::export::layout::Layout;
use crate::policy::catalogue;
use crate::role::Role;
use crate::run::{Status, Trigger};
use crate::zone;

/// What may stand at the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) kind: Kind,
    pub(super) candidates: Vec<Candidate>,
}

/// How a shell has to take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of the candidates.
    Words,
    /// The same, and more may follow in the word.
    Open,
    /// A file.
    Files,
    /// A folder.
    Folders,
    /// A user of the operating system.
    Users,
}

impl Kind {
    /// The word of the protocol.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Open => "open",
            Self::Files => "files",
            Self::Folders => "folders",
            Self::Users => "users",
        }
    }
}

impl Offer {
    /// What the shell knows by itself.
    pub(super) fn of(kind: Kind) -> Self {
        Self {
            kind,
            candidates: Vec::new(),
        }
    }

    fn words(candidates: Vec<Candidate>) -> Self {
        Self {
            kind: Kind::Words,
            candidates,
        }
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Tenant,
    Schedule,
    Run,
    Set,
    /// A policy type.
    Type,
    /// A policy of a backup set.
    Policy,
    Zone,
    Role,
    /// A user of the operating system.
    User,
    Label,
    Status,
    Trigger,
    Layout,
    Day,
    File,
    Folder,
    /// What nobody but the user can know.
    Free,
}

/// Every value name there is.
const VALUES: &[(&str, Value)] = &[
    ("TENANT", Value::Tenant),
    ("SCHEDULE", Value::Schedule),
    ("RUN", Value::Run),
    ("SET", Value::Set),
    ("KEY", Value::Type),
    ("KEY,…", Value::Type),
    ("TYPE/ID", Value::Policy),
    ("TYPE/ID|ID|NAME", Value::Policy),
    ("ZONE", Value::Zone),
    ("ROLE", Value::Role),
    ("USER", Value::User),
    ("K=V", Value::Label),
    ("STATUS,…", Value::Status),
    ("TRIGGER", Value::Trigger),
    ("LAYOUT", Value::Layout),
    ("DAY,…", Value::Day),
    ("FILE", Value::File),
    ("DIR|FILE.tar.zst", Value::File),
    ("DIR", Value::Folder),
    ("NAME", Value::Free),
    ("GUID", Value::Free),
    ("GUID|DOMAIN", Value::Free),
    ("URL", Value::Free),
    ("VAR", Value::Free),
    ("CMD", Value::Free),
    ("AUDIENCE", Value::Free),
    ("ID", Value::Free),
    ("CLIENT_ID", Value::Free),
    ("HH:MM", Value::Free),
    ("EXPRESSION", Value::Free),
    ("DURATION", Value::Free),
    ("TIME", Value::Free),
    ("TEXT", Value::Free),
    ("N", Value::Free),
    ("P%", Value::Free),
    ("WORD", Value::Free),
];

/// What may stand at this place.
pub(super) fn offer(ctx: &Context, place: &Place<'_>) -> Offer {
    let mut offer = match place.what {
        What::Command => Offer::words(commands(place.command)),
        What::Flag => Offer::words(flags(place)),
        What::Value(arg) => values(ctx, place, arg),
        What::Nothing => Offer::words(Vec::new()),
    };
    for candidate in &mut offer.candidates {
        candidate.word.insert_str(0, &place.kept);
    }
    offer
}

fn commands(command: &Command) -> Vec<Candidate> {
    let shown = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    shown
        .map(|below| Candidate::new(below.get_name(), first_line(below.get_about())))
        .collect()
}

/// The flags that are not given yet, or may be given again; those of the command come first.
fn flags(place: &Place<'_>) -> Vec<Candidate> {
    let given = |flag: &Arg| {
        place
            .given
            .iter()
            .any(|(arg, _)| arg.get_id() == flag.get_id())
    };
    let repeatable = |flag: &Arg| matches!(flag.get_action(), ArgAction::Append | ArgAction::Count);
    let excluded = |flag: &Arg| {
        let given = place.given.iter().map(|(arg, _)| arg.get_id());
        let mut against = place.command.get_arg_conflicts_with(flag).into_iter();
        let given: Vec<_> = given.collect();
        against.any(|other| given.contains(&other.get_id()))
    };
    let mut flags: Vec<&Arg> = place
        .command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && !arg.is_hide_set())
        .filter(|flag| repeatable(flag) || !given(flag))
        .filter(|flag| !excluded(flag))
        .collect();
    flags.sort_by_key(|flag| {
        let of_every_command = ["help", "version"].contains(&flag.get_id().as_str());
        flag.is_global_set() || of_every_command
    });
    let word = |flag: &Arg| match (flag.get_long(), flag.get_short()) {
        (Some(long), _) => Some(format!("--{long}")),
        (None, short) => short.map(|short| format!("-{short}")),
    };
    flags
        .into_iter()
        .filter_map(|flag| Some(Candidate::new(word(flag)?, first_line(flag.get_help()))))
        .collect()
}

fn first_line(help: Option<&clap::builder::StyledStr>) -> String {
    let help = help.map(ToString::to_string).unwrap_or_default();
    help.lines().next().unwrap_or_default().to_owned()
}

/// The values of an argument; of a list, after those that are typed already.
fn values(ctx: &Context, place: &Place<'_>, arg: &Arg) -> Offer {
    let Some(delimiter) = arg.get_value_delimiter() else {
        let already: Vec<&str> = place.values_of(arg.get_id().as_str()).collect();
        let mut offer = one_value(ctx, place, arg, &place.typed);
        let repeatable = matches!(arg.get_action(), ArgAction::Append);
        offer
            .candidates
            .retain(|one| !repeatable || !already.contains(&one.word.as_str()));
        return offer;
    };
    let end = place.typed.rfind(delimiter).map_or(0, |at| at + 1);
    let (done, typed) = place.typed.split_at(end);
    let mut offer = one_value(ctx, place, arg, typed);
    let already: Vec<&str> = done.split(delimiter).collect();
    offer
        .candidates
        .retain(|one| !already.contains(&one.word.as_str()));
    for candidate in &mut offer.candidates {
        candidate.word.insert_str(0, done);
    }
    if offer.kind == Kind::Words {
        offer.kind = Kind::Open;
    }
    offer
}

fn one_value(ctx: &Context, place: &Place<'_>, arg: &Arg, typed: &str) -> Offer {
    let possible = arg.get_possible_values();
    if !possible.is_empty() {
        let shown = possible.iter().filter(|value| !value.is_hide_set());
        return Offer::words(
            shown
                .map(|value| Candidate::new(value.get_name(), first_line(value.get_help())))
                .collect(),
        );
    }
    let words = |words: &[&str]| {
        let candidates = words.iter().map(|word| Candidate::new(*word, ""));
        Offer::words(candidates.collect())
    };
    match value_of(arg) {
        Some(Value::Type) => Offer::words(types(&place.path)),
        Some(Value::Zone) => {
            Offer::words(zone::names().map(|name| Candidate::new(name, "")).collect())
        }
        Some(Value::Role) => words(&Role::ALL.map(Role::as_str)),
        Some(Value::Status) => words(&Status::ALL.map(Status::as_str)),
        Some(Value::Trigger) => words(&Trigger::ALL.map(Trigger::as_str)),
        Some(Value::Layout) => words(&Layout::ALL.map(Layout::as_str)),
        Some(Value::Day) => words(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
        Some(Value::File) => Offer::of(Kind::Files),
        Some(Value::Folder) => Offer::of(Kind::Folders),
        // Who gets a role may have none yet.
        Some(Value::User) if place.path != "roles revoke" => Offer::of(Kind::Users),
        Some(value) => from_database(ctx, place, value, typed),
        None => words(&[]),
    }
}

/// What the database has a name or an id of. Of one that cannot be read nothing is known.
fn from_database(ctx: &Context, place: &Place<'_>, value: Value, typed: &str) -> Offer {
    let found = ctx
        .glance()
        .and_then(|store| Names::new(ctx, store.read(), place, typed)?.of(value));
    let found = found.unwrap_or_else(|error| {
        log::debug!("no names to complete by: {error}");
        Vec::new()
    });
    let (kind, candidates) = match value {
        Value::Label => (Kind::Open, found),
        Value::Policy if names::type_typed(typed).is_none() => (Kind::Open, policy_types(&found)),
        _ => (Kind::Words, found),
    };
    Offer { kind, candidates }
}

fn value_of(arg: &Arg) -> Option<Value> {
    let name = arg.get_value_names()?.first()?;
    VALUES
        .iter()
        .find(|(known, _)| *known == name.as_str())
        .map(|(_, value)| *value)
}

/// The keys of policy types; of a schedule the two words that stand for several, too.
fn types(path: &str) -> Vec<Candidate> {
    let mut types = Vec::new();
    if path.starts_with("schedules") {
        types.push(Candidate::new("default", "What most tenants need"));
        types.push(Candidate::new(
            "all",
            "Every policy type that can be read app-only",
        ));
    }
    types.extend(catalogue::all().map(|row| Candidate::new(row.key, row.label)));
    types
}

/// The beginnings of `TYPE/ID`: of the types that a backup set holds, or of all.
fn policy_types(held: &[Candidate]) -> Vec<Candidate> {
    let all = types("");
    let known = |one: &Candidate| held.is_empty() || held.iter().any(|key| key.word == one.word);
    all.into_iter()
        .filter(known)
        .map(|one| Candidate::new(format!("{}/", one.word), one.about))
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    /// Every argument of the tree that takes a value, with its command.
    fn arguments() -> Vec<(String, Arg)> {
        let mut root = Cli::command();
        root.build();
        let mut found = Vec::new();
        let mut left = vec![(String::new(), root)];
        while let Some((path, command)) = left.pop() {
            let taking = command.get_arguments().filter(|arg| {
                arg.is_positional()
                    || matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
            });
            found.extend(taking.map(|arg| (path.clone(), arg.clone())));
            for below in command.get_subcommands() {
                left.push((format!("{path} {}", below.get_name()), below.clone()));
            }
        }
        assert!(found.len() > 100, "the tree was walked");
        found
    }

    #[test]
    fn every_value_of_the_tree_is_known_by_its_name() {
        let mut named = std::collections::BTreeSet::new();
        for (path, arg) in arguments() {
            let names = arg.get_value_names().unwrap_or_default();
            named.extend(names.iter().map(ToString::to_string));
            assert!(
                !arg.get_possible_values().is_empty() || value_of(&arg).is_some(),
                "what can stand for {names:?} of {} in tenantpilot{path}? VALUES does not say",
                arg.get_id()
            );
        }
        for (name, _) in VALUES {
            assert!(named.contains(*name), "nothing takes {name} any more");
        }
    }

    /// By the names of the fields, so that a value that is called otherwise in the help is found.
    #[test]
    fn what_names_something_in_the_database_is_completed_from_it() {
        let mut counts = std::collections::BTreeMap::new();
        for (path, arg) in arguments() {
            let expected = match arg.get_id().as_str() {
                "tenant" => Value::Tenant,
                "schedule" | "schedules" => Value::Schedule,
                "run" | "runs" => Value::Run,
                "set" | "sets" => Value::Set,
                "types" | "exclude_types" | "key" => Value::Type,
                "policy" | "policies" => Value::Policy,
                "timezone" => Value::Zone,
                "role" => Value::Role,
                "user" => Value::User,
                "labels" => Value::Label,
                _ => continue,
            };
            let value = value_of(&arg);
            assert_eq!(
                value,
                Some(expected),
                "{} in tenantpilot{path}",
                arg.get_id()
            );
            *counts.entry(arg.get_id().to_string()).or_insert(0) += 1;
        }
        assert!(counts.len() >= 15, "{counts:?}");
    }

    #[test]
    fn a_path_is_completed_as_one() {
        for (path, arg) in arguments() {
            let is_path = matches!(
                arg.get_value_hint(),
                clap::ValueHint::AnyPath | clap::ValueHint::FilePath | clap::ValueHint::DirPath
            );
            let value = value_of(&arg);
            let as_path = matches!(value, Some(Value::File | Value::Folder));
            assert_eq!(is_path, as_path, "{} in tenantpilot{path}", arg.get_id());
        }
    }
}
