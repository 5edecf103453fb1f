package ledger

import "context"

const (
	recordProcessSQL = `INSERT OR REPLACE INTO process (pid, start_ticks, boot_id, pool, worker) VALUES (?, ?, ?, ?, ?)`
	forgetProcessSQL = `DELETE FROM process WHERE pid = ? AND start_ticks = ? AND boot_id = ?`
)

// Process is a process group that a supervisor has forked. The first three members identify it: pids come round again.
type Process struct {
	PID          int    // of the group's leader
	StartTicks   uint64 // when the leader was started, in the kernel's clock ticks since boot
	BootID       string // of the kernel that ran it
	Pool, Worker string
}

// RecordProcess puts a process on record and waits until that is on disk, so that whatever becomes of the supervisor,
// the next one can find it.
func (l *Ledger) RecordProcess(ctx context.Context, p Process) error {
	return l.writer.do(ctx, 1, func(b *batch) error {
		_, err := b.conn.exec(recordProcessSQL, int64(p.PID), int64(p.StartTicks), p.BootID, p.Pool, p.Worker)
		return err
	})
}

// ForgetProcess takes a process off the record. It does not wait; like Finish, it is not lost when a commit fails.
func (l *Ledger) ForgetProcess(p Process) {
	l.writer.put(&op{kind: opCall, keep: true, rows: 1, call: func(b *batch) error {
		_, err := b.conn.exec(forgetProcessSQL, int64(p.PID), int64(p.StartTicks), p.BootID)
		return err
	}})
}
