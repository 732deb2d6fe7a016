//! The table of policy types: what exists, where it is read, with which permission, what to leave
//! out when two copies are compared, and in which order a restore must go.
//!
//! Policy types are data. This module and its folder are the only place that names an endpoint;
//! `run/read.rs` carries out what a row says and knows none by name.
//!
//! How a row is read, in this order:
//! 1. The list at `path`, with `query` and every [`Via::Expanded`] part expanded, unless
//!    `read_each`. A path with `{parent}` is listed once per object of the collection before it.
//! 2. With `read_each`, each object alone, there with the expanded parts.
//! 3. Every part that is still missing, from its own path below the object.
//! 4. Every [`Reference`] of its `@odata.type`, from its own path; there is no other.
//! 5. Every value that is [`Sealed`], by a request of its own.
//! 6. What Graph does not say of the object though it is known: its type ([`PolicyType::declared`])
//!    and the object below which its list is ([`PolicyType::parent_as`]).
//!
//! Paths *into* documents ([`PolicyType::volatile`] and its neighbours) are property names joined by
//! `/`; `[]` after a name goes through the elements of an array: `settings[]/id`.
//!
//! Invariants, held by tests over the whole table: keys are unique; rows that share a path ask for
//! the same list, at most one of them takes the rest, and no `@odata.type` is taken twice; every
//! permission is one that exists.

mod apps;
pub mod authors;
mod cloud_pc;
mod compliance;
mod configuration;
pub mod directory;
mod enrollment;
mod entra;
mod profiles;
pub mod requests;
mod scripts;
mod tenant;
mod updates;

use crate::graph::{ServiceGroup, Version};

/// One row: a policy type that a user can select.
#[derive(Debug, Clone, Copy)]
pub struct PolicyType {
    /// What the user types; stable for ever.
    pub key: &'static str,
    /// What the user reads.
    pub label: &'static str,
    /// The platforms it is for, in the words of [`platform_word`]; empty where the question makes
    /// no sense.
    pub platforms: &'static [&'static str],
    /// The API version of its paths.
    pub version: Version,
    /// Whose limits its requests count against.
    pub group: ServiceGroup,
    /// The list, or the one object of a [`Shape::Single`]; `{parent}` stands for the id of an
    /// object of the collection before it.
    pub path: &'static str,
    /// Where one object is read by its id, if that is not below `path`.
    pub object_path: Option<&'static str>,
    /// Query options of the list of the objects that `{parent}` stands for.
    pub parent_query: &'static [(&'static str, &'static str)],
    /// Whether Graph goes on giving a deleted object to who asks for it by its id, so that only the
    /// list tells.
    pub outlives_deletion: bool,
    /// Whether Microsoft's published metadata lacks it: where Graph then refuses the list as it is,
    /// it is not offered.
    pub unpublished: bool,
    /// A list or one object.
    pub shape: Shape,
    /// Which objects of the list are of this type.
    pub members: Members,
    /// Which objects of the list are nobody's policies.
    pub left_out: Option<LeftOut>,
    /// Whether a 404 for the path says that there is nothing, rather than that it is not offered.
    pub may_be_absent: bool,
    /// The `@odata.type` of all its objects, where Graph may leave it out and the path alone tells
    /// it. It is added to a document that lacks it.
    pub declared: Option<&'static str>,
    /// The property under which Graph would put the object that stands for `{parent}`, were it
    /// expanded. It is added to the document, with its id.
    pub parent_as: Option<&'static str>,
    /// Query options of the list and of reads of one object, `$expand` apart.
    pub query: &'static [(&'static str, &'static str)],
    /// Whether the list leaves something out that a read of the object gives.
    pub read_each: bool,
    /// What Graph keeps in collections of its own and belongs to the object.
    pub parts: &'static [Part],
    /// What its objects refer to and Graph tells at a path of its own only.
    pub references: &'static [Reference],
    /// Values that Graph gives one at a time only.
    pub sealed: Option<Sealed>,
    /// The property that holds the name.
    pub name: &'static str,
    /// How an object tells its platform.
    pub platform: Platform,
    /// Any one of these is enough to read; the least first.
    pub read_permissions: &'static [&'static str],
    /// All of these are needed to restore.
    pub restore_permissions: &'static [&'static str],
    /// Whether `default` selects it.
    pub default: bool,
    /// Whether other types refer to it, so that it comes along.
    pub foundation: bool,
    /// What a tenant may lack that is refused as if a permission were missing.
    pub may_lack: Option<&'static str>,
    /// Why it cannot be read without a signed-in user, if so.
    pub not_app_only: Option<&'static str>,
    /// Paths that change without the policy changing, beside [`VOLATILE`] and [`DATES`].
    pub volatile: &'static [&'static str],
    /// Paths of expanded objects that are only referred to: nothing but their `id` counts.
    pub referred: &'static [&'static str],
    /// Arrays without an order, beside [`SETS`].
    pub sets: &'static [Set],
    /// Names of properties, at any depth, whose value is a secret and never kept in clear.
    pub redacted: &'static [&'static str],
    /// What the reader of a backup has to know of its policies.
    pub notes: &'static [Note],
    /// What its objects stand for that ends, if it does.
    pub expiring: Option<Expiring>,
    /// When a restore has its turn, lower first; nothing where it cannot be restored.
    pub restore_step: Option<u16>,
}

