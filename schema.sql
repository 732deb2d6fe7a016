-- The whole present schema of a tenantpilot database.
--
-- New databases are made from this file; older ones walk src/store/migrations/. Times are whole
-- seconds since 1970-01-01T00:00:00Z unless the column says otherwise. JSON columns hold one
-- document as text. Every tenant-scoped table carries tenant_id, and references between such
-- tables include it, so that a row can never point into another tenant. contents.base_id alone
-- does so by a trigger, where a key would need an index more.
--
-- What must not change is kept by triggers, also from a connection that is not ours: REPLACE
-- deletes rows without a DELETE trigger unless the connection asks for that, so a row whose place
-- is taken is refused before it is inserted.

-- One Microsoft Entra directory plus how we sign in to it. The credential is a reference (the name
-- of a variable, a path, a command), never the secret. A removed tenant stays as a row, so that
-- history and audit events keep what they point at.
CREATE TABLE tenants (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    name                 TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    directory            TEXT    NOT NULL,
    cloud                TEXT    NOT NULL CHECK (cloud IN ('global', 'usgov', 'usgov-dod', 'china')),
    client_id            TEXT,
    credential_kind      TEXT    NOT NULL CHECK (credential_kind IN
                                 ('secret-env', 'secret-file', 'secret-command', 'certificate',
                                  'federated-token-file', 'github-oidc', 'azure-pipelines-oidc',
                                  'managed-identity')),
    credential_reference TEXT,
    graph_url            TEXT,
    authority_url        TEXT,
    labels               TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(labels)),
    created_at           INTEGER NOT NULL,
    removed_at           INTEGER,
    CHECK (client_id IS NOT NULL OR credential_kind = 'managed-identity')
) STRICT;

CREATE UNIQUE INDEX tenants_name ON tenants (name) WHERE removed_at IS NULL;

-- What to back up in one tenant, when, and how long to keep it.
-- keep_*:      which sets stay; where it is NULL, retention_defaults says so; 0 is no such rule.
-- slots_begin: the first whole minute after it was created, enabled or changed.
-- slots_from:  slots before this minute are accounted for (run, missed, or not ours).
-- next_slot:   the first slot at or after slots_from, computed with the zone rules named in
--              zone_data; NULL when the recurrence yields none.
CREATE TABLE schedules (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id           INTEGER NOT NULL REFERENCES tenants (id),
    name                TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    frequency           TEXT    NOT NULL CHECK (frequency IN ('daily', 'weekly', 'cron')),
    times               TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(times)),
    days_of_week        TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(days_of_week)),
    cron                TEXT    CHECK ((cron IS NOT NULL) = (frequency = 'cron')),
    timezone            TEXT    NOT NULL,
    policy_types        TEXT    NOT NULL CHECK (json_valid(policy_types)),
    exclude_types       TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(exclude_types)),
    include_foundations INTEGER NOT NULL DEFAULT 1 CHECK (include_foundations IN (0, 1)),
    keep_last           INTEGER CHECK (keep_last >= 1),
    keep_daily          INTEGER CHECK (keep_daily >= 0),
    keep_weekly         INTEGER CHECK (keep_weekly >= 0),
    keep_monthly        INTEGER CHECK (keep_monthly >= 0),
    keep_yearly         INTEGER CHECK (keep_yearly >= 0),
    keep_within_s       INTEGER CHECK (keep_within_s >= 0),
    grace_s             INTEGER NOT NULL DEFAULT 0 CHECK (grace_s >= 0),
    max_runtime_s       INTEGER NOT NULL DEFAULT 3600 CHECK (max_runtime_s > 0),
    spread_s            INTEGER NOT NULL DEFAULT 0 CHECK (spread_s >= 0),
    labels              TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(labels)),
    enabled             INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at          INTEGER NOT NULL,
    archived_at         INTEGER,
    slots_begin         INTEGER NOT NULL CHECK (slots_begin % 60 = 0),
    slots_from          INTEGER NOT NULL CHECK (slots_from % 60 = 0),
    next_slot           INTEGER CHECK (next_slot % 60 = 0),
    UNIQUE (tenant_id, id)
) STRICT;

