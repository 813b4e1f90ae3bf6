package pin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ipp/store/ipfs/web"

	"github.com/ipfs/go-cid"
)

// Service is a pinning service.
type Service struct {
	caller
	every, slowest time.Duration // between two looks, at first and later
	idle, most     time.Duration // how long pinning may take, without headway and in all
}

const (
	maxPeers = 20      // of a service's delegates
	maxPeer  = 1 << 10 // bytes of one
	failures = 5       // of looking, one after the other
)

// NewService is the pinning service whose API answers at an address such as
// https://example.org/psa, for whoever has this token.
func NewService(address, token string) (*Service, error) {
	c, err := newCaller(address, serviceWords)
	switch {
	case err != nil:
		return nil, err
	case c.base.Scheme != "https" && !web.IsLoopback(c.base.Hostname()):
		return nil, fmt.Errorf("%q is not encrypted: a token goes there by https alone", c.base.Redacted())
	case c.base.User != nil:
		return nil, fmt.Errorf("%q has a name in it: what lets you in is the token", c.base.Redacted())
	}
	c.token = token
	return &Service{caller: c, every: 250 * time.Millisecond, slowest: 10 * time.Second, idle: 2 * time.Minute, most: time.Hour}, nil
}

// CheckService says what is wrong with the address of a pinning service.
func CheckService(address string) error {
	_, err := NewService(address, "")
	return err
}

// CheckToken says what is wrong with a token, without a word of it.
func CheckToken(token string) error {
	const most = 8 << 10
	odd := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case token == "":
		return errors.New("it is empty")
	case len(token) > most:
		return fmt.Errorf("it has more than %d bytes", most)
	case strings.ContainsFunc(token, odd):
		return errors.New("a token is one word of ASCII")
	}
	return nil
}

// Name is how people know it.
func (s *Service) Name() string { return s.base.Redacted() }

// Host is the machine that it is on.
func (s *Service) Host() string { return s.base.Hostname() }

// Local says that the service is on this machine.
func (s *Service) Local() bool { return web.IsLoopback(s.Host()) }

// Request is what a service is to pin.
type Request struct {
	CID     cid.Cid
	Name    string
	Origins []string          // who has it, by multiaddr
	Meta    map[string]string // shown by the service to its owner
}

func (r Request) body() ([]byte, error) {
	return json.Marshal(struct {
		CID     string            `json:"cid"`
		Name    string            `json:"name"`
		Origins []string          `json:"origins,omitempty"`
		Meta    map[string]string `json:"meta,omitempty"`
	}{r.CID.String(), r.Name, r.Origins, r.Meta})
}

// Status is how far a service is with a request.
type Status struct {
	ID        string // of the request
	Status    string // queued, pinning, pinned, failed
	Name      string
	Delegates []string // who fetches for the service, by multiaddr
	Details   string   // in its own words; may be empty
}

// rawStatus is the API's PinStatus.
type rawStatus struct {
	RequestID string                     `json:"requestid"`
	Status    string                     `json:"status"`
	Pin       struct{ CID, Name string } `json:"pin"`
	Delegates []string                   `json:"delegates"`
	Info      map[string]any             `json:"info"`
}

// parse holds an answer to what was asked for.
func (r rawStatus) parse(want cid.Cid) (Status, error) {
	got, err := cid.Decode(r.Pin.CID)
	switch {
	case r.RequestID == "" || len(r.RequestID) > maxID || r.RequestID == "." || r.RequestID == "..":
		return Status{}, errWrong("it has no request's ID")
	case err != nil || string(got.Hash()) != string(want.Hash()):
		return Status{}, errWrong("it is about another CID than %s", want)
	case !slices.Contains([]string{"queued", "pinning", "pinned", "failed"}, r.Status):
		return Status{}, errWrong("%q is no status", clean(r.Status))
	}
	s := Status{ID: r.RequestID, Status: r.Status, Name: r.Pin.Name}
	for _, d := range r.Delegates {
		if len(d) <= maxPeer && len(s.Delegates) < maxPeers {
			s.Delegates = append(s.Delegates, d)
		}
	}
	if text, ok := r.Info["status_details"].(string); ok {
		s.Details = clean(text)
	}
	return s, nil
}

