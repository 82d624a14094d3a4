-- The first schema. Migrations only go forward; a released one is never edited.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. Status, evidence and agent are the numbers of the engine's enumerations;
-- sources is their bit set. Long text stands once, in a dictionary, and rows refer to it by a small integer.

PRAGMA application_id = 1398030672; -- "STAP"

CREATE TABLE client (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE       -- an address, or what privacy made of it
) STRICT;

CREATE TABLE team (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE service (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,  -- stable id of the signature list, as openai.chatgpt
    vendor   TEXT NOT NULL,
    category TEXT NOT NULL
) STRICT;

CREATE TABLE name (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE       -- a host name seen on the wire
) STRICT;

CREATE TABLE sighting (
    id            INTEGER PRIMARY KEY,
    client_id     INTEGER NOT NULL REFERENCES client (id),
    service_id    INTEGER NOT NULL REFERENCES service (id),
    first_seen    INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    team_id       INTEGER NOT NULL REFERENCES team (id),
    status        INTEGER NOT NULL,
    evidence      INTEGER NOT NULL,
    presence_only INTEGER NOT NULL,
    agent         INTEGER NOT NULL,
    connections   INTEGER NOT NULL,
    bytes_up      INTEGER NOT NULL,
    bytes_down    INTEGER NOT NULL,
    sources       INTEGER NOT NULL,
    closed        INTEGER NOT NULL,
    UNIQUE (client_id, service_id, first_seen)
) STRICT;
CREATE INDEX sighting_last_seen ON sighting (last_seen);
CREATE INDEX sighting_open ON sighting (id) WHERE closed = 0;

CREATE TABLE sighting_name (
    sighting_id INTEGER NOT NULL REFERENCES sighting (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,   -- order of first appearance
    name_id     INTEGER NOT NULL REFERENCES name (id),
    PRIMARY KEY (sighting_id, position)
) STRICT, WITHOUT ROWID;

-- What was last told about a client and a service, so that nothing is told twice until something changes.
CREATE TABLE told (
    client_id  INTEGER NOT NULL REFERENCES client (id),
    service_id INTEGER NOT NULL REFERENCES service (id),
    status     INTEGER NOT NULL,    -- of the newest sighting looked at
    uploaded   INTEGER NOT NULL,    -- whether an upload under that status was told
    as_of      INTEGER NOT NULL,    -- first_seen of the newest sighting looked at
    PRIMARY KEY (client_id, service_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert (
    id         INTEGER PRIMARY KEY, -- order of creation
    key        TEXT NOT NULL UNIQUE,-- what a receiver drops repeats by
    created    INTEGER NOT NULL,
    client_id  INTEGER NOT NULL REFERENCES client (id),
    service_id INTEGER NOT NULL REFERENCES service (id),
    kind       INTEGER NOT NULL,
    payload    TEXT NOT NULL        -- the very bytes each attempt sends
) STRICT;
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
