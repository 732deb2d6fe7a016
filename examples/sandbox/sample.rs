//! The sample tenant: made-up policies in the shapes and sizes of real ones.
//!
//! Some objects are written out because they are awkward (names, numbers, nesting, composite ids);
//! the bulk is generated, the same for the same seed. Texts are templates in which `<word>` stands
//! for JSON text, so that no number or escape passes through a parser.

use base64::Engine as _;

use super::collections;
use super::faults::Dice;
use super::json::quote;
use super::rows::rows;
use super::tenant::{Resource, Tenant};
use super::{
    sample_admin, sample_apps, sample_catalog, sample_compliance, sample_directory,
    sample_enrollment, sample_files, sample_networks, sample_profiles, sample_scripts,
    sample_store, sample_tokens, sample_updates,
};

/// Number of policies unless somebody asks for another.
const DEFAULT_POLICIES: usize = 300;

/// Makes one object.
type Make = fn(&mut Maker, &mut Tenant);

/// What the generated policies are made of, and how many of a hundred.
const SHARES: &[(usize, Make)] = &[
    (50, sample_catalog::bulk),
    (24, sample_profiles::bulk),
    (3, sample_profiles::bulk_group_policy),
    (8, sample_compliance::bulk),
    (10, sample_scripts::bulk),
    (5, sample_apps::bulk),
];

/// Groups that assignments lead to.
pub const GROUPS: &[(&str, &str)] = &[
    ("6a1f0c9e-0001-4c5b-9a57-0d5b7a3e0001", "All Staff"),
    ("6a1f0c9e-0002-4c5b-9a57-0d5b7a3e0002", "Pilot Ring"),
    (
        "6a1f0c9e-0003-4c5b-9a57-0d5b7a3e0003",
        "Kiosks \u{2013} Lobby",
    ),
    (
        "6a1f0c9e-0004-4c5b-9a57-0d5b7a3e0004",
        "Break-glass Accounts",
    ),
];

/// Collections whose objects are context, or there in every tenant: not counted as policies.
const CONTEXT: &[&str] = &[
    "groups",
    "users",
    "servicePrincipals",
    "directoryRoleTemplates",
    "identity/conditionalAccess/templates",
    "organization",
    "deviceManagement/settings",
    "deviceManagement/templates",
    super::events::PATH,
];

/// Collections whose assignments tell where they come from.
const TELL_SOURCE: &[&str] = &[
    "deviceManagement/configurationPolicies",
    "deviceManagement/deviceConfigurations",
    "deviceManagement/deviceCompliancePolicies",
    "deviceManagement/compliancePolicies",
    "deviceManagement/deviceEnrollmentConfigurations",
    "deviceManagement/windowsAutopilotDeploymentProfiles",
    "deviceAppManagement/mobileApps",
    "deviceAppManagement/iosManagedAppProtections",
    "deviceAppManagement/androidManagedAppProtections",
    "deviceAppManagement/targetedManagedAppConfigurations",
];

/// Builds the tenant: about `policies` of them, `Some(0)` none at all.
pub fn tenant(policies: Option<usize>, seed: u64) -> Tenant {
    let mut tenant = Tenant::default();
    let mut maker = Maker::new(seed);
    sample_directory::context(&mut tenant);
    if policies == Some(0) {
        return tenant;
    }
    sample_directory::fixed(&mut maker, &mut tenant);
    sample_catalog::fixed(&mut maker, &mut tenant);
    sample_profiles::fixed(&mut maker, &mut tenant);
    sample_networks::fixed(&mut maker, &mut tenant);
    sample_files::fixed(&mut maker, &mut tenant);
    sample_compliance::fixed(&mut maker, &mut tenant);
    sample_updates::fixed(&mut maker, &mut tenant);
    sample_scripts::fixed(&mut maker, &mut tenant);
    sample_enrollment::fixed(&mut maker, &mut tenant);
    sample_tokens::fixed(&mut maker, &mut tenant);
    sample_apps::fixed(&mut maker, &mut tenant);
    sample_store::fixed(&mut tenant);
    sample_admin::fixed(&mut tenant);
    let wanted = policies.unwrap_or(DEFAULT_POLICIES);
    let bulk = wanted.saturating_sub(self::policies(&tenant));
    for (share, make) in SHARES {
        for _ in 0..(bulk * share).div_ceil(100) {
            make(&mut maker, &mut tenant);
        }
    }
    for path in TELL_SOURCE {
        tenant.each(path, tell_source);
    }
    tenant
}

