package main

import (
	"bufio"
	"context"
	_ "embed" // for the clients
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// The clients in other languages.
var (
	//go:embed clients/client.py
	pythonClient []byte
	//go:embed clients/client.mjs
	nodeClient []byte
)

// program is a client in another language: a process that gets asks in lines of JSON on its stdin and answers each with its id on stdout,
// side by side. The answer with id 0 says that it is connected. It ends when stdin does.
type program struct {
	tongue string
	cmd    *exec.Cmd
	in     io.WriteCloser
	ended  chan struct{} // closed when it answers no more

	writing sync.Mutex // in
	mu      sync.Mutex
	last    int64
	waiting map[int64]chan answer
}

// languages are the programs that there are, once they have been written into a folder.
type languages struct {
	commands map[string][]string
	env      []string
}

func writeClients(dir, root, interpreter string) (languages, error) {
	py, mjs := filepath.Join(dir, "client.py"), filepath.Join(dir, "client.mjs")
	err := errors.Join(os.WriteFile(py, pythonClient, 0o600), os.WriteFile(mjs, nodeClient, 0o600))
	return languages{
		commands: map[string][]string{"python": {interpreter, py}, "node": {"node", mjs}},
		env: []string{
			"PYTHONPATH=" + filepath.Join(root, "sdk-python/src"), "PYTHONDONTWRITEBYTECODE=1",
			"CHAOS_SDK=" + filepath.Join(root, "sdk-node/src/index.mjs"),
		},
	}, err
}

func (l languages) start(language, dir string, stderr *os.File) (speaker, error) {
	command := l.commands[language]
	p := &program{tongue: language, cmd: exec.Command(command[0], command[1:]...), ended: make(chan struct{}), waiting: map[int64]chan answer{}}
	p.cmd.Env = append(append(os.Environ(), l.env...), "WHIPPER_DIR="+dir)
	p.cmd.Stderr = stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the client in %s: %w", language, err)
	}
	p.in = in
	connected := make(chan answer, 1)
	p.waiting[0] = connected
	go p.read(out)
	if a := p.await(connected); a.Error != nil {
		p.abandon()
		return nil, fmt.Errorf("the client in %s does not connect: %w", language, a.Error)
	}
	return p, nil
}

func (p *program) language() string { return p.tongue }

func (p *program) read(out io.Reader) {
	defer close(p.ended)
	lines := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var a answer
		_ = json.Unmarshal(line, &a) // whoever waits for what this was to be says so
		p.mu.Lock()
		to := p.waiting[a.ID]
		delete(p.waiting, a.ID)
		p.mu.Unlock()
		if to != nil {
			to <- a
		}
	}
}

func (p *program) speak(_ context.Context, q ask) answer {
	to := make(chan answer, 1)
	p.mu.Lock()
	p.last++
	q.ID = p.last
	p.waiting[q.ID] = to
	p.mu.Unlock()
	line, err := json.Marshal(q)
	if err == nil {
		p.writing.Lock()
		_, err = p.in.Write(append(line, '\n'))
		p.writing.Unlock()
	}
	if err != nil {
		return answer{Error: &failure{Type: gone, Message: err.Error()}}
	}
	return p.await(to)
}

// await waits for an answer.
func (p *program) await(to <-chan answer) answer {
	select {
	case a := <-to:
		return a
	case <-time.After(answered):
		return answer{Error: &failure{Type: silence, Message: "no answer"}}
	case <-p.ended:
		select {
		case a := <-to:
			return a
		default:
			return answer{Error: &failure{Type: gone, Message: "the client has ended"}}
		}
	}
}

func (p *program) close() error {
	_ = p.in.Close() // it may have ended
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.ended
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the client in %s: %w", p.tongue, err)
	}
	return nil
}

func (p *program) abandon() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
	_ = p.cmd.Wait() // it was killed
}
