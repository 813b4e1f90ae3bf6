package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"ipp/lock/ref"
	"ipp/store/dag"
	"ipp/store/durable"
)

// checkOutput refuses, before any work, what can't become a CAR file.
func (a *app) checkOutput(verb, path string) error {
	if path == "" {
		return nil
	}
	if path == "-" {
		if a.term.OutIsTerminal() {
			return &failure{verb: verb, object: "-o -", code: exitUsage, err: errors.New("standard output is a terminal"),
				hints: []string{"name a file, or pipe it"}}
		}
		return nil
	}
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() {
		return &failure{verb: verb, object: "-o " + path, code: exitUsage, err: errors.New("it is not a regular file"),
			hints: []string{"name a file: -o " + quote(filepath.Join(path, "NAME.car"))}}
	}
	dir := filepath.Dir(path)
	_, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return &failure{verb: verb, object: "-o " + path, code: exitNotFound, err: fmt.Errorf("there is no directory %s", dir),
			hints: []string{"make it: mkdir -p " + quote(dir)}}
	}
	if err != nil {
		return failed(verb, "-o "+path, err)
	}
	return nil
}

// writeCAR writes a package, or only some of its platforms, to a CAR file. The
// file appears under its name when it is whole.
func (s *session) writeCAR(ctx context.Context, path string, o *opened, platforms []ref.Platform) error {
	opt := dag.WalkOptions{Limits: dag.DefaultLimits(), Omit: omitted(o, platforms)}
	if path != "-" {
		if err := s.checkCAR(ctx, path, o, opt); err != nil {
			return err
		}
	}
	report, done := s.a.meter("writing", int64(o.pkg.DagSize))
	defer done()
	write := func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<20)
		if err := dag.WriteCAR(ctx, b, o.src, o.pkg.Root, opt, report); err != nil {
			return err
		}
		return b.Flush()
	}
	if path == "-" {
		err := write(s.a.raw)
		if errors.Is(err, syscall.EPIPE) { // who wants a package wants all of it
			err = &failure{err: errors.New("the reader went away before all of it was written"), code: exitFailed}
		}
		if errors.Is(err, syscall.ENOSPC) {
			return &failure{verb: s.verb, object: "-o -", err: err, hints: []string{cantTake}}
		}
		return err
	}
	return writeWhole(path, write)
}

// omitted leaves out the platforms that were not asked for; nil asks for all.
func omitted(o *opened, platforms []ref.Platform) func(string) bool {
	return func(path string) bool {
		return platforms != nil && o.pkg.Meta != nil &&
			slices.Contains(o.pkg.Meta.Platforms, ref.Platform(path)) && !slices.Contains(platforms, ref.Platform(path))
	}
}

// writeWhole writes a temporary file beside path, and gives it that name when
// all of it is on the disk. What was there is replaced in one step.
func writeWhole(path string, write func(io.Writer) error) error {
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".ipp-%016x.car", rand.Uint64()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) // the umask says who may read it
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = durable.SyncFile(f.Name())
	}
	if err == nil {
		err = durable.Replace(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return durable.SyncDir(filepath.Dir(path))
}
