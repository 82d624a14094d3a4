-- Alerts about the sensor itself have no client and no service. SQLite takes NOT NULL from a column only with a new table; the outbox
-- refers to the old one and waits aside meanwhile.

CREATE TABLE alert_anew (
    id         INTEGER PRIMARY KEY, -- order of creation
    key        TEXT NOT NULL UNIQUE,-- what a receiver drops repeats by
    created    INTEGER NOT NULL,
    client_id  INTEGER REFERENCES client (id),   -- NULL: about the sensor
    service_id INTEGER REFERENCES service (id),  -- NULL: about the sensor
    kind       INTEGER NOT NULL,
    payload    TEXT NOT NULL        -- the very bytes each attempt sends
) STRICT;
INSERT INTO alert_anew SELECT id, key, created, client_id, service_id, kind, payload FROM alert;

CREATE TEMP TABLE outbox_aside AS SELECT * FROM outbox;
DROP TABLE outbox;
DROP TABLE alert;
ALTER TABLE alert_anew RENAME TO alert;
CREATE INDEX alert_pair ON alert (client_id, service_id, id);

CREATE TABLE outbox (
    alert_id     INTEGER NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    sink         TEXT NOT NULL,
    state        INTEGER NOT NULL,  -- 0 pending, 1 delivered, 2 given up
    attempts     INTEGER NOT NULL,
    since        INTEGER NOT NULL,  -- when it was put here, or put back
    next_attempt INTEGER NOT NULL,
    last_error   TEXT,
    PRIMARY KEY (alert_id, sink)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_pending ON outbox (sink, next_attempt) WHERE state = 0;
INSERT INTO outbox SELECT alert_id, sink, state, attempts, since, next_attempt, last_error FROM outbox_aside;
DROP TABLE outbox_aside;