/// Collections whose objects can be made larger.
const PADDED: &[&str] = &[
    "deviceManagement/configurationPolicies",
    "deviceManagement/deviceConfigurations",
    "deviceManagement/deviceCompliancePolicies",
    "deviceManagement/groupPolicyConfigurations",
    "deviceManagement/deviceManagementScripts",
    "deviceManagement/deviceShellScripts",
];

/// Gives the most frequent policies descriptions of that many bytes, which do not compress well.
pub fn pad(tenant: &mut Tenant, bytes: usize, seed: u64) {
    let mut dice = Dice(seed);
    for path in PADDED {
        tenant.each(path, |object| {
            let words = (0..bytes.div_ceil(16)).map(|_| format!("{:016x}", dice.roll(u64::MAX)));
            let mut text: String = words.collect();
            text.truncate(bytes);
            object.set("description", &quote(&text));
        });
    }
}

/// Has the assignments of an object say that somebody made them there.
fn tell_source(object: &mut Resource) {
    let id = object.id.clone();
    for assignment in object.below_mut("assignments") {
        if let Some(open) = assignment.text.strip_suffix('}') {
            assignment.text = format!(r#"{open},"source":"direct","sourceId":"{id}"}}"#);
        }
    }
}

/// Number of policies in a tenant.
pub fn policies(tenant: &Tenant) -> usize {
    tenant.count(|path| !CONTEXT.contains(&path))
}

/// Adds a copy of a collection's first object with a lone surrogate for a name; its id.
pub fn add_lone_surrogate(tenant: &mut Tenant, collection: &str) -> Option<String> {
    let mut copy = tenant.list(collection).first()?.clone();
    copy.id = "00000000-dead-4bad-8bad-00000000d800".to_owned();
    copy.set("id", &quote(&copy.id.clone()));
    let name = match super::json::Members::parse(&copy.text)?.get("displayName") {
        Some(_) => "displayName",
        None => "name",
    };
    copy.set(name, r#""cut \ud83d off""#);
    let id = copy.id.clone();
    tenant.add(collection, copy);
    Some(id)
}

/// Makes texts, ids and dates, the same for the same seed.
pub struct Maker {
    dice: Dice,
    made: u64,
}

impl Maker {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed),
            made: 0,
        }
    }

    /// How many objects of one sort there are already: a running number for names.
    pub fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.dice.roll(sides)
    }

    /// A number below `sides` to index with.
    pub fn index(&mut self, sides: usize) -> usize {
        let sides = u64::try_from(sides).unwrap_or(1);
        usize::try_from(self.dice.roll(sides)).unwrap_or(0)
    }

    /// A GUID.
    pub fn id(&mut self) -> String {
        let (high, low) = (self.dice.roll(u64::MAX), self.dice.roll(u64::MAX));
        uuid::Builder::from_random_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// A date and time as a JSON string, with 0 to 7 digits after the second.
    pub fn date(&mut self) -> String {
        let digits = self.index(8);
        let fraction = format!("{:07}", self.roll(10_000_000));
        let fraction = match fraction.get(..digits) {
            Some("") | None => String::new(),
            Some(digits) => format!(".{digits}"),
        };
        let (month, day) = (self.roll(12) + 1, self.roll(28) + 1);
        let (hour, minute) = (self.roll(24), self.roll(60));
        format!("\"2025-{month:02}-{day:02}T{hour:02}:{minute:02}:17{fraction}Z\"")
    }

    /// The template with its `<words>` filled in; `<created>` and `<modified>` are dates.
    pub fn text(&mut self, template: &str, words: &[(&str, &str)]) -> String {
        let mut text = template.to_owned();
        for (word, value) in words {
            text = text.replace(&format!("<{word}>"), value);
        }
        text = text.replace("<created>", &self.date());
        text.replace("<modified>", &self.date())
    }

    /// Text of about that many bytes, as base64 in a JSON string.
    pub fn base64(text: &str) -> String {
        quote(&base64::engine::general_purpose::STANDARD.encode(text))
    }

    /// One to three assignments: groups, everybody, exclusions, with filters.
    pub fn assignments(&mut self, id: &str) -> Vec<Resource> {
        match self.roll(5) {
            0 => vec![assignment(id, ALL_DEVICES_TARGET)],
            1 => vec![assignment(id, ALL_USERS), excluded(id, 3)],
            2 => vec![to_group(id, 0), excluded(id, 2)],
            3 => vec![filtered(id, 1)],
            _ => vec![to_group(id, 0), to_group(id, 1), excluded(id, 3)],
        }
    }
}

