//! The values of a table, each of the kind that its key takes, or what is wrong with them.

use crate::error::{Error, closest};
use crate::fleet::Fault;
use crate::fleet::document::{Node, Value, key_told};
use crate::zone::Source;

/// How many faults are kept: a file can have millions.
const MAX_FAULTS: usize = 1_000;

/// Keys with what each takes.
pub(super) type Keys = &'static [(&'static str, &'static str)];

/// Reads tables and keeps what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) zones: &'a Source,
    pub(super) faults: Vec<Fault>,
}

/// A table, and what messages call it.
pub(super) struct Table<'a> {
    pub(super) line: usize,
    pub(super) whose: String,
    entries: &'a [(String, Node)],
    keys: Keys,
}

impl<'a> Table<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        let mut entries = self.entries.iter();
        entries
            .find(|(known, _)| known == key)
            .map(|(_, node)| node)
    }

    /// The line of a key, else that of the table.
    pub(super) fn line_of(&self, key: &str) -> usize {
        self.get(key).map_or(self.line, |node| node.line)
    }

    /// What a key takes.
    fn takes(&self, key: &str) -> String {
        let known = self.keys.iter().find(|(known, _)| *known == key);
        let takes = known.map_or("something else", |(_, takes)| takes);
        format!("{key} takes {takes}")
    }
}

impl Reader<'_> {
    pub(super) fn fault(&mut self, line: usize, whose: &str, error: Error) {
        let error = if whose.is_empty() {
            error
        } else {
            error.during(whose)
        };
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault::at(line, error));
        }
    }

    /// What a check says of a value, with its key before it and without the value. A hint that speaks
    /// of flags is none here.
    pub(super) fn check<T>(
        &mut self,
        table: &Table<'_>,
        line: usize,
        key: &str,
        checked: Result<T, Error>,
    ) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(error) => {
                let hint = error.hint_text().filter(|hint| !hint.contains("--"));
                let hint = hint.map_or_else(|| table.takes(key), str::to_owned);
                let error = Error::usage(format!("{key}: {}", unquoted(error.message())));
                self.fault(line, &table.whose, error.hint(hint));
                None
            }
        }
    }

    /// The table that a node is, once its keys are known.
    pub(super) fn table<'n>(
        &mut self,
        node: &'n Node,
        whose: &str,
        keys: Keys,
    ) -> Option<Table<'n>> {
        let Value::Table(entries) = &node.value else {
            let what = format!("it is {}, and has to be a table", node.value.kind());
            self.fault(node.line, whose, Error::usage(what));
            return None;
        };
        for (key, value) in entries {
            if keys.iter().any(|(known, _)| known == key) {
                continue;
            }
            let error = Error::usage(format!("{} is not known", key_told(key)));
            let names: Vec<&str> = keys.iter().map(|(known, _)| *known).collect();
            let error = match closest(key, names.iter().copied()) {
                Some(meant) => error.hint(format!("did you mean {meant}?")),
                None => error.hint(format!("the keys here are {}", names.join(", "))),
            };
            self.fault(value.line, whose, error);
        }
        Some(Table {
            line: node.line,
            whose: whose.to_owned(),
            entries,
            keys,
        })
    }

    /// A value is not of the kind that its key takes.
    pub(super) fn wrong(&mut self, table: &Table<'_>, key: &str, node: &Node) {
        let error = Error::usage(format!("{key} is {}", node.value.kind()));
        self.fault(node.line, &table.whose, error.hint(table.takes(key)));
    }

    /// A key has to be there.
    pub(super) fn missing(&mut self, table: &Table<'_>, key: &str) {
        let error = Error::usage(format!("{key} is missing"));
        self.fault(table.line, &table.whose, error.hint(table.takes(key)));
    }

    /// A text, with its line.
    pub(super) fn text<'n>(&mut self, table: &Table<'n>, key: &str) -> Option<(usize, &'n str)> {
        let node = table.get(key)?;
        match &node.value {
            Value::Text(text) => Some((node.line, text)),
            _ => {
                self.wrong(table, key, node);
                None
            }
        }
    }

    /// A text that has to be there.
    pub(super) fn needed<'n>(&mut self, table: &Table<'n>, key: &str) -> Option<(usize, &'n str)> {
        if table.get(key).is_none() {
            self.missing(table, key);
        }
        self.text(table, key)
    }

    /// A text that is read by `parse`.
    pub(super) fn parsed<T>(
        &mut self,
        table: &Table<'_>,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Error>,
    ) -> Option<T> {
        let (line, text) = self.text(table, key)?;
        self.check(table, line, key, parse(text))
    }

    /// A list.
    pub(super) fn list<'n>(&mut self, table: &Table<'n>, key: &str) -> Option<&'n [Node]> {
        let node = table.get(key)?;
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                self.wrong(table, key, node);
                None
            }
        }
    }

    /// A list of texts, each read by `parse`; none where one of them cannot be.
    pub(super) fn texts<T>(
        &mut self,
        table: &Table<'_>,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Error>,
    ) -> Option<Vec<T>> {
        let items = self.list(table, key)?;
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Text(text) => {
                    texts.extend(self.check(table, item.line, key, parse(text)));
                }
                _ => self.wrong(table, key, item),
            }
        }
        (texts.len() == items.len()).then_some(texts)
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, table: &Table<'_>, key: &str) -> Option<bool> {
        let node = table.get(key)?;
        match node.value {
            Value::Flag(flag) => Some(flag),
            _ => {
                self.wrong(table, key, node);
                None
            }
        }
    }

    /// A whole number, at least `least`.
    pub(super) fn count(&mut self, table: &Table<'_>, key: &str, least: u32) -> Option<u32> {
        let node = table.get(key)?;
        match node.value {
            Value::Number(Some(count)) if count >= least => Some(count),
            Value::Number(_) => {
                let error = Error::usage(format!("{key} is a number that it cannot be"));
                let takes = format!("{key} takes a whole number from {least} to {}", u32::MAX);
                self.fault(node.line, &table.whose, error.hint(takes));
                None
            }
            _ => {
                self.wrong(table, key, node);
                None
            }
        }
    }
}

/// A message without what it quotes, which is what somebody wrote: checks quote as Rust does, with a
/// backslash before a quote that belongs to the value.
fn unquoted(message: &str) -> String {
    let mut told = String::with_capacity(message.len());
    let (mut inside, mut escaped) = (false, false);
    for c in message.chars() {
        if c == '"' && !escaped {
            told.push_str(if inside { "\"" } else { "\"…" });
            inside = !inside;
        } else if !inside {
            told.push(c);
        }
        escaped = inside && c == '\\' && !escaped;
    }
    told
}
