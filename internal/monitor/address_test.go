package monitor

import (
	"errors"
	"log/slog"
	"net"
	"syscall"
	"testing"
)

func TestWithoutATokenOnlyLoopbackAddressesAreListenedOn(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8080": "127.0.0.1:8080", "127.9.9.9:0": "127.9.9.9:0", "[::1]:80": "[::1]:80", "[::ffff:127.0.0.1]:80": "127.0.0.1:80", "localhost:80": "127.0.0.1:80",
	} {
		if _, bind, err := (&Options{Address: address}).resolve(t.Context()); err != nil || bind != want {
			t.Errorf("%s: %q %v, want %q", address, bind, err, want)
		}
	}
	for address, want := range map[string]string{
		":8080":              ":8080 is every address of this machine, and no token is set",
		"0.0.0.0:8080":       "0.0.0.0:8080 may be reached from other machines, and no token is set",
		"[::]:8080":          "[::]:8080 may be reached from other machines, and no token is set",
		"[::ffff:0.0.0.0]:1": "[::ffff:0.0.0.0]:1 may be reached from other machines, and no token is set",
		"192.0.2.1:80":       "192.0.2.1:80 may be reached from other machines, and no token is set",
		"[fe80::1%lo]:80":    "[fe80::1%lo]:80 may be reached from other machines, and no token is set",
	} {
		err := (&Options{Address: address}).Check(t.Context())
		var exposed *ExposedError
		if !errors.As(err, &exposed) || err.Error() != want {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
		if err := (&Options{Address: address, Token: parse(t, secret)}).Check(t.Context()); err != nil {
			t.Errorf("%s with a token: %v", address, err)
		}
	}
}

func TestANameThatStandsForAnotherMachinesAddressIsNamedWithIt(t *testing.T) {
	err := &ExposedError{"db.example:80", parseIP(t, "192.0.2.1")}
	if want := "db.example:80: db.example is 192.0.2.1, which other machines may reach, and no token is set"; err.Error() != want {
		t.Errorf("got %s, want %s", err, want)
	}
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	_, err = Listen(t.Context(), Options{Address: address, Logger: slog.New(slog.DiscardHandler)})
	if want := "listen on " + address + " for HTTP: address already in use"; !errors.Is(err, syscall.EADDRINUSE) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
