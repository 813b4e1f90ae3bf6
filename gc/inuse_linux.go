package gc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// rounds bounds how often scan looks for processes that were started while it
// looked: a program may fork and end before its own turn came.
const rounds = 16

// scan finds the processes that use one of the known names, by PID. proc is
// where procfs is mounted; "" finds none.
//
// What belongs to other users can't be read and is left out, as is a process
// that ends meanwhile. Of this process it leaves out the descriptors alone: it
// may well have been started out of a tree.
func scan(proc string, known map[string]bool) ([]use, error) {
	if proc == "" || len(known) == 0 {
		return nil, nil
	}
	if _, err := os.Readlink(filepath.Join(proc, "self")); err != nil { // an empty directory would have no program running
		return nil, &NoProcError{Path: proc}
	}
	s := scanner{proc: proc, finder: newFinder(known), seen: map[int]bool{}}
	for range rounds {
		fresh, err := s.round()
		if err != nil {
			return nil, fmt.Errorf("look for running programs: %w", err)
		}
		if !fresh {
			break
		}
	}
	slices.SortFunc(s.uses, func(a, b use) int { return a.pid - b.pid })
	return s.uses, nil
}

type scanner struct {
	*finder
	proc string
	seen map[int]bool
	uses []use
}

// round looks at the processes that were not seen before; fresh says whether
// there were any.
func (s *scanner) round() (fresh bool, err error) {
	d, err := os.Open(s.proc)
	if err != nil {
		return false, err
	}
	defer d.Close() // only read
	names, err := d.Readdirnames(-1)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || s.seen[pid] {
			continue
		}
		s.seen[pid], fresh = true, true
		if err := s.process(pid); err != nil {
			return false, fmt.Errorf("process %d: %w", pid, err)
		}
	}
	return fresh, nil
}

// process looks at one process.
func (s *scanner) process(pid int) error {
	dir := filepath.Join(s.proc, strconv.Itoa(pid))
	clear(s.found)
	for _, name := range []string{"exe", "cwd", "root"} {
		if err := s.link(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if pid != os.Getpid() {
		if err := s.descriptors(filepath.Join(dir, "fd")); err != nil {
			return err
		}
	}
	for _, name := range []string{"maps", "environ"} {
		if err := s.file(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if len(s.found) > 0 {
		s.uses = append(s.uses, use{pid: pid, comm: comm(dir), names: s.finder.take()})
	}
	return nil
}

// take hands over what was found.
func (f *finder) take() map[string]bool {
	found := f.found
	f.found = map[string]bool{}
	return found
}

func (s *scanner) link(path string) error {
	target, err := os.Readlink(path)
	if err != nil {
		return unlessHidden(err)
	}
	s.text([]byte(target), true)
	return nil
}

func (s *scanner) descriptors(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return unlessHidden(err)
	}
	defer d.Close() // only read
	names, err := d.Readdirnames(-1)
	for _, name := range names {
		if err := s.link(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return unlessHidden(err)
}

func (s *scanner) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return unlessHidden(err)
	}
	defer f.Close() // only read
	return unlessHidden(s.read(f))
}

// unlessHidden lets pass what says that a process is another user's or ended.
func unlessHidden(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// comm is the process's name for people.
func comm(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, "comm"))
	if err != nil {
		return "?"
	}
	return strings.TrimSuffix(string(data), "\n")
}
