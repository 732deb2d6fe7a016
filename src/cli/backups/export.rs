//! `backups export`: a backup set as files in a folder or an archive.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::json;

use super::find;
use crate::backup_set::{BackupSet, Manifest, TypeList};
use crate::cli;
use crate::context::Context;
use crate::error::{Error, ExitCode, Result};
use crate::export::layout::Layout;
use crate::export::{self, Options, Report, Source};
use crate::plural::counted;
use crate::policy::Outcome;
use crate::progress::Progress;
use crate::store::contents::Reader;
use crate::store::{backup_sets, tenants};

/// Write a backup set as files: one per policy, in folders by policy type
///
/// A folder that is not there is made whole or not at all. One that holds an earlier export of the
/// tenant, such as a git working tree, is updated: unchanged policies keep their files as they are,
/// files of policies that are gone are removed, a policy keeps its file when it is renamed, and
/// files that no export wrote are never touched. A policy that means the same as before keeps the
/// bytes of its file, in whatever order or with whatever dates Graph gives it. Nothing is written where
/// a content is damaged.
///
/// A database that can only be read, on a disk mounted read-only, say, is exported all the same, with a
/// warning that the audit trail does not have it.
///
/// Layout intunecd: tested with IntuneCD 2.6, whose update finds nothing to change by these files in an
/// unchanged tenant. Differences from what IntuneCD itself exports: secrets of which there is only a digest
/// are missing; policies with encrypted OMA-URI values, and what is Microsoft's own, are left out and
/// named; every group counts as one with assigned members, which matters only where IntuneCD creates
/// groups; a group without a known name keeps its id; payloadJson stays encoded; role assignments, intents
/// and apps are not exported. As with IntuneCD itself, apps of app protection, certificates that profiles
/// refer to and driver approvals are missing, since Graph does not take them with the rest, and of two
/// profiles whose payloads have the same file name only one gets the file.
///
/// Layout intunemanagement: written after the source code of IntuneManagement, and never tried with it,
/// since it needs Windows. Certificates that profiles refer to are there by name and type, as in its own
/// exports. Secrets are null: fill in encrypted OMA-URI values before importing. Groups that the other
/// tenant does not have are created there with assigned members, since there is no folder Groups. Scripts
/// that are JSON end in .json.txt, since it imports every file that ends in .json.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups export 12 --to contoso
  tenantpilot backups export 12 --to contoso-2026-11-22.tar.zst
  tenantpilot backups export 12 --to repo/contoso --decode-scripts
  tenantpilot backups export 12 --to cd --layout intunecd
  tenantpilot backups export 12 --to one \\
      --policy namedLocation/5c4b1d0e-0b6c-4f7e-9d51-0c9c4f7e9d51")]
pub struct Args {
    /// The id of the backup set
    #[arg(value_name = "SET", value_parser = cli::parse_id)]
    set: i64,

    /// The folder, or the archive where it ends in .tar.zst
    #[arg(long, value_name = "DIR|FILE.tar.zst")]
    to: PathBuf,

    /// How to lay out folders and files: `tenantpilot`, or for the importers of other tools
    /// `intunecd` or `intunemanagement`
    #[arg(long, value_name = "LAYOUT", default_value = "tenantpilot", value_parser = parse_layout)]
    layout: Layout,

    /// Only these policy types
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    types: Vec<String>,

    /// Only this policy: its policy type and its id; can be given several times
    #[arg(long, value_name = "TYPE/ID")]
    policy: Vec<String>,

    /// Write scripts, profiles and rules beside their policies as text, too
    #[arg(long)]
    decode_scripts: bool,
}

fn parse_layout(text: &str) -> std::result::Result<Layout, String> {
    Layout::parse(text).ok_or_else(|| {
        let words: Vec<&str> = Layout::ALL.into_iter().map(Layout::as_str).collect();
        format!("write one of: {}", words.join(", "))
    })
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    check_target(&args.to)?;
    let store = ctx.store()?;
    ctx.permit_path(&args.to)?;
    let set = find(ctx, store.read(), args.set)?;
    let tenant = tenants::get(store.read(), set.tenant_id)?;
    let reader = Reader::new(store.read(), set.tenant_id);
    let manifest = backup_sets::manifest(&reader, &set)?;
    let mut lists = Vec::new();
    for entry in manifest.types() {
        lists.extend(backup_sets::list(&reader, entry)?);
    }
    let references = backup_sets::references(&reader, &manifest)?;
    let options = options(&set, &manifest, &lists, args)?;
    let progress = Progress::default();
    let shown = ctx.ui.follow(&progress);
    let gauge = progress.begin(format!("backup set {}", set.id), "policies");
    let source = Source {
        set: &set,
        directory: tenant.settings.directory.as_str(),
        graph: &format!("{}/beta", tenant.settings.cloud.graph_root()),
        manifest: &manifest,
        lists: &lists,
        references: references.as_ref(),
        reader: &reader,
        gauge: &gauge,
    };
    let done = export::export(&source, &options, &args.to);
    drop(shown);
    let recorded = done.as_ref().map(|report| (&options, report));
    cli::record_copying(ctx, &store, "export", || {
        export::record(
            &store,
            &set,
            ctx.actor.name(),
            ctx.now(),
            &args.to,
            recorded,
        )
    })?;
    let report = done?;
    ctx.ui
        .document(&report_json(&set, &options, &args.to, &report))?;
    ctx.ui.line(told(&set, &args.to, &report))?;
    warn(ctx, &manifest, &options, &report);
    Ok(ExitCode::Ok)
}

