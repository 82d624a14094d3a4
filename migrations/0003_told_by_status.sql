-- What was told stands by status: rules on hosts and tenants give one client and one service several statuses at a time.

CREATE TABLE told_by_status (
    client_id  INTEGER NOT NULL REFERENCES client (id),
    service_id INTEGER NOT NULL REFERENCES service (id),
    status     INTEGER NOT NULL,    -- under which an alert was made
    uploaded   INTEGER NOT NULL,    -- whether an upload under that status was told
    PRIMARY KEY (client_id, service_id, status)
) STRICT, WITHOUT ROWID;

-- Statuses that alert are 0 (unreviewed) and 4 (unapproved). What stood under the old key was told, or had its status seen.
INSERT INTO told_by_status SELECT client_id, service_id, status, uploaded FROM told WHERE status IN (0, 4);

-- The old key forgot a status as soon as another was told; the alerts themselves still know it. Kind 2 is an upload told later.
INSERT INTO told_by_status
SELECT client_id, service_id, CASE payload ->> '$.status' WHEN 'unreviewed' THEN 0 ELSE 4 END,
       max(kind = 2 OR payload ->> '$.evidence' IS 'uploaded')
FROM alert
WHERE json_valid(payload) AND payload ->> '$.status' IN ('unreviewed', 'unapproved')
GROUP BY 1, 2, 3
ON CONFLICT DO UPDATE SET uploaded = max(uploaded, excluded.uploaded);

DROP TABLE told;
ALTER TABLE told_by_status RENAME TO told;
