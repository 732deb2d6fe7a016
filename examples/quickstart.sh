#!/usr/bin/env bash
# The main job of tenantpilot, from the first tenant to two backup sets, on a sandbox tenant.
# Needs Rust and a C compiler. It leaves nothing behind but what cargo built.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m%s\033[0m\n' "# $*"; }
[ -t 1 ] || say() { printf '\n%s\n' "# $*"; }
show() {
    printf '$ tenantpilot %s\n' "$*"
    "$tenantpilot" "$@"
}

command -v cargo >/dev/null || {
    echo "error: cargo is not in PATH: install Rust, or read Install in README.md" >&2
    exit 1
}
say "Building: some minutes the first time"
# Whoever watches sees how far it is.
quiet=--quiet
[ ! -t 2 ] || quiet=
cargo build --locked ${quiet:+"$quiet"} --bin tenantpilot --example sandbox
built=${CARGO_TARGET_DIR:-target}/debug
tenantpilot=$built/tenantpilot
sandbox=$built/examples/sandbox

work=$(mktemp -d)
export TENANTPILOT_DB=$work/tenantpilot.db
server=
cleanup() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

say "Starting the sandbox: a small Microsoft Graph on this machine"
"$sandbox" --port-file "$work/port" --client-secret-file "$work/secret" &
server=$!
until [ -s "$work/port" ]; do
    kill -0 "$server" 2>/dev/null || { echo "the sandbox did not start" >&2; exit 1; }
    sleep 0.1
done
url=http://127.0.0.1:$(cat "$work/port")

say "A tenant, and a schedule in it"
show tenants add contoso --directory 11111111-2222-4333-8444-555555555555 \
    --client-id 00000000-0000-4000-8000-000000000001 --secret-file "$work/secret" \
    --graph-url "$url" --authority-url "$url"
show schedules add nightly --tenant contoso --at 02:00 --timezone UTC

# What cron does each minute, here at the next two slots. A dispatch that went well says nothing.
slots=$("$tenantpilot" schedules next nightly -n 2 --json | sed -n 's/.*"slot": *"\([^"]*\)".*/\1/p')
first=$(printf '%s\n' "$slots" | sed -n 1p)
second=$(printf '%s\n' "$slots" | sed -n 2p)

say "The first slot is due"
show dispatch --at "$first"

say "Somebody changes two policies; then the second slot is due"
"$sandbox" change --url "$url" --count 2
show dispatch --at "$second"

say "What happened"
show history
show history show 2

say "What is kept, and that it is intact"
show backups list
show backups show 1 | head -n 30
show backups show 2 | head -n 30
show backups verify
show audit verify
