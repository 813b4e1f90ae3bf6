package flock

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Create makes a new file that did not exist, locked exclusively, holding data.
// The file appears under its name already locked; fs.ErrExist where the name
// is taken, and then nothing changes. It is not durable, and need not be: no
// lock outlives the machine's next start.
//
// Until then its name begins with ".tmp."; a killed process may leave that.
func Create(path string, data []byte) (*Lock, error) {
	name := fmt.Sprintf(".tmp.%016x", rand.Uint64())
	tmp := filepath.Join(filepath.Dir(path), name)
	file, err := openNew(tmp, path)
	if err != nil {
		return nil, err
	}
	if err := publish(file, tmp, path, data); err != nil {
		return nil, errors.Join(err, os.Remove(tmp), file.Close())
	}
	return &Lock{path: path, file: file}, nil
}

// publish fills and locks the file, and only then gives it its name: the lock
// is on the inode, so the rename takes it along.
func publish(file *os.File, tmp, path string, data []byte) error {
	busy, err := tryLock(file, Exclusive)
	if err != nil {
		return err
	}
	if busy {
		return &BusyError{Path: tmp}
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	return renameNoReplace(tmp, path)
}
