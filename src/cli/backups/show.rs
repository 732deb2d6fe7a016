//! `backups show`: a backup set, or one policy of it.

use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{find, policy, set_json};
use crate::backup_set::{
    BackupSet, ListEntry, Manifest, ManifestType, Reference, TypeList, Unresolved,
};
use crate::cli::history::time;
use crate::cli::{self, told};
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::plural::counted;
use crate::policy::diff;
use crate::policy::diff::outline::{Outline, Told, outline};
use crate::policy::expiry::Expiry;
use crate::store::backup_sets;
use crate::store::contents::Reader;
use crate::ui::table::Table;

/// Show a backup set, or one policy of it
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups show 12
  tenantpilot backups show 12 --json | jq '.items[].policy_id'
  tenantpilot backups show 12 \\
      --policy namedLocation/5c4b1d0e-0b6c-4f7e-9d51-0c9c4f7e9d51")]
pub struct Args {
    /// The id of the backup set
    #[arg(value_name = "SET", value_parser = cli::parse_id)]
    set: i64,

    /// Show this policy: its policy type and its id, or an id or a name that it alone has; with --json
    /// the document itself
    #[arg(long, value_name = "TYPE/ID|ID|NAME")]
    policy: Option<String>,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let store = ctx.store()?;
    let set = find(ctx, store.read(), args.set)?;
    let reader = Reader::new(store.read(), set.tenant_id);
    let manifest = backup_sets::manifest(&reader, &set)?;
    match &args.policy {
        Some(policy) => show_policy(ctx, &reader, &set, &manifest, policy)?,
        None => show_set(ctx, &reader, &set, &manifest)?,
    }
    Ok(ExitCode::Ok)
}

fn show_set(
    ctx: &Context,
    reader: &Reader<'_>,
    set: &BackupSet,
    manifest: &Manifest,
) -> Result<()> {
    let lists = policy::lists(reader, manifest)?;
    let (expiries, unread) = expiries(reader, &lists);
    if ctx.ui.json() {
        let items: Vec<Value> = lists.iter().flat_map(items_of).collect();
        let mut document = set_json(set, Some(manifest));
        if let Some(fields) = document.as_object_mut() {
            fields.insert("items".to_owned(), Value::Array(items));
            let expiries = expiries.iter().map(|expiry| {
                json!({
                    "policy_type": expiry.policy_type, "policy_id": expiry.id,
                    "name": expiry.name, "expires_at": time(expiry.at),
                })
            });
            fields.insert("expiries".to_owned(), expiries.collect());
            let references = backup_sets::references(reader, manifest)?;
            let references =
                references.map(|all| all.entries().iter().map(reference_json).collect());
            fields.insert("references".to_owned(), references.unwrap_or(Value::Null));
        }
        ctx.ui.document(&document)?;
        return unread.map_or(Ok(()), Err);
    }
    show_head(ctx, set, &expiries)?;
    let mut types = Table::new(&[
        "POLICY TYPE",
        "OUTCOME",
        "POLICIES",
        "BYTES",
        "READ",
        "REASON",
    ])
    .whole(&["POLICY TYPE", "OUTCOME"])
    .spare(&["BYTES"])
    .flowing();
    for entry in manifest.types() {
        let list = lists
            .iter()
            .find(|list| list.policy_type() == entry.policy_type);
        let bytes: u64 = list
            .iter()
            .flat_map(|list| list.entries())
            .map(|policy| policy.bytes)
            .sum();
        types.row([
            entry.policy_type.clone(),
            entry.outcome.as_str().to_owned(),
            entry.policies.to_string(),
            bytes.to_string(),
            read_told(entry),
            entry.reason.clone().unwrap_or_default(),
        ]);
    }
    ctx.ui.table(&types)?;
    ctx.ui.line("")?;
    let mut policies = Table::new(&["POLICY TYPE", "NAME", "PLATFORM", "BYTES", "ID"])
        .whole(&["POLICY TYPE"])
        .spare(&["BYTES", "PLATFORM"])
        .flowing();
    for list in &lists {
        for entry in list.entries() {
            policies.row([
                list.policy_type().to_owned(),
                entry.name.clone(),
                entry.platform.clone().unwrap_or_default(),
                entry.bytes.to_string(),
                entry.id.clone(),
            ]);
        }
    }
    ctx.ui.table(&policies)?;
    unread.map_or(Ok(()), Err)
}

