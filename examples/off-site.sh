#!/usr/bin/env bash
# Sends a consistent copy of the database to another place with restic, then fetches it back and
# proves every backup set in it. Silent when all is well, as /usr/local/bin/tenantpilot-off-site in
# the crontab of the account that owns the database:
#
#   41 3 * * * /usr/local/bin/tenantpilot-off-site
#
# restic is never given the database itself: a file that changes while it is read, without its log,
# is no copy. restic init comes first, and the two files that it is told of here are the account's
# alone. NAME-key stays at home: keep one copy of it elsewhere, apart from these.
#
# To go back: restic dump latest tenantpilot.db > tenantpilot.db, put that in place of the database
# (README, "The files"), then tenantpilot doctor. What was due since that copy is told as missed.
set -euo pipefail
umask 077

export PATH=$PATH:/usr/local/bin # cron has it not
export RESTIC_REPOSITORY_FILE=${RESTIC_REPOSITORY_FILE:-$HOME/restic-repository}
export RESTIC_PASSWORD_FILE=${RESTIC_PASSWORD_FILE:-$HOME/restic-password}
# Room for two copies, on a disk of this machine.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/tenantpilot-off-site.XXXXXX")
trap 'rm -rf "$work"' EXIT

tenantpilot --quiet db backup "$work/tenantpilot.db"
restic --quiet backup --tag tenantpilot --stdin --stdin-filename tenantpilot.db <"$work/tenantpilot.db"
restic --quiet dump --tag tenantpilot latest tenantpilot.db >"$work/fetched.db"
TENANTPILOT_DB=$work/fetched.db tenantpilot --quiet backups verify
restic --quiet forget --tag tenantpilot --keep-daily 14 --keep-weekly 8 --keep-monthly 24 --prune
