//! A small Microsoft Graph on this machine, with a tenant to try tenantpilot on.
//!
//! Without a subcommand it serves until it is stopped; the subcommands talk to one that is running.

#[path = "sandbox/server.rs"]
pub(crate) mod server;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use server::{DIRECTORY, Options, Sandbox};

/// Serve a small Microsoft Graph with a sample tenant on 127.0.0.1
#[derive(Parser)]
#[command(name = "sandbox", args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) deed: Option<Deed>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Args)]
struct Serve {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Milliseconds to wait before each answer
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// Most items in a page
    #[arg(long, default_value_t = 25, value_name = "N")]
    page_size: usize,
    /// About how many policies the tenant has [default: what comes with it; 0: none]
    #[arg(long, value_name = "N")]
    policies: Option<usize>,

    /// Give the most frequent policies descriptions of this many bytes
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    padding: usize,
    /// PEM file with the certificates that the application may sign in with
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// File with the client secret; made with a random one when it is missing
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// Write the port to this file once connections are accepted
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// What generated policies and random faults go by
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds that a token is good for
    #[arg(long, default_value_t = 3599, value_name = "SECONDS")]
    token_lifetime: u64,
    /// Answer 429 beyond this many requests of a directory in 20 seconds
    #[arg(long, value_name = "N")]
    budget: Option<u32>,
    /// Give the app the permission to read values of custom settings in clear
    #[arg(long)]
    values_in_clear: bool,
    /// Allow Conditional Access one request a second
    #[arg(long)]
    conditional_access_limit: bool,
}

#[derive(Subcommand)]
pub(crate) enum Deed {
    /// Change the description of some policies and print which
    Change {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        collection: Collection,
        /// How many, from the first on
        #[arg(long, default_value_t = 1)]
        count: usize,
    },
    /// Add a copy of a collection's first object and print its id
    Add {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        collection: Collection,
        /// Name of the new object
        #[arg(long)]
        name: String,
    },
    /// Remove an object
    Remove {
        #[command(flatten)]
        at: At,
        /// COLLECTION/ID
        #[arg(long)]
        path: String,
    },
    /// Rename an object
    Rename {
        #[command(flatten)]
        at: At,
        /// COLLECTION/ID
        #[arg(long)]
        path: String,
        /// The new name
        #[arg(long)]
        name: String,
    },
    /// Turn round the order of assignments and settings
    Reorder(At),
    /// Add an object whose name is a lone surrogate
    Surrogate {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        collection: Collection,
    },
    /// Print an object
    Object {
        #[command(flatten)]
        at: At,
        /// COLLECTION/ID
        #[arg(long)]
        path: String,
    },
    /// Set a fault
    Fault(FaultArgs),
    /// Take all faults away
    Clear(At),
    /// Let hanging requests go
    Release(At),
    /// Make every token given out so far worthless
    Revoke(At),
    /// Print the requests so far as JSON
    Requests(At),
    /// Forget the requests so far
    Forget(At),
    /// Print what the tenant holds
    Show(At),
    /// Stop the sandbox
    Stop(At),
}

#[derive(Args)]
pub(crate) struct At {
    /// Root of the sandbox: http://127.0.0.1:PORT
    #[arg(long)]
    url: String,
}

#[derive(Args)]
pub(crate) struct Collection {
    /// Path of the collection below the version
    #[arg(
        long = "type",
        value_name = "COLLECTION",
        default_value = "deviceManagement/configurationPolicies"
    )]
    path: String,
}

