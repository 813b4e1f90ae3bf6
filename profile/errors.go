package profile

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"ipp/generation"
	"ipp/lock/ref"
	"ipp/store"
)

// Errors of Rollback and Get.
type (
	// NoParentError says that the current generation has no parent to go to;
	// Current is 0 where there is no current generation.
	NoParentError struct{ Current generation.Number }
	// NoGenerationError says that a generation is not there (any more). It Is
	// fs.ErrNotExist.
	NoGenerationError struct {
		Number generation.Number
		Gone   bool // it was pruned
		Has    []generation.Number
	}
)

func (e *NoParentError) Error() string {
	if e.Current == 0 {
		return "find parent: there is no current generation"
	}
	return fmt.Sprintf("find parent: generation %d has none", e.Current)
}

func (e *NoGenerationError) Error() string {
	cause := "there is none"
	if e.Gone {
		cause = "it was removed by gc"
	}
	return fmt.Sprintf("find generation %d: %s; %s", e.Number, cause, has(e.Has))
}

func has(numbers []generation.Number) string {
	if len(numbers) == 0 {
		return "the profile has no generation"
	}
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = number(n)
	}
	return "the profile has " + strings.Join(words, ", ")
}

// Is lets errors.Is find fs.ErrNotExist.
func (e *NoGenerationError) Is(target error) bool { return target == fs.ErrNotExist }

// MissingTreesError names trees that a generation needs and the store lacks.
// Nothing was changed. Number is 0 for a generation that was to be made.
type MissingTreesError struct {
	Number generation.Number
	Trees  []store.Key
}

func (e *MissingTreesError) Error() string {
	names := make([]string, len(e.Trees))
	for i, k := range e.Trees {
		names[i] = k.String()
	}
	what := "the new generation"
	if e.Number != 0 {
		what = "generation " + number(e.Number)
	}
	return fmt.Sprintf("check %s: the store lacks %s", what, strings.Join(names, ", "))
}

// PointerError says that the pointer at Path names no generation.
type PointerError struct{ Path, Why string }

func (e *PointerError) Error() string { return fmt.Sprintf("read pointer %s: %s", e.Path, e.Why) }

// DamagedError says that a generation that is there can't be read.
type DamagedError struct {
	Profile ref.Name
	Number  generation.Number
	Dir     string
	Err     error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("read generation %d of profile %s: %v", e.Number, e.Profile, e.Err)
}

// Unwrap gives the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// StoreLinkError says that the store link leads to another store.
type StoreLinkError struct{ Link, Target, Store string }

func (e *StoreLinkError) Error() string {
	return fmt.Sprintf("check store link %s: it leads to %s, but the store is %s", e.Link, e.Target, e.Store)
}

// FlipError says that the flip was made and its fsync failed: To is current,
// but a power cut may bring back From.
type FlipError struct {
	From, To generation.Number
	Err      error
}

func (e *FlipError) Error() string {
	return fmt.Sprintf("flip from %d to %d: %v (%d is current now, but may not survive a power cut)",
		e.From, e.To, e.Err, e.To)
}

func (e *FlipError) Unwrap() error { return e.Err }

// LogError says that a change was made, and is durable, but not logged. It is
// returned beside the Change, and is a warning.
type LogError struct{ Err error }

func (e *LogError) Error() string { return "log the change: " + e.Err.Error() }
func (e *LogError) Unwrap() error { return e.Err }

// LeftoverError says that Prune did its work, durably, but could not delete
// what it pruned. The next Prune tries again.
type LeftoverError struct {
	Profile ref.Name
	Err     error
}

func (e *LeftoverError) Error() string {
	return fmt.Sprintf("delete pruned generations of profile %s: %v", e.Profile, e.Err)
}

func (e *LeftoverError) Unwrap() error { return e.Err }

// number spells a generation's number.
func number(n generation.Number) string { return strconv.Itoa(int(n)) }
