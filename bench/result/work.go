package result

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Work is something that whipper does and others do too, and what was measured of it.
type Work struct {
	Name        string       `json:"name"`
	Settings    string       `json:"settings,omitempty"`
	Contenders  []*Contender `json:"contenders"`
	Comparisons []Comparison `json:"comparisons"`

	progress func(text string)
}

// Kind tells contenders apart.
type Kind string

// What a contender can be.
const (
	Ours  Kind = "whipper"
	Floor Kind = "floor" // the same without whipper
	Peer  Kind = "peer"
)

// Contender is one that does a work, and its figures of each turn.
type Contender struct {
	Name      string    `json:"name"`
	Kind      Kind      `json:"kind"`
	Version   string    `json:"version,omitempty"`
	Settings  string    `json:"settings,omitempty"`
	Guarantee string    `json:"guarantee,omitempty"`
	Skipped   string    `json:"skipped,omitempty"` // why it has no figures
	Turns     []Figures `json:"turns"`

	// Run takes one turn. A peer that gives an error is left out from then on; any other's error ends the measurement.
	Run func(context.Context) (Figures, error) `json:"-"`
}

// Comparison is a row of the table: a figure of one contender, alone or beside another's.
type Comparison struct {
	Ours   string  `json:"ours"`
	Figure Figure  `json:"figure"`
	Theirs string  `json:"theirs,omitempty"`
	Target float64 `json:"target,omitempty"` // for the ratio, or for the figure where it is alone; 0: none
}

// Take has the contenders take turns, the other way round every second time, so that neither a machine that gets slower nor the place in the row favours one.
func (w *Work) Take(ctx context.Context, turns int, contenders ...*Contender) error {
	w.Contenders = append(w.Contenders, contenders...)
	for turn := range turns {
		for i := range contenders {
			c := contenders[i]
			if turn%2 == 1 {
				c = contenders[len(contenders)-1-i]
			}
			if c.Skipped != "" {
				continue
			}
			w.progress(fmt.Sprintf("%s: %s, turn %d of %d", w.Name, c.Name, turn+1, turns))
			figures, err := c.turn(ctx)
			if err == nil {
				c.Turns = append(c.Turns, figures)
				continue
			}
			if c.Kind != Peer || ctx.Err() != nil {
				return fmt.Errorf("%s: %s: %w", w.Name, c.Name, err)
			}
			c.Skipped, c.Turns = err.Error(), nil
		}
	}
	return nil
}

// longestTurn is much more than any turn takes.
const longestTurn = 5 * time.Minute

func (c *Contender) turn(ctx context.Context) (Figures, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, longestTurn, fmt.Errorf("it was not done after %s", longestTurn))
	defer cancel()
	figures, err := c.Run(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // which is why it has failed
	}
	return figures, err
}

// Hold adds the row of a figure alone.
func (w *Work) Hold(ours string, f Figure, target float64) {
	w.Comparisons = append(w.Comparisons, Comparison{Ours: ours, Figure: f, Target: target})
}

// Compare adds the row of a figure beside another contender's.
func (w *Work) Compare(ours string, f Figure, theirs string, target float64) {
	w.Comparisons = append(w.Comparisons, Comparison{Ours: ours, Figure: f, Theirs: theirs, Target: target})
}

func (w *Work) contender(name string) (*Contender, error) {
	for _, c := range w.Contenders {
		if c.Name == name {
			return c, nil
		}
	}
	return nil, errors.New(w.Name + ": nobody is called " + name)
}
