-- An identity is found by the address of its card first, which most have and no two share: an index that begins with three texts that are
-- empty compares all of them each time.

CREATE TABLE identity_by_mac (
    id       INTEGER PRIMARY KEY,
    host     TEXT NOT NULL,
    user     TEXT NOT NULL,
    site     TEXT NOT NULL,
    mac      TEXT NOT NULL,             -- lower-case hex with colons
    shared   INTEGER NOT NULL,          -- many stand behind the address
    estimate INTEGER NOT NULL,          -- that it is one client is an estimate
    UNIQUE (mac, host, user, site, shared, estimate)
) STRICT;
INSERT INTO identity_by_mac SELECT id, host, user, site, mac, shared, estimate FROM identity;
DROP TABLE identity;
ALTER TABLE identity_by_mac RENAME TO identity;
