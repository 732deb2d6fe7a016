//! Where in the command tree the cursor stands, found by the words before it.
//!
//! Not by clap's parser: that one wants a whole command line, and says what is wrong with a part.

use clap::{Arg, ArgAction, Command};

/// The place of the cursor.
#[derive(Debug)]
pub(super) struct Place<'t> {
    /// The words that lead to the command.
    pub(super) path: String,
    /// The command.
    pub(super) command: &'t Command,
    /// What was given before, each with its argument; nothing for a flag that takes no value.
    pub(super) given: Vec<(&'t Arg, String)>,
    /// What of the word at the cursor belongs to no candidate: `--types=`.
    pub(super) kept: String,
    /// What of a candidate is typed already.
    pub(super) typed: String,
    /// What may stand here.
    pub(super) what: What<'t>,
}

/// What may stand at a place.
#[derive(Debug)]
pub(super) enum What<'t> {
    /// A value of this argument.
    Value(&'t Arg),
    /// A flag.
    Flag,
    /// A subcommand.
    Command,
    /// Nothing more.
    Nothing,
}

impl<'t> Place<'t> {
    /// The place after the words `before`, in the middle of `current`.
    pub(super) fn find(root: &'t Command, before: &[String], current: &str) -> Self {
        let mut walk = Walk::begin(root);
        // As the program itself takes it, and only there.
        let help = usize::from(before.first().is_some_and(|word| word == "help"));
        before.iter().skip(help).for_each(|word| walk.pass(word));
        walk.stop(current)
    }

    /// What was given to the argument of this name.
    pub(super) fn value_of(&self, id: &str) -> Option<&str> {
        self.values_of(id).next()
    }

    /// All that was given to the argument of this name.
    pub(super) fn values_of(&self, id: &str) -> impl Iterator<Item = &str> {
        let of_id = move |(arg, _): &&(&Arg, String)| arg.get_id() == id;
        let given = self.given.iter().filter(of_id);
        given.map(|(_, value)| value.as_str())
    }
}

/// A walk down the tree, word by word.
struct Walk<'t> {
    path: Vec<&'t str>,
    command: &'t Command,
    given: Vec<(&'t Arg, String)>,
    /// How many words stood in no flag's place.
    positionals: usize,
    /// The flag whose value comes next.
    pending: Option<&'t Arg>,
    /// Whether `--` stood before: nothing is a flag any more.
    escaped: bool,
}

impl<'t> Walk<'t> {
    fn begin(root: &'t Command) -> Self {
        Self {
            path: Vec::new(),
            command: root,
            given: Vec::new(),
            positionals: 0,
            pending: None,
            escaped: false,
        }
    }

    fn pass(&mut self, word: &str) {
        if let Some(flag) = self.pending.take()
            && (needs_value(flag) || !is_flag(word))
        {
            self.given.push((flag, word.to_owned()));
        } else if self.escaped || !is_flag(word) {
            self.pass_plain(word);
        } else if word == "--" {
            self.escaped = true;
        } else if let Some(long) = word.strip_prefix("--") {
            self.pass_long(long);
        } else {
            self.pass_shorts(word.get(1..).unwrap_or_default());
        }
    }

    fn pass_plain(&mut self, word: &str) {
        let below = if self.escaped || self.positionals > 0 {
            None
        } else {
            self.command.find_subcommand(word)
        };
        match below {
            Some(below) => {
                self.path.push(below.get_name());
                self.command = below;
            }
            None => {
                if let Some(arg) = self.positional() {
                    self.given.push((arg, word.to_owned()));
                }
                self.positionals += 1;
            }
        }
    }

    fn pass_long(&mut self, long: &str) {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let Some(flag) = self.long(name) else {
            return;
        };
        match value {
            None if takes_value(flag) => self.pending = Some(flag),
            value => self
                .given
                .push((flag, value.unwrap_or_default().to_owned())),
        }
    }

    /// Several in one word; the first that takes a value takes what is left of it.
    fn pass_shorts(&mut self, shorts: &str) {
        for (at, short) in shorts.char_indices() {
            let Some(flag) = self.flags().find(|flag| flag.get_short() == Some(short)) else {
                return;
            };
            if !takes_value(flag) {
                self.given.push((flag, String::new()));
                continue;
            }
            let rest = shorts.get(at + short.len_utf8()..).unwrap_or_default();
            match rest {
                "" => self.pending = Some(flag),
                rest => self.given.push((flag, rest.to_owned())),
            }
            return;
        }
    }

    fn stop(self, current: &str) -> Place<'t> {
        let (mut kept, mut typed) = ("", current);
        let what = if let Some(flag) = self.pending.filter(|flag| needs_value(flag)) {
            What::Value(flag)
        } else if !self.escaped && current.starts_with("--") && current.contains('=') {
            let equals = current.find('=').map_or(0, |at| at + 1);
            (kept, typed) = current.split_at(equals);
            let name = kept.trim_start_matches('-').trim_end_matches('=');
            self.long(name).map_or(What::Nothing, What::Value)
        } else if !self.escaped && current.starts_with('-') {
            What::Flag
        } else if let Some(flag) = self.pending {
            What::Value(flag)
        } else {
            self.plain(current)
        };
        Place {
            path: self.path.join(" "),
            command: self.command,
            given: self.given,
            kept: kept.to_owned(),
            typed: typed.to_owned(),
            what,
        }
    }

    /// What a word may be that is no flag.
    fn plain(&self, current: &str) -> What<'t> {
        let may_lead_on = self.positionals == 0 && !self.escaped;
        if may_lead_on && self.command.has_subcommands() {
            return What::Command;
        }
        match self.positional() {
            Some(arg) => What::Value(arg),
            None if current.is_empty() && !self.escaped => What::Flag,
            None => What::Nothing,
        }
    }

    /// The argument that the next word in no flag's place is of.
    fn positional(&self) -> Option<&'t Arg> {
        let mut left = self.positionals;
        for arg in self.command.get_positionals() {
            let most = arg.get_num_args().map_or(1, |number| number.max_values());
            if left < most {
                return Some(arg);
            }
            left -= most;
        }
        None
    }

    fn flags(&self) -> impl Iterator<Item = &'t Arg> + use<'t> {
        self.command
            .get_arguments()
            .filter(|arg| !arg.is_positional())
    }

    fn long(&self, name: &str) -> Option<&'t Arg> {
        self.flags().find(|flag| flag.get_long() == Some(name))
    }
}

fn is_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

fn takes_value(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::Set | ArgAction::Append)
}

fn needs_value(flag: &Arg) -> bool {
    flag.get_num_args()
        .is_none_or(|number| number.min_values() > 0)
}
