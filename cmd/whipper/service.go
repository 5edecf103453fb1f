package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The variables by which a service manager says that it wants to hear from us.
const (
	envNotifySocket = "NOTIFY_SOCKET"
	envWatchdogUsec = "WATCHDOG_USEC"
	envWatchdogPID  = "WATCHDOG_PID"
)

// notifyAtMost bounds how long a service manager that does not read can hold us up.
const notifyAtMost = time.Second

// service is the manager that has started us and wants to be told how we are, as systemd's Type=notify does. Without one, telling
// does nothing.
//
// coreos/go-systemd has the same few lines, but reads the variable each time, so that it would have to stay in the environment that
// the workers inherit; and it waits for a manager that does not read for ever.
type service struct {
	address  string        // of a datagram socket; "@…" is an abstract one
	watchdog time.Duration // how long we may be silent; 0: as long as we like
}

// takeService takes what the manager says out of the environment, so that no process that we start takes it for its own.
func takeService() (service, error) {
	s := service{address: os.Getenv(envNotifySocket)}
	usec, pid := os.Getenv(envWatchdogUsec), os.Getenv(envWatchdogPID)
	for _, name := range []string{envNotifySocket, envWatchdogUsec, envWatchdogPID} {
		if err := os.Unsetenv(name); err != nil {
			return service{}, fmt.Errorf("unset %s: %w", name, err)
		}
	}
	if usec == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return s, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(time.Duration(1<<63-1)/time.Microsecond) {
		return service{}, misuse("unset it, or let the service manager set it", "%s is %q, which is no number of microseconds", envWatchdogUsec, usec)
	}
	s.watchdog = time.Duration(n) * time.Microsecond
	return s, nil
}

// present says whether there is somebody to tell.
func (s service) present() bool { return s.address != "" }

// tell sends assignments, a line each.
func (s service) tell(state string) error {
	if !s.present() {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(notifyAtMost)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}

// reloading is what is told before what may change is changed; READY=1 ends it. The time lets the manager match the two.
func reloading() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "RELOADING=1"
	}
	return "RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10)
}
