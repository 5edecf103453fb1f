package supervisor

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// behaviours are the methods of the test's worker program.
var behaviours = map[string]func(p *program, m message, cancelled <-chan struct{}){
	"echo": func(p *program, m message, _ <-chan struct{}) {
		p.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, m.Params))
	},
	"pid": func(p *program, m message, _ <-chan struct{}) { p.result(m, os.Getpid()) },
	"env": func(p *program, m message, _ <-chan struct{}) { p.result(m, os.Environ()) },
	"folder": func(p *program, m message, _ <-chan struct{}) {
		dir, _ := os.Getwd()
		p.result(m, dir)
	},
	"meta": func(p *program, m message, _ <-chan struct{}) { p.result(m, m.Meta) },

	// gate NAME answers when the test lets it.
	"gate": func(p *program, m message, _ <-chan struct{}) {
		visit(m.text(0))
		p.result(m, m.text(0))
	},
	// deaf NAME is gate for a program that reads nothing meanwhile.
	"deaf": func(p *program, m message, _ <-chan struct{}) {
		visit(m.text(0))
		p.result(m, m.text(0))
		close(p.pause)
	},
	// grow N holds N MiB and answers, grow-and-hang does not answer.
	"grow": func(p *program, m message, _ <-chan struct{}) {
		p.grow(m.number())
		p.result(m, true)
	},
	"grow-and-hang": func(p *program, m message, _ <-chan struct{}) { p.grow(m.number()) },
	// $/ping is known to few programs. This one leaves an effect all the same.
	"$/ping": func(p *program, m message, _ <-chan struct{}) {
		leaveEffect("0 0")
		p.fail(m, -32601, "method not found", nil)
	},
	// effect appends the job to the effects file and answers.
	"effect": func(p *program, m message, _ <-chan struct{}) {
		leaveEffect(fmt.Sprintf("%v %v", m.Meta["job"], m.Meta["attempt"]))
		p.result(m, true)
	},

	// fail CODE DATA answers with an error.
	"fail": func(p *program, m message, _ <-chan struct{}) {
		var data any
		if len(m.args) > 1 {
			data = m.args[1]
		}
		p.fail(m, m.number(), "it failed", data)
	},
	// snooze-once asks to be called again in so many milliseconds, then answers.
	"snooze-once": func(p *program, m message, _ <-chan struct{}) {
		if p.snoozed.Swap(true) {
			p.result(m, "awake")
			return
		}
		p.fail(m, 1, "not now", map[string]any{"snoozeMs": m.number()})
	},
	// progress sends VALUE… as progress, and answers.
	"progress": func(p *program, m message, _ <-chan struct{}) {
		for _, value := range m.args {
			p.write(fmt.Sprintf(`{"jsonrpc":"2.0","method":"$/progress","params":{"id":%s,"value":%s}}`, m.ID, value))
		}
		p.result(m, true)
	},

	// hang never answers. slow answers a cancellation with -32800, late with a result, and lingering when the test lets it.
	"hang": func(_ *program, _ message, _ <-chan struct{}) { tellGate("hang") },
	"slow": func(p *program, m message, cancelled <-chan struct{}) {
		tellGate("slow")
		<-cancelled
		p.fail(m, -32800, "cancelled", nil)
	},
	"late": func(p *program, m message, cancelled <-chan struct{}) {
		tellGate("late")
		<-cancelled
		p.result(m, "late")
	},
	"lingering": func(p *program, m message, cancelled <-chan struct{}) {
		tellGate("lingering")
		<-cancelled
		visit("let-go")
		p.result(m, "too late")
	},

	// exit CODE TEXT prints and ends; gate-exit does so when the test lets it; kill SIGNAL ends by it.
	"exit": func(_ *program, m message, _ <-chan struct{}) {
		fmt.Fprintln(os.Stderr, m.text(1))
		os.Exit(m.number())
	},
	"gate-exit": func(_ *program, m message, _ <-chan struct{}) {
		visit(m.text(0))
		os.Exit(7)
	},
	"kill": func(_ *program, m message, _ <-chan struct{}) { selfKill(m.text(0)) },
	// print STREAM TEXT writes to it as it is. endless-line N writes N bytes and no newline to stderr, and ends.
	"print": func(p *program, m message, _ <-chan struct{}) {
		out := os.Stderr
		if m.text(0) == "stdout" {
			out = os.Stdout
		}
		p.out.Lock()
		_, _ = out.WriteString(m.text(1))
		p.out.Unlock()
		p.result(m, true)
	},
	"endless-line": func(_ *program, m message, _ <-chan struct{}) {
		fmt.Fprint(os.Stderr, longLine(m.number()))
		os.Exit(1)
	},
	// What a worker should not do on its stdout.
	"garbage": func(p *program, m message, _ <-chan struct{}) {
		p.write("hello, I am not JSON")
		p.write(`{"jsonrpc":"2.0"}`)
		p.write(`{"level":"info","text":"a JSON log"}`)
		p.write(`{"jsonrpc":"2.0","id":4711,"result":"secret"}`)
		p.write(`[1,2,3]`)
		p.write(`"text"`)
		p.write("\x00\xff\xfe")
		p.result(m, "fine")
	},
	"stray-ids": func(p *program, m message, _ <-chan struct{}) {
		for _, id := range []string{"null", "-1", "1.5", "999999", `"7"`, "18446744073709551616", "[]", "{}", "0"} {
			p.write(`{"jsonrpc":"2.0","id":` + id + `,"result":"stray"}`)
			p.write(`{"jsonrpc":"2.0","method":"$/progress","params":{"id":` + id + `,"value":1}}`)
		}
		p.write(`{"jsonrpc":"2.0","result":"stray"}`)
		p.write(fmt.Sprintf(`[{"jsonrpc":"2.0","id":%s,"result":"in a batch"}]`, m.ID))
		p.result(m, "mine")
	},
	"twice": func(p *program, m message, _ <-chan struct{}) {
		p.result(m, "first")
		p.result(m, "second")
	},
	"huge": func(p *program, m message, _ <-chan struct{}) { p.result(m, longLine(m.number())) },
	"not-utf8": func(p *program, m message, _ <-chan struct{}) {
		p.write(fmt.Sprintf("{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":\"caf\xe9\"}", m.ID))
	},
	"too-deep": func(p *program, m message, _ <-chan struct{}) {
		p.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s1%s}`, m.ID, strings.Repeat("[", 600), strings.Repeat("]", 600)))
	},
	"bytes": func(p *program, m message, _ <-chan struct{}) {
		p.out.Lock()
		defer p.out.Unlock()
		for _, b := range []byte(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":"byte by byte"}`+"\n", m.ID)) {
			_, _ = os.Stdout.Write([]byte{b})
		}
	},
	"asks": func(p *program, m message, _ <-chan struct{}) {
		p.write(`{"jsonrpc":"2.0","id":1,"method":"workspace/configuration","params":{}}`)
		p.result(m, true)
	},
	// flood sends N lines of progress, stray text and unknown notifications each, and answers.
	"flood": func(p *program, m message, _ <-chan struct{}) {
		line := fmt.Sprintf(`{"jsonrpc":"2.0","method":"$/progress","params":{"id":%s,"value":"%s"}}`, m.ID, longLine(200))
		for range m.number() {
			p.write(line)
			p.write("stray")
			p.write(`{"jsonrpc":"2.0","method":"unknown"}`)
		}
		p.result(m, "done")
	},

	// close NAME closes stdin or stdout and stays alive.
	"close": func(_ *program, m message, _ <-chan struct{}) {
		if m.text(0) == "stdin" {
			os.Stdin.Close()
		} else {
			os.Stdout.Close()
		}
		tellGate("closed")
		forever()
	},
	"answer-and-close": func(p *program, m message, _ <-chan struct{}) {
		p.result(m, true)
		os.Stdout.Close()
		tellGate("closed")
		forever()
	},

	// daemon HOW starts a process in a session of its own and answers with its id. It is an orphan unless it is a "child", and
	// has the worker's environment unless it is "clean".
	"daemon": func(p *program, m message, _ <-chan struct{}) {
		c := exec.Command("/bin/sh", "-c", "sleep 1000 >/dev/null 2>&1 </dev/null & echo $!")
		if strings.Contains(m.text(0), "child") {
			c = exec.Command("/bin/sh", "-c", "echo $$; exec >/dev/null; exec sleep 1000")
		}
		if strings.Contains(m.text(0), "clean") {
			c.Env = []string{}
		}
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			die("daemon: %v", err)
		}
		text, _ := io.ReadAll(out)
		if !strings.Contains(m.text(0), "child") {
			_ = c.Wait() // it has printed all there is
		}
		var pid int
		_, _ = fmt.Sscan(string(text), &pid)
		p.result(m, pid)
	},

	// child HOW starts a grandchild that holds stdin and stdout, and answers; "session" puts it out of the group, "die" ends
	// the worker after the answer, "flood" has it write without end, and "hog" has it use memory and time.
	"child": func(p *program, m message, _ <-chan struct{}) {
		how := m.text(0)
		if strings.Contains(how, "flood") {
			os.Setenv(envBoot, "flood")
		}
		if strings.Contains(how, "hog") {
			os.Setenv(envBoot, "hog")
		}
		spawnChild(strings.Contains(how, "session"), os.Stdin, os.Stdout)
		if strings.Contains(how, "die") {
			visit("child-started")
			os.Exit(9)
		}
		p.result(m, true)
	},
}

// What a hog uses at least.
const (
	hogMemory = 64 << 20
	hogTime   = 100 * time.Millisecond
)

// cpuTime is how long this process has run.
func cpuTime() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		die("usage: %v", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// runSleeper is the grandchild's main.
func runSleeper() {
	switch os.Getenv(envBoot) {
	case "hog":
		hog := make([]byte, hogMemory)
		for cpuTime() < hogTime {
			for i := 0; i < len(hog); i += 4096 {
				hog[i]++
			}
		}
		defer runtime.KeepAlive(hog)
	case "flood":
		tellGate("grandchild")
		for {
			if _, err := os.Stdout.WriteString("noise\n"); err != nil {
				forever()
			}
		}
	}
	visit("grandchild")
}
