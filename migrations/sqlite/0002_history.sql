-- +goose Up

-- What may be pruned, by state and the oldest end first. It holds jobs with a final outcome only, so that neither the claim nor
-- a submission pays for it; an end appends to one of four places.
CREATE INDEX job_ended ON job (state, finished_at) WHERE finished_at IS NOT NULL;

-- The rollup of 0001 was never filled. Its rows are too long for a table without rowids; sketches are of the last run of jobs that have
-- ended, as ledger/sketch.go writes them.
DROP TABLE rollup;
CREATE TABLE rollup (
	pool        TEXT    NOT NULL,
	method      TEXT    NOT NULL,
	hour        INTEGER NOT NULL,           -- start of the hour
	succeeded   INTEGER NOT NULL DEFAULT 0, -- jobs that have ended so in this hour
	failed      INTEGER NOT NULL DEFAULT 0,
	cancelled   INTEGER NOT NULL DEFAULT 0,
	dropped     INTEGER NOT NULL DEFAULT 0,
	attempts    INTEGER NOT NULL DEFAULT 0, -- runs that have ended in this hour, charged or not
	crashes     INTEGER NOT NULL DEFAULT 0, -- those whose process died
	wait_total  INTEGER NOT NULL DEFAULT 0, -- of what the sketches count
	run_total   INTEGER NOT NULL DEFAULT 0,
	wait_sketch BLOB,                       -- NULL in what was counted when the ledger was upgraded
	run_sketch  BLOB,
	UNIQUE (pool, method, hour)
) STRICT;

-- What has ended before this upgrade is counted; sketches of it are beyond SQL.
INSERT INTO rollup (pool, method, hour, succeeded, failed, cancelled, dropped)
	SELECT pool, method, finished_at - finished_at % 3600000000, sum(state = 'succeeded'), sum(state = 'failed'),
		sum(state = 'cancelled'), sum(state = 'dropped')
	FROM job WHERE finished_at IS NOT NULL GROUP BY 1, 2, 3;
INSERT INTO rollup (pool, method, hour, attempts, crashes)
	SELECT job.pool, job.method, attempt.finished_at - attempt.finished_at % 3600000000, count(*), sum(attempt.outcome = 'crashed')
	FROM attempt JOIN job ON job.id = attempt.job_id GROUP BY 1, 2, 3
	ON CONFLICT DO UPDATE SET attempts = excluded.attempts, crashes = excluded.crashes;

-- Payloads that are too large for a job's row, whose column is empty then (no JSON is). Id: 4 times the job's, and 0 for progress, 1 for
-- error, 2 for params, 3 for result.
CREATE TABLE payload (
	id   INTEGER PRIMARY KEY,
	data BLOB    NOT NULL
) STRICT;