/// What the set says of certificates and tokens that end, and why the first of them that cannot be
/// read cannot: the rest of the set is shown all the same.
fn expiries(reader: &Reader<'_>, lists: &[TypeList]) -> (Vec<Expiry>, Option<Error>) {
    let (mut found, mut unread) = (Vec::new(), None);
    for expiry in lists
        .iter()
        .flat_map(|list| backup_sets::expiries(reader, list))
    {
        match expiry {
            Ok(expiry) => found.push(expiry),
            Err(error) => {
                unread.get_or_insert(error.hint("tenantpilot backups verify"));
            }
        }
    }
    (found, unread)
}

fn reference_json(reference: &Reference) -> Value {
    json!({
        "kind": reference.kind,
        "id": reference.id,
        "name": reference.name,
        "last_known": reference.is_last_known(),
        "unresolved": reference.unresolved.map(Unresolved::as_str),
        "type": reference.odata_type,
        "package": reference.package,
    })
}

/// How it is known what the set holds of a type, for people.
fn read_told(entry: &ManifestType) -> String {
    let count =
        |number: u64, one: &str, several: &str| (number > 0).then(|| counted(number, one, several));
    let Some(proof) = &entry.proof else {
        return count(entry.pages, "page", "pages").unwrap_or_default();
    };
    let declared = count(proof.declared, "element", "elements")
        .map(|declared| format!("{} of {declared}", proof.counted));
    [
        count(entry.pages, "page", "pages"),
        (entry.pages > 0 && !proof.last_page).then(|| "cut off".to_owned()),
        count(
            proof.extra_reads + proof.nested_links,
            "extra read",
            "extra reads",
        ),
        declared,
        count(
            proof.secrets_not_captured,
            "secret not captured",
            "secrets not captured",
        ),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

fn show_head(ctx: &Context, set: &BackupSet, expiries: &[Expiry]) -> Result<()> {
    let schedule = match (&set.schedule, set.schedule_id) {
        (Some(schedule), Some(id)) => format!("{schedule} (id {})", id.0),
        _ => String::new(),
    };
    let word = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let imported = set.imported.as_ref();
    let lacks = imported.and_then(|from| from.get("lacks")?.as_array());
    let mut head = vec![
        ("backup set", set.id.to_string()),
        ("tenant", set.tenant.clone()),
        ("schedule", schedule),
        (
            "run",
            set.run_id.map(|id| id.to_string()).unwrap_or_default(),
        ),
        (
            "imported",
            word(imported.and_then(|from| from.get("layout"))),
        ),
        ("from", word(imported.and_then(|from| from.get("source")))),
    ];
    head.extend(
        lacks
            .into_iter()
            .flatten()
            .map(|what| ("lacks", word(Some(what)))),
    );
    head.extend([
        ("time", time(set.time)),
        ("status", set.status.as_str().to_owned()),
        ("policies", set.policies.to_string()),
        ("root hash", set.root_hash.to_string()),
        ("pinned", set.pin_reason.clone().unwrap_or_default()),
        ("expired", set.expired_at.map(time).unwrap_or_default()),
    ]);
    head.extend(expiries.iter().map(|expiry| {
        let warning = expiry.warning(ctx.now());
        match warning {
            Some(warning) => ("warning", warning),
            None => ("ends", format!("{} on {}", expiry.told(), expiry.day())),
        }
    }));
    ctx.ui.fields(&head)?;
    ctx.ui.line("")
}

fn items_of(list: &TypeList) -> impl Iterator<Item = Value> {
    list.entries().iter().map(|entry| {
        json!({
            "policy_type": list.policy_type(),
            "policy_id": entry.id,
            "name": entry.name,
            "platform": entry.platform,
            "hash": entry.hash.to_string(),
            "bytes": entry.bytes,
        })
    })
}

fn show_policy(
    ctx: &Context,
    reader: &Reader<'_>,
    set: &BackupSet,
    manifest: &Manifest,
    wanted: &str,
) -> Result<()> {
    let (policy_type, entry) = find_policy(reader, set, manifest, wanted)?;
    let bytes = reader.read(&entry.hash)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| not_json(wanted, &error))?;
    let document: &RawValue =
        serde_json::from_str(text).map_err(|error| not_json(wanted, &error))?;
    if ctx.ui.json() {
        return ctx.ui.document(&PolicyJson {
            policy_type: &policy_type,
            policy_id: &entry.id,
            name: &entry.name,
            platform: entry.platform.as_deref(),
            hash: entry.hash.to_string(),
            bytes: entry.bytes,
            warnings: &entry.warnings,
            document,
        });
    }
    let lists = policy::lists(reader, manifest)?;
    let names = policy::names(reader, manifest, &lists)?;
    let outline = outline(diff::row_of(&policy_type), &bytes, &names)
        .map_err(|flaw| not_json(wanted, &flaw))?;
    let mut head = vec![
        ("policy", told(&entry.name)),
        ("type", policy_type.clone()),
        ("id", entry.id.clone()),
        ("platform", entry.platform.clone().unwrap_or_default()),
        ("backup set", format!("{}, {}", set.id, time(set.time))),
        ("hash", entry.hash.to_string()),
    ];
    head.extend(
        Expiry::of(diff::row_of(&policy_type), &entry.id, &entry.name, &bytes).map(|expiry| {
            match expiry.warning(ctx.now()) {
                Some(warning) => ("warning", warning),
                None => ("ends", expiry.day()),
            }
        }),
    );
    head.extend(
        entry
            .warnings
            .iter()
            .map(|warning| ("warning", warning.clone())),
    );
    ctx.ui.fields(&head)?;
    tell(ctx, &outline)
}

/// What is set, whom it is assigned to, and what takes several lines.
fn tell(ctx: &Context, outline: &Outline) -> Result<()> {
    let ui = &ctx.ui;
    ui.line("")?;
    let (short, long): (Vec<&Told>, Vec<&Told>) = outline
        .fields
        .iter()
        .partition(|told| told.lines.is_empty());
    for told in short {
        ui.item(format_args!("{}: ", told.name), &told.value)?;
    }
    for assignment in &outline.assignments {
        ui.item("assigned: ", assignment)?;
    }
    for told in long {
        ui.line("")?;
        ui.line(format!("{}:", told.name))?;
        for line in &told.lines {
            ui.line(format!("    {line}"))?;
        }
    }
    Ok(())
}

/// One policy as `--json` gives it. The document is the stored one to the byte.
#[derive(Serialize)]
struct PolicyJson<'a> {
    policy_type: &'a str,
    policy_id: &'a str,
    name: &'a str,
    platform: Option<&'a str>,
    hash: String,
    bytes: u64,
    warnings: &'a [String],
    document: &'a RawValue,
}

