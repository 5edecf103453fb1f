package monitor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef"

func noReasons(context.Context) []Reason { return nil }

// serve runs a server on a port of its own until the test is over, and gives its address.
func serve(t *testing.T, o Options) string {
	t.Helper()
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.Alive == nil {
		o.Alive = noReasons
	}
	if o.Ready == nil {
		o.Ready = noReasons
	}
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return s.Address()
}

// ask sends a request, which prepare may change first.
func ask(t *testing.T, address, path string, prepare func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(r)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func parse(t *testing.T, text string) Token {
	t.Helper()
	token, err := ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestChecksAreToldWithTheirReasons(t *testing.T) {
	bad := func(context.Context) []Reason { return []Reason{{"poolDegraded", "thumbs", "exit code 3"}} }
	address := serve(t, Options{Ready: bad})
	answer, body := ask(t, address, "/healthz", nil)
	if answer.StatusCode != http.StatusOK || body != "{\"status\":\"ok\"}\n" {
		t.Errorf("/healthz: %s %s", answer.Status, body)
	}
	answer, body = ask(t, address, "/readyz", nil)
	want := `{"status":"unavailable","reasons":[{"code":"poolDegraded","pool":"thumbs","text":"exit code 3"}]}` + "\n"
	if answer.StatusCode != http.StatusServiceUnavailable || body != want {
		t.Errorf("/readyz: %s %s, want %s", answer.Status, body, want)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "",
	} {
		if got := answer.Header.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	answer, body = ask(t, address, "/readyz", func(r *http.Request) { r.Method = http.MethodHead })
	if answer.StatusCode != http.StatusServiceUnavailable || body != "" {
		t.Errorf("HEAD /readyz: %s %q", answer.Status, body)
	}
}

func TestACheckThatHangsIsGivenUp(t *testing.T) {
	limit := make(chan time.Duration, 1)
	address := serve(t, Options{Alive: func(ctx context.Context) []Reason {
		deadline, _ := ctx.Deadline()
		limit <- time.Until(deadline)
		return nil
	}})
	ask(t, address, "/healthz", nil)
	if left := <-limit; left <= 0 || left > Patience {
		t.Errorf("it may take %v", left)
	}
}

func TestHostsThatAreNotMeantAreRefused(t *testing.T) {
	address := serve(t, Options{Hosts: []string{"Whipper.Example", "192.0.2.1"}})
	_, port, _ := net.SplitHostPort(address)
	for host, want := range map[string]int{
		address: 200, "127.0.0.1": 200, "localhost": 200, "LOCALHOST.:1": 200, "localhost:" + port: 200,
		"whipper.example": 200, "whipper.example:80": 200, "192.0.2.1:80": 200, "[::ffff:127.0.0.1]": 200,
		"evil.example": 403, "evil.example:" + port: 403, "127.0.0.2": 403, "[::1]:" + port: 403, "127.0.0.1.evil.example": 403,
		"localhost.evil.example": 403, "0.0.0.0": 403,
	} {
		if answer, body := ask(t, address, "/healthz", func(r *http.Request) { r.Host = host }); answer.StatusCode != want {
			t.Errorf("host %s: %s %s, want %d", host, answer.Status, body, want)
		}
	}
	if line := raw(t, address, "GET /healthz HTTP/1.0\r\n\r\n"); !strings.Contains(line, " 403 ") {
		t.Errorf("no host: %s", line)
	}
	if line := raw(t, address, "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); !strings.Contains(line, " 403 ") {
		t.Errorf("host in the request line: %s", line)
	}
}

func TestANameThatIsListenedOnIsMeant(t *testing.T) {
	address := serve(t, Options{Address: "LocalHost:0"})
	if answer, body := ask(t, address, "/healthz", func(r *http.Request) { r.Host = "localhost" }); answer.StatusCode != http.StatusOK {
		t.Errorf("%s %s", answer.Status, body)
	}
}

// raw sends text and gives the first line of the answer.
func raw(t *testing.T, address, text string) string {
	t.Helper()
	conn := dial(t, address)
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return line
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestNothingCanBeChangedOrSent(t *testing.T) {
	address := serve(t, Options{Profiles: true})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodConnect, "PROPFIND"} {
		if line := raw(t, address, method+" /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\n\r\n"); !strings.Contains(line, " 405 ") {
			t.Errorf("%s: %s", method, line)
		}
	}
	if line := raw(t, address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"); !strings.Contains(line, " 400 ") {
		t.Errorf("with a body: %s", line)
	}
	if line := raw(t, address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"); !strings.Contains(line, " 400 ") {
		t.Errorf("with a chunked body: %s", line)
	}
	if line := raw(t, address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 32<<10)+"\r\n\r\n"); !strings.Contains(line, " 431 ") {
		t.Errorf("with a long header: %s", line)
	}
}

func TestPagesOfOtherOriginsAreRefused(t *testing.T) {
	address := serve(t, Options{Profiles: true})
	for header, want := range map[[2]string]int{
		{"", ""}: 200, {"Sec-Fetch-Site", "none"}: 200, {"Sec-Fetch-Site", "same-origin"}: 200, {"Origin", "http://" + address}: 200,
		{"Sec-Fetch-Site", "cross-site"}: 403, {"Sec-Fetch-Site", "same-site"}: 403, {"Origin", "http://evil.example"}: 403, {"Origin", "null"}: 403,
		{"Origin", "https://" + address}: 403,
	} {
		answer, body := ask(t, address, "/healthz", func(r *http.Request) {
			if header[0] != "" {
				r.Header.Set(header[0], header[1])
			}
		})
		if answer.StatusCode != want {
			t.Errorf("%v: %s %s, want %d", header, answer.Status, body, want)
		}
		if got := answer.Header.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
			t.Errorf("%v: Cross-Origin-Resource-Policy is %q", header, got)
		}
	}
	if answer, _ := ask(t, address, "/debug/pprof/cmdline", nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("the command line: %s", answer.Status)
	}
}

// What is never sent to its end is given up, so that a place comes free without another who wants it.
func TestARequestThatIsNeverWholeIsGivenUp(t *testing.T) {
	conn := dial(t, serve(t, Options{}))
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: "); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil { // it has a minute
		t.Error(err)
	}
}

