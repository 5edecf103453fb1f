package supervisor

import "testing"

func TestAWorkerThatHasEndedLeavesNoLetter(t *testing.T) {
	t.Parallel()
	w := newWorker(newRig(t, nil).pool, 1)
	w.ended = true
	for range mostOwned + 1 {
		w.tell(command{kind: cancel})
	}
	if ended := w.own(nil, mostOwned, func(*letter) bool { return true }); !ended || len(w.mailbox.letters) > 0 {
		t.Errorf("ended %v, %d letters are left", ended, len(w.mailbox.letters))
	}
}