/// Whether a path is a list or one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A list of objects with ids.
    List,
    /// One object; its id is the key of the policy type where Graph gives none.
    Single,
}

/// Which objects of a list are of a type, by the last part of their `@odata.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Members {
    /// Each of them: the list is not shared.
    All,
    /// Those of these types.
    Types(&'static [&'static str]),
    /// Those that no other row of the list names: this is the general row of a shared list. An
    /// object of a type that is not among these either is kept with a warning.
    Rest(&'static [&'static str]),
}

/// What a list holds though nobody in the tenant made it: objects with this value in this property,
/// unless a flag says that they are in use. An object that does not tell is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// The property that tells.
    pub property: &'static str,
    /// Its value.
    pub value: &'static str,
    /// The property that is true for those that are in use.
    pub unless: &'static str,
    /// What people call them, in the plural.
    pub called: &'static str,
}

/// Something below an object that belongs into its document under the same name.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The name of the property and of the path segment.
    pub property: &'static str,
    /// What there is.
    pub form: Form,
    /// Whether it can be expanded.
    pub via: Via,
    /// The type that has the property, where that of the list has not: Graph wants it said.
    pub cast: Option<&'static str>,
    /// The object's property that is null where this is absent.
    pub told_by: Option<&'static str>,
    /// Single objects to expand in each of its elements.
    pub expand: &'static [&'static str],
    /// Collections below each of its elements.
    pub parts: &'static [Self],
    /// The object's property that says how many elements there are.
    pub count: Option<&'static str>,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A collection.
    Many,
    /// One object, or none.
    One,
    /// A file, or none; in the document as base64.
    File,
}

/// How a part is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Expanded by the request that gives what it belongs to.
    Expanded,
    /// From its own path only.
    Path,
}

/// A navigation property that neither a list nor an object gives, whatever is asked for. It belongs
/// into the document under its name: null, or an empty list, where nothing is referred to. Of each
/// object that it leads to, `id`, `displayName` and `@odata.type` are kept, and only the `id` counts.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// The name of the property and of the path segment.
    pub property: &'static str,
    /// The types that have it, by the last part of their `@odata.type`: the path goes through it.
    /// Empty where each object of the policy type has it and the path goes through none.
    pub types: &'static [&'static str],
    /// Whether it leads to several objects.
    pub many: bool,
    /// Whether what it leads to exists only as part of the object: then all of it is kept, and
    /// counts, with this key.
    pub owned: Option<&'static [&'static str]>,
}

