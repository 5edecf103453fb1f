-- +goose Up

-- Of the jobs with one key, one runs at a time.
ALTER TABLE job ADD COLUMN concurrency_key TEXT;
ALTER TABLE schedule ADD COLUMN concurrency_key TEXT;

-- Where a queued job stands aside that may not run yet though it is due, as ledger/lane.go names it. '': nowhere.
ALTER TABLE job ADD COLUMN lane TEXT NOT NULL DEFAULT '';

-- The claim passes over what stands aside, however much that is, and reads a lane when there is room for what is in it.
DROP INDEX job_ready;
CREATE INDEX job_ready ON job (pool, priority DESC, run_at, id, expires_at) WHERE state = 'queued' AND lane = '';
CREATE INDEX job_lane ON job (pool, lane, priority DESC, run_at, id) WHERE state = 'queued' AND lane <> '';

-- Methods whose jobs wait until somebody resumes them.
CREATE TABLE pause (
	pool   TEXT NOT NULL,
	method TEXT NOT NULL,
	PRIMARY KEY (pool, method)
) STRICT, WITHOUT ROWID;
