package generation

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"ipp/lock"
	"ipp/store/durable"
)

// Fault is something in a generation that is not as Write wrote it.
type Fault struct {
	Path string // in the generation, slash-separated; "" for all of it
	Why  string
	Err  error // it could not be looked at: nothing is known of it
}

// Examined is a generation of which some files may be damaged.
type Examined struct {
	Generation               // Info is zero, Wishes or Lock nil where damaged
	Asked      *lock.Profile // Wishes, parsed
	Faults     []Fault       // of the three files
}

// Examine reads a generation's files, each by itself. They are written in one
// spelling only, so one that reads well but is spelled otherwise was changed.
func Examine(dir string, n Number) *Examined {
	x := &Examined{Generation: Generation{Number: n, Dir: dir}}
	x.file(InfoName, func(file string, data []byte) ([]byte, error) {
		info, err := parseInfo(file, string(data))
		if err != nil {
			return nil, err
		}
		x.Info = info
		return info.encode(), nil
	})
	x.file(lock.ProfileName, func(file string, data []byte) ([]byte, error) {
		asked, err := lock.ParseProfile(file, data)
		if err != nil {
			return nil, err
		}
		x.Asked, x.Wishes = asked, data
		return asked.Encode(), nil
	})
	x.file(lock.LockName, func(file string, data []byte) ([]byte, error) {
		l, err := lock.ParseLock(file, data)
		if err != nil {
			return nil, err
		}
		x.Lock = l
		return l.Encode(), nil
	})
	return x
}

func (x *Examined) file(name string, parse func(file string, data []byte) ([]byte, error)) {
	file := filepath.Join(x.Dir, name)
	data, err := durable.ReadFile(file, maxLock)
	if err != nil {
		x.Faults = append(x.Faults, seen(name, err))
		return
	}
	text, err := parse(file, data)
	switch {
	case err != nil:
		x.Faults = append(x.Faults, Fault{Path: name, Why: strings.TrimPrefix(err.Error(), file+":")})
	case !bytes.Equal(text, data):
		x.Faults = append(x.Faults, Fault{Path: name, Why: "not as ipp wrote it"})
	}
}

// seen makes a fault of an error: that something is gone, or of another kind,
// was seen; anything else says that it could not be looked at.
func seen(path string, err error) Fault {
	var failed *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Fault{Path: path, Why: "missing"}
	case !errors.As(err, &failed), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.EINVAL):
		return Fault{Path: path, Why: err.Error()}
	}
	return Fault{Path: path, Err: err}
}

// Compare compares the forest in dir with f.
func (f *Forest) Compare(dir string) []Fault {
	c := comparing{dir: dir, exposes: encodeExposed(f.trees), want: map[string]string{}, dirs: map[string]bool{"": true}}
	for _, d := range f.dirs {
		c.dirs[d] = true
	}
	for _, l := range f.links {
		c.want[l.Path] = l.target()
	}
	c.walk("")
	if c.exposes != nil {
		c.fault(ExposedName, "missing")
	}
	for p := range c.dirs {
		c.fault(p, "missing")
	}
	for p := range c.want {
		c.fault(p, "missing")
	}
	slices.SortFunc(c.faults, func(a, b Fault) int { return strings.Compare(a.Path, b.Path) })
	return c.faults
}

// comparing is one comparison. What was found is taken out of want and dirs.
type comparing struct {
	dir     string
	exposes []byte            // the file ExposedName
	want    map[string]string // links: path to target
	dirs    map[string]bool
	faults  []Fault
}

func (c *comparing) fault(path, why string) {
	c.faults = append(c.faults, Fault{Path: path, Why: why})
}

func (c *comparing) walk(at string) {
	delete(c.dirs, at)
	entries, err := os.ReadDir(filepath.Join(c.dir, filepath.FromSlash(at)))
	if err != nil {
		c.faults = append(c.faults, seen(at, err))
		return
	}
	for _, e := range entries {
		c.entry(path.Join(at, e.Name()), e)
	}
}

func (c *comparing) entry(at string, e fs.DirEntry) {
	target, link := c.want[at]
	delete(c.want, at)
	switch {
	case c.dirs[at] && e.IsDir():
		c.walk(at)
	case c.dirs[at]:
		delete(c.dirs, at)
		c.fault(at, "not a directory any more")
	case link:
		c.link(at, target)
	case at == ExposedName:
		c.exposed()
	case at != InfoName && at != lock.ProfileName && at != lock.LockName:
		c.fault(at, "extra: this generation has no such name")
	}
}

// exposed compares what is noted of the trees.
func (c *comparing) exposed() {
	defer func() { c.exposes = nil }() // it is not missing
	data, err := durable.ReadFile(filepath.Join(c.dir, ExposedName), maxExposed)
	switch {
	case err != nil:
		c.faults = append(c.faults, seen(ExposedName, err))
	case !bytes.Equal(data, c.exposes):
		c.fault(ExposedName, "contents changed")
	}
}

func (c *comparing) link(at, target string) {
	got, err := os.Readlink(filepath.Join(c.dir, filepath.FromSlash(at)))
	if err != nil {
		f := seen(at, err)
		if f.Err == nil {
			f.Why = "not a link any more"
		}
		c.faults = append(c.faults, f)
	} else if got = filepath.ToSlash(got); got != target {
		c.fault(at, fmt.Sprintf("it leads to %s, not to %s", got, target))
	}
}
