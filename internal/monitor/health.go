package monitor

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Patience is how long a check may take. Parts that have not answered by then count as hanging.
const Patience = 3 * time.Second

// Reason is why a check fails.
type Reason struct {
	Code string `json:"code"`           // for programs
	Pool string `json:"pool,omitempty"` // of the pool that it is about
	Text string `json:"text,omitempty"` // for people
}

// Check finds out what is not as it should be; nothing: all is well. Its context ends after Patience.
type Check func(context.Context) []Reason

// report is the body of an answer.
type report struct {
	Status  string   `json:"status"` // ok or unavailable
	Reasons []Reason `json:"reasons,omitempty"`
}

// health answers with what a check finds. Whoever does not show the token, if there is one, gets no texts: these may name paths and commands.
func (s *Server) health(check Check) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), Patience)
		defer cancel()
		body, code := report{Status: "ok"}, http.StatusOK
		if reasons := check(ctx); len(reasons) > 0 {
			body, code = report{"unavailable", reasons}, http.StatusServiceUnavailable
		}
		if !s.token.shownIn(r.Header.Get("Authorization")) {
			for i := range body.Reasons {
				body.Reasons[i].Text = ""
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body) // whoever asked has gone
	}
}
