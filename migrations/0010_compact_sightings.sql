-- Sightings in fewer bytes, in the order of time, and what they amount to by day.
--
-- The names of a sighting stand in its row, as a JSON array of ids of `name` in order of first appearance. The unique key begins with the
-- time, so that rows come in at its end and a stretch of time is one stretch of it. Dictionaries are referred to without foreign keys:
-- taking an entry out would walk the table; the writer takes out only what nothing refers to.

CREATE TABLE sighting_anew (
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
INSERT INTO sighting_anew
SELECT id, first_seen, client_id, service_id, last_seen, team_id, identity_id, status, evidence, presence_only, agent, connections,
       bytes_up, bytes_down, active_minutes, turns_low, turns_high, sources, closed,
       iif(closed, 0, use_up), iif(closed, 0, use_down), iif(closed, 0, use_upload),
       (SELECT json_group_array(l.name_id ORDER BY l.position) FROM sighting_name l WHERE l.sighting_id = g.id)
FROM sighting g ORDER BY first_seen;
DROP TABLE sighting_name;
DROP TABLE sighting;
ALTER TABLE sighting_anew RENAME TO sighting;
CREATE INDEX sighting_open ON sighting (id) WHERE closed = 0;
-- A stretch of time is looked for by the key, a day further back than asked; those that go on for longer are few and stand here.
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

-- Days whose sightings changed since they were added up.
CREATE TABLE stale_day (
    day     INTEGER PRIMARY KEY,
    changes INTEGER NOT NULL           -- counts up, so that a change while a day is added up is seen
) STRICT;
INSERT INTO stale_day SELECT DISTINCT first_seen / 86400000000, 1 FROM sighting;