fn not_json(policy: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(
        Kind::Integrity,
        format!("the document of {policy} is not JSON: {error}"),
    )
}

/// The list entry of `TYPE/ID`, or of an id or a name.
fn find_policy(
    reader: &Reader<'_>,
    set: &BackupSet,
    manifest: &Manifest,
    wanted: &str,
) -> Result<(String, ListEntry)> {
    let show = format!("{}: tenantpilot backups show {}", policy::SHAPE, set.id);
    let typed = wanted
        .split_once('/')
        .and_then(|(policy_type, id)| Some((manifest.get(policy_type)?, id)));
    let Some((entry, id)) = typed else {
        let lists = policy::lists(reader, manifest)?;
        return match policy::called(&lists, wanted).as_slice() {
            [one] => Ok((one.policy_type.clone(), one.entry.clone())),
            [] if manifest.get(wanted).is_some() => {
                Err(Error::usage(format!("{wanted} is a policy type, and no policy")).hint(show))
            }
            [] => Err(
                Error::not_found(format!("{} holds no policy {wanted:?}", set.described()))
                    .hint(show),
            ),
            several => Err(policy::ambiguous(wanted, several)),
        };
    };
    let list = backup_sets::list(reader, entry)?;
    match list.as_ref().and_then(|list| list.get(id)) {
        Some(found) => Ok((entry.policy_type.clone(), found.clone())),
        None => {
            let policy_type = &entry.policy_type;
            let read = match entry.outcome {
                crate::policy::Outcome::Complete => String::new(),
                outcome => format!("; the type is {} in this set", outcome.as_str()),
            };
            Err(Error::not_found(format!(
                "{} holds no {policy_type} with id {id:?}{read}",
                set.described()
            ))
            .hint(show))
        }
    }
}
