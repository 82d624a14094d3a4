-- Domains that belonged to no service, by day: a bounded list of those seen most, and no client.

CREATE TABLE unmatched (
    domain  TEXT NOT NULL,          -- registrable, never a host name below it
    day     INTEGER NOT NULL,       -- since 1970-01-01, in UTC
    seen    INTEGER NOT NULL,       -- look-ups and flows
    clients INTEGER NOT NULL,       -- about how many, an estimate made in memory
    PRIMARY KEY (domain, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX unmatched_day ON unmatched (day, seen);
