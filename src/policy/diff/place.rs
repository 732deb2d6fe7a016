//! Where a difference is: by ids for programs, by names for people.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::policy::catalogue;

/// Properties that only hold a setting together; they are no step of their own.
const FRAME: [&str; 8] = [
    "settingInstance",
    "simpleSettingValue",
    "simpleSettingCollectionValue",
    "choiceSettingValue",
    "choiceSettingCollectionValue",
    "groupSettingValue",
    "groupSettingCollectionValue",
    "children",
];

/// Arrays whose elements speak for themselves, so that people need not read their name.
const SPEAKING: [&str; 7] = [
    "settings",
    "children",
    "definitionValues",
    "presentationValues",
    "omaSettings",
    "scheduledActionsForRule",
    "scheduledActionConfigurations",
];

/// Names that documents hold of what they refer to, and that do not count themselves.
#[derive(Debug, Default)]
pub(super) struct Labels(HashMap<String, String>);

impl Labels {
    /// Learns the names of definitions and presentations in a document as it was received; of two
    /// the later stands.
    pub fn collect(&mut self, value: &Value) {
        match value {
            Value::Array(elements) => elements.iter().for_each(|element| self.collect(element)),
            Value::Object(members) => {
                for (name, member) in members {
                    match name.as_str() {
                        "definition" => self.learn(member, "displayName"),
                        "presentation" => self.learn(member, "label"),
                        _ => {}
                    }
                    self.collect(member);
                }
            }
            _ => {}
        }
    }

    fn learn(&mut self, referred: &Value, property: &str) {
        let text = |name: &str| referred.get(name).and_then(Value::as_str);
        let (Some(id), Some(label)) = (text("id"), text(property)) else {
            return;
        };
        let label = label.trim().trim_end_matches(':');
        if label.is_empty() {
            return;
        }
        // The same setting exists for computers and for people, under one name.
        let of_user = text("classType").is_some_and(|class| class.eq_ignore_ascii_case("user"));
        let suffix = if of_user { " (user)" } else { "" };
        self.0.insert(id.to_owned(), format!("{label}{suffix}"));
    }

    /// What an element of the array `array` is called, if not by its key.
    fn of(&self, array: &str, element: &Value) -> Option<String> {
        let text = |path: &[&str]| {
            let found = path
                .iter()
                .try_fold(element, |value, name| value.get(*name))?;
            found.as_str().filter(|text| !text.is_empty())
        };
        let referred = |property| self.0.get(text(&[property, "id"])?).cloned();
        match array {
            "definitionValues" => referred("definition"),
            "presentationValues" => referred("presentation"),
            "omaSettings" => text(&["displayName"]).map(str::to_owned),
            "scheduledActionConfigurations" => text(&["actionType"]).map(str::to_owned),
            _ => None,
        }
    }
}

/// A place in a document.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// By properties and ids.
    pub path: String,
    /// By names.
    pub name: String,
    /// The last property on the way.
    pub property: String,
    /// Whether it is within a setting of the settings catalog.
    pub in_setting: bool,
    /// Whether the last step was an element that speaks for itself.
    spoken: bool,
}

impl Place {
    /// Whether an object here that came or went as a whole is told by the values in it.
    pub fn is_told_by_parts(&self, members: &Map<String, Value>) -> bool {
        self.in_setting || self.spoken || members.contains_key(catalogue::SETTING)
    }

    /// At a property of the object here.
    pub fn member(&self, name: &str) -> Self {
        let mut below = self.clone();
        below.property = name.to_owned();
        below.in_setting |= name == catalogue::SETTING;
        let framing = below.in_setting && FRAME.contains(&name);
        let value = name == "value";
        if framing || (value && self.in_setting) {
            return below;
        }
        step(&mut below.path, name, "/");
        let told_already = SPEAKING.contains(&name) || (value && self.spoken);
        if !told_already {
            step(&mut below.name, name, " / ");
        }
        below.spoken = self.spoken && SPEAKING.contains(&name);
        below
    }

    /// At an element of the set here.
    pub fn element(&self, key: &[String], element: &Value, labels: &Labels) -> Self {
        let mut below = self.clone();
        let key: Vec<String> = key.iter().map(|part| bare(part)).collect();
        let key = key.join(",");
        let label = labels.of(&self.property, element);
        let label = label.unwrap_or_else(|| key.clone());
        if self.in_setting || self.property == "settings" {
            step(&mut below.path, &key, "/");
        } else {
            below.path.push_str(&format!("[{key}]"));
        }
        if SPEAKING.contains(&self.property.as_str()) {
            if !label.is_empty() {
                step(&mut below.name, &label, " / ");
            }
            below.spoken = true;
        } else {
            below.name.push_str(&format!("[{label}]"));
        }
        below
    }

    /// At a place of the list here.
    pub fn index(&self, index: usize) -> Self {
        let mut below = self.clone();
        below.path.push_str(&format!("[{index}]"));
        below.name.push_str(&format!("[{index}]"));
        below
    }
}

fn step(path: &mut String, name: &str, separator: &str) {
    if !path.is_empty() {
        path.push_str(separator);
    }
    path.push_str(name);
}

/// A part of a key as people write it: text without its quotes.
fn bare(part: &str) -> String {
    serde_json::from_str::<String>(part).unwrap_or_else(|_| part.to_owned())
}