CREATE UNIQUE INDEX schedules_name ON schedules (tenant_id, name) WHERE archived_at IS NULL;
-- What a dispatch with nothing due reads, and all it reads: is a slot due, and was one accounted
-- for that is still far in the future.
CREATE INDEX schedules_due ON schedules (next_slot)
    WHERE enabled = 1 AND archived_at IS NULL AND next_slot IS NOT NULL;
CREATE INDEX schedules_ahead ON schedules (slots_from)
    WHERE enabled = 1 AND archived_at IS NULL;

-- Which sets stay where a schedule does not say so itself; one row.
CREATE TABLE retention_defaults (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    keep_last     INTEGER NOT NULL DEFAULT 30 CHECK (keep_last >= 1),
    keep_daily    INTEGER NOT NULL DEFAULT 0 CHECK (keep_daily >= 0),
    keep_weekly   INTEGER NOT NULL DEFAULT 0 CHECK (keep_weekly >= 0),
    keep_monthly  INTEGER NOT NULL DEFAULT 0 CHECK (keep_monthly >= 0),
    keep_yearly   INTEGER NOT NULL DEFAULT 0 CHECK (keep_yearly >= 0),
    keep_within_s INTEGER NOT NULL DEFAULT 0 CHECK (keep_within_s >= 0)
) STRICT;

INSERT INTO retention_defaults (id) VALUES (1);

-- The version of the zone rules with which every schedules.next_slot was computed; one row.
CREATE TABLE zone_data (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version TEXT    NOT NULL
) STRICT;

-- One attempt. A slot is claimed by inserting its run: UNIQUE (schedule_id, scheduled_for).
-- owner names the process that answers for an open run; it holds a lock file of that name from
-- before the claim to its end (src/dispatch.rs). summary is zstd-compressed JSON.
CREATE TABLE runs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id     INTEGER NOT NULL,
    schedule_id   INTEGER NOT NULL,
    trigger       TEXT    NOT NULL CHECK (trigger IN ('schedule', 'manual', 'retry')),
    retry_of      INTEGER,
    actor         TEXT    NOT NULL,
    owner         TEXT,
    scheduled_for INTEGER CHECK (scheduled_for % 60 = 0),
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    finished_at   INTEGER,
    duration_ms   INTEGER CHECK (duration_ms >= 0),
    status        TEXT    NOT NULL CHECK (status IN ('queued', 'running', 'success', 'partial',
                                                     'failed', 'skipped', 'canceled')),
    error_code    TEXT,
    error_message TEXT,
    summary       BLOB,
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id),
    FOREIGN KEY (tenant_id, retry_of) REFERENCES runs (tenant_id, id),
    UNIQUE (tenant_id, id),
    UNIQUE (schedule_id, scheduled_for),
    CHECK ((trigger = 'schedule') = (scheduled_for IS NOT NULL)),
    CHECK ((trigger = 'retry') = (retry_of IS NOT NULL)),
    CHECK ((status IN ('queued', 'running')) = (finished_at IS NULL)),
    CHECK (status NOT IN ('queued', 'running') OR owner IS NOT NULL),
    CHECK (status NOT IN ('failed', 'skipped', 'canceled') OR error_code IS NOT NULL)
) STRICT;

-- At most one running run per schedule, whatever the lock files say.
CREATE UNIQUE INDEX runs_running ON runs (schedule_id) WHERE status = 'running';
-- What a dispatch reads of the runs, however many have finished.
CREATE INDEX runs_open ON runs (schedule_id, owner) WHERE status IN ('queued', 'running');
CREATE INDEX runs_open_tenant ON runs (tenant_id) WHERE status IN ('queued', 'running');
CREATE INDEX runs_schedule ON runs (schedule_id, id);
CREATE INDEX runs_tenant ON runs (tenant_id, id);
CREATE INDEX runs_retry_of ON runs (tenant_id, retry_of) WHERE retry_of IS NOT NULL;