func TestMetricsAndProfilesAreThereWhereTheyAreGiven(t *testing.T) {
	const path = "/debug/pprof/goroutine?debug=1"
	address := serve(t, Options{})
	for path, want := range map[string]string{
		"/metrics": "no metrics are collected here\n", path: "there are no profiles without --http-pprof\n", "/": "404 page not found\n",
	} {
		if answer, body := ask(t, address, path, nil); answer.StatusCode != http.StatusNotFound || body != want {
			t.Errorf("%s: %s %s, want %s", path, answer.Status, body, want)
		}
	}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "for "+r.Header.Get("Accept")) })
	address = serve(t, Options{Profiles: true, Metrics: metrics})
	if _, body := ask(t, address, "/metrics", func(r *http.Request) { r.Header.Set("Accept", "application/openmetrics-text") }); body != "for application/openmetrics-text" {
		t.Errorf("/metrics: %s", body)
	}
	if answer, body := ask(t, address, path, nil); answer.StatusCode != http.StatusOK || !strings.HasPrefix(body, "goroutine profile: total ") {
		t.Errorf("%s: %s %s", path, answer.Status, body)
	}
}

func TestWithATokenOnlyTheChecksAreAnsweredToThoseWhoDoNotHaveIt(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	bad := func(context.Context) []Reason {
		return []Reason{{Code: "ledgerFailing", Text: "write /secret: disk full"}}
	}
	address := serve(t, Options{Address: ":0", Token: parse(t, secret), Metrics: metrics, Profiles: true, Ready: bad})
	_, port, _ := net.SplitHostPort(address)
	address = net.JoinHostPort("127.0.0.1", port)
	show := func(header string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", header) }
	}
	for header, want := range map[string]int{
		"Bearer " + secret: 200, "bearer  " + secret: 200,
		"": 401, "Bearer": 401, "Bearer ": 401, secret: 401, "Basic " + secret: 401, "Bearer " + secret + "0": 401, "Bearer " + secret[1:]: 401,
	} {
		answer, body := ask(t, address, "/metrics", show(header))
		if answer.StatusCode != want {
			t.Errorf("%q: %s %s, want %d", header, answer.Status, body, want)
		}
		if got := answer.Header.Get("WWW-Authenticate"); (got != "") != (want == 401) {
			t.Errorf("%q: WWW-Authenticate is %q", header, got)
		}
	}
	for _, path := range []string{"/debug/pprof/", "/", "/healthz/", "//healthz"} {
		if answer, _ := ask(t, address, path, nil); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	if answer, _ := ask(t, address, "/healthz", nil); answer.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %s", answer.Status)
	}
	for header, text := range map[string]string{"": "", "Bearer " + secret: "write /secret: disk full"} {
		_, body := ask(t, address, "/readyz", show(header))
		var got report
		if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Reasons) != 1 || got.Reasons[0] != (Reason{"ledgerFailing", "", text}) {
			t.Errorf("/readyz for %q: %s %v", header, body, err)
		}
	}
}

func TestThoseWhoSayNothingKeepNobodyOut(t *testing.T) {
	address := serve(t, Options{})
	first := dial(t, address)
	for range mostConnections {
		if _, err := io.WriteString(dial(t, address), "GET /healthz HTTP/1.1\r\n"); err != nil { // and no more
			t.Fatal(err)
		}
	}
	if answer, _ := ask(t, address, "/healthz", nil); answer.StatusCode != http.StatusOK {
		t.Error(answer.Status)
	}
	began := time.Now()
	if _, err := first.Read(make([]byte, 1)); err == nil || time.Since(began) > requestAtMost/2 {
		t.Errorf("the oldest is still there after %v: %v", time.Since(began), err)
	}
}

func TestNoMoreAreServedAtOnceThanHavePlaces(t *testing.T) {
	var mu sync.Mutex
	most, now := 0, 0
	metrics := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { // one that never ends by itself
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		<-r.Context().Done()
		mu.Lock()
		now--
		mu.Unlock()
	})
	address := serve(t, Options{Metrics: metrics})
	for range 3 * mostConnections {
		if _, err := io.WriteString(dial(t, address), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	if answer, _ := ask(t, address, "/healthz", nil); answer.StatusCode != http.StatusOK {
		t.Error(answer.Status)
	}
	mu.Lock()
	defer mu.Unlock()
	if most > mostConnections {
		t.Errorf("%d were served at once", most)
	}
}

func TestTheEndBreaksOffWhatIsAnsweredAndWaitsForIt(t *testing.T) {
	asked, left := make(chan struct{}), make(chan struct{})
	var log bytes.Buffer
	s, err := Listen(t.Context(), Options{
		Address: "127.0.0.1:0", Alive: noReasons, Ready: noReasons, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Metrics: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(asked)
			<-r.Context().Done()
			<-time.After(20 * time.Millisecond) // some take a moment to notice
			close(left)
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	dial(t, s.Address()) // says nothing
	if _, err := io.WriteString(dial(t, s.Address()), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-asked
	cancel()
	running.Wait()
	select {
	case <-left:
	default:
		t.Error("Run has returned before an answer was over")
	}
	if conn, err := net.Dial("tcp", s.Address()); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
	if log.Len() > 0 {
		t.Errorf("it logs %s", &log)
	}
}