/// Values that an object gives as placeholders, each to be had from a function of the object by who
/// has a further permission. None is kept: not the placeholder, and not the value in clear.
#[derive(Debug, Clone, Copy)]
pub struct Sealed {
    /// The array whose elements may hold one.
    pub array: &'static str,
    /// The property of an element that says whether its value is a placeholder.
    pub flag: &'static str,
    /// The property that holds the placeholder.
    pub value: &'static str,
    /// The property that names the value, and the argument of the function.
    pub reference: &'static str,
    /// The function.
    pub function: &'static str,
    /// The permission it takes.
    pub permission: &'static str,
}

/// Something to know of policies of a type.
#[derive(Debug, Clone, Copy)]
pub struct Note {
    /// The property that is true of those it is about; each, where there is none.
    pub when: Option<&'static str>,
    /// What there is to know: a line without an end.
    pub text: &'static str,
}

/// What ends at a date that its object tells, and has to be renewed by somebody before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiring {
    /// The property that holds the date. It is volatile: a renewal is no drift.
    pub property: &'static str,
    /// What people call it.
    pub what: &'static str,
    /// What to do, and what it is for: a line without an end.
    pub renew: &'static str,
}

/// How an object tells its platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// It does not.
    Never,
    /// Always this one.
    Always(&'static str),
    /// By a property of this name.
    Property(&'static str),
    /// By the beginning of its `@odata.type`.
    Type,
}

/// An array whose order means nothing. The generated `id` of its elements does not count unless it
/// is in the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Where the array is.
    pub path: &'static str,
    /// Paths below an element that tell elements apart; empty for plain values.
    pub key: &'static [&'static str],
}

/// Properties of an object that never count, wherever no deeper meaning hides behind the name.
pub const VOLATILE: &[&str] = &["isAssigned", "supportsScopeTags"];

/// Dates that the service sets by itself; they do not count at any depth.
pub const DATES: &[&str] = &[
    "createdDateTime",
    "creationDateTime",
    "lastModifiedDateTime",
    "lastUpdateDateTime",
    "modifiedDateTime",
];

/// The counter that the service raises with each change; at the top, and only as a number, since a
/// version in text may be somebody's decision.
pub const COUNTER: &str = "version";

/// Arrays without an order that many types have.
pub const SETS: &[Set] = &[
    Set {
        path: "assignments",
        key: &[
            "target/@odata.type",
            "target/groupId",
            "intent",
            "target/deviceAndAppManagementAssignmentFilterId",
            "target/deviceAndAppManagementAssignmentFilterType",
        ],
    },
    Set {
        path: "roleScopeTagIds",
        key: &[],
    },
    Set {
        path: "roleScopeTags",
        key: &[],
    },
];

/// The property that holds a setting of the settings catalog.
pub const SETTING: &str = "settingInstance";

/// The settings below a setting of the settings catalog: a set at any depth.
pub const NESTED_SETTINGS: Set = Set {
    path: "children",
    key: &["settingDefinitionId"],
};

/// Types whose objects Microsoft moves to another, under a new id.
pub const SUCCESSORS: &[(&str, &str)] = &[("deviceManagementIntent", "settingsCatalogPolicy")];

/// What is assumed of a policy type that this program does not know.
pub static UNKNOWN: PolicyType = PLAIN;

/// A collection that Graph expands.
const EXPANDED: Part = Part {
    property: "",
    form: Form::Many,
    via: Via::Expanded,
    cast: None,
    told_by: None,
    expand: &[],
    parts: &[],
    count: None,
};

/// A collection that has to be read from its own path.
const APART: Part = Part {
    via: Via::Path,
    ..EXPANDED
};

/// Assignments that Graph expands.
const ASSIGNMENTS: Part = Part {
    property: "assignments",
    ..EXPANDED
};

/// Assignments that have to be read from their own path.
const ASSIGNMENTS_APART: Part = Part {
    via: Via::Path,
    ..ASSIGNMENTS
};

