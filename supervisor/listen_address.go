package supervisor

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// listenAddress is where a shared socket listens.
type listenAddress struct {
	name    string // for LISTEN_FDNAMES; "": it is numbered
	network string // tcp or unix
	address string // host:port, or an absolute path
}

// String is the address as it was given, without the name.
func (a listenAddress) String() string {
	if a.network == "unix" {
		return "unix:" + a.address
	}
	return a.network + "://" + a.address
}

// listenName is what a socket may be called: systemd's rule, and no = in it.
var listenName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// maxSocketPath is how many bytes the path of a Unix socket may have on every system.
const maxSocketPath = 103

// parseListen reads tcp://HOST:PORT or unix:PATH, with NAME= in front if it is to have a name.
func parseListen(text string) (a listenAddress, err error) {
	rest := text
	if name, address, ok := strings.Cut(text, "="); ok && !strings.ContainsAny(name, ":/") {
		if !listenName.MatchString(name) {
			return a, fmt.Errorf("%q is no name: it may have 1 to 64 letters, digits and . _ -", name)
		}
		a.name, rest = name, address
	}
	if address, ok := strings.CutPrefix(rest, "tcp://"); ok {
		a.network, a.address = "tcp", address
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return a, errors.New("not an address: write it as tcp://127.0.0.1:8080, tcp://[::1]:8080 or tcp://:8080")
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return a, fmt.Errorf("%q is no port: it must be a number from 0 to 65535", port)
		}
		return a, nil
	}
	path, ok := strings.CutPrefix(rest, "unix:")
	if !ok || path == "" {
		return a, errors.New("not an address: write it as tcp://127.0.0.1:8080 or unix:/run/app.sock")
	}
	a.network = "unix"
	if a.address, err = filepath.Abs(strings.TrimPrefix(path, "//")); err != nil { // it may be written as a URL
		return a, err
	}
	if len(a.address) > maxSocketPath {
		return a, fmt.Errorf("the path %s has %d bytes, but a socket's may have %d", a.address, len(a.address), maxSocketPath)
	}
	return a, nil
}

// listenNames are the names of all sockets, in order.
func listenNames(addresses []listenAddress) string {
	names := make([]string, len(addresses))
	for i, a := range addresses {
		if names[i] = a.name; a.name == "" {
			names[i] = "listen" + strconv.Itoa(i+1)
		}
	}
	return strings.Join(names, ":")
}
