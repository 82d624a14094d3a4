-- Who a client is besides its address, and how much it used a service. What is not known of an identity is the empty text; a sighting
-- of whose client nothing is known has none.

CREATE TABLE identity (
    id       INTEGER PRIMARY KEY,
    host     TEXT NOT NULL,
    user     TEXT NOT NULL,
    site     TEXT NOT NULL,
    mac      TEXT NOT NULL,             -- lower-case hex with colons
    shared   INTEGER NOT NULL,          -- many stand behind the address
    estimate INTEGER NOT NULL,          -- that it is one client is an estimate
    UNIQUE (host, user, site, mac, shared, estimate)
) STRICT;

ALTER TABLE sighting ADD COLUMN identity_id INTEGER REFERENCES identity (id);
ALTER TABLE sighting ADD COLUMN active_minutes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sighting ADD COLUMN turns_low INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sighting ADD COLUMN turns_high INTEGER NOT NULL DEFAULT 0;
