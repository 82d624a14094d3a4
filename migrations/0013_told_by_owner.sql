-- What was told stands by owner too: an address that has a new owner is somebody else's. An owner is known by MAC address, else by host
-- name, else not at all; what was told of nobody known belongs to the first who is.

CREATE TABLE told_by_owner (
    client_id  INTEGER NOT NULL REFERENCES client (id),
    service_id INTEGER NOT NULL REFERENCES service (id),
    status     INTEGER NOT NULL,    -- under which an alert was made
    owner      TEXT NOT NULL,       -- empty where not known
    uploaded   INTEGER NOT NULL,    -- whether an upload under that status was told
    PRIMARY KEY (client_id, service_id, status, owner)
) STRICT, WITHOUT ROWID;
INSERT INTO told_by_owner SELECT client_id, service_id, status, '', uploaded FROM told;
DROP TABLE told;
ALTER TABLE told_by_owner RENAME TO told;
