package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"ipp/cmd/term"
	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/profile"
)

// A declarative profile follows a profile.toml that a person keeps, and the
// profile.lock beside it. A change of such a profile edits what these say, not what
// the current generation says, and is a generation of what comes out.

// readOwn reads the files that the profile follows, if it does.
func (c *change) readOwn() (*profile.Own, error) {
	dir, err := c.prof.Follows()
	if err != nil || dir == "" {
		return nil, err
	}
	return c.a.readOwn(dir)
}

// readOwn reads the files in a directory.
func (a *app) readOwn(dir string) (*profile.Own, error) {
	own, err := profile.ReadOwn(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		path := filepath.Join(dir, lock.ProfileName)
		return nil, &failure{err: fmt.Errorf("%s: %w", path, fs.ErrNotExist), code: exitNotFound,
			hints: []string{"put it back, or follow another: " + a.own("switch -f DIR"), "write one from what is installed: " + a.own("init %s", quote(dir))}}
	case err != nil:
		return nil, a.ownMalformed(err)
	}
	return own, nil
}

// ownMalformed says what to do about a file that a person may have written.
func (a *app) ownMalformed(err error) error {
	e, is := errors.AsType[*toml.SyntaxError](err)
	if !is || errors.Is(err, toml.ErrNewer) {
		return err
	}
	f := &failure{err: err, code: exitMalformed, hints: []string{"mend that line: nothing was changed"}}
	if e.Hint != "" {
		f.hints = []string{e.Hint}
	}
	if filepath.Base(e.File) == lock.LockName {
		f.hints = append(f.hints, "or take the file back from where it came (git checkout), or remove it and have it made anew: "+a.own("lock"))
	}
	return f
}

// contradicted says that profile.lock tells something else of a package than the
// generation does that has it.
func (c *change) contradicted(old *lock.Lockfile) error {
	if c.own == nil {
		return nil
	}
	for i := range c.own.Lock.Packages {
		p := &c.own.Lock.Packages[i]
		q := old.Find(p.Name)
		if q != nil && q.CID.Equals(p.CID) && (ownName(q) != ownName(p) || q.Version != p.Version || q.Key != p.Key || !q.Manifest.Equals(p.Manifest)) {
			return c.lies(p, string(ownName(q)), string(q.Version))
		}
	}
	return nil
}

// lies says that a package is not what profile.lock says of its CID.
func (c *change) lies(p *lock.Package, name, version string) error {
	path := lock.LockName
	if c.own != nil {
		path = c.own.LockPath()
	}
	err := fmt.Errorf("%s says that %s is %s %s, and it is %s %s", path, p.CID, ownName(p), p.Version, name, version)
	if name == string(ownName(p)) && version == string(p.Version) {
		err = fmt.Errorf("%s says of %s %s that somebody else signed it, or that it has another manifest", path, name, version)
	}
	return &failure{err: err, code: exitMalformed,
		hints: []string{"take the file back from where it came (git checkout), or remove that [[package]] and have it made anew: " + c.a.own("lock")}}
}

// ownDir is the directory that a person names, which may be its profile.toml, or,
// for "", where a profile's own files are if nobody says otherwise.
func (a *app) ownDir(name ref.Name, said string) (string, error) {
	if said == "" {
		base, err := a.set.base(a.set.getenv("XDG_CONFIG_HOME"), ".config")
		return filepath.Join(base, "ipp", "profiles", string(name)), err
	}
	if filepath.Base(said) == lock.ProfileName {
		said = filepath.Dir(said)
	}
	return filepath.Abs(said)
}

// base is what an edit begins from.
func (c *change) base(old profile.State) profile.State {
	if c.own == nil {
		return old
	}
	return profile.State{From: old.From, Wishes: c.own.Wishes, Lock: c.own.Lock}
}

// saving has the files say what the generation will.
func (c *change) saving(next profile.State) profile.State {
	if own := c.own; own != nil {
		next.Save = func() error {
			if err := own.Save(next.Wishes, next.Lock); err != nil {
				return err
			}
			return c.prof.Follow(own.Dir)
		}
	}
	return next
}

