-- Who stands behind pseudonyms, sealed under the key of their period: without that key nobody can read it.

CREATE TABLE sealed (
    client_id INTEGER NOT NULL REFERENCES client (id) ON DELETE CASCADE, -- the pseudonym
    mark      BLOB NOT NULL,        -- keyed hash of what is sealed: the same is kept once
    period    TEXT NOT NULL,        -- of the key
    since     INTEGER NOT NULL,     -- when this was first so
    nonce     BLOB NOT NULL,
    content   BLOB NOT NULL,
    PRIMARY KEY (client_id, mark)
) STRICT, WITHOUT ROWID;

-- Clients that were forgotten a moment ago, until a daemon at work has let go of what it holds of them in memory.
CREATE TABLE forgotten (
    id   INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,          -- what began up to this moment is not written any more
    key  BLOB NOT NULL,             -- random, of this row alone
    mark BLOB NOT NULL              -- HMAC-SHA256 of the client as it is written, under that key
) STRICT;