// Find lists what the service has of a CID, the newest first.
func (s *Service) Find(ctx context.Context, c cid.Cid) ([]Status, error) {
	var answer struct{ Results []rawStatus }
	u := s.at()
	u.RawQuery = url.Values{"cid": {c.String()}, "status": {"queued,pinning,pinned,failed"}}.Encode()
	if err := s.ask(ctx, http.MethodGet, u, nil, &answer); err != nil {
		return nil, err
	}
	var list []Status
	for _, r := range answer.Results {
		one, err := r.parse(c)
		if err != nil {
			return nil, s.secret(err)
		}
		list = append(list, one)
	}
	return list, nil
}

// Look says how far a request is.
func (s *Service) Look(ctx context.Context, id string, c cid.Cid) (Status, error) {
	return s.status(ctx, http.MethodGet, s.at(id), nil, c)
}

// Add asks for a pin; in place of a request, if id is one.
func (s *Service) Add(ctx context.Context, id string, r Request) (Status, error) {
	body, err := r.body()
	if err != nil {
		return Status{}, err
	}
	u := s.at()
	if id != "" {
		u = s.at(id)
	}
	return s.status(ctx, http.MethodPost, u, body, r.CID)
}

func (s *Service) status(ctx context.Context, method string, u *url.URL, body []byte, c cid.Cid) (Status, error) {
	var raw rawStatus
	var err error
	if body == nil {
		err = s.ask(ctx, method, u, nil, &raw)
	} else {
		err = s.ask(ctx, method, u, bytes.NewReader(body), &raw)
	}
	if err != nil {
		return Status{}, err
	}
	st, err := raw.parse(c)
	st.Details = strings.ReplaceAll(st.Details, s.token, "…")
	return st, s.secret(err)
}

func (s *Service) at(id ...string) *url.URL {
	for i := range id {
		id[i] = url.PathEscape(id[i])
	}
	return s.base.JoinPath(append([]string{"pins"}, id...)...)
}

// FailedError says that a service gave up.
type FailedError struct{ Details string }

func (e *FailedError) Error() string {
	if e.Details == "" {
		return "it could not get all of it"
	}
	return "it could not get all of it: " + e.Details
}

// Keep has the service pin, and waits until it has; was: it had before, under that
// name. meet is told who fetches for it, each time; sent is how much they were
// given, which is headway.
func (s *Service) Keep(ctx context.Context, r Request, meet func([]string), sent func() uint64) (st Status, was bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.most, &LateError{s.most})
	defer cancel()
	if st, was, err = s.begin(ctx, r); err != nil || was {
		return st, was, because(ctx, err)
	}
	pause, failed := s.every, 0
	moved, last, given := time.Now(), st.Status, sent()
	for st.Status != "pinned" {
		if st.Status == "failed" {
			return st, false, &FailedError{st.Details}
		}
		meet(st.Delegates)
		select {
		case <-ctx.Done():
			return st, false, context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(pause*3/2, s.slowest)
		now, err := s.Look(ctx, st.ID, r.CID)
		switch n := sent(); {
		case err != nil:
			if failed++; failed == failures || final(err) {
				return st, false, because(ctx, err)
			}
			continue
		case n != given || now.Status != last:
			moved, last, given = time.Now(), now.Status, n
		case time.Since(moved) > s.idle:
			return now, false, &StuckError{For: s.idle}
		}
		failed, st = 0, now
	}
	return st, false, nil
}

// final says that an answer will be the same next time.
func final(err error) bool {
	no, ok := errors.AsType[*RefusedError](err)
	return ok && no.Status/100 == 4 && no.Status != http.StatusTooManyRequests
}

// begin asks for a pin, unless there is one of that name; a request that did not
// get there is replaced, because it names addresses of an earlier time.
func (s *Service) begin(ctx context.Context, r Request) (st Status, was bool, err error) {
	list, err := s.Find(ctx, r.CID)
	if err != nil {
		return st, false, err
	}
	list = slices.DeleteFunc(list, func(o Status) bool { return o.Name != r.Name })
	for _, o := range list {
		if o.Status == "pinned" {
			return o, true, nil
		}
	}
	id := ""
	if len(list) > 0 {
		id = list[0].ID
	}
	st, err = s.Add(ctx, id, r)
	return st, false, err
}

// serviceWords are what a service says of an error.
func serviceWords(body []byte) string {
	var e struct {
		Error struct{ Reason, Details string }
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	return strings.TrimSpace(e.Error.Reason + " " + e.Error.Details)
}
