-- +goose Up

-- The first release made this table and never filled it.
DROP TABLE schedule;

-- Jobs that are submitted at the times of a cron expression.
CREATE TABLE schedule (
	name         TEXT    PRIMARY KEY,
	pool         TEXT    NOT NULL,
	method       TEXT    NOT NULL,
	spec         TEXT    NOT NULL,           -- cron expression
	timezone     TEXT    NOT NULL,           -- IANA name
	overlap      TEXT    NOT NULL CHECK (overlap = 'skip' OR overlap = 'queue'),
	missed       TEXT    NOT NULL CHECK (missed = 'once' OR missed = 'skip'),
	jitter       INTEGER NOT NULL DEFAULT 0,
	priority     INTEGER NOT NULL DEFAULT 0,
	max_attempts INTEGER NOT NULL,
	backoff      TEXT,                       -- as in job
	timeout      INTEGER NOT NULL DEFAULT 0, -- 0: the pool's
	delivery     TEXT    NOT NULL CHECK (delivery = 'at-least-once' OR delivery = 'at-most-once'),
	created_at   INTEGER NOT NULL,
	next_at      INTEGER,                    -- the time that comes next; NULL: none does
	owed         TEXT,                       -- JSON [[first, last], ...]: all times from first to last wait for last_job_id to end; NULL: none
	last_at      INTEGER,                    -- the last time that had a job
	last_job_id  INTEGER,                    -- which may have been pruned
	skipped      INTEGER NOT NULL DEFAULT 0, -- times that came while the job before had not ended
	labels       TEXT,                       -- JSON object of strings
	params       BLOB
) STRICT, WITHOUT ROWID;

-- What is due, and when something will be.
CREATE INDEX schedule_due ON schedule (next_at) WHERE next_at IS NOT NULL;
-- What waits for a job.
CREATE INDEX schedule_owed ON schedule (name) WHERE owed IS NOT NULL;