CREATE TRIGGER runs_are_not_replaced BEFORE INSERT ON runs
WHEN EXISTS (SELECT 1 FROM runs WHERE id = NEW.id)
  OR NEW.status = 'running'
     AND EXISTS (SELECT 1 FROM runs WHERE schedule_id = NEW.schedule_id AND status = 'running')
BEGIN
    SELECT RAISE(ABORT, 'a run is not replaced');
END;

-- Quietly: to find the slot taken is what a claim expects of all but one process.
CREATE TRIGGER runs_keep_their_slot BEFORE INSERT ON runs
WHEN EXISTS (SELECT 1 FROM runs
             WHERE schedule_id = NEW.schedule_id AND scheduled_for = NEW.scheduled_for)
BEGIN
    SELECT RAISE(IGNORE);
END;

CREATE TRIGGER runs_stay_what_they_are BEFORE UPDATE ON runs
WHEN NEW.id <> OLD.id OR NEW.tenant_id <> OLD.tenant_id OR NEW.schedule_id <> OLD.schedule_id
  OR NEW.scheduled_for IS NOT OLD.scheduled_for
BEGIN
    SELECT RAISE(ABORT, 'a run keeps its id, its schedule and its slot');
END;

CREATE TRIGGER runs_finished_do_not_change BEFORE UPDATE ON runs
WHEN OLD.status NOT IN ('queued', 'running')
BEGIN
    SELECT RAISE(ABORT, 'a finished run does not change');
END;

CREATE TRIGGER runs_go_only_with_their_schedule BEFORE DELETE ON runs
WHEN EXISTS (SELECT 1 FROM schedules WHERE id = OLD.schedule_id AND archived_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'runs are removed only with their archived schedule');
END;

-- Every byte string that a backup set is made of: policy documents, the list of a policy type's
-- policies, the manifest of a set. Addressed by the SHA-256 of the uncompressed bytes, stored once
-- per tenant. data is a sealed zstd frame; where base_id is set, the uncompressed bytes of that
-- content are the frame's dictionary (src/store/contents.rs). depth is more than the base's.
CREATE TABLE contents (
    id         INTEGER PRIMARY KEY,
    tenant_id  INTEGER NOT NULL REFERENCES tenants (id),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    base_id    INTEGER REFERENCES contents (id),
    depth      INTEGER NOT NULL DEFAULT 0 CHECK ((depth = 0) = (base_id IS NULL)),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    data       BLOB    NOT NULL,
    UNIQUE (tenant_id, hash)
) STRICT;

CREATE INDEX contents_base ON contents (base_id) WHERE base_id IS NOT NULL;

-- What a run leaves behind, or what was imported from files. root_hash is the address of the set's
-- manifest, which names the list of every policy type, which names every policy's document
-- (src/backup_set.rs). A row appears only when the set is whole.
-- imported:        where the set came from; such a set has no run and no schedule.
-- shrunk:          the policy types that lost most of their policies since the set before, each
--                  with how many there were and how many of these are left; retention of the
--                  schedule stands still until
-- acknowledged_at: somebody says that this is right.
CREATE TABLE backup_sets (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id       INTEGER NOT NULL,
    schedule_id     INTEGER,
    run_id          INTEGER UNIQUE,
    imported        TEXT    CHECK (json_valid(imported)),
    time            INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('complete', 'partial')),
    policies        INTEGER NOT NULL CHECK (policies >= 0),
    root_hash       BLOB    NOT NULL,
    shrunk          TEXT    CHECK (json_valid(shrunk)),
    acknowledged_at INTEGER,
    pin_reason      TEXT,
    expired_at      INTEGER,
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id),
    FOREIGN KEY (tenant_id, root_hash) REFERENCES contents (tenant_id, hash),
    CHECK ((run_id IS NULL) = (imported IS NOT NULL)),
    CHECK ((schedule_id IS NULL) = (run_id IS NULL)),
    CHECK (shrunk IS NULL OR run_id IS NOT NULL),
    CHECK (acknowledged_at IS NULL OR shrunk IS NOT NULL),
    CHECK (pin_reason IS NULL OR expired_at IS NULL)
) STRICT;

