package supervisor

import (
	"os/exec"
	"testing"
)

func TestAProcessIsKnownByItsMarkAlsoWhileItIsBeingStarted(t *testing.T) {
	t.Parallel()
	const mark = envMark + "=this.w1.1"
	for range 300 {
		c := exec.CommandContext(t.Context(), "cat")
		c.Env = []string{mark}
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil { // it returns before the kernel has given the program its environment
			t.Fatal(err)
		}
		got := variable(c.Process.Pid, []byte(envMark))
		in.Close()
		if err := c.Wait(); err != nil {
			t.Fatal(err)
		}
		if got != mark {
			t.Fatalf("mark %q", got)
		}
	}
}
