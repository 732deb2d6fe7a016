-- Version 2: the rules of retention beyond the last N, and their defaults; backup sets that were
-- imported, and what a set lost; indexes by time.
--
-- SQLite cannot take NOT NULL off a column. So both tables are put aside, made anew and filled
-- again, with foreign keys off (src/store/migrate.rs checks them at the end), before their triggers
-- are made. Ids that were given out are never given out again: the sequences are put back.
CREATE TABLE kept_schedules AS SELECT * FROM schedules;
CREATE TABLE kept_backup_sets AS SELECT * FROM backup_sets;
CREATE TABLE kept_sequences AS
    SELECT name, seq FROM sqlite_sequence WHERE name IN ('schedules', 'backup_sets');
DROP TABLE backup_sets;
DROP TABLE schedules;

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

INSERT INTO schedules (
    id, tenant_id, name, frequency, times, days_of_week, cron, timezone, policy_types,
    exclude_types, include_foundations, keep_last, grace_s, max_runtime_s, spread_s, labels,
    enabled, created_at, archived_at, slots_begin, slots_from, next_slot)
SELECT
    id, tenant_id, name, frequency, times, days_of_week, cron, timezone, policy_types,
    exclude_types, include_foundations, keep_last, grace_s, max_runtime_s, spread_s, labels,
    enabled, created_at, archived_at, slots_begin, slots_from, next_slot
FROM kept_schedules;

CREATE UNIQUE INDEX schedules_name ON schedules (tenant_id, name) WHERE archived_at IS NULL;
CREATE INDEX schedules_due ON schedules (next_slot)
    WHERE enabled = 1 AND archived_at IS NULL AND next_slot IS NOT NULL;
CREATE INDEX schedules_ahead ON schedules (slots_from)
    WHERE enabled = 1 AND archived_at IS NULL;

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

INSERT INTO backup_sets (
    id, tenant_id, schedule_id, run_id, time, created_at, status, policies, root_hash, pin_reason,
    expired_at)
SELECT
    id, tenant_id, schedule_id, run_id, time, created_at, status, policies, root_hash, pin_reason,
    expired_at
FROM kept_backup_sets;

CREATE INDEX backup_sets_schedule ON backup_sets (schedule_id, time, id);
CREATE INDEX backup_sets_tenant ON backup_sets (tenant_id, id);
CREATE INDEX backup_sets_tenant_time ON backup_sets (tenant_id, time);
CREATE INDEX backup_sets_time ON backup_sets (time);
CREATE INDEX backup_sets_root ON backup_sets (tenant_id, root_hash);

CREATE TRIGGER backup_sets_are_not_replaced BEFORE INSERT ON backup_sets
WHEN EXISTS (SELECT 1 FROM backup_sets WHERE id = NEW.id OR run_id = NEW.run_id)
BEGIN
    SELECT RAISE(ABORT, 'a backup set is not replaced');
END;

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

DELETE FROM sqlite_sequence WHERE name IN ('schedules', 'backup_sets');
INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM kept_sequences;
DROP TABLE kept_schedules;
DROP TABLE kept_backup_sets;
DROP TABLE kept_sequences;
