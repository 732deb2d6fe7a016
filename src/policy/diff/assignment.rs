//! Whom a policy is assigned to.

use std::fmt;

use serde_json::Value;

use super::Names;
use crate::policy::catalogue;

/// The id that stands for no filter.
const NO_FILTER: &str = "00000000-0000-0000-0000-000000000000";

/// What became of the assignments of a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignments {
    /// Those that are new.
    pub added: Vec<Assignment>,
    /// Those that are gone.
    pub removed: Vec<Assignment>,
}

impl Assignments {
    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The kind of target as Graph calls it, without `AssignmentTarget`: `group`,
    /// `exclusionGroup`, `allDevices`, `allLicensedUsers`, …
    pub target: String,
    /// The group, where the target is one.
    pub group_id: Option<String>,
    /// Its name, if it is known.
    pub group: Option<String>,
    /// What is to happen, where the policy type knows intents.
    pub intent: Option<String>,
    /// The filter, if there is one.
    pub filter_id: Option<String>,
    /// Its name, if it is known.
    pub filter: Option<String>,
    /// Whether the filter includes or excludes.
    pub filter_mode: Option<String>,
}

impl Assignment {
    pub(super) fn of(element: &Value, names: &Names) -> Self {
        let target = element.get("target").unwrap_or(element);
        let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = text(target, "@odata.type").unwrap_or_default();
        let kind = catalogue::short_type(&kind);
        let kind = kind.strip_suffix("AssignmentTarget").unwrap_or(kind);
        let group_id = text(target, "groupId");
        let filter_id = text(target, "deviceAndAppManagementAssignmentFilterId")
            .filter(|id| id != NO_FILTER && !id.is_empty());
        let named = |id: Option<String>| match id {
            None => (None, None),
            Some(id) => match Names::placed(&id) {
                Some(name) => (None, Some(name)),
                None => {
                    let name = names.name("", &id).map(str::to_owned);
                    (Some(id), name)
                }
            },
        };
        let (group_id, group) = named(group_id);
        let (filter_id, filter) = named(filter_id);
        let mode = text(target, "deviceAndAppManagementAssignmentFilterType");
        Self {
            target: kind.to_owned(),
            group,
            group_id,
            intent: text(element, "intent"),
            filter_mode: mode.filter(|_| filter_id.is_some() || filter.is_some()),
            filter,
            filter_id,
        }
    }

    /// Whether it keeps the policy away rather than giving it.
    pub fn excludes(&self) -> bool {
        self.target == "exclusionGroup"
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.target.as_str() {
            "group" => "include group",
            "exclusionGroup" => "exclude group",
            "allDevices" => "all devices",
            "allLicensedUsers" => "all users",
            other => other,
        })?;
        if let Some(group) = named(self.group.as_deref(), self.group_id.as_deref()) {
            write!(f, " {group}")?;
        }
        if let Some(intent) = &self.intent {
            write!(f, ", intent {intent}")?;
        }
        if let Some(filter) = named(self.filter.as_deref(), self.filter_id.as_deref()) {
            let mode = self.filter_mode.as_deref().unwrap_or("with");
            write!(f, ", {mode} filter {filter}")?;
        }
        Ok(())
    }
}

fn named(name: Option<&str>, id: Option<&str>) -> Option<String> {
    match (name, id) {
        (Some(name), Some(id)) => Some(format!("{name} ({id})")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}
