package sidecar

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Collector is an OpenTelemetry collector in a process of its own.
type Collector struct {
	Endpoint string // for OTEL_EXPORTER_OTLP_ENDPOINT where the protocol is grpc
	cmd      *exec.Cmd
	stdin    io.Closer
	said     *bufio.Reader
}

// StartCollector starts one. binary is bench/collector.
func StartCollector(ctx context.Context, binary string) (*Collector, error) {
	c := &Collector{cmd: exec.CommandContext(ctx, binary)}
	stdin, err := c.cmd.StdinPipe() // ends with this process, and so does the collector
	if err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.stdin, c.said = stdin, bufio.NewReader(stdout)
	address, err := c.said.ReadString('\n')
	if err != nil {
		_ = stdin.Close()
		return nil, fmt.Errorf("the collector did not start: %w", errors.Join(err, c.cmd.Wait()))
	}
	c.Endpoint = "http://" + strings.TrimSpace(address)
	return c, nil
}

// End gives how many spans have come.
func (c *Collector) End() (spans int64, err error) {
	_ = c.stdin.Close()
	_, err = fmt.Fscan(c.said, &spans)
	return spans, errors.Join(err, c.cmd.Wait())
}
