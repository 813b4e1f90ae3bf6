package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadFile(file, 5); err != nil || string(data) != "12345" {
		t.Errorf("got %q, %v", data, err)
	}
	if text, err := ReadText(file, 5); err != nil || text != "12345" {
		t.Errorf("got %q, %v", text, err)
	}
	var foreign *ForeignError
	if _, err := ReadFile(file, 4); !errors.As(err, &foreign) {
		t.Errorf("too large: %v", err)
	}
	if _, err := ReadFile(dir, 5); !errors.As(err, &foreign) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := ReadFile(filepath.Join(dir, "none"), 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}
