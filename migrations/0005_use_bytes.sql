-- Bytes exchanged with hosts that are the tool itself: what evidence is judged by, so that a daemon started again goes on judging as it did.
ALTER TABLE sighting ADD COLUMN use_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sighting ADD COLUMN use_down INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sighting ADD COLUMN use_upload INTEGER NOT NULL DEFAULT 0;
