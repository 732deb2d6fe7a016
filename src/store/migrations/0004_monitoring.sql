-- Version 4: ping URLs of schedules, the state of each schedule with the changes that wait to be told,
-- and how it goes with each monitor.

CREATE TABLE ping_urls (
    schedule_id INTEGER PRIMARY KEY,
    tenant_id   INTEGER NOT NULL,
    url         TEXT    NOT NULL,
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE schedule_states (
    schedule_id INTEGER PRIMARY KEY,
    tenant_id   INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('well', 'partial', 'failed', 'missed')),
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id) ON DELETE CASCADE
) STRICT;

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