CREATE INDEX backup_sets_schedule ON backup_sets (schedule_id, time, id);
CREATE INDEX backup_sets_tenant ON backup_sets (tenant_id, id);
CREATE INDEX backup_sets_tenant_time ON backup_sets (tenant_id, time);
CREATE INDEX backup_sets_time ON backup_sets (time);
CREATE INDEX backup_sets_root ON backup_sets (tenant_id, root_hash);

-- A tenant that is being purged right now; a row lives only inside the transaction that removes
-- expired backup sets or contents that no set reaches, or that stores a damaged content again.
-- Without one, both refuse to go or to change.
CREATE TABLE purges (
    tenant_id INTEGER PRIMARY KEY REFERENCES tenants (id)
) STRICT;

CREATE TRIGGER backup_sets_are_not_replaced BEFORE INSERT ON backup_sets
WHEN EXISTS (SELECT 1 FROM backup_sets WHERE id = NEW.id OR run_id = NEW.run_id)
BEGIN
    SELECT RAISE(ABORT, 'a backup set is not replaced');
END;

-- A set appears in the transaction that ends its run, before or after the end is written; an
-- imported one has no run.
CREATE TRIGGER backup_sets_come_of_a_run BEFORE INSERT ON backup_sets
WHEN NEW.expired_at IS NOT NULL OR NEW.pin_reason IS NOT NULL OR NEW.acknowledged_at IS NOT NULL
  OR NEW.imported IS NULL
     AND NOT EXISTS (SELECT 1 FROM runs
                     WHERE id = NEW.run_id AND tenant_id = NEW.tenant_id
                       AND schedule_id = NEW.schedule_id
                       AND status IN ('running',
                                      iif(NEW.status = 'complete', 'success', 'partial')))
BEGIN
    SELECT RAISE(ABORT, 'a backup set is imported, or comes of a run that ends like it');
END;

CREATE TRIGGER runs_end_like_their_backup_set BEFORE UPDATE OF status ON runs
WHEN NEW.status <> 'running'
 AND EXISTS (SELECT 1 FROM backup_sets
             WHERE run_id = NEW.id
               AND NEW.status <> iif(status = 'complete', 'success', 'partial'))
BEGIN
    SELECT RAISE(ABORT, 'a run that has a backup set ends like it');
END;

CREATE TRIGGER backup_sets_do_not_change BEFORE UPDATE ON backup_sets
WHEN NEW.id <> OLD.id OR NEW.tenant_id <> OLD.tenant_id
  OR NEW.schedule_id IS NOT OLD.schedule_id OR NEW.run_id IS NOT OLD.run_id
  OR NEW.imported IS NOT OLD.imported OR NEW.time <> OLD.time OR NEW.created_at <> OLD.created_at
  OR NEW.status <> OLD.status OR NEW.policies <> OLD.policies OR NEW.root_hash <> OLD.root_hash
  OR NEW.shrunk IS NOT OLD.shrunk
BEGIN
    SELECT RAISE(ABORT, 'a backup set does not change; only its pin and its expiry do');
END;

CREATE TRIGGER backup_sets_are_acknowledged_once BEFORE UPDATE OF acknowledged_at ON backup_sets
WHEN OLD.acknowledged_at IS NOT NULL AND NEW.acknowledged_at IS NOT OLD.acknowledged_at
BEGIN
    SELECT RAISE(ABORT, 'a backup set is acknowledged once');
END;

CREATE TRIGGER backup_sets_go_only_by_purge BEFORE DELETE ON backup_sets
WHEN OLD.expired_at IS NULL OR OLD.pin_reason IS NOT NULL
  OR NOT EXISTS (SELECT 1 FROM purges WHERE tenant_id = OLD.tenant_id)
