package monitor

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// The paths that are answered without the token: those who probe often cannot keep a secret.
const (
	alivePath = "/healthz"
	readyPath = "/readyz"
)

// guard refuses whoever may not ask, and what is not to be asked.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin") // no page may embed what it cannot read
		host := hostname(r.Host)
		switch {
		case !s.meant(host, r):
			http.Error(w, fmt.Sprintf("host %q is none of this server's names: --http-host adds one", host), http.StatusForbidden)
		case s.foreign(r):
			http.Error(w, "a page of another origin may not ask", http.StatusForbidden)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered", http.StatusMethodNotAllowed)
		case r.ContentLength != 0: // while one is to come, net/http does not notice that a client goes
			http.Error(w, "a request has no body here", http.StatusBadRequest)
		case r.URL.Path != alivePath && r.URL.Path != readyPath && !s.token.shownIn(r.Header.Get("Authorization")):
			w.Header().Set("WWW-Authenticate", `Bearer realm="whipper"`)
			http.Error(w, "the token is wanted, as in Authorization: Bearer TOKEN", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// meant says whether a host is one that this server is known by. A page in a browser that has its own name point to this machine (DNS
// rebinding) shows that name. So the port does not matter: one that is forwarded is another.
func (s *Server) meant(host string, r *http.Request) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		if ok && local.AddrPort().Addr().Unmap().WithZone("") == ip.Unmap().WithZone("") {
			return true
		}
	}
	return slices.Contains(s.hosts, host)
}

// foreign says whether it is a page of another origin that has a browser ask, be it by this server's right name. Such a page could not read the
// answer, but have a profile be taken. Programs send neither header.
func (s *Server) foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	return origin != "" && origin != "http://"+r.Host
}

// hostname is the host of a Host header or of HOST:PORT, as two are compared.
func hostname(hostPort string) string {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostPort, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
