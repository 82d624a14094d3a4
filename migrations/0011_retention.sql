-- Days, what is known of their sums, and whether their sightings are still all there.

ALTER TABLE stale_day RENAME TO calendar;
ALTER TABLE calendar ADD COLUMN added_up INTEGER NOT NULL DEFAULT 0; -- the changes its sums hold: with more it is stale
ALTER TABLE calendar ADD COLUMN added_at INTEGER NOT NULL DEFAULT 0; -- when these were added up
ALTER TABLE calendar ADD COLUMN clients INTEGER NOT NULL DEFAULT 0;  -- different ones, over all teams and services
ALTER TABLE calendar ADD COLUMN is_kept INTEGER NOT NULL DEFAULT 0;  -- sightings were taken out, and its sums stand as they are
CREATE INDEX calendar_stale ON calendar (day) WHERE changes > added_up AND is_kept = 0;
INSERT INTO calendar (day, changes) SELECT DISTINCT day, 1 FROM daily WHERE true ON CONFLICT DO NOTHING;
