package ledger

// bell wakes whoever listens to it. It rings once for whatever has happened since it was last heard.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

// ring never waits.
func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}
