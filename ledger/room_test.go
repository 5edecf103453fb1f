package ledger

import "testing"

func TestThereIsNoRoomWhileTooMuchWaitsForTheDiskAndWhoWaitsIsTold(t *testing.T) {
	for name, c := range map[string]struct{ size, most int }{
		"operations": {0, maxWaiting},
		"bytes":      {1 << 20, maxWaitingSize >> 20},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir())
			id, err := l.NextID(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			release := holdWriter(l)
			n := 0
			for ; l.Room() == nil && n <= c.most; n++ {
				l.Insert(Job{ID: id, Pool: "p", Method: "m", Params: make([]byte, c.size), State: Queued}, nil)
				id++
			}
			if n != c.most {
				t.Errorf("there was room for %d changes of %d bytes, not %d", n, c.size, c.most)
			}
			room := l.Room()
			select {
			case <-room:
				t.Error("it was told that there is room while the writer waits")
			default:
			}
			release()
			<-room
			flush(t, l)
			if l.Room() != nil {
				t.Error("there is no room when all is written")
			}
		})
	}
}
