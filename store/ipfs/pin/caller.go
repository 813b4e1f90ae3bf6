package pin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ipp/store/ipfs/web"
)

// caller asks at one address.
type caller struct {
	base   *url.URL
	client *http.Client
	token  string
	words  func([]byte) string // what an error's body says

	answering, taking time.Duration // see below; less in tests
}

func newCaller(address string, words func([]byte) string) (caller, error) {
	base, err := web.Parse(address)
	if err != nil {
		return caller{}, err
	}
	client := web.NewClient(base, 0) // each question has its own patience
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return caller{base: base, client: client, words: words, answering: answering, taking: taking}, nil
}

// Close ends what is idle of its connections.
func (c *caller) Close() { c.client.CloseIdleConnections() }

// do sends a request; the answer is a good one.
func (c *caller) do(r *http.Request) (*http.Response, error) {
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return nil, c.secret(because(r.Context(), web.Cause(err)))
	}
	if resp.StatusCode/100 == 2 && resp.Header.Get("Content-Encoding") == "" {
		return resp, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxWords))
	if err != nil {
		text = nil // the status says enough
	}
	return nil, c.secret(&RefusedError{Status: resp.StatusCode, Message: clean(c.words(text))})
}

// ask sends a request whose answer is one JSON value.
func (c *caller) ask(ctx context.Context, method string, u *url.URL, body io.Reader, into any) error {
	return c.askWithin(ctx, c.answering, method, u, body, into)
}

func (c *caller) askWithin(ctx context.Context, patience time.Duration, method string, u *url.URL, body io.Reader, into any) error {
	ctx, _, stop := patient(ctx, patience)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return because(ctx, err)
	case len(data) > maxAnswer:
		return errWrong("it has more than %d bytes", maxAnswer)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return c.secret(errWrong("%w", err))
	}
	return nil
}

// secret keeps the token out of an error.
func (c *caller) secret(err error) error {
	if err == nil || c.token == "" || !strings.Contains(err.Error(), c.token) {
		return err
	}
	if e, ok := errors.AsType[*RefusedError](err); ok {
		return &RefusedError{Status: e.Status, Message: strings.ReplaceAll(e.Message, c.token, "…")}
	}
	return errors.New(strings.ReplaceAll(err.Error(), c.token, "…"))
}

// clean is what somebody says, in one short line.
func clean(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}
