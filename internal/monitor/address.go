package monitor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// ExposedError says that an address can be reached from other machines, though no token is set.
type ExposedError struct {
	Address string     // HOST:PORT, as it was given
	IP      netip.Addr // that the host stands for
}

func (e *ExposedError) Error() string {
	host, _, _ := net.SplitHostPort(e.Address) // it has been split before
	switch _, err := netip.ParseAddr(host); {
	case host == "":
		return e.Address + " is every address of this machine, and no token is set"
	case err != nil:
		return fmt.Sprintf("%s: %s is %s, which other machines may reach, and no token is set", e.Address, host, e.IP)
	}
	return e.Address + " may be reached from other machines, and no token is set"
}

// resolve finds what to listen on. A name is looked up once, so that what was checked is what is bound; of several addresses the first of IPv4
// is taken. Without a token all must be loopback ones.
func (o *Options) resolve(ctx context.Context) (network, address string, err error) {
	host, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		return "", "", err
	}
	if host == "" {
		if !o.Token.set {
			return "", "", &ExposedError{Address: o.Address}
		}
		return "tcp", o.Address, nil
	}
	var all []netip.Addr
	if ip, err := netip.ParseAddr(host); err == nil {
		all = []netip.Addr{ip}
	} else if all, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
		return "", "", fmt.Errorf("%s: %w", o.Address, err)
	}
	for i, ip := range all {
		all[i] = ip.Unmap()
		if !o.Token.set && !all[i].IsLoopback() {
			return "", "", &ExposedError{o.Address, all[i]}
		}
	}
	ip := all[max(0, slices.IndexFunc(all, netip.Addr.Is4))]
	network = "tcp6" // [::] is to be those of IPv6 alone, and 0.0.0.0 those of IPv4
	if ip.Is4() {
		network = "tcp4"
	}
	return network, net.JoinHostPort(ip.String(), port), nil
}
