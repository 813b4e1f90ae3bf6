package dag

import (
	"fmt"
	"strings"

	"github.com/ipfs/go-cid"
)

// LimitError, FormatError, HashError, NameError and MissingBlockError are what is wrong with a
// DAG; all say where (path and CID, or the byte of a CAR).
type (
	// LimitError says that something is larger than allowed.
	LimitError struct {
		Path, What string
		Limit      int64
	}
	// FormatError says that a block or an archive is malformed.
	FormatError struct {
		Path   string // in the DAG; of the file for a CAR
		Block  bool   // only the block is known, not the path
		CID    cid.Cid
		Why    string
		Offset int64 // CAR: the byte in the file that Why speaks of
	}
	// HashError says that bytes are not those that the CID names.
	HashError struct {
		CID cid.Cid
		Got string
	}
	// NameError says that a name can't be an entry of Dir.
	NameError struct{ Dir, Name, Why string }
	// MissingBlockError says that a source that should have the whole of a DAG
	// lacks a block of it; Err tells where. It Is not fs.ErrNotExist: that which
	// was asked for is there, and not whole.
	MissingBlockError struct {
		CID cid.Cid
		Err error
	}
)

func (e *MissingBlockError) Error() string { return fmt.Sprintf("it is not whole: %v", e.Err) }

func (e *LimitError) Error() string {
	return fmt.Sprintf("read %s: more than %d %s", where(e.Path), e.Limit, e.What)
}

func (e *FormatError) Error() string {
	if !e.CID.Defined() {
		return fmt.Sprintf("read %s: %s", where(e.Path), e.Why)
	}
	if e.Block {
		return fmt.Sprintf("read block %s: %s", cut(e.CID.String()), e.Why)
	}
	return fmt.Sprintf("read %s (%s): %s", where(e.Path), cut(e.CID.String()), e.Why)
}

func (e *HashError) Error() string {
	return fmt.Sprintf("verify %s: its bytes hash to %s", e.CID, e.Got)
}

func (e *NameError) Error() string {
	return fmt.Sprintf("read %s: name %q %s", where(e.Dir), cut(e.Name), e.Why)
}

// cut keeps messages short enough to be read: names, targets and inline CIDs may
// be as large as a block.
func cut(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// where names a path for people; the root has none.
func where(path string) string {
	if path == "" {
		return "the root"
	}
	return fmt.Sprintf("%q", path)
}
