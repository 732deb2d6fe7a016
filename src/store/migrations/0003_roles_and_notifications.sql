-- Version 3: roles, and notifications of runs that a user asked for.

CREATE TABLE roles (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user       TEXT    NOT NULL CHECK (length(user) BETWEEN 1 AND 256),
    role       TEXT    NOT NULL CHECK (role IN ('readonly', 'operator', 'manager', 'owner')),
    tenant_id  INTEGER REFERENCES tenants (id),
    granted_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX roles_for_all ON roles (user) WHERE tenant_id IS NULL;

CREATE UNIQUE INDEX roles_in_tenant ON roles (user, tenant_id) WHERE tenant_id IS NOT NULL;

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
