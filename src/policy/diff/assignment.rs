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
        let named = |id: &Option<String>| {
            let name = names.name("", id.as_ref()?)?;
            Some(name.to_owned())
        };
        let mode = text(target, "deviceAndAppManagementAssignmentFilterType");
        Self {
            target: kind.to_owned(),
            group: named(&group_id),
            group_id,
            intent: text(element, "intent"),
            filter: named(&filter_id),
            filter_mode: mode.filter(|_| filter_id.is_some()),
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
        if let Some(id) = &self.group_id {
            f.write_str(" ")?;
            named(f, self.group.as_deref(), id)?;
        }
        if let Some(intent) = &self.intent {
            write!(f, ", intent {intent}")?;
        }
        if let Some(id) = &self.filter_id {
            let mode = self.filter_mode.as_deref().unwrap_or("with");
            write!(f, ", {mode} filter ")?;
            named(f, self.filter.as_deref(), id)?;
        }
        Ok(())
    }
}

fn named(f: &mut fmt::Formatter<'_>, name: Option<&str>, id: &str) -> fmt::Result {
    match name {
        Some(name) => write!(f, "{name} ({id})"),
        None => f.write_str(id),
    }
}
