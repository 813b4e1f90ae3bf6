package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ipp/cmd/term"
	"ipp/generation"
	"ipp/lock"
	"ipp/lock/toml"
	"ipp/profile"
	"ipp/store"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

func allowed(text string) string {
	if text == "" {
		return ""
	}
	return "allowed: " + text
}

// warning shows an error that came beside a change that stands, and lets any
// other pass.
func (a *app) warning(err error) error {
	var unlogged *profile.LogError
	if errors.As(err, &unlogged) {
		a.warn("the change was made, but not written to the log: %s", term.Safe(unlogged.Err.Error()))
		return nil
	}
	return err
}

func (a *app) notFoundHint(e *lock.NotFoundError) string {
	if _, err := os.Stat(string(e.Name)); err == nil && e.NeededBy == "" && len(e.Has) == 0 {
		return "a path is written with ./ in front: ./" + string(e.Name)
	}
	if len(e.Has) > 0 {
		return "to have another one, get it as a CAR file, then: ipp install FILE.car" // the message lists what is known
	}
	return "get the package as a CAR file, then: ipp install FILE.car (ipp list --store shows what is here)"
}

func conflictHint(e *generation.ConflictError) string {
	first := e.Conflicts[0]
	return fmt.Sprintf("say who wins: --prefer %s, or --prefer %s; or remove one of them", first.A.Name, first.B.Name)
}

func programHint(e *pack.ProgramError) string {
	if len(e.Has) == 0 {
		return "ipp pack takes a directory, or a program built for Linux, macOS or Windows; a script goes into bin/ of a directory"
	}
	return "say which platform: --platform PLATFORM=" + quote(e.Path)
}

// notOurs is what to do about what lies in a file's place.
const notOurs = "something else lies where ipp keeps a file of its own: move it away, then: ipp check"

// What to do about a package of which the store lost something.
const (
	repairHere   = "ipp check --repair puts back what is to be had here"
	installAgain = "installing that package again from its CAR file heals it"
)

// madeWrongly is what to do about a package whose contents are at fault.
const madeWrongly = "the package is damaged or was made wrongly: get it again from where it came from"

func syntaxHint(e *toml.SyntaxError) string {
	if base := filepath.Base(e.File); base == lock.ProfileName || base == lock.LockName || base == generation.InfoName {
		return "that generation is damaged: ipp check --repair puts back what can be told; ipp rollback N goes to another one, and ipp history shows which there are"
	}
	dir, name := filepath.Split(e.File)
	_, err := cid.Decode(filepath.Base(dir))
	switch ofPackage := err == nil; { // else of a directory that is to become one
	case e.Hint != "":
		return e.Hint
	case ofPackage && (name == pack.MetadataName || name == pack.ManifestName):
		return madeWrongly
	case name == pack.MetadataName:
		return "ipp pack --init DIR --dry-run prints a package.toml with comments"
	}
	return ""
}

func pointerHint(*profile.PointerError) string {
	return "ipp check --repair puts it back where the log says; ipp rollback N chooses"
}

func damagedHint(e *profile.DamagedError) string {
	if _, err := os.Lstat(e.Dir); errors.Is(err, fs.ErrNotExist) {
		return "that generation is gone: ipp check --repair makes current the one that the log says; ipp rollback N chooses (ipp history shows them)"
	}
	return "that generation is damaged: ipp check --repair puts back what can be told; ipp rollback N goes to another one (ipp history shows them)\n" +
		"if it is of no more use: mv " + quote(e.Dir) + " " + quote(e.Dir+".gone")
}

func rootHint(e *store.RootError) string {
	if strings.HasPrefix(filepath.Base(e.Path), "p-") {
		return "the next install into its profile writes it anew; if the profile is gone, remove that file"
	}
	return "ipp import of its package writes it anew; if nothing is to be kept, remove that file"
}

// notAsSigned is what to do about a package that is other than its author
// signed.
const notAsSigned = "somebody changed it after it was signed, or it was put together wrongly: get it again from its author"

func signatureHint(e *pack.SignatureError) string {
	if _, err := cid.Decode(e.Where); err == nil {
		return notAsSigned
	}
	return "sign it anew: ipp pack " + quote(e.Where) + " --sign KEY\nor leave the signature out: --exclude .ipp"
}

func dotNamesHint(e *pack.DotNamesError) string {
	if e.Packed {
		return "the package was made wrongly: tell its author"
	}
	line := "leave them out: add" // to what was typed, which may have more flags
	for _, name := range e.Names {
		line += " --exclude " + quote(name)
	}
	return line
}

func (a *app) noGenerationHint(e *profile.NoGenerationError) string {
	if len(e.Has) == 0 {
		return "nothing was installed in this profile yet"
	}
	return a.own("history") + " shows what each of them is"
}

func join[T any](words []T) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, w)
	}
	return b.String()
}
