package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"syscall"
	"time"
)

// Bounds of a connection, which has one request. A profile may take longer by the seconds that it is asked to take.
const (
	requestAtMost  = 5 * time.Second
	responseAtMost = 10 * time.Second
	headerAtMost   = 8 << 10
)

// Options are what a server tells and to whom.
type Options struct {
	Address  string   // HOST:PORT; no host: every address of this machine; port 0: one that is free
	Hosts    []string // by which it is known besides Address, localhost and the addresses that it is reached at
	Token    Token    // wanted by all paths but those of the checks; without one Address must be a loopback one
	Profiles bool     // net/http/pprof, below /debug/pprof/

	Alive   Check        // at /healthz
	Ready   Check        // at /readyz
	Metrics http.Handler // at /metrics; nil: there are none

	Logger *slog.Logger
}

// Check says whether Address can be listened on as far as can be told without doing so. One that others may reach, without a token, is an
// *ExposedError.
func (o *Options) Check(ctx context.Context) error {
	_, _, err := o.resolve(ctx)
	return err
}

// Server is a listener, and what is told to those who connect.
type Server struct {
	connections *connections
	server      http.Server
	token       Token
	hosts       []string
	log         *slog.Logger
}

// Listen opens the port. Who connects from then on waits for [Server.Run]. Its errors are those of Check and of the system.
func Listen(ctx context.Context, o Options) (*Server, error) {
	network, address, err := o.resolve(ctx)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, network, address)
	if err != nil {
		var reason syscall.Errno
		if errors.As(err, &reason) {
			err = reason // without the address once more
		}
		return nil, fmt.Errorf("listen on %s for HTTP: %w", o.Address, err)
	}
	s := &Server{connections: bound(listener), token: o.Token, log: o.Logger, hosts: []string{"localhost", hostname(o.Address)}}
	for _, host := range o.Hosts {
		s.hosts = append(s.hosts, hostname(host))
	}
	s.server = http.Server{
		Handler:           s.guard(s.paths(&o)),
		ReadHeaderTimeout: requestAtMost,
		ReadTimeout:       requestAtMost,
		WriteTimeout:      responseAtMost,
		MaxHeaderBytes:    headerAtMost,
		ConnState:         s.connections.changed,
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
	}
	s.server.SetKeepAlivesEnabled(false) // nobody asks often enough, and who holds on to a connection holds a place
	return s, nil
}

// Address is where it listens, with the port that it has.
func (s *Server) Address() string { return s.connections.Addr().String() }

// Run serves until ctx ends. What is being answered then is broken off.
func (s *Server) Run(ctx context.Context) {
	s.server.BaseContext = func(net.Listener) context.Context { return ctx }
	var accepting sync.WaitGroup
	accepting.Go(func() {
		if err := s.server.Serve(s.connections); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("nobody is answered by HTTP any more", "address", s.Address(), "error", err)
		}
	})
	<-ctx.Done()
	_ = s.server.Close() // of the listener, which is only listened to
	accepting.Wait()
	s.connections.end()
}

// Close closes the port of a server that has not run.
func (s *Server) Close() error { return s.connections.Close() }

// paths is what there is to ask for.
func (s *Server) paths(o *Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(alivePath, s.health(o.Alive))
	mux.Handle(readyPath, s.health(o.Ready))
	if o.Metrics != nil {
		mux.Handle("/metrics", o.Metrics)
	} else {
		mux.Handle("/metrics", missing("no metrics are collected here"))
	}
	if !o.Profiles {
		mux.Handle("/debug/pprof/", missing("there are no profiles without --http-pprof"))
		return mux
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.Handle("/debug/pprof/cmdline", missing("the command line may hold values of --env")) // and no profile needs it
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func missing(why string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, why, http.StatusNotFound) }
}
