-- What becomes of an alert besides its deliveries: it may be held back, silenced, summed up, resolved, acknowledged.

ALTER TABLE alert ADD COLUMN incident TEXT NOT NULL DEFAULT '';          -- key of the matter; empty in alerts of earlier schemas
ALTER TABLE alert ADD COLUMN team TEXT NOT NULL DEFAULT '';              -- empty: about the sensor
ALTER TABLE alert ADD COLUMN severity INTEGER NOT NULL DEFAULT 1;        -- 0 low, 1 medium, 2 high
ALTER TABLE alert ADD COLUMN fate INTEGER NOT NULL DEFAULT 0;            -- 0 sent, 1 held for a digest, 2 suppressed, 3 silenced
ALTER TABLE alert ADD COLUMN why TEXT;                                   -- it was not sent
ALTER TABLE alert ADD COLUMN resolves INTEGER NOT NULL DEFAULT 0;        -- 1: it says that its incident is over
ALTER TABLE alert ADD COLUMN resolved INTEGER;                           -- when its incident was over
ALTER TABLE alert ADD COLUMN digest_id INTEGER;                          -- the alert that summed it up
ALTER TABLE alert ADD COLUMN acknowledged INTEGER;                       -- when
ALTER TABLE alert ADD COLUMN acknowledged_by TEXT;
ALTER TABLE alert ADD COLUMN note TEXT;                                  -- of whoever acknowledged it
UPDATE alert SET resolved = created;                                     -- no receiver was told a key to resolve them by
CREATE INDEX alert_open ON alert (incident) WHERE resolved IS NULL AND resolves = 0;
CREATE INDEX alert_held ON alert (id) WHERE fate <> 0 AND digest_id IS NULL;

-- What was told and is allowed since is told again if it is not allowed any more; sessions that were not told, because they were no news.
ALTER TABLE told ADD COLUMN lapsed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE told ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;

-- Services of which anything was ever told, or stood in an inventory.
CREATE TABLE known_service (
    service_id INTEGER PRIMARY KEY
) STRICT;
INSERT INTO known_service SELECT DISTINCT service_id FROM told;

-- Moments of the store's own: born, inventory, digest.
CREATE TABLE milestone (
    name TEXT PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Leaky buckets, one a team and a kind.
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

-- What is not well with the sensor now.
CREATE TABLE trouble (
    kind    INTEGER NOT NULL,
    subject TEXT NOT NULL,             -- interface, zone or rule; empty where there is but one
    event   TEXT NOT NULL,             -- id of the alert that told of it last
    since   INTEGER NOT NULL,
    repeats INTEGER NOT NULL,          -- events that were no news
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
