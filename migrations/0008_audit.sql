-- What was done with rules and data, and by whom: each entry holds the hash of the one before, so that none can be changed or taken out of
-- the middle without notice. Of clients it holds pseudonyms alone.

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
