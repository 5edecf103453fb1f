package telemetry

import (
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// complaintInterval is how often the SDK's complaints are told at most: some come with every batch.
const complaintInterval = time.Minute

// complaints are errors that the SDK has met and told nobody else of.
type complaints struct {
	log *slog.Logger

	mu     sync.Mutex
	last   time.Time
	untold int
}

// listenToSDK has log told of what the SDK would else write to stderr itself, behind the back of whoever must not wait for stderr's reader. The
// SDK has one such place for the whole process.
func listenToSDK(log *slog.Logger) {
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	otel.SetErrorHandler(&complaints{log: log})
}

// Handle is called by the SDK.
func (c *complaints) Handle(err error) {
	var told reportedError
	if errors.As(err, &told) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.last) < complaintInterval {
		c.untold++
		return
	}
	c.log.Warn("telemetry has met a problem", "error", err, "untold", c.untold)
	c.last, c.untold = time.Now(), 0
}

// redacted is a URL without the password in it.
func redacted(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Redacted()
}