#[derive(Args)]
pub(crate) struct FaultArgs {
    #[command(flatten)]
    at: At,
    /// status:N, forbidden, not-licensed, not-premium, not-found, unauthorized, unauthorized-claims,
    /// bad-connection, hang, drip:MS, reset, reset-in-body, truncated, truncated-chunked,
    /// truncated-close, html, empty, null, no-value, error-object, invalid-json, big:BYTES, bomb:BYTES,
    /// body:TEXT, redirect:URL, echo, next-itself, next-other-host, next-http, next-to:URL, next-endless, empty-page, duplicate,
    /// random
    #[arg(long)]
    kind: String,
    /// Path below the version, `token`, vm-identity, app-identity, arc-identity, github-oidc or
    /// pipelines-oidc; ending in / only what is below, in $ only itself
    #[arg(long, default_value = "")]
    path: String,
    /// Strike this many times [default: for ever]
    #[arg(long)]
    times: Option<u32>,
    /// Leave the first pages of a list alone
    #[arg(long)]
    after_page: Option<usize>,
    /// Leave the first matching requests alone
    #[arg(long)]
    after_requests: Option<u32>,
    /// Strike this share of the requests
    #[arg(long)]
    percent: Option<u8>,
    /// Retry-After header, as given, or date:SECONDS; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    retry_after: Vec<String>,
    /// Only requests of this directory
    #[arg(long)]
    directory: Option<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.deed {
        None => serve(&cli.serve),
        Some(deed) => tell(deed, &mut io::stdout()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &Serve) -> anyhow::Result<()> {
    let mut options = Options {
        port: args.port,
        latency: Duration::from_millis(args.latency),
        page_size: args.page_size,
        policies: args.policies,
        padding: args.padding,
        token_lifetime: args.token_lifetime,
        seed: args.seed,
        budget: args.budget.map(|most| (most, Duration::from_secs(20))),
        gives_in_clear: args.values_in_clear,
        conditional_access_limit: args.conditional_access_limit,
        ..Options::default()
    };
    if let Some(file) = &args.client_secret_file {
        options.client_secret = secret(file)?;
    }
    let sandbox = Sandbox::try_start(&options)
        .with_context(|| format!("cannot listen on 127.0.0.1:{}", args.port))?;
    if let Some(file) = &args.certificate {
        let pem =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        if !sandbox.register_certificate(&pem) {
            bail!("{} holds no usable certificate", file.display());
        }
    }
    let url = sandbox.url();
    if let Some(file) = &args.port_file {
        let port = url.rsplit(':').next().unwrap_or_default();
        write_whole(file, &format!("{port}\n"))?;
    }
    let mut out = io::stdout();
    writeln!(out, "sandbox on {url}")?;
    writeln!(
        out,
        "directory {DIRECTORY}, {} policies",
        sandbox.policies()
    )?;
    out.flush()?;
    sandbox.wait();
    Ok(())
}

/// The secret in the file; a fresh one, written there for its owner only, when there is no file.
fn secret(file: &Path) -> anyhow::Result<String> {
    match fs::read_to_string(file) {
        Ok(secret) if !secret.trim().is_empty() => return Ok(secret.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", file.display()));
        }
    }
    let secret = format!("sbx8Q~{}", uuid::Uuid::new_v4().simple());
    write_whole(file, &format!("{secret}\n"))?;
    Ok(secret)
}

/// Writes beside the file and renames, so that a reader sees all of it or nothing.
fn write_whole(file: &Path, text: &str) -> anyhow::Result<()> {
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let write = || -> io::Result<()> {
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        draft.write_all(text.as_bytes())?;
        draft.persist(file)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

/// Tells it, and writes what it answers.
///
/// # Errors
/// No sandbox answers there, or it refuses.
pub(crate) fn tell(deed: &Deed, out: &mut dyn Write) -> anyhow::Result<()> {
    match deed {
        Deed::Change {
            at,
            collection,
            count,
        } => {
            let count = count.to_string();
            at.ask(
                out,
                "change",
                &[("type", &collection.path), ("count", &count)],
            )
        }
        Deed::Add {
            at,
            collection,
            name,
        } => at.ask(out, "add", &[("type", &collection.path), ("name", name)]),
        Deed::Remove { at, path } => at.ask(out, "remove", &[("path", path)]),
        Deed::Rename { at, path, name } => at.ask(out, "rename", &[("path", path), ("name", name)]),
        Deed::Reorder(at) => at.ask(out, "reorder", &[]),
        Deed::Surrogate { at, collection } => {
            at.ask(out, "surrogate", &[("type", &collection.path)])
        }
        Deed::Object { at, path } => at.ask(out, "object", &[("path", path)]),
        Deed::Fault(fault) => fault.set(out),
        Deed::Clear(at) => at.ask(out, "clear", &[]),
        Deed::Release(at) => at.ask(out, "release", &[]),
        Deed::Revoke(at) => at.ask(out, "revoke", &[]),
        Deed::Requests(at) => at.ask(out, "requests", &[]),
        Deed::Forget(at) => at.ask(out, "forget", &[]),
        Deed::Show(at) => at.ask(out, "show", &[]),
        Deed::Stop(at) => at.ask(out, "stop", &[]),
    }
}

impl FaultArgs {
    fn set(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let numbers = [
            ("times", self.times.map(|n| n.to_string())),
            ("after-page", self.after_page.map(|n| n.to_string())),
            ("after-requests", self.after_requests.map(|n| n.to_string())),
            ("percent", self.percent.map(|n| n.to_string())),
            ("directory", self.directory.clone()),
        ];
        let mut options = vec![("kind", self.kind.as_str()), ("path", self.path.as_str())];
        for (name, value) in &numbers {
            options.extend(value.as_deref().map(|value| (*name, value)));
        }
        options.extend(self.retry_after.iter().map(|v| ("retry-after", v.as_str())));
        self.at.ask(out, "fault", &options)
    }
}

impl At {
    /// Asks a running sandbox for something and prints the answer unless it is empty.
    fn ask(&self, out: &mut dyn Write, name: &str, options: &[(&str, &str)]) -> anyhow::Result<()> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        let url = format!("{}/sandbox/{name}", self.url.trim_end_matches('/'));
        let mut answer = agent
            .post(&url)
            .query_pairs(options.iter().copied())
            .send_empty()
            .with_context(|| format!("no sandbox answers at {}", self.url))?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string()?;
        if !answer.status().is_success() {
            bail!("{name}: {body}");
        }
        if body != "{}" {
            writeln!(out, "{body}")?;
        }
        Ok(())
    }
}
