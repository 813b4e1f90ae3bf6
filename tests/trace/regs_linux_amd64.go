package trace

import "syscall"

// dropCall makes the call at whose entry a thread stands none at all.
func dropCall(tid int) error {
	return edit(tid, func(r *syscall.PtraceRegs) { r.Orig_rax = ^uint64(0) })
}

// setResult makes errno what the call at whose exit a thread stands returns.
func setResult(tid int, errno syscall.Errno) error {
	return edit(tid, func(r *syscall.PtraceRegs) { r.Rax = -uint64(errno) })
}

func edit(tid int, f func(*syscall.PtraceRegs)) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	f(&regs)
	return syscall.PtraceSetRegs(tid, &regs)
}
