// Package peers finds, installs and runs the programs in the folders beside it: other ways to do what whipper does. A folder NAME has a NAME/peer.json that says what
// its program can do. The clients of whipper in other languages are run in the same way.
package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/whipper-sidecar/whipper/bench/result"
)

// Peer is what a peer.json says.
type Peer struct {
	Name      string     `json:"name"`
	Works     []string   `json:"works"`     // durable, submit, invoke, cpu
	Variants  []Variant  `json:"variants"`  // ways to run it that are measured each; none: one without a name
	Install   [][]string `json:"install"`   // commands that are run in the folder, one after the other; none: nothing to install
	Command   []string   `json:"command"`   // run in the folder
	Guarantee string     `json:"guarantee"` // what it promises of a job or call

	Missing string `json:"-"` // why it could not be installed: its contenders are skipped

	folder string
}

// Variant is a way to run a peer.
type Variant struct {
	Name string   `json:"name"`
	Args []string `json:"args"`
}

// installed is the file in a peer's folder that says that its install has succeeded.
const installed = ".installed"

// Find reads the peers in the folders of dir, in the order of the folders' names.
func Find(dir string) ([]Peer, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "peer.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var found []Peer
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		p := Peer{folder: filepath.Dir(file)}
		if err := json.Unmarshal(text, &p); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if p.Name == "" || len(p.Command) == 0 || len(p.Works) == 0 {
			return nil, fmt.Errorf("%s: name, command and works are needed", file)
		}
		found = append(found, p)
	}
	return found, nil
}

// Installed says whether the peer can be run without an installation.
func (p Peer) Installed() bool {
	_, err := os.Stat(filepath.Join(p.folder, installed))
	return err == nil || len(p.Install) == 0
}

// Setup has the peer's registry bring what its program needs.
func (p Peer) Setup(ctx context.Context) error {
	for _, command := range p.Install {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir = p.folder
		inGroup(cmd)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s in %s: %w: %s", strings.Join(command, " "), p.folder, err, lastLine(out))
		}
	}
	return os.WriteFile(filepath.Join(p.folder, installed), nil, 0o644)
}

// Contenders are the peer's variants, where it can do the work.
func (p Peer) Contenders(work string, s Settings) []*result.Contender {
	if !slices.Contains(p.Works, work) {
		return nil
	}
	variants := p.Variants
	if len(variants) == 0 {
		variants = []Variant{{}}
	}
	var contenders []*result.Contender
	for _, v := range variants {
		c := Program{Folder: p.folder, Command: p.Command, Args: v.Args}.Contender(strings.TrimSpace(p.Name+" "+v.Name), work, s)
		c.Kind, c.Guarantee, c.Skipped = result.Peer, p.Guarantee, p.Missing
		contenders = append(contenders, c)
	}
	return contenders
}
