-- +goose Up

-- 'whpr': lets file(1) and whipper tell a ledger from another SQLite database.
PRAGMA application_id = 0x77687072;

-- Times and durations are integers in microseconds, times since the Unix epoch. Payloads are BLOBs because they are kept
-- byte for byte; they hold JSON, and SQLite's JSON functions read them. Columns that may be large come last. Checks are
-- chains of OR: for IN, SQLite would build a table of the values each time a row is written.

-- One row per job, from its submission until it is pruned.
CREATE TABLE job (
	id              INTEGER PRIMARY KEY,
	pool            TEXT    NOT NULL,
	method          TEXT    NOT NULL,
	state           TEXT    NOT NULL CHECK (state = 'queued' OR state = 'running' OR state = 'succeeded' OR state = 'failed' OR state = 'cancelled' OR state = 'dropped'),
	priority        INTEGER NOT NULL DEFAULT 0,
	attempt         INTEGER NOT NULL DEFAULT 0, -- charged, the running one included
	max_attempts    INTEGER NOT NULL,
	runs            INTEGER NOT NULL DEFAULT 0, -- charged or not
	crashes         INTEGER NOT NULL DEFAULT 0, -- uncharged crashes and interruptions by the supervisor's death
	alone           INTEGER NOT NULL DEFAULT 0, -- 1: shares no process on its next run
	backoff         TEXT,                       -- JSON {baseUs, factor, capUs, jitter}; NULL: the default policy
	timeout         INTEGER NOT NULL DEFAULT 0, -- 0: the pool's
	delivery        TEXT    NOT NULL CHECK (delivery = 'at-least-once' OR delivery = 'at-most-once'),
	origin          TEXT    NOT NULL CHECK (origin = 'submit' OR origin = 'invoke'),
	idempotency_key TEXT,
	traceparent     TEXT,
	tracestate      TEXT,
	baggage         TEXT,
	created_at      INTEGER NOT NULL,
	run_at          INTEGER NOT NULL,
	expires_at      INTEGER,
	started_at      INTEGER,                    -- of the last run
	finished_at     INTEGER,                    -- set when terminal
	worker          TEXT,                       -- of the last run
	pid             INTEGER,
	error_source    TEXT CHECK (error_source = 'worker' OR error_source = 'whipper'),
	labels          TEXT,                       -- JSON object of strings
	progress        BLOB,
	error           BLOB,                       -- of the last run that had one
	params          BLOB,
	result          BLOB
) STRICT;

-- The claim. It holds queued jobs only, so its cost does not grow with history; expires_at rides along so that no row has
-- to be looked up to leave an expired job out.
CREATE INDEX job_ready ON job (pool, priority DESC, run_at, id, expires_at) WHERE state = 'queued';
CREATE INDEX job_expiring ON job (pool, expires_at) WHERE state = 'queued' AND expires_at IS NOT NULL;
-- Queued jobs whose caller is gone after a restart.
CREATE INDEX job_invoked ON job (pool) WHERE state = 'queued' AND origin = 'invoke';
CREATE UNIQUE INDEX job_key ON job (pool, idempotency_key) WHERE idempotency_key IS NOT NULL;
-- Listings; each is implicitly followed by the id, by which they page. A pool's or a method's are found by way of tally,
-- which knows every pair of pool and method.
CREATE INDEX job_state ON job (state);
CREATE INDEX job_method ON job (pool, method);

-- One row per run of a job that has ended.
CREATE TABLE attempt (
	job_id      INTEGER NOT NULL,
	number      INTEGER NOT NULL, -- 1 is the first run
	outcome     TEXT    NOT NULL CHECK (outcome = 'succeeded' OR outcome = 'error' OR outcome = 'timeout' OR outcome = 'crashed' OR outcome = 'cancelled' OR outcome = 'interrupted' OR outcome = 'snoozed'),
	worker      TEXT,
	pid         INTEGER,
	started_at  INTEGER NOT NULL,
	finished_at INTEGER NOT NULL,
	exit_code   INTEGER,
	signal      TEXT,
	error       BLOB,
	stderr_tail TEXT,
	PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;

-- Exact number of jobs by pool, method and state, kept in the transaction that changes a job.
CREATE TABLE tally (
	pool   TEXT    NOT NULL,
	method TEXT    NOT NULL,
	state  TEXT    NOT NULL,
	n      INTEGER NOT NULL,
	PRIMARY KEY (pool, method, state)
) STRICT, WITHOUT ROWID;

-- job_id: the first job id that no block has been reserved for. Ids below it are never given out again.
CREATE TABLE counter (
	name TEXT    PRIMARY KEY,
	n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter (name, n) VALUES ('job_id', 1);

-- Process groups that a supervisor has forked and not yet seen end. start_ticks and boot_id tell a process from a later
-- one with the same pid.
CREATE TABLE process (
	pid         INTEGER NOT NULL,
	start_ticks INTEGER NOT NULL,
	boot_id     TEXT    NOT NULL,
	pool        TEXT    NOT NULL,
	worker      TEXT    NOT NULL,
	PRIMARY KEY (pid, start_ticks, boot_id)
) STRICT, WITHOUT ROWID;

-- Cron entries. Nothing fills this table yet; it is here so that the first release's ledgers already have it.
CREATE TABLE schedule (
	name         TEXT    PRIMARY KEY,
	pool         TEXT    NOT NULL,
	method       TEXT    NOT NULL,
	spec         TEXT    NOT NULL,           -- cron expression
	timezone     TEXT    NOT NULL DEFAULT 'UTC',
	enabled      INTEGER NOT NULL DEFAULT 1,
	priority     INTEGER NOT NULL DEFAULT 0,
	max_attempts INTEGER NOT NULL,
	backoff      TEXT,
	timeout      INTEGER NOT NULL DEFAULT 0,
	delivery     TEXT    NOT NULL CHECK (delivery = 'at-least-once' OR delivery = 'at-most-once'),
	created_at   INTEGER NOT NULL,
	next_at      INTEGER,                    -- NULL: never again
	last_at      INTEGER,
	last_job_id  INTEGER,
	labels       TEXT,
	params       BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_due ON schedule (next_at) WHERE enabled = 1;

-- Statistics by pool, method and hour that outlive pruning. Nothing fills this table yet; see schedule.
CREATE TABLE rollup (
	pool        TEXT    NOT NULL,
	method      TEXT    NOT NULL,
	hour        INTEGER NOT NULL,           -- start of the hour
	succeeded   INTEGER NOT NULL DEFAULT 0,
	failed      INTEGER NOT NULL DEFAULT 0,
	cancelled   INTEGER NOT NULL DEFAULT 0,
	dropped     INTEGER NOT NULL DEFAULT 0,
	attempts    INTEGER NOT NULL DEFAULT 0, -- ended in this hour, charged or not
	crashes     INTEGER NOT NULL DEFAULT 0,
	wait_total  INTEGER NOT NULL DEFAULT 0,
	run_total   INTEGER NOT NULL DEFAULT 0,
	wait_sketch BLOB,                       -- mergeable latency sketch
	run_sketch  BLOB,
	PRIMARY KEY (pool, method, hour)
) STRICT, WITHOUT ROWID;
