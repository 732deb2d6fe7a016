//! Intune's audit events: one for each change that is made by the verbs of the sandbox.
//!
//! As live: they are about objects of Intune alone, Entra and Cloud PCs have events of their own; a
//! person at the portal acts with an application too; an application by itself has no user.

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::collections;
use super::tenant::{Resource, Tenant};

/// Where they are, below the version.
pub const PATH: &str = "deviceManagement/auditEvents";

const ELSEWHERE: &str = "deviceManagement/virtualEndpoint/";
const PERSON: &str = "admin@contoso.onmicrosoft.com";
const PORTAL: &str = "Microsoft Intune portal extension";
const APPLICATION: &str = "Clean-up";

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Made, by a person.
    Create,
    /// Changed, by a person.
    Patch,
    /// Removed, by an application.
    Delete,
}

/// Adds the event of that deed. The object is there: already, or still.
pub fn note(tenant: &mut Tenant, deed: Deed, collection: &str, id: &str) {
    let of_intune = ["deviceManagement/", "deviceAppManagement/"]
        .iter()
        .any(|area| collection.starts_with(area));
    let Some((row, _)) = collections::find(collection) else {
        return;
    };
    if !of_intune || collection.starts_with(ELSEWHERE) {
        return;
    }
    let Some(name) = tenant.get(collection, id).map(Resource::name) else {
        return;
    };
    let event = event(deed, row.declared, id, &name);
    tenant.add(PATH, Resource::new(event.to_string()));
}

fn event(deed: Deed, declared: &str, id: &str, name: &str) -> Value {
    let word = match deed {
        Deed::Create => "Create",
        Deed::Patch => "Patch",
        Deed::Delete => "Delete",
    };
    let declared = declared.rsplit('.').next().unwrap_or(declared);
    let (first, rest) = declared.split_at(declared.len().min(1));
    let what = format!("{}{rest}", first.to_ascii_uppercase());
    let (person, application) = match deed {
        Deed::Delete => (None, APPLICATION),
        Deed::Create | Deed::Patch => (Some(PERSON), PORTAL),
    };
    json!({
        "id": guid(),
        "displayName": format!("{word} {what}"),
        "componentName": "DeviceConfiguration",
        "activity": null,
        "activityDateTime": now(),
        "activityType": format!("{word} {what}"),
        "activityOperationType": word,
        "activityResult": "Success",
        "correlationId": guid(),
        "category": "DeviceConfiguration",
        "actor": {
            "auditActorType": if person.is_some() { "ItPro" } else { "Application" },
            "userPermissions": ["*"],
            "applicationId": guid(),
            "applicationDisplayName": application,
            "userPrincipalName": person,
            "servicePrincipalName": null,
            "ipAddress": null,
            "userId": person.map(|_| guid()),
        },
        "resources": [{
            "displayName": name,
            "auditResourceType": what,
            "resourceId": id,
            "modifiedProperties": [],
        }],
    })
}

fn guid() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[expect(clippy::disallowed_methods, reason = "a server says what time it is")]
fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true)
}