BEGIN
    SELECT RAISE(ABORT, 'a backup set is removed only when expired, and by a purge');
END;

CREATE TRIGGER contents_are_not_replaced BEFORE INSERT ON contents
WHEN EXISTS (SELECT 1 FROM contents WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM contents WHERE tenant_id = NEW.tenant_id AND hash = NEW.hash)
BEGIN
    SELECT RAISE(ABORT, 'a content is not replaced');
END;

CREATE TRIGGER contents_build_on_their_tenants BEFORE INSERT ON contents
WHEN NEW.base_id IS NOT NULL
 AND NOT EXISTS (SELECT 1 FROM contents WHERE id = NEW.base_id AND tenant_id = NEW.tenant_id)
BEGIN
    SELECT RAISE(ABORT, 'a content builds on one of its tenant');
END;

CREATE TRIGGER contents_go_on_building_on_their_tenants BEFORE UPDATE OF base_id ON contents
WHEN NEW.base_id IS NOT NULL
 AND NOT EXISTS (SELECT 1 FROM contents WHERE id = NEW.base_id AND tenant_id = NEW.tenant_id)
BEGIN
    SELECT RAISE(ABORT, 'a content builds on one of its tenant');
END;

CREATE TRIGGER contents_do_not_change BEFORE UPDATE ON contents
WHEN NEW.id <> OLD.id OR NEW.tenant_id <> OLD.tenant_id OR NEW.hash <> OLD.hash
  OR NOT EXISTS (SELECT 1 FROM purges WHERE tenant_id = OLD.tenant_id)
BEGIN
    SELECT RAISE(ABORT, 'contents do not change');
END;

CREATE TRIGGER contents_go_only_by_purge BEFORE DELETE ON contents
WHEN NOT EXISTS (SELECT 1 FROM purges WHERE tenant_id = OLD.tenant_id)
BEGIN
    SELECT RAISE(ABORT, 'contents are removed only by a purge');
END;

-- Who did what to what, when, with what outcome; append-only. hash covers the event and the hash
-- of the one before it (src/audit.rs); AUTOINCREMENT remembers how many there were.
CREATE TABLE audit_events (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    action    TEXT    NOT NULL,
    tenant_id INTEGER REFERENCES tenants (id),
    object    TEXT    NOT NULL,
    outcome   TEXT    NOT NULL CHECK (outcome IN ('ok', 'partial', 'failed', 'denied')),
    details   TEXT    NOT NULL CHECK (json_valid(details)),
    hash      BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_events_tenant ON audit_events (tenant_id, id);

CREATE TRIGGER audit_events_are_not_replaced BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'an audit event is not replaced');
END;

CREATE TRIGGER audit_events_do_not_change BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events do not change');
END;

CREATE TRIGGER audit_events_do_not_go BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are never removed');
END;

