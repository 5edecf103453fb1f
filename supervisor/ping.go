package supervisor

import (
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// schedulePing has an idle worker asked, after PingInterval, whether it is alive.
func (w *worker) schedulePing() {
	w.pongBy = time.Time{}
	if d := w.opts.PingInterval; d > 0 {
		w.pingAt = time.Now().Add(d)
		w.limit(w.pingAt)
	}
}

// ping asks an idle worker whether it is alive. Any answer will do. One that has a call is watched by the call's timeout.
func (w *worker) ping() {
	if w.state != Processing || len(w.calls) > 0 {
		return // schedulePing follows when it is idle again
	}
	incarnation := w.incarnation
	ask := w.handshake.ping
	_, err := w.conn.Start(ask.method, ask.params, nil, func(*jsonrpc.Response) {
		w.post(event{incarnation: incarnation, kind: ponged}, nil)
	})
	if err != nil {
		return // the process is going
	}
	w.pongBy = time.Now().Add(w.opts.PingInterval)
	w.limit(w.pongBy)
}

// missedPing deals with a worker that has not answered a ping. One that has been given a call since is given that call's time.
func (w *worker) missedPing() {
	if w.state != Processing || len(w.calls) > 0 {
		return
	}
	w.log.Warn("worker did not answer a ping and is killed", "pid", w.process.pid, "interval", w.opts.PingInterval)
	w.endFor(endNoPong)
	w.faulty = true
	w.fire(onFault)
}
