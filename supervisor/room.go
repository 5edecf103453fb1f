package supervisor

import "context"

// crowded says whether so much waits for the disk that no call may be begun whose outcome would wait as well: what workers return must not
// pile up in memory while a disk hangs. Whoever hears it leaves calls where they are; watchRoom dispatches when there is room; mu is held.
func (p *Pool) crowded() bool {
	room := p.ledger.Room()
	if room == nil {
		return false
	}
	select {
	case p.roomWanted <- room:
	default: // it knows
	}
	return true
}

// watchRoom is a goroutine of its own because the outcomes whose commit makes room may be those of another pool.
func (p *Pool) watchRoom(ctx context.Context) {
	for {
		var room <-chan struct{}
		select {
		case room = <-p.roomWanted:
		case <-ctx.Done():
			return
		}
		select {
		case <-room:
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		p.dispatch()
		p.mu.Unlock()
	}
}