-- Who may do what: one role per user, for all tenants (tenant_id NULL) or for one. Without any row
-- whoever can open the file is owner (src/role.rs).
CREATE TABLE roles (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user       TEXT    NOT NULL CHECK (length(user) BETWEEN 1 AND 256),
    role       TEXT    NOT NULL CHECK (role IN ('readonly', 'operator', 'manager', 'owner')),
    tenant_id  INTEGER REFERENCES tenants (id),
    granted_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX roles_for_all ON roles (user) WHERE tenant_id IS NULL;
CREATE UNIQUE INDEX roles_in_tenant ON roles (user, tenant_id) WHERE tenant_id IS NOT NULL;

-- What a manual run or a retry left for the user who asked for it: it appears in the transaction
-- that ends the run, and goes with the run.
CREATE TABLE notifications (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    user      TEXT    NOT NULL,
    tenant_id INTEGER NOT NULL,
    run_id    INTEGER NOT NULL UNIQUE,
    message   TEXT    NOT NULL,
    read_at   INTEGER,
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX notifications_user ON notifications (user, id);
CREATE INDEX notifications_unread ON notifications (user, id) WHERE read_at IS NULL;

CREATE TRIGGER notifications_tell_of_a_finished_run BEFORE INSERT ON notifications
WHEN NOT EXISTS (SELECT 1 FROM runs
                 WHERE id = NEW.run_id AND trigger <> 'schedule' AND finished_at IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'a notification tells of a finished run that a user asked for');
END;

CREATE TRIGGER notifications_do_not_change BEFORE UPDATE ON notifications
WHEN NEW.id <> OLD.id OR NEW.at <> OLD.at OR NEW.user <> OLD.user
  OR NEW.tenant_id <> OLD.tenant_id OR NEW.run_id <> OLD.run_id OR NEW.message <> OLD.message
BEGIN
    SELECT RAISE(ABORT, 'a notification does not change; only that it was read');
END;

-- Where the runs of a schedule are told to a check. Whoever knows such a URL can say that all is well,
-- so that it stands apart from what a schedule shows to everybody.
CREATE TABLE ping_urls (
    schedule_id INTEGER PRIMARY KEY,
    tenant_id   INTEGER NOT NULL,
    url         TEXT    NOT NULL,
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id) ON DELETE CASCADE
) STRICT;

-- How a schedule stood after its newest run that tells (src/monitoring/change.rs); no row before the
-- first.
CREATE TABLE schedule_states (
    schedule_id INTEGER PRIMARY KEY,
    tenant_id   INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('well', 'partial', 'failed', 'missed')),
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id) ON DELETE CASCADE
) STRICT;

-- Changes of that which wait to be told, one row for each monitor that is to be told; it appears in
-- the transaction that ends the run, and goes when it was told; of what is given up one row of each
-- schedule stays for the next run to be compared with
-- (src/monitoring/delivery.rs).
-- event_id: the same for all monitors, and each time that it is told.
-- tries:    how often telling failed while it waited. -1: it was given up; `previous` is then how the
--           schedule stands by what the monitor was last told.
CREATE TABLE state_changes (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    monitor    TEXT    NOT NULL CHECK (monitor IN ('webhook', 'hook')),
    event_id   TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    tenant_id  INTEGER NOT NULL,
    run_id     INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('well', 'partial', 'failed', 'missed')),
    previous   TEXT    NOT NULL CHECK (previous IN ('well', 'partial', 'failed', 'missed')),
    tries      INTEGER NOT NULL DEFAULT 0,
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE,
    UNIQUE (monitor, run_id),
    CHECK (state <> previous)
) STRICT;

CREATE INDEX state_changes_monitor ON state_changes (monitor, id);

CREATE INDEX state_changes_run ON state_changes (tenant_id, run_id);

-- Who is told, and how that goes. The rows of webhook and hook appear when a dispatch first has one:
-- only from then on changes of state wait for it. The others appear when telling first fails.
-- failing_from, failures: since when, and how often in a row.
-- given_up: how many changes of state were never told.
CREATE TABLE monitors (
    id           INTEGER PRIMARY KEY,
    monitor      TEXT    NOT NULL CHECK (monitor IN ('ping', 'dispatch-ping', 'webhook', 'hook',
                                                     'metrics')),
    tenant_id    INTEGER,
    schedule_id  INTEGER,
    failing_from INTEGER,
    failed_at    INTEGER,
    failures     INTEGER NOT NULL DEFAULT 0,
    reason       TEXT,
    given_up     INTEGER NOT NULL DEFAULT 0,
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id) ON DELETE CASCADE,
    CHECK ((monitor = 'ping') = (schedule_id IS NOT NULL)),
    CHECK ((tenant_id IS NULL) = (schedule_id IS NULL)),
    CHECK ((failures = 0) = (failing_from IS NULL))
) STRICT;

CREATE UNIQUE INDEX monitors_monitor ON monitors (monitor, coalesce(schedule_id, 0));

CREATE INDEX monitors_schedule ON monitors (tenant_id, schedule_id) WHERE schedule_id IS NOT NULL;
