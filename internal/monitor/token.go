package monitor

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"syscall"
)

// Bounds of a token. Fewer characters can be guessed, more do not fit into a request.
const (
	leastToken = 16
	mostToken  = 1024
)

// tokenForm is what RFC 6750 lets a bearer token consist of.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// Token is what callers have to show. The zero Token asks for nothing. It holds a digest alone, so that no log and no dump can tell it.
type Token struct {
	digest [sha256.Size]byte
	set    bool
}

// ParseToken reads a token; white space around it is not part of it. No error says what the token is.
func ParseToken(text string) (Token, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Token{}, errors.New("the token is empty")
	case len(text) < leastToken || len(text) > mostToken:
		return Token{}, fmt.Errorf("the token has %d characters, and must have %d to %d", len(text), leastToken, mostToken)
	case !tokenForm.MatchString(text):
		return Token{}, errors.New("the token must consist of letters, digits and . _ ~ + / - alone, with = only at its end")
	}
	return Token{sha256.Sum256([]byte(text)), true}, nil
}

// ReadToken reads a token from a file, which may not be one that other users can read. That of root, as secrets are mounted into a
// container, may be readable for a group.
func ReadToken(path string) (Token, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would have us wait for who writes to it
	if err != nil {
		return Token{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Token{}, err
	}
	if fault := exposed(info, os.Geteuid()); fault != "" {
		return Token{}, fmt.Errorf("%s: %s", path, fault)
	}
	content, err := io.ReadAll(io.LimitReader(file, 2*mostToken))
	if err != nil {
		return Token{}, err
	}
	token, err := ParseToken(string(content))
	if err != nil {
		return Token{}, fmt.Errorf("%s: %w", path, err)
	}
	return token, nil
}

// exposed says what makes a file no place for a secret of a user; "" if nothing does.
func exposed(info fs.FileInfo, user int) string {
	owner, mode := info.Sys().(*syscall.Stat_t).Uid, info.Mode().Perm()
	switch {
	case !info.Mode().IsRegular():
		return "it is no regular file"
	case owner != 0 && owner != uint32(user):
		return fmt.Sprintf("it belongs to user %d: chown it to this one or to root", owner)
	case owner == 0 && mode&^0o640 == 0: // PostgreSQL has the same rule for its keys
		return ""
	case mode&0o077 != 0:
		return fmt.Sprintf("its mode %04o lets other users at it: chmod 0600 it", mode)
	}
	return ""
}

// shownIn says whether an Authorization header has the token. How long that takes does not depend on how much of it is right.
func (t Token) shownIn(header string) bool {
	scheme, text, _ := strings.Cut(header, " ")
	digest := sha256.Sum256([]byte(strings.TrimSpace(text)))
	return !t.set || strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(digest[:], t.digest[:]) == 1
}
