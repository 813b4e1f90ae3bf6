package cmd

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"ipp/cmd/term"
	"ipp/store/durable"
)

// ownNames is more than the longest path of ipp's own below its directories.
const ownNames = 256

// checkPlaces says before a first change whether profiles and store can be made
// where they are to be; for what is there already, the first write says it.
func (a *app) checkPlaces() error {
	d, err := a.set.dirs()
	if err != nil || a.placed {
		return err
	}
	a.placed = true
	if _, err := a.checkPlace("profiles", d.state); err != nil {
		return err
	}
	can, err := a.checkPlace("store", d.store)
	if err == nil && !can.HardLinks {
		a.warn("the file system of %s has no hard links: what is installed takes its space twice there", term.Safe(d.store))
	}
	return err
}

func (a *app) checkPlace(what, dir string) (can durable.Abilities, err error) {
	if len(dir)+ownNames >= durable.PathMax {
		err = &os.PathError{Op: "mkdir", Path: dir, Err: syscall.ENAMETOOLONG}
	} else {
		can, err = durable.Probe(existing(dir))
	}
	if err == nil {
		return can, nil
	}
	if own := (*os.PathError)(nil); errors.As(err, &own) && durable.IsTemp(filepath.Base(own.Path)) { // of what tries it out
		err = &os.PathError{Op: own.Op + " in", Path: filepath.Dir(own.Path), Err: own.Err}
	}
	f := &failure{verb: "make", object: what, err: err, code: exitFailed,
		hints: []string{"HOME (or XDG_STATE_HOME and XDG_DATA_HOME) must name directories that can be written"}}
	if _, hint, ok := cause(err); ok {
		f.hints = []string{hint}
	}
	return can, f
}
