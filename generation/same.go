package generation

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// same says whether two claims are the same object, so that it does not matter
// which one the forest links to. Objects are usually one inode; where the file
// system refused another link the store has made a copy, so equal contents with
// equal run bits count as well.
func (p *planner) same(a, b claim) (bool, error) {
	if a.dir || b.dir {
		return false, nil
	}
	fa, fb := p.file(a), p.file(b)
	ia, err := fs.Lstat(p.trees, fa)
	if err != nil {
		return false, err
	}
	ib, err := fs.Lstat(p.trees, fb)
	if err != nil {
		return false, err
	}
	switch {
	case os.SameFile(ia, ib):
		return true, nil
	case ia.Mode().Type() != ib.Mode().Type():
		return false, nil
	case ia.Mode().Type() == fs.ModeSymlink:
		return p.sameSymlinks(fa, fb)
	case ia.Mode().IsRegular():
		return p.sameContents(fa, fb, ia, ib)
	}
	return false, nil
}

// sameSymlinks wants equal targets that also lead to the same object: a
// relative target that is spelled alike leads into two different trees.
func (p *planner) sameSymlinks(fa, fb string) (bool, error) {
	ta, err := fs.ReadLink(p.trees, fa)
	if err != nil {
		return false, err
	}
	tb, err := fs.ReadLink(p.trees, fb)
	if err != nil || ta != tb {
		return false, err
	}
	ia, errA := fs.Stat(p.trees, fa)
	ib, errB := fs.Stat(p.trees, fb)
	switch {
	case errors.Is(errA, fs.ErrNotExist) && errors.Is(errB, fs.ErrNotExist):
		return true, nil
	case errA != nil || errB != nil:
		return false, nil // loops and the like: never alike
	case os.SameFile(ia, ib):
		return true, nil
	}
	return p.sameContents(fa, fb, ia, ib)
}

// sameContents compares what two regular files hold; whatever is no regular
// file is not the same.
func (p *planner) sameContents(fa, fb string, ia, ib fs.FileInfo) (bool, error) {
	exec := func(i fs.FileInfo) bool { return i.Mode().Perm()&0o111 != 0 }
	if !ia.Mode().IsRegular() || !ib.Mode().IsRegular() || ia.Size() != ib.Size() || exec(ia) != exec(ib) {
		return false, nil
	}
	a, err := p.trees.Open(fa)
	if err != nil {
		return false, err
	}
	defer a.Close()
	b, err := p.trees.Open(fb)
	if err != nil {
		return false, err
	}
	defer b.Close()
	return equalReaders(a, b)
}

func equalReaders(a, b io.Reader) (bool, error) {
	const size = 64 << 10
	bufA, bufB := make([]byte, size), make([]byte, size)
	for {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		endA := errA == io.EOF || errA == io.ErrUnexpectedEOF
		endB := errB == io.EOF || errB == io.ErrUnexpectedEOF
		switch {
		case endA && endB:
			return true, nil
		case errA != nil && !endA:
			return false, errA
		case errB != nil && !endB:
			return false, errB
		}
	}
}