// ownEdited says whether somebody edited the files since they were read, and reads
// them again.
func (c *change) ownEdited() (bool, error) {
	if c.own == nil {
		return false, nil
	}
	edited, err := c.own.Edited()
	if err != nil || !edited {
		return false, err
	}
	now, err := c.a.readOwn(c.own.Dir)
	if err != nil {
		return false, err
	}
	c.own = now
	return true, nil
}

// keysOf are the keys that a package may be signed with: what is in profile.lock
// counts as accepted.
func (c *change) keysOf(old *lock.Lockfile, ch lock.Change) []string {
	if c.own != nil {
		if p := c.own.Lock.Find(ch.Name); p != nil {
			return pins(c.own.Lock, lock.Change{Name: ch.Name, Old: p, New: ch.New})
		}
	}
	return pins(old, ch)
}

// drift is how a profile differs from the files that it follows.
type drift struct {
	Dir     string   `json:"dir"`               // where profile.toml and profile.lock are
	Behind  bool     `json:"behind"`            // the current generation is not what they say
	Changes []string `json:"changes,omitempty"` // what ipp switch would do about it, as far as profile.lock says
	Error   string   `json:"error,omitempty"`   // they can't be read
}

// drift compares; nil: the profile follows no file.
func (a *app) drift(prof *profile.Profile, wishes *lock.Profile, g *generation.Generation) *drift {
	dir, err := prof.Follows()
	if err == nil && dir == "" {
		return nil
	}
	d := &drift{Dir: dir}
	own, err := profile.ReadOwn(dir)
	if err != nil {
		d.Error = err.Error()
		return d
	}
	if d.Behind = own.Behind(wishes, g); !d.Behind {
		return d
	}
	had := &lock.Lockfile{}
	if g != nil {
		had = g.Lock
	}
	for _, ch := range lock.Diff(had, own.Lock) {
		d.Changes = append(d.Changes, changeWord(ch))
	}
	if own.Locked && len(d.Changes) == 0 {
		d.Changes = []string{"other wishes"}
	}
	return d
}

// changeWord is a change in a few words.
func changeWord(ch lock.Change) string {
	switch {
	case ch.Old == nil:
		return fmt.Sprintf("+ %s %s", ch.Name, ch.New.Version)
	case ch.New == nil:
		return fmt.Sprintf("- %s %s", ch.Name, ch.Old.Version)
	}
	return fmt.Sprintf("%s %s → %s", ch.Name, ch.Old.Version, ch.New.Version)
}

// sayDrift tells a person.
func (a *app) sayDrift(name string, d *drift) {
	if d == nil || !d.Behind && d.Error == "" {
		return
	}
	note := a.term.ErrStyle().Yellow("note:")
	if d.Error != "" {
		a.note("%s profile %s follows %s, which can't be read: %s", note, name, term.Safe(d.Dir), term.Safe(d.Error))
		return
	}
	what := ""
	if n := len(d.Changes); n > 0 {
		words := d.Changes[:min(n, mostNamed)]
		what = ": " + term.Safe(strings.Join(words, ", "))
		if n > len(words) {
			what += fmt.Sprintf(" and %d more", n-len(words))
		}
	}
	a.note("%s profile %s is not what %s says%s", note, name, term.Safe(filepath.Join(d.Dir, lock.ProfileName)), what)
	a.note("%s make it so: %s", a.term.ErrStyle().Bold("hint:"), a.own("switch"))
}

// driftNow is the drift from the current generation.
func (a *app) driftNow(prof *profile.Profile) *drift {
	if dir, err := prof.Follows(); err == nil && dir == "" {
		return nil
	}
	s, err := prof.State()
	if err != nil {
		return nil // whoever asks for it sees that elsewhere
	}
	return a.drift(prof, s.Wishes, s.From)
}
