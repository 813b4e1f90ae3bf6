package index

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The seal is a header, and one line a file: name, size, CRC-32C, set apart by
// tabs, sorted by name. It is compared as a whole, never parsed.
const (
	sealName   = "seal"
	sealHeader = "ipp index 1\n"
	maxSeal    = 1 << 20
)

var errNotRegular = errors.New("not a regular file")

func sealPath(dir string) string { return filepath.Join(dir, sealName) }

// sealed says whether the index is as it was closed.
func sealed(dir string) bool {
	have, err := readSeal(dir)
	if err != nil {
		return false
	}
	lines, err := measure(dir)
	return err == nil && have == sealText(lines)
}

// seal writes the seal. Where that fails there is none, or half of one, which
// does not match.
func seal(dir string) {
	lines, err := measure(dir)
	if err == nil {
		_ = os.WriteFile(sealPath(dir), []byte(sealText(lines)), 0o644)
	}
}

func sealText(lines []sealLine) string {
	var b strings.Builder
	b.WriteString(sealHeader)
	for _, l := range lines {
		b.WriteString(l.name + "\t" + l.rest + "\n")
	}
	return b.String()
}

func readSeal(dir string) (string, error) {
	if fi, err := os.Lstat(dir); err != nil || !fi.IsDir() {
		return "", errors.Join(err, fmt.Errorf("%s: not a directory", dir))
	}
	if err := regular(sealPath(dir)); err != nil {
		return "", err
	}
	f, err := os.Open(sealPath(dir))
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSeal))
	return string(data), err
}

type sealLine struct{ name, rest string }

// measure makes the lines of the files that are in dir, the seal aside.
func measure(dir string) ([]sealLine, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var lines []sealLine
	for _, e := range entries {
		if e.Name() == sealName {
			continue
		}
		sum, size, err := checksum(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		lines = append(lines, sealLine{e.Name(), fmt.Sprintf("%d\t%08x", size, sum)})
	}
	return lines, nil
}

func regular(path string) error {
	fi, err := os.Lstat(path)
	if err == nil && !fi.Mode().IsRegular() { // opening a FIFO waits
		err = &os.PathError{Op: "read", Path: path, Err: errNotRegular}
	}
	return err
}

func checksum(path string) (sum uint32, size int64, err error) {
	if err := regular(path); err != nil {
		return 0, 0, err
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	size, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 256<<10))
	return h.Sum32(), size, err
}
