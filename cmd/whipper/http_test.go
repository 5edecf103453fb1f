package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// listens NAME waits until a supervisor says where it is told by HTTP, and sets HTTP to that URL.
func listens(ts *testscript.TestScript, _ bool, args []string) {
	const said = `served by HTTP" address=(\S+)`
	told(ts, false, []string{args[0], said})
	text, _ := supervisors(ts)[args[0]].log.look()
	ts.Setenv("HTTP", "http://"+regexp.MustCompile(said).FindStringSubmatch(text)[1])
}

// httpGet is a program: httpget URL [NAME:VALUE]... prints the status, the headers and the body of an answer.
func httpGet() {
	r, err := http.NewRequest(http.MethodGet, os.Args[1], nil)
	if err == nil {
		for _, header := range os.Args[2:] {
			name, value, _ := strings.Cut(header, ":")
			r.Header.Set(name, value)
		}
		r.Host = r.Header.Get("Host") // which is that of the URL if there is none
		var answer *http.Response
		if answer, err = http.DefaultClient.Do(r); err == nil {
			fmt.Println(answer.StatusCode)
			_ = answer.Header.Write(os.Stdout)
			_, err = io.Copy(os.Stdout, answer.Body)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
