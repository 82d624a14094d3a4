-- Made from migrations/ by the test in schema.rs.

PRAGMA application_id = 1398030672;

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

CREATE TABLE visibility (
    hour    INTEGER NOT NULL,       -- beginning of the hour, microseconds
    zone    TEXT NOT NULL,
    sight   TEXT NOT NULL,          -- named, a reason why not, or a kind of blind spot
    flows   INTEGER NOT NULL,
    clients INTEGER NOT NULL,       -- different ones in that hour, added up over restarts
    PRIMARY KEY (hour, zone, sight)
) STRICT, WITHOUT ROWID;

CREATE TABLE replay (
    digest TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE unmatched (
    domain  TEXT NOT NULL,          -- registrable, never a host name below it
    day     INTEGER NOT NULL,       -- since 1970-01-01, in UTC
    seen    INTEGER NOT NULL,       -- look-ups and flows
    clients INTEGER NOT NULL,       -- about how many, an estimate made in memory
    PRIMARY KEY (domain, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX unmatched_day ON unmatched (day, seen);

CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY,     -- from 1 without a gap
    at     INTEGER NOT NULL,        -- by the wall clock
    actor  TEXT NOT NULL,           -- user of the machine, or the daemon
    kind   TEXT NOT NULL,
    detail TEXT NOT NULL,           -- JSON
    before TEXT NOT NULL,           -- hash of the entry before, 64 zeros for the first
    hash   TEXT NOT NULL            -- SHA-256 over all that, in hex
) STRICT;

CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN
    SELECT raise(ABORT, 'the audit log cannot be changed');
END;

CREATE TRIGGER audit_keeps BEFORE DELETE ON audit BEGIN
    SELECT raise(ABORT, 'the audit log cannot be shortened');
END;

CREATE TRIGGER audit_grows BEFORE INSERT ON audit
WHEN new.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit) BEGIN
    SELECT raise(ABORT, 'the audit log grows at its end');
END;

CREATE TABLE sealed (
    client_id INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE, -- the pseudonym
    mark      BLOB NOT NULL,        -- keyed hash of what is sealed: the same is kept once
    period    TEXT NOT NULL,        -- of the key
    since     INTEGER NOT NULL,     -- when this was first so
    nonce     BLOB NOT NULL,
    content   BLOB NOT NULL,
    PRIMARY KEY (client_id, mark)
) STRICT, WITHOUT ROWID;

CREATE TABLE forgotten (
    id   INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,          -- what began up to this moment is not written any more
    key  BLOB NOT NULL,             -- random, of this row alone
    mark BLOB NOT NULL              -- HMAC-SHA256 of the client as it is written, under that key
) STRICT;

CREATE TABLE "sighting" (
    id             INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: what came after a moment has a greater one
    first_seen     INTEGER NOT NULL,
    client_id      INTEGER NOT NULL,
    service_id     INTEGER NOT NULL,
    last_seen      INTEGER NOT NULL,
    team_id        INTEGER NOT NULL,
    identity_id    INTEGER,            -- NULL: nothing is known
    status         INTEGER NOT NULL,
    evidence       INTEGER NOT NULL,
    presence_only  INTEGER NOT NULL,
    agent          INTEGER NOT NULL,
    connections    INTEGER NOT NULL,
    bytes_up       INTEGER NOT NULL,
    bytes_down     INTEGER NOT NULL,
    active_minutes INTEGER NOT NULL,
    turns_low      INTEGER NOT NULL,
    turns_high     INTEGER NOT NULL,
    sources        INTEGER NOT NULL,
    closed         INTEGER NOT NULL,
    use_up         INTEGER NOT NULL,   -- what evidence is judged by; 0 once closed
    use_down       INTEGER NOT NULL,
    use_upload     INTEGER NOT NULL,
    names          TEXT NOT NULL,
    UNIQUE (first_seen, client_id, service_id)
) STRICT;

CREATE INDEX sighting_open ON sighting (id) WHERE closed = 0;

CREATE INDEX sighting_long ON sighting (last_seen) WHERE last_seen - first_seen > 86400000000;

CREATE TABLE daily (
    day            INTEGER NOT NULL,   -- since 1970-01-01, in UTC, of the first moment
    team_id        INTEGER NOT NULL,
    service_id     INTEGER NOT NULL,
    status         INTEGER NOT NULL,
    sightings      INTEGER NOT NULL,
    presence_only  INTEGER NOT NULL,   -- of these
    clients        INTEGER NOT NULL,   -- different ones on that day
    evidence       INTEGER NOT NULL,   -- the strongest
    uploaded       INTEGER NOT NULL,   -- sightings with that evidence
    connections    INTEGER NOT NULL,
    bytes_up       INTEGER NOT NULL,
    bytes_down     INTEGER NOT NULL,
    active_minutes INTEGER NOT NULL,
    turns_low      INTEGER NOT NULL,
    turns_high     INTEGER NOT NULL,
    last_seen      INTEGER NOT NULL,
    PRIMARY KEY (day, team_id, service_id, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE "calendar" (
    day     INTEGER PRIMARY KEY,
    changes INTEGER NOT NULL           -- counts up, so that a change while a day is added up is seen
, added_up INTEGER NOT NULL DEFAULT 0, added_at INTEGER NOT NULL DEFAULT 0, clients INTEGER NOT NULL DEFAULT 0, is_kept INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE INDEX calendar_stale ON calendar (day) WHERE changes > added_up AND is_kept = 0;

CREATE TABLE "alert" (
    id         INTEGER PRIMARY KEY, -- order of creation
    key        TEXT NOT NULL UNIQUE,-- what a receiver drops repeats by
    created    INTEGER NOT NULL,
    client_id  INTEGER REFERENCES client (id),   -- NULL: about the sensor
    service_id INTEGER REFERENCES service (id),  -- NULL: about the sensor
    kind       INTEGER NOT NULL,
    payload    TEXT NOT NULL        -- the very bytes each attempt sends
, incident TEXT NOT NULL DEFAULT '', team TEXT NOT NULL DEFAULT '', severity INTEGER NOT NULL DEFAULT 1, fate INTEGER NOT NULL DEFAULT 0, why TEXT, resolves INTEGER NOT NULL DEFAULT 0, resolved INTEGER, digest_id INTEGER, acknowledged INTEGER, acknowledged_by TEXT, note TEXT) STRICT;

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

CREATE TABLE "told" (
    client_id  INTEGER NOT NULL REFERENCES client (id),
    service_id INTEGER NOT NULL REFERENCES service (id),
    status     INTEGER NOT NULL,    -- under which an alert was made
    owner      TEXT NOT NULL,       -- empty where not known
    uploaded   INTEGER NOT NULL, lapsed INTEGER NOT NULL DEFAULT 0, repeats INTEGER NOT NULL DEFAULT 0,    -- whether an upload under that status was told
    PRIMARY KEY (client_id, service_id, status, owner)
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_open ON alert (incident) WHERE resolved IS NULL AND resolves = 0;

CREATE INDEX alert_held ON alert (id) WHERE fate <> 0 AND digest_id IS NULL;

CREATE TABLE known_service (
    service_id INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE milestone (
    name TEXT PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bucket (
    team       TEXT NOT NULL,
    kind       INTEGER NOT NULL,
    fill       INTEGER NOT NULL,       -- thousandths of an alert
    at         INTEGER NOT NULL,       -- when it was so full
    suppressed INTEGER NOT NULL,       -- since the last one that was sent
    PRIMARY KEY (team, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE silence (
    id      INTEGER PRIMARY KEY,
    created INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    ended   INTEGER,                   -- by hand, before its time
    team    TEXT,                      -- NULL: whichever; at least one of these four is none
    service TEXT,
    kind    INTEGER,
    client  TEXT,
    actor   TEXT NOT NULL,
    note    TEXT NOT NULL
) STRICT;

CREATE TABLE trouble (
    kind    INTEGER NOT NULL,
    subject TEXT NOT NULL,             -- interface, zone or rule; empty where there is but one
    event   TEXT NOT NULL,             -- id of the alert that told of it last
    since   INTEGER NOT NULL,
    repeats INTEGER NOT NULL,          -- events that were no news
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE stream_line (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,    -- its number; none is given twice
    line TEXT NOT NULL                         -- JSON, without the number
) STRICT;

CREATE TABLE stream (
    name TEXT PRIMARY KEY,
    sent INTEGER NOT NULL                      -- number of the last line it has
) STRICT, WITHOUT ROWID;

CREATE TABLE "identity" (
    id       INTEGER PRIMARY KEY,
    host     TEXT NOT NULL,
    user     TEXT NOT NULL,
    site     TEXT NOT NULL,
    mac      TEXT NOT NULL,             -- lower-case hex with colons
    shared   INTEGER NOT NULL,          -- many stand behind the address
    estimate INTEGER NOT NULL,          -- that it is one client is an estimate
    UNIQUE (mac, host, user, site, shared, estimate)
) STRICT;
