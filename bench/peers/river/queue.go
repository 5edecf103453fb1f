package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite"
)

// echoArgs is a job: its number, which the worker gets.
type echoArgs struct {
	Number int64 `json:"number"`
}

func (echoArgs) Kind() string { return "echo" }

// echoWorker adds up what it got, which shows afterwards that it was every job once.
type echoWorker struct {
	river.WorkerDefaults[echoArgs]
	sum atomic.Int64
}

func (w *echoWorker) Work(_ context.Context, job *river.Job[echoArgs]) error {
	w.sum.Add(job.Args.Number)
	return nil
}

// queue is River on a SQLite file of its own.
type queue struct {
	db     *sql.DB
	client *river.Client[*sql.Tx]
	worker *echoWorker
}

// minWorkers is what River takes at a time at least: each fetch is a transaction of its own, and goroutines cost little.
const minWorkers = 100

// openQueue opens the file with the one connection that River's documentation of the driver recommends, for SQLite has one writer at a time.
func openQueue(ctx context.Context, dir string, workers int) (*queue, error) {
	file := filepath.Join(dir, "river.db")
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(60000)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", file, err)
	}
	db.SetMaxOpenConns(1)
	driver := riversqlite.New(db)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return nil, fmt.Errorf("migrate %q: %w", file, err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("migrate %q: %w", file, err)
	}
	worker := new(echoWorker)
	kinds := river.NewWorkers()
	river.AddWorker(kinds, worker)
	client, err := river.NewClient(driver, &river.Config{
		Logger:            slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: max(workers, minWorkers)}},
		Workers:           kinds,
		FetchCooldown:     5 * time.Millisecond,
		FetchPollInterval: 50 * time.Millisecond,
		JobTimeout:        -1, // no timer for each job
	})
	if err != nil {
		return nil, fmt.Errorf("start River: %w", err)
	}
	return &queue{db, client, worker}, nil
}

// count is of the jobs in that state.
func (q *queue) count(ctx context.Context, state string) (n int, err error) {
	err = q.db.QueryRowContext(ctx, "SELECT count(*) FROM river_job WHERE state = ?", state).Scan(&n)
	return n, err
}

func (q *queue) insert(ctx context.Context, first, count int) error {
	for first, end := first, first+count; first < end; first += chunk {
		params := make([]river.InsertManyParams, min(chunk, end-first))
		for i := range params {
			params[i].Args = echoArgs{int64(first + i)}
		}
		if _, err := q.client.InsertManyFast(ctx, params); err != nil {
			return fmt.Errorf("insert jobs from %d: %w", first, err)
		}
	}
	return nil
}
