package endtoend

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func TestByHTTPASupervisorThatHangsSaysWhat(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--http", "127.0.0.1:0", "testdata/worker.py")
	letGo := s.holdUpWriter()
	submitted := make(chan error, 1)
	c := s.client()
	go func() {
		_, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "add", Params: []byte("[1,2]")})
		submitted <- err
	}()
	for _, path := range []string{"/healthz", "/readyz"} {
		eventually(t, path+" says that it hangs", func() bool {
			code, body := s.ask(path)
			return code == http.StatusServiceUnavailable && strings.Contains(body, `{"code":"ledgerUnresponsive","text":"the ledger's writer does not respond"}`)
		})
	}
	letGo()
	<-submitted // which failed, if it hung for long enough
	eventually(t, "it is ready again", func() bool {
		code, _ := s.ask("/readyz")
		return code == http.StatusOK
	})
	if code, body := s.ask("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d %s", code, body)
	}
	stop(t, s)
}

// ask gives what is told by HTTP at a path.
func (s *supervisor) ask(path string) (code int, body string) {
	s.t.Helper()
	const said = `served by HTTP" address=(\S+)`
	s.says(1, said)
	text, _ := s.stderr.look()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Get("http://" + regexp.MustCompile(said).FindStringSubmatch(text)[1] + path)
	check(s.t, err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	check(s.t, err)
	return answer.StatusCode, string(content)
}
