package store

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
)

// fileLog collects the files of a tree in any order, packed, about 50 bytes and
// the path each: a package may have 250,000. It is safe for concurrent use until
// it is read.
type fileLog struct {
	mu    sync.Mutex
	paths []byte
	lines []loggedFile
}

// loggedFile has no pointers, so that Go's collector passes over it.
type loggedFile struct {
	start, end uint32 // of the path
	object     objectKey
	size       int64
}

// expect makes room, so that nothing is copied as the log grows.
func (l *fileLog) expect(files int, pathBytes int) {
	l.lines = make([]loggedFile, 0, files)
	l.paths = make([]byte, 0, pathBytes)
}

func (l *fileLog) add(path string, object objectKey, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := len(l.paths)
	l.paths = append(l.paths, path...)
	l.lines = append(l.lines, loggedFile{uint32(start), uint32(len(l.paths)), object, size})
}

func (l *fileLog) path(f loggedFile) []byte { return l.paths[f.start:f.end] }

func (l *fileLog) info(f loggedFile) FileInfo {
	return FileInfo{Path: string(l.path(f)), Object: f.object.name(), Size: f.size}
}

// each tells the files in the order of less, which sorts the log.
func (l *fileLog) each(order func(a, b loggedFile) int, tell func(loggedFile) error) error {
	slices.SortFunc(l.lines, order)
	for _, f := range l.lines {
		if err := tell(f); err != nil {
			return err
		}
	}
	return nil
}

func (l *fileLog) byPath(a, b loggedFile) int { return bytes.Compare(l.path(a), l.path(b)) }

// byObject puts those of one object together, and those of one shard.
func (l *fileLog) byObject(a, b loggedFile) int {
	return cmp.Or(
		cmp.Compare(a.object.digest[31], b.object.digest[31]),
		cmp.Compare(a.object.digest[30], b.object.digest[30]),
		bytes.Compare(a.object.digest[:], b.object.digest[:]),
		compareBool(a.object.tree, b.object.tree),
		compareBool(a.object.exec, b.object.exec),
		l.byPath(a, b))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
