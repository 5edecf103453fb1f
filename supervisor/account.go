package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// Account is the user that a worker runs as.
type Account struct {
	Name   string // "" for a number that no user has
	Home   string // "/" then
	UID    uint32
	GID    uint32
	Groups []uint32 // supplementary ones, GID among them
}

// FindAccount looks up NAME, NAME:GROUP, UID or UID:GID. The supplementary groups are the user's own. A number that no user of
// the machine has needs a group.
func FindAccount(spec string) (*Account, error) {
	name, group, hasGroup := strings.Cut(spec, ":")
	a, err := findUser(name)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", spec, err)
	}
	switch {
	case hasGroup:
		if a.GID, err = findGroup(group); err != nil {
			return nil, fmt.Errorf("user %q: %w", spec, err)
		}
	case a.Name == "":
		return nil, fmt.Errorf("user %q: no user has this number, so it needs a group too: %s:GID", spec, name)
	}
	if !slices.Contains(a.Groups, a.GID) {
		a.Groups = append([]uint32{a.GID}, a.Groups...)
	}
	return a, nil
}

// Environ is what a login would set of the environment.
func (a *Account) Environ() []string {
	env := []string{"HOME=" + a.Home}
	if a.Name != "" {
		env = append(env, "USER="+a.Name, "LOGNAME="+a.Name)
	}
	return env
}

// own says whether the account is the one that this process has already.
func (a *Account) own() bool {
	return os.Geteuid() == int(a.UID) && os.Getegid() == int(a.GID)
}

// permitted says why this process may not start others as the account, if so.
func (a *Account) permitted() error {
	if os.Geteuid() != 0 && !a.own() {
		return fmt.Errorf("only root can run workers as another user, and this is user %d", os.Geteuid())
	}
	return nil
}

func findUser(name string) (*Account, error) {
	number, err := strconv.ParseUint(name, 10, 32)
	numeric := err == nil
	var u *user.User
	if numeric {
		u, err = user.LookupId(name)
	} else {
		u, err = user.Lookup(name)
	}
	if unknown := user.UnknownUserIdError(0); numeric && errors.As(err, &unknown) {
		return &Account{UID: uint32(number), Home: "/"}, nil
	}
	if unknown := user.UnknownUserError(""); errors.As(err, &unknown) {
		return nil, errors.New("there is no such user on this machine")
	}
	if err != nil {
		return nil, err
	}
	a := &Account{Name: u.Username, Home: u.HomeDir}
	if a.UID, err = parseID(u.Uid); err != nil {
		return nil, err
	}
	if a.GID, err = parseID(u.Gid); err != nil {
		return nil, err
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("find its groups: %w", err)
	}
	for _, g := range groups {
		id, err := parseID(g)
		if err != nil {
			return nil, err
		}
		a.Groups = append(a.Groups, id)
	}
	return a, nil
}

func findGroup(name string) (uint32, error) {
	if number, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(number), nil
	}
	g, err := user.LookupGroup(name)
	if unknown := user.UnknownGroupError(""); errors.As(err, &unknown) {
		return 0, fmt.Errorf("there is no group %q on this machine", name)
	}
	if err != nil {
		return 0, err
	}
	return parseID(g.Gid)
}

func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}