/// Refuses what looks like an archive that we do not write.
fn check_target(target: &Path) -> Result<()> {
    let name = target.to_string_lossy().to_lowercase();
    let other = [
        ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".zip", ".zst", ".json",
    ];
    if !export::is_archive(target) && other.iter().any(|end| name.ends_with(end)) {
        return Err(
            Error::usage(format!("cannot write {} as an archive", target.display()))
                .hint("--to FILE.tar.zst, or --to DIR"),
        );
    }
    Ok(())
}

fn options(
    set: &BackupSet,
    manifest: &Manifest,
    lists: &[TypeList],
    args: &Args,
) -> Result<Options> {
    let show = format!("tenantpilot backups show {}", set.id);
    let mut policies = BTreeSet::new();
    for given in &args.policy {
        let (policy_type, id) = given
            .split_once('/')
            .ok_or_else(|| Error::usage(format!("{given:?} is not TYPE/ID")).hint(&show))?;
        let held = lists
            .iter()
            .any(|list| list.policy_type() == policy_type && list.get(id).is_some());
        if !held {
            let what = format!("{} holds no {policy_type} with id {id:?}", set.described());
            return Err(Error::not_found(what).hint(&show));
        }
        policies.insert((policy_type.to_owned(), id.to_owned()));
    }
    let types: BTreeSet<String> = args.types.iter().map(|key| key.trim().to_owned()).collect();
    for key in &types {
        if manifest.get(key).is_none() {
            let what = format!("{} holds no policy type {key:?}", set.described());
            return Err(Error::not_found(what).hint(&show));
        }
    }
    Ok(Options {
        layout: args.layout,
        types,
        policies,
        scripts: args.decode_scripts,
    })
}

fn report_json(
    set: &BackupSet,
    options: &Options,
    target: &Path,
    report: &Report,
) -> serde_json::Value {
    json!({
        "backup_set_id": set.id.0,
        "tenant": set.tenant,
        "root_hash": set.root_hash.to_string(),
        "target": target.to_string_lossy(),
        "layout": options.layout.as_str(),
        "policies": report.policies,
        "written": report.written,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "kept": report.kept,
        "edited": report.edited,
        "without_place": report.without_place,
        "left_out": report.left_out.iter().map(|policy| json!({
            "policy_type": policy.policy_type, "policy_id": policy.policy_id,
            "name": policy.name, "reason": policy.reason,
        })).collect::<Vec<_>>(),
    })
}

fn told(set: &BackupSet, target: &Path, report: &Report) -> String {
    let mut counts = counted(report.written, "file written", "files written");
    for (count, what) in [
        (report.unchanged, "unchanged"),
        (report.removed, "removed"),
        (report.kept, "kept from before"),
    ] {
        if count > 0 {
            counts.push_str(&format!(", {count} {what}"));
        }
    }
    format!(
        "{} is in {}: {}; {counts}",
        set.described(),
        target.display(),
        counted(report.policies, "policy", "policies")
    )
}

fn warn(ctx: &Context, manifest: &Manifest, options: &Options, report: &Report) {
    for entry in manifest.types() {
        let asked = options.types.is_empty() || options.types.contains(&entry.policy_type);
        if asked && !matches!(entry.outcome, Outcome::Complete | Outcome::NotOffered) {
            ctx.ui.warn(format!(
                "{} is {} in this backup set{}",
                entry.policy_type,
                entry.outcome.as_str(),
                entry
                    .reason
                    .as_ref()
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default()
            ));
        }
    }
    for policy_type in &report.without_place {
        ctx.ui.warn(format!(
            "{policy_type} is left out: the layout {} has no place for it",
            options.layout.as_str()
        ));
    }
    for policy in &report.left_out {
        ctx.ui.warn(format!(
            "{} {} ({}) is left out: {}",
            policy.policy_type, policy.name, policy.policy_id, policy.reason
        ));
    }
    for path in &report.edited {
        ctx.ui.warn(format!(
            "{path} stays: its policy is gone, and somebody changed the file"
        ));
    }
}
