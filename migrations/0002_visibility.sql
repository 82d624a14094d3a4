-- What could be seen and what could not, by hour and zone.

CREATE TABLE visibility (
    hour    INTEGER NOT NULL,       -- beginning of the hour, microseconds
    zone    TEXT NOT NULL,
    sight   TEXT NOT NULL,          -- named, a reason why not, or a kind of blind spot
    flows   INTEGER NOT NULL,
    clients INTEGER NOT NULL,       -- different ones in that hour, added up over restarts
    PRIMARY KEY (hour, zone, sight)
) STRICT, WITHOUT ROWID;

-- Captures whose visibility was added: the same one again adds nothing.
CREATE TABLE replay (
    digest TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