/// What most rows have in common.
const PLAIN: PolicyType = PolicyType {
    key: "",
    label: "",
    platforms: &[],
    version: Version::Beta,
    group: ServiceGroup::DeviceConfiguration,
    path: "",
    object_path: None,
    parent_query: &[],
    outlives_deletion: false,
    unpublished: false,
    shape: Shape::List,
    members: Members::All,
    left_out: None,
    may_be_absent: false,
    declared: None,
    parent_as: None,
    query: &[],
    read_each: false,
    parts: &[],
    references: &[],
    sealed: None,
    name: "displayName",
    platform: Platform::Never,
    read_permissions: &["DeviceManagementConfiguration.Read.All"],
    restore_permissions: &["DeviceManagementConfiguration.ReadWrite.All"],
    default: true,
    foundation: false,
    may_lack: None,
    not_app_only: None,
    volatile: &[],
    referred: &[],
    sets: &[],
    redacted: &[],
    notes: &[],
    expiring: None,
    restore_step: Some(100),
};

/// The whole table, in the order in which it is read.
pub fn all() -> impl Iterator<Item = &'static PolicyType> {
    configuration::ROWS
        .iter()
        .chain(&profiles::ROWS)
        .chain(&compliance::ROWS)
        .chain(&scripts::ROWS)
        .chain(&updates::ROWS)
        .chain(&enrollment::ROWS)
        .chain(&apps::ROWS)
        .chain(&tenant::ROWS)
        .chain(&cloud_pc::ROWS)
        .chain(&entra::ROWS)
}

/// The row of that key.
pub fn find(key: &str) -> Option<&'static PolicyType> {
    all().find(|row| row.key == key)
}

/// The key that was probably meant.
pub fn suggest(key: &str) -> Option<&'static str> {
    let wanted = key.to_lowercase();
    all()
        .map(|row| {
            let likeness = strsim::jaro_winkler(&wanted, &row.key.to_lowercase());
            (row.key, likeness)
        })
        .filter(|(_, likeness)| *likeness >= 0.8)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(key, _)| key)
}

impl PolicyType {
    /// The rows that are read from the same list, this one among them.
    pub fn sharing(&self) -> impl Iterator<Item = &'static Self> {
        let (version, path) = (self.version, self.path);
        all().filter(move |row| row.version == version && row.path == path)
    }

    /// Whether it is the general row of a shared list.
    pub fn is_general(&self) -> bool {
        matches!(self.members, Members::Rest(_))
    }

    /// Whether it names this `@odata.type`. A general row names those it is known to hold.
    pub fn names(&self, odata_type: &str) -> bool {
        match self.members {
            Members::All => true,
            Members::Types(names) | Members::Rest(names) => names.contains(&short_type(odata_type)),
        }
    }
}

/// An `@odata.type` without its namespace. The leading `#` is sometimes left out.
pub fn short_type(odata_type: &str) -> &str {
    let name = odata_type.strip_prefix('#').unwrap_or(odata_type);
    name.strip_prefix("microsoft.graph.").unwrap_or(name)
}

/// How names of things for Windows begin, in lower case.
const WINDOWS: &[&str] = &[
    "windows",
    "editionupgrade",
    "sharedpc",
    "win32",
    "winget",
    "officesuiteapp",
    "microsoftstore",
];

/// One word per platform, for what Graph calls by many.
pub fn platform_word(graph: &str) -> Option<&str> {
    let name = graph.to_ascii_lowercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    Some(match name.as_str() {
        "" | "none" | "all" | "allplatforms" | "unknown" | "unknownfuturevalue" => return None,
        _ if begins(WINDOWS) => "windows",
        _ if begins(&["mac", "depmacos"]) => "macos",
        _ if begins(&["ios", "managedios", "depios"]) => "ios",
        _ if begins(&["tvos", "deptvos"]) => "tvOS",
        _ if begins(&["visionos", "depvisionos"]) => "visionOS",
        _ if begins(&["android", "aosp", "managedandroid"]) => "android",
        _ if begins(&["linux"]) => "linux",
        _ => graph,
    })
}

#[cfg(test)]
mod tests;