/// The target that means every device.
pub const ALL_DEVICES_TARGET: &str = r##"{"@odata.type":"#microsoft.graph.allDevicesAssignmentTarget","deviceAndAppManagementAssignmentFilterId":null,"deviceAndAppManagementAssignmentFilterType":"none"}"##;
const ALL_USERS: &str = r##"{"@odata.type":"#microsoft.graph.allLicensedUsersAssignmentTarget","deviceAndAppManagementAssignmentFilterId":"00000000-0000-0000-0000-000000000000","deviceAndAppManagementAssignmentFilterType":"none"}"##;
const GROUP: &str = r##"{"@odata.type":"#microsoft.graph.<kind>","deviceAndAppManagementAssignmentFilterId":<filter>,"deviceAndAppManagementAssignmentFilterType":"<mode>","groupId":"<group>"}"##;

/// An assignment to that target.
pub fn assignment(id: &str, target: &str) -> Resource {
    let tail = target.bytes().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    Resource::new(format!(r#"{{"id":"{id}_{tail:08x}","target":{target}}}"#))
}

/// An assignment to one of the groups.
pub fn to_group(id: &str, group: usize) -> Resource {
    group_target(id, "groupAssignmentTarget", group, None)
}

/// An exclusion of one of the groups.
pub fn excluded(id: &str, group: usize) -> Resource {
    group_target(id, "exclusionGroupAssignmentTarget", group, None)
}

/// An assignment to one of the groups, with a filter.
pub fn filtered(id: &str, group: usize) -> Resource {
    let filter = Some(sample_directory::FILTER);
    group_target(id, "groupAssignmentTarget", group, filter)
}

fn group_target(id: &str, kind: &str, group: usize, filter: Option<&str>) -> Resource {
    let group = GROUPS.get(group).map_or("", |(id, _)| id);
    let filter_id = filter.map_or("null".to_owned(), quote);
    let mode = filter.map_or("none", |_| "include");
    let target = GROUP
        .replace("<kind>", kind)
        .replace("<filter>", &filter_id)
        .replace("<mode>", mode)
        .replace("<group>", group);
    assignment(id, &target)
}

/// An assignment to a group that exists nowhere, for long lists.
pub fn to_numbered_group(id: &str, number: usize) -> Resource {
    let target = GROUP
        .replace("<kind>", "groupAssignmentTarget")
        .replace("<filter>", "null")
        .replace("<mode>", "none")
        .replace("<group>", &format!("7b000000-0000-4000-8000-{number:012}"));
    assignment(id, &target)
}

/// Adds an object as it is written, with what hangs below it.
pub fn add(tenant: &mut Tenant, collection: &str, text: &str, below: Vec<(&str, Vec<Resource>)>) {
    debug_assert!(
        rows().any(|row| row.path == collection),
        "no row for {collection}"
    );
    let object = Resource::new(text);
    let object = below.into_iter().fold(object, |object, (name, elements)| {
        object.with(name, elements)
    });
    tenant.add(collection, object);
}

/// Adds an object of that template, with assignments where its collection has them.
pub fn put(
    maker: &mut Maker,
    tenant: &mut Tenant,
    collection: &str,
    template: &str,
    words: &[(&str, &str)],
) {
    let id = maker.id();
    let mut all = vec![("id", id.as_str())];
    all.extend_from_slice(words);
    let mut resource = Resource::new(maker.text(template, &all));
    let assigned =
        collections::find(collection).is_some_and(|(row, _)| row.below.contains(&"assignments"));
    if assigned {
        let id = resource.id.clone();
        resource = resource.with("assignments", maker.assignments(&id));
    }
    debug_assert!(
        rows().any(|row| row.path == collection),
        "no row for {collection}"
    );
    tenant.add(collection, resource);
}
