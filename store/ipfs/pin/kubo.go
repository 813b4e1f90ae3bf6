package pin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
)

// Kubo is a Kubo node, by its RPC.
type Kubo struct{ caller }

// NewKubo is the node whose RPC answers at an address such as
// http://127.0.0.1:5001.
func NewKubo(address string) (*Kubo, error) {
	c, err := newCaller(address, kuboWords)
	if err != nil {
		return nil, err
	}
	return &Kubo{c}, nil
}

// Name is how people know it.
func (k *Kubo) Name() string { return "Kubo at " + k.base.Redacted() }

// Identity is who a node is to its peers.
type Identity struct {
	ID        string
	Addresses []string // with the ID at the end of each
}

// Identity asks the node who it is.
func (k *Kubo) Identity(ctx context.Context) (Identity, error) {
	var id Identity
	err := k.ask(ctx, http.MethodPost, k.at("id", nil), nil, &id)
	if err == nil && (id.ID == "" || len(id.ID) > maxID) {
		err = errWrong("it has no ID")
	}
	return id, err
}

// maxID is more than any peer ID and any request ID has.
const maxID = 512

// Pinned says whether the node pins a whole DAG by itself, and under which name.
func (k *Kubo) Pinned(ctx context.Context, c cid.Cid) (name string, ok bool, err error) {
	var list struct {
		Keys map[string]struct{ Type, Name string }
	}
	err = k.ask(ctx, http.MethodPost, k.at("pin/ls", url.Values{"arg": {c.String()}, "type": {"recursive"}, "names": {"true"}}), nil, &list)
	if no, is := errors.AsType[*RefusedError](err); is && strings.Contains(no.Message, "is not pinned") {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	p, ok := list.Keys[c.String()]
	if !ok || p.Type != "recursive" {
		return "", false, errWrong("it was asked for a pin of %s, and tells of others", c)
	}
	return p.Name, true, nil
}

// Import gives the node the blocks of the CAR that write writes. They stay only
// when they are pinned. An error of write's own is a *WriteError.
func (k *Kubo) Import(ctx context.Context, write func(io.Writer) error) error {
	ctx, heard, stop := patient(ctx, k.taking)
	defer stop()
	in, out := io.Pipe()
	form := multipart.NewWriter(out)
	written := make(chan error, 1)
	go func() {
		w, err := form.CreateFormFile("file", "package.car")
		if err == nil {
			b := bufio.NewWriterSize(&noting{w, heard}, 1<<20)
			if err = write(b); err == nil {
				err = b.Flush()
			}
		}
		if err == nil {
			err = form.Close()
		}
		_ = out.CloseWithError(err) // which never fails
		written <- err
	}()
	err := k.imported(ctx, in, form.FormDataContentType(), heard)
	_ = in.Close() // whoever still writes stops
	if own := <-written; own != nil && !errors.Is(own, io.ErrClosedPipe) {
		return &WriteError{own}
	}
	return err
}

// noting tells of what is taken.
type noting struct {
	io.Writer
	heard func()
}

func (n *noting) Write(p []byte) (int, error) {
	m, err := n.Writer.Write(p)
	if m > 0 {
		n.heard()
	}
	return m, err
}

func (k *Kubo) imported(ctx context.Context, body io.Reader, kind string, heard func()) error {
	done := false
	err := k.lines(ctx, k.at("dag/import", url.Values{"pin-roots": {"false"}, "stats": {"true"}}), body, kind, func(line []byte) error {
		heard()
		var l struct{ Stats *struct{ BlockCount uint64 } }
		if err := json.Unmarshal(line, &l); err != nil {
			return errWrong("%w", err)
		}
		done = done || l.Stats != nil
		return nil
	})
	if err == nil && !done {
		err = errWrong("it does not say that it has the blocks")
	}
	return err
}

// Wait is how long a node may take over what it was asked for.
type Wait struct {
	Fetch bool          // Have may get from others what the node lacks
	Idle  time.Duration // without headway; then it is a *StuckError
	Most  time.Duration // in all
}

// Pin pins a DAG whole under a name, which replaces another. What it lacks it looks
// for at others, even if it is told not to (0.43 does), so Wait.Fetch says nothing
// here.
func (k *Kubo) Pin(ctx context.Context, c cid.Cid, name string, w Wait) error {
	w.Idle = max(w.Idle, k.taking) // its disk may be busy
	have, pinned := -1, false
	query := url.Values{"arg": {c.String()}, "name": {name}, "recursive": {"true"}, "progress": {"true"}}
	err := k.work(ctx, "pin/add", query, w, func(line []byte) (moved bool, err error) {
		var l struct {
			Pins     []string
			Progress int
		}
		if err := json.Unmarshal(line, &l); err != nil {
			return false, errWrong("%w", err)
		}
		if len(l.Pins) > 0 {
			pinned = len(l.Pins) == 1 && l.Pins[0] == c.String()
			return true, nil
		}
		moved, have = l.Progress > have, max(have, l.Progress)
		return moved, nil
	})
	if err == nil && !pinned {
		err = errWrong("it does not say that it pinned %s", c)
	}
	return err
}

// Have makes sure that the node has all of a DAG, for now. It says nothing while it
// looks for a block.
func (k *Kubo) Have(ctx context.Context, c cid.Cid, w Wait) error {
	query := url.Values{"arg": {c.String()}, "recursive": {"true"}, "unique": {"true"}}
	if !w.Fetch {
		query.Set("offline", "true")
	}
	err := k.work(ctx, "refs", query, w, func(line []byte) (bool, error) {
		var l struct{ Err string }
		if err := json.Unmarshal(line, &l); err != nil {
			return false, errWrong("%w", err)
		}
		if l.Err != "" {
			return false, &RefusedError{Message: clean(l.Err)}
		}
		return true, nil
	})
	if late, silent := errors.AsType[*SilentError](err); silent {
		err = &StuckError{late.For}
	}
	return err
}

// work asks for what may take the node a while. Each line of its answer may be
// headway.
func (k *Kubo) work(ctx context.Context, call string, query url.Values, w Wait, each func(line []byte) (moved bool, err error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, w.Most, &LateError{w.Most})
	defer cancel()
	ctx, heard, stop := patient(ctx, max(w.Idle, k.answering))
	defer stop()
	last := time.Now()
	return k.lines(ctx, k.at(call, query), nil, "", func(line []byte) error {
		heard()
		moved, err := each(line)
		switch {
		case err != nil:
			return err
		case moved:
			last = time.Now()
		case time.Since(last) > w.Idle:
			return &StuckError{For: w.Idle}
		}
		return nil
	})
}

// Unpin takes a pin of a whole DAG away.
func (k *Kubo) Unpin(ctx context.Context, c cid.Cid) error {
	return k.askWithin(ctx, k.taking, http.MethodPost, k.at("pin/rm", url.Values{"arg": {c.String()}, "recursive": {"true"}}), nil, nil)
}

// at is where a call is answered.
func (k *Kubo) at(call string, query url.Values) *url.URL {
	u := k.base.JoinPath("api/v0", call)
	u.RawQuery = query.Encode()
	return u
}

// lines sends a request whose answer is JSON in lines. Kubo says at its end, in
// a trailer, what went wrong meanwhile.
func (k *Kubo) lines(ctx context.Context, u *url.URL, body io.Reader, kind string, each func([]byte) error) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body)
	if err != nil {
		return err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := k.do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() && lines.Err() == nil { // what comes with an error was cut off
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := each(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return because(ctx, err)
	}
	if text := resp.Trailer.Get("X-Stream-Error"); text != "" {
		return &RefusedError{Message: clean(text)}
	}
	return nil
}

// kuboWords are what Kubo says of an error.
func kuboWords(body []byte) string {
	var e struct{ Message string }
	if json.Unmarshal(body, &e) == nil {
		return e.Message
	}
	return ""
}

// Lacks says that an error is about blocks that the node has not, and may not or
// can't get.
func Lacks(err error) bool {
	if _, stuck := errors.AsType[*StuckError](err); stuck {
		return true
	}
	no, ok := errors.AsType[*RefusedError](err)
	return ok && slices.ContainsFunc([]string{"not found", "could not find", "failed to fetch all nodes"}, func(words string) bool {
		return strings.Contains(no.Message, words)
	})
}
