//! Where Graph tells who changed a policy: Intune's audit events.
//!
//! They name an object by its id and nothing of its type. Entra and Cloud PCs have events elsewhere,
//! and what there is once in a tenant has no id of its own.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{PolicyType, Shape};
use crate::graph::{Request, ServiceGroup, Version};

/// What it takes to read them: enough by itself, and part of what backups ask for.
pub const PERMISSION: &str = "DeviceManagementApps.Read.All";

const PATH: &str = "deviceManagement/auditEvents";
const AREAS: [&str; 2] = ["deviceManagement/", "deviceAppManagement/"];
const CLOUD_PC: &str = "deviceManagement/virtualEndpoint/";

/// Whether the events are about policies of this type.
pub fn are_told(of: &PolicyType) -> bool {
    of.shape == Shape::List
        && AREAS.iter().any(|area| of.path.starts_with(area))
        && !of.path.starts_with(CLOUD_PC)
}

/// The events of all policies from one time to another.
pub fn request(from: DateTime<Utc>, to: DateTime<Utc>) -> Request {
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let (from, to) = (text(from), text(to));
    let filter = format!("activityDateTime ge {from} and activityDateTime le {to}");
    Request {
        version: Version::Beta,
        path: PATH.to_owned(),
        query: vec![("$filter".to_owned(), filter)],
        group: ServiceGroup::Auditing,
        endpoint: "auditEvent",
    }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    #[test]
    fn entra_cloud_pcs_and_what_there_is_once_are_not_told_of() {
        for (key, told) in [
            ("settingsCatalogPolicy", true),
            ("assignmentFilter", true),
            ("mobileApp", true),
            ("namedLocation", false),
            ("cloudPcUserSetting", false),
            ("deviceManagementSettings", false),
        ] {
            let row = find(key).unwrap_or_else(|| panic!("no {key}"));
            assert_eq!(are_told(row), told, "{key}");
        }
    }
}
