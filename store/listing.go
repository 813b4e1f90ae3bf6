package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"ipp/store/durable"

	"github.com/ipfs/go-cid"
)

// A tree's .objects has a header, one line a file (object, size and path, set
// apart by tabs, sorted by path), and a last line that counts them, so that a
// listing cut short is never taken for a shorter one.
const (
	listHeader = "ipp objects 1"
	listEnd    = "end"
)

// FileInfo is a line of a tree's .objects.
type FileInfo struct {
	Path   string
	Object string // its name below objects/, without the shard: CID or CID.x
	Size   int64
}

// Exec says whether the file has a run bit.
func (f FileInfo) Exec() bool { return strings.HasSuffix(f.Object, execSuffix) }

// mode is the one mode that a file with these contents has.
func (f FileInfo) mode() fs.FileMode { return objectMode(f.Exec()) }

func objectMode(exec bool) fs.FileMode {
	if exec {
		return 0o555
	}
	return 0o444
}

// execSuffix tells the object of an executable from that of the same contents
// without a run bit: a mode belongs to the inode, so they are two files.
const execSuffix = ".x"

// objectName names the object of contents c.
func objectName(c cid.Cid, exec bool) string {
	if exec {
		return c.String() + execSuffix
	}
	return c.String()
}

// objectCID is the inverse of objectName.
func objectCID(name string) (c cid.Cid, exec bool, err error) {
	base, exec := strings.CutSuffix(name, execSuffix)
	c, err = cid.Decode(base)
	if err == nil && c.String() != base {
		err = errors.New("not spelled as a CIDv1 in base32")
	}
	return c, exec, err
}

// objectPath is where an object lies: its shard is the CID's last two
// characters, because the first ones are always the same.
func (s *Store) objectPath(name string) string {
	return s.path("objects", shardOf(name), name)
}

func shardOf(name string) string {
	base := strings.TrimSuffix(name, execSuffix)
	return base[len(base)-2:]
}

var (
	escapePath   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`)
	unescapePath = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r")
)

// writeList writes a listing; it sorts files.
func writeList(w io.Writer, files *fileLog) error {
	b := bufio.NewWriterSize(w, 64<<10)
	fmt.Fprintln(b, listHeader)
	err := files.each(files.byPath, func(f loggedFile) error {
		line := files.info(f)
		b.WriteString(line.Object)
		b.WriteByte('\t')
		b.WriteString(strconv.FormatInt(line.Size, 10))
		b.WriteByte('\t')
		escapePath.WriteString(b, line.Path)
		return b.WriteByte('\n')
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "%s\t%d\n", listEnd, len(files.lines))
	return b.Flush()
}

// readList reads a listing whole, or fails.
func readList(r io.Reader, each func(FileInfo) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 64<<10)
	if !sc.Scan() || sc.Text() != listHeader {
		return errors.Join(fmt.Errorf("line 1 is not %q", listHeader), sc.Err())
	}
	last := ""
	for n := 0; sc.Scan(); n++ {
		fields := strings.Split(sc.Text(), "\t")
		if len(fields) == 2 && fields[0] == listEnd && fields[1] == strconv.Itoa(n) {
			if sc.Scan() {
				return fmt.Errorf("line %d: something follows the end", n+3)
			}
			return sc.Err()
		}
		f, err := parseListLine(fields)
		if err == nil && n > 0 && f.Path <= last {
			err = errors.New("paths are not sorted")
		}
		if err == nil {
			err = each(f)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n+2, err)
		}
		last = f.Path
	}
	return errors.Join(errors.New("it ends before its last line"), sc.Err())
}

func parseListLine(fields []string) (FileInfo, error) {
	if len(fields) != 3 {
		return FileInfo{}, errors.New("want object, size and path")
	}
	size, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || size < 0 {
		return FileInfo{}, fmt.Errorf("size %q is not a number of bytes", fields[1])
	}
	if _, err := parseObjectKey(fields[0]); err != nil {
		return FileInfo{}, fmt.Errorf("object %q: %w", fields[0], err)
	}
	f := FileInfo{Object: fields[0], Size: size, Path: unescapePath.Replace(fields[2])}
	if !fs.ValidPath(f.Path) || f.Path == "." {
		return f, fmt.Errorf("path %q does not stay in the tree", f.Path)
	}
	return f, nil
}

// DamagedError says that what stands beside a tree can't be read. Ensuring the
// tree again heals it.
type DamagedError struct {
	Key Key
	Err error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("read tree %s: %v", e.Key, e.Err) }

// Unwrap gives the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// damaged tells what a file says, or that it is gone, from a disk that can't be
// read.
func damaged(k Key, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok && !isNotExist(err) {
		return fmt.Errorf("read tree %s: %w", k, err)
	}
	return &DamagedError{k, err}
}

// Files reads a tree's .objects.
func (s *Store) Files(k Key) ([]FileInfo, error) {
	var files []FileInfo
	err := s.eachFile(k, func(f FileInfo) error {
		files = append(files, f)
		return nil
	})
	return files, err
}

func (s *Store) eachFile(k Key, each func(FileInfo) error) error {
	f, err := durable.OpenRegular(s.listPath(k))
	if err != nil {
		return damaged(k, err)
	}
	defer f.Close()
	if err := readList(f, each); err != nil {
		return damaged(k, fmt.Errorf("%s: %w", f.Name(), err))
	}
	return nil
}
