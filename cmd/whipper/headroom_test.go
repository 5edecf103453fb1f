package main

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

func TestTheHeapMayGrowByTheHeadroom(t *testing.T) {
	goal := func() uint64 {
		runtime.GC()
		sample := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	held := headroom()
	if with := goal(); with < 2*headroomBytes {
		t.Errorf("it collects at %d bytes", with)
	}
	runtime.KeepAlive(held)
	for _, variable := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "100")
			if headroom() != nil {
				t.Error("it takes room though the variable is set")
			}
		})
	}
}
