//go:build linux && !amd64

package trace

import (
	"errors"
	"syscall"
)

// Registers are known of amd64 alone.
func dropCall(int) error                 { return errors.ErrUnsupported }
func setResult(int, syscall.Errno) error { return errors.ErrUnsupported }
