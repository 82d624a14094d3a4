-- What is said of sightings to the streams of a SIEM: a line each time one is opened, raised or closed, until every stream has it.

CREATE TABLE stream_line (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,    -- its number; none is given twice
    line TEXT NOT NULL                         -- JSON, without the number
) STRICT;
CREATE TABLE stream (
    name TEXT PRIMARY KEY,
    sent INTEGER NOT NULL                      -- number of the last line it has
) STRICT, WITHOUT ROWID;
