package pinning

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Service is a pinning service (Pinning Service API, version 1).
type Service struct {
	Token     string
	Delegates []string
	// Fetch gets what is to be pinned from its origins, and says whether it is whole.
	Fetch func(cid string, origins []string) error
	// Mode is what is wrong with it: "" nothing, "stuck" (it stays queued), "redirect",
	// "noise", "endless", "silent", "else" (it answers about another CID), "odd" (a
	// status that there is none of), "echo" (errors repeat the token), "limit" (it
	// wants no more questions for a while).
	Mode string

	mu    sync.Mutex
	pins  []*request
	calls []string
	made  int
}

type request struct {
	ID      string   `json:"requestid"`
	Status  string   `json:"status"`
	Created string   `json:"created"`
	Pin     pin      `json:"pin"`
	Peers   []string `json:"delegates"`
	Info    any      `json:"info,omitempty"`
}

type pin struct {
	CID     string            `json:"cid"`
	Name    string            `json:"name"`
	Origins []string          `json:"origins,omitempty"`
	Meta    map[string]string `json:"meta,omitempty"`
}

// Pins are the requests, as "NAME CID STATUS".
func (s *Service) Pins() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pins {
		list = append(list, fmt.Sprintf("%s %s %s", p.Pin.Name, p.Pin.CID, p.Status))
	}
	return list
}

// Calls are the requests that came since the last time.
func (s *Service) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	calls := len(s.calls)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+s.Token:
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "")
	case s.Mode == "echo":
		refuse(w, http.StatusForbidden, "FORBIDDEN", "no such "+r.Header.Get("Authorization"))
	case s.Mode == "redirect":
		http.Redirect(w, r, "http://127.0.0.1:1/pins", http.StatusPermanentRedirect)
	case s.Mode == "noise":
		_, _ = io.WriteString(w, "<html>")
	case s.Mode == "silent":
		<-r.Context().Done()
	case s.Mode == "limit" && strings.HasPrefix(r.URL.Path, "/pins/") && calls%2 == 0:
		refuse(w, http.StatusTooManyRequests, "TOO_MANY", "")
	case s.Mode == "endless":
		for {
			if _, err := io.WriteString(w, strings.Repeat(" ", 1000)); err != nil {
				return
			}
		}
	default:
		s.answer(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, reason, details string) {
	w.WriteHeader(status)
	say(w, map[string]any{"error": map[string]string{"reason": reason, "details": details}})
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request) {
	id := strings.Trim(strings.TrimPrefix(r.URL.Path, "/pins"), "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodGet && id == "":
		found := []*request{}
		for _, p := range s.pins {
			if p.Pin.CID == r.URL.Query().Get("cid") && strings.Contains(r.URL.Query().Get("status"), p.Status) {
				found = append([]*request{p}, found...)
			}
		}
		say(w, map[string]any{"count": len(found), "results": found})
	case r.Method == http.MethodGet:
		for _, p := range s.pins {
			if p.ID == id {
				s.work(p)
				say(w, s.told(p))
				return
			}
		}
		refuse(w, http.StatusNotFound, "NOT_FOUND", "")
	case r.Method == http.MethodPost:
		s.add(w, r, id)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// add takes a request, in place of that with this ID, if it is one.
func (s *Service) add(w http.ResponseWriter, r *http.Request, id string) {
	var p pin
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&p); err != nil || p.CID == "" {
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "")
		return
	}
	kept := s.pins[:0]
	for _, o := range s.pins {
		if o.ID != id {
			kept = append(kept, o)
		}
	}
	s.made++
	one := &request{ID: fmt.Sprintf("request-%d", s.made), Status: "queued", Created: "2026-01-01T00:00:00Z", Pin: p, Peers: s.Delegates}
	s.pins = append(kept, one)
	w.WriteHeader(http.StatusAccepted)
	say(w, s.told(one))
}

// work gets on with a request: it is looked at, then fetched.
func (s *Service) work(p *request) {
	switch {
	case s.Mode == "stuck" || p.Status == "pinned" || p.Status == "failed":
	case p.Status == "queued":
		p.Status = "pinning"
	default:
		p.Status = "pinned"
		if err := s.Fetch(p.Pin.CID, p.Pin.Origins); err != nil {
			p.Status, p.Info = "failed", map[string]string{"status_details": err.Error()}
		}
	}
}

// told is a request as it is told.
func (s *Service) told(p *request) request {
	t := *p
	switch s.Mode {
	case "else":
		t.Pin.CID = "bafkqaaa"
	case "odd":
		t.Status = "done"
	}
	return t
}
