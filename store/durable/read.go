package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// ForeignError says that what lies in the place of a file of ours can't be one:
// a directory, a device, a FIFO, or more bytes than there may be.
type ForeignError struct{ Path, Why string }

const notRegular = "it is not a regular file"

func (e *ForeignError) Error() string { return fmt.Sprintf("read %s: %s", e.Path, e.Why) }

// OpenRegular opens a regular file to read it. It looks before it opens, because
// opening a FIFO waits and a device has no end, and again afterwards, because
// the name may have changed hands.
func OpenRegular(name string) (*os.File, error) {
	foreign := &ForeignError{name, notRegular}
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, foreign
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err = f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = foreign
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// OpenDir opens a directory to list it, and nothing else: opening a FIFO in its
// place would wait.
func OpenDir(name string) (*os.File, error) { return openDir(name) }

// ReadFile reads a file of our own whole, if it has at most that many bytes.
func ReadFile(name string, most int64) ([]byte, error) {
	var b bytes.Buffer
	err := readInto(&b, name, most)
	return b.Bytes(), err
}

// ReadText is ReadFile for what is text: a string of bytes would be a copy.
func ReadText(name string, most int64) (string, error) {
	var b strings.Builder
	err := readInto(&b, name, most)
	return b.String(), err
}

// buffer is a bytes.Buffer or a strings.Builder.
type buffer interface {
	io.Writer
	Grow(n int)
	Len() int
}

func readInto(b buffer, name string, most int64) error {
	f, err := OpenRegular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() <= most {
		b.Grow(int(info.Size()) + bytes.MinRead)
	}
	_, err = io.Copy(b, io.LimitReader(f, most+1))
	if err == nil && int64(b.Len()) > most {
		err = &ForeignError{name, fmt.Sprintf("it has more than %d bytes", most)}
	}
	return err
}
