//! What ids mean in one tenant.

use std::collections::HashMap;

use serde_json::Value;

/// The property whose ids are those of scope tags: small numbers that say nothing elsewhere.
const SCOPE_TAG_IDS: &str = "roleScopeTagIds";
const SCOPE_TAG: &str = "roleScopeTag";

/// Ids at least this long mean the same wherever they stand: GUIDs, and what is made of them.
const TELLING: usize = 32;

/// What stands in the place of a policy's own id.
const OWN: &str = "(this policy)";

/// Names of what policies refer to: groups, filters, scope tags, other policies.
#[derive(Debug, Clone, Default)]
pub struct Names {
    scope_tags: HashMap<String, String>,
    others: HashMap<String, (String, String)>,
}

impl Names {
    /// Learns what an id means. `kind` is the policy type, or what else it is: `group`. The first
    /// word on an id stands.
    pub fn learn(&mut self, kind: &str, id: &str, name: &str) {
        if name.is_empty() {
            return;
        }
        if kind == SCOPE_TAG {
            self.scope_tags
                .entry(id.to_owned())
                .or_insert_with(|| name.to_owned());
        } else if id.len() >= TELLING {
            self.others
                .entry(id.to_lowercase())
                .or_insert_with(|| (kind.to_owned(), name.to_owned()));
        }
    }

    /// The name of the thing that `id` means as a value of `property`.
    pub fn name(&self, property: &str, id: &str) -> Option<&str> {
        if property == SCOPE_TAG_IDS {
            return self.scope_tags.get(id).map(String::as_str);
        }
        self.other(id).map(|(_, name)| name)
    }

    fn other(&self, id: &str) -> Option<(&str, &str)> {
        if id.len() < TELLING {
            return None;
        }
        let (kind, name) = self.others.get(&id.to_lowercase())?;
        Some((kind, name))
    }

    /// Puts `kind "name"` in the place of every id that has a name, and takes the policy's own id
    /// out.
    pub(super) fn by_name(&self, document: &mut Value) {
        let own = match document {
            Value::Object(members) => members.remove("id"),
            _ => None,
        };
        let own = own.as_ref().and_then(Value::as_str).unwrap_or_default();
        self.replace("", document, own);
    }

    /// The name in what [`by_name`](Self::by_name) put in the place of an id.
    pub(super) fn placed(text: &str) -> Option<String> {
        let (_, quoted) = text.split_once(' ')?;
        serde_json::from_str(quoted).ok()
    }

    fn replace(&self, property: &str, value: &mut Value, own: &str) {
        match value {
            Value::String(text) => {
                let told = if property == SCOPE_TAG_IDS {
                    self.name(property, text).map(|name| (SCOPE_TAG, name))
                } else {
                    self.other(text)
                };
                if text == own && own.len() >= TELLING {
                    OWN.clone_into(text);
                } else if let Some((kind, name)) = told {
                    *text = format!("{kind} {}", Value::from(name));
                }
            }
            Value::Array(elements) => elements
                .iter_mut()
                .for_each(|element| self.replace(property, element, own)),
            Value::Object(members) => members
                .iter_mut()
                .for_each(|(name, member)| self.replace(name, member, own)),
            _ => {}
        }
    }
}
