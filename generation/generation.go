// Package generation builds generations: immutable, numbered forests of
// symlinks, each with the profile.toml and profile.lock that made it.
//
// On disk a generation is a directory N below a profile's directory:
//
//	bin/ sbin/ share/ etc/ lib/ libexec/ include/   the forest
//	profile.toml profile.lock                       what made it
//	generation.toml                                 parent, time, reason, trees
//	exposed                                         what the trees expose: a cache
//
// generation.toml is written by ipp alone: sorted, one tree a line, the time in
// UTC and whole seconds, parent left out where there is none.
//
//	format = 1
//	parent = 2
//	time = "2031-05-06T07:08:09Z"
//	reason = "install esbuild.car"
//	trees = [
//	  "ROOT.any",
//	]
//
// Every link of a forest is relative and goes through the one store link, four
// levels up from N/bin: ../../../../store/trees/ROOT.PART/…; so a forest is the
// same on every machine, and a store moves by changing one link. A directory
// that one package owns alone is one link; where several share it, it is a real
// directory of links.
//
// Invariants. Plan decides everything and writes nothing: a conflict changes
// nothing. Write only ever creates, below a directory that is not visible yet.
//
// Symlinks are immutable too, so a generation shares them, as hard links, with
// the one it was made from: a long one takes an inode and a block.
//
// Concurrency: values are immutable once made.
package generation

import (
	"fmt"
	"strconv"
	"time"

	"ipp/lock"
	"ipp/store"
)

// Number numbers the generations of a profile, from 1; 0 is none.
type Number int

// ParseNumber parses a generation's number as people type it and as its
// directory is named: decimal, from 1, one spelling a number.
func ParseNumber(s string) (Number, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || strconv.Itoa(n) != s {
		return 0, fmt.Errorf("parse generation number %q: want a whole number from 1", s)
	}
	return Number(n), nil
}

// InfoName is the file that says where a generation comes from. Its wishes and
// its lockfile have the names that package lock gives them.
const InfoName = "generation.toml"

// Info is generation.toml.
type Info struct {
	Parent Number // 0: none
	Time   time.Time
	Reason string // the command that made it
	Trees  []store.Key
}

// Generation is a generation on disk.
type Generation struct {
	Number
	Dir    string
	Info   Info
	Wishes []byte // profile.toml
	Lock   *lock.Lockfile
}
