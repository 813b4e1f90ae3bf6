package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"ipp/store/dag"
	"ipp/store/durable"
	"ipp/store/flock"

	"github.com/ipfs/go-cid"
)

// Lease protects packages while work on them is in progress. It is a flocked
// file: a first line "PID PURPOSE", then a root a line. It ends with its
// process, however that ends.
type Lease struct {
	store *Store
	id    string
	lock  *flock.Lock

	mu    sync.Mutex
	roots map[cid.Cid]string // as version 1: a part of it that was seen, or ""
	size  int64
}

// Lease takes a lease on the packages with these roots, under sweep shared.
func (s *Store) Lease(ctx context.Context, purpose string, roots ...cid.Cid) (*Lease, error) {
	l := &Lease{store: s, roots: map[cid.Cid]string{}}
	fresh := l.fresh(roots)
	text := appendLines(fmt.Appendf(nil, "%d %s\n", os.Getpid(), oneLine(purpose)), fresh)
	sweep, err := s.sharedSweep(ctx, purpose)
	if err != nil {
		return nil, fmt.Errorf("take lease: %w", err)
	}
	defer sweep.Release()
	l.note(fresh)
	l.id = leaseID(s.now().UnixNano())
	if s.Reserve().low() {
		s.dropDeadLeases()
	}
	err = s.Reserve().Spend(func() (err error) {
		l.lock, err = flock.Create(s.path("leases", l.id), text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take lease: %w", err)
	}
	l.size = int64(len(text))
	return l, nil
}

// dropDeadLeases removes leases of processes that have ended, so that on a full
// disk a hundred runs take no more room than one. A lease appears locked, so one
// that can be locked is dead for good; what can't be told stays, for gc.
func (s *Store) dropDeadLeases() {
	names, err := readNames(s.path("leases"))
	if err != nil {
		return
	}
	for _, n := range names {
		if durable.IsTemp(n) {
			continue // being made, and not locked yet
		}
		if lock, err := flock.Try(s.path("leases", n), flock.Exclusive, ""); err == nil {
			_ = lock.Remove()
		}
	}
}

// leaseID is never used again: process, time and chance.
func leaseID(nanos int64) string {
	var b [6]byte
	rand.Read(b[:])
	return fmt.Sprintf("%d-%d-%s", os.Getpid(), nanos, hex.EncodeToString(b[:]))
}

func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), 200)]
}

// fresh are those roots that the lease does not hold yet, each once.
func (l *Lease) fresh(roots []cid.Cid) []cid.Cid {
	var fresh []cid.Cid
	for i, r := range roots {
		r = dag.V1(r)
		if _, held := l.roots[r]; held {
			continue
		}
		if fresh == nil { // of a large profile they all come at once
			fresh = make([]cid.Cid, 0, len(roots)-i)
		}
		fresh = append(fresh, r)
	}
	slices.SortFunc(fresh, func(a, b cid.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) })
	return slices.Compact(fresh)
}

// appendLines appends the lines of roots.
func appendLines(b []byte, roots []cid.Cid) []byte {
	for i, r := range roots {
		start := len(b)
		b = append(dag.AppendCID(b, r), '\n')
		if i == 0 {
			b = slices.Grow(b, (len(b)-start)*(len(roots)-1)) // they are of one length, or nearly
		}
	}
	return b
}

// note is for once the roots stand in the file: what is noted is never written
// again.
func (l *Lease) note(fresh []cid.Cid) {
	if len(fresh) > len(l.roots) {
		grown := make(map[cid.Cid]string, len(l.roots)+len(fresh))
		maps.Copy(grown, l.roots)
		l.roots = grown
	}
	for _, r := range fresh {
		l.roots[r] = ""
	}
}

// ID is never used again; good as a part of temporary names.
func (l *Lease) ID() string { return l.id }

// Add adds roots, under sweep shared; what is leased already costs nothing.
func (l *Lease) Add(ctx context.Context, roots ...cid.Cid) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh := l.fresh(roots)
	if len(fresh) == 0 {
		return nil
	}
	sweep, err := l.store.sharedSweep(ctx, "lease")
	if err != nil {
		return fmt.Errorf("add to lease: %w", err)
	}
	defer sweep.Release()
	// What a failed write left is written over, or protects everything.
	text := appendLines(nil, fresh)
	err = l.store.Reserve().Spend(func() error {
		_, err := l.lock.File().WriteAt(text, l.size)
		return err
	})
	if err != nil {
		return fmt.Errorf("add to lease: %w", err)
	}
	l.size += int64(len(text))
	l.note(fresh)
	return nil
}

// holds says whether root is leased.
func (l *Lease) holds(root cid.Cid) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, held := l.roots[dag.V1(root)]
	return held
}

// Missing is the store's, and looks for none twice: a tree that was seen stays
// while the lease holds it.
func (l *Lease) Missing(keys []Key) ([]Key, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var unseen []Key
	for i, k := range keys {
		if l.roots[dag.V1(k.Root)] == k.Part {
			continue
		}
		if unseen == nil { // of a large profile it is all, or nearly none
			unseen = make([]Key, 0, len(keys)-i)
		}
		unseen = append(unseen, k)
	}
	missing, err := l.store.Missing(unseen)
	if err != nil {
		return nil, err
	}
	lost := missing // in the order of unseen
	for _, k := range unseen {
		if len(lost) > 0 && lost[0] == k {
			lost = lost[1:]
			continue
		}
		root := dag.V1(k.Root)
		if _, held := l.roots[root]; held {
			l.roots[root] = k.Part
		}
	}
	return missing, nil
}

// Release ends the lease. Only after success was reported.
func (l *Lease) Release() error { return l.lock.Remove() }

// Inherit keeps the lease across exec, until that program has ended.
func (l *Lease) Inherit() error { return l.lock.Inherit() }

// LeaseInfo is a live lease.
type LeaseInfo struct {
	ID      string
	Roots   []cid.Cid // nil with All
	All     bool      // unreadable, so everything is live
	Untold  bool      // for lack of a right, say, nobody knows whether it is live
	PID     int
	Purpose string
}

// Holds says whether the lease protects the package with that root.
func (l LeaseInfo) Holds(root cid.Cid) bool {
	if l.All {
		return true
	}
	for _, r := range l.Roots {
		if SameRoot(r, root) {
			return true
		}
	}
	return false
}

// Leases lists the live leases, without any mutex: for showing only.
func (s *Store) Leases() ([]LeaseInfo, error) { return s.readLeases(false) }

// readLeases lists the leases that somebody holds; with remove, under sweep
// exclusively, it deletes the others.
func (s *Store) readLeases(remove bool) ([]LeaseInfo, error) {
	entries, err := os.ReadDir(s.path("leases"))
	if err != nil {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	var live []LeaseInfo
	for _, e := range entries {
		if !remove && durable.IsTemp(e.Name()) {
			continue // one that is being made: locking it would get in the way
		}
		if !e.Type().IsRegular() {
			continue // no lease is that, see checkLeases
		}
		path := s.path("leases", e.Name())
		lock, err := flock.Try(path, flock.Exclusive, "")
		var busy *flock.BusyError
		switch {
		case errors.As(err, &busy):
			info, err := readLease(path, e.Name())
			if !isNotExist(err) { // it was released meanwhile: what it was for is done
				live = append(live, info)
			}
		case err != nil: // it can't be told: taken for live
			live = append(live, LeaseInfo{ID: e.Name(), All: true, Untold: true})
			if !remove {
				err = nil
			}
		case remove:
			err = lock.Remove()
		default:
			err = lock.Release()
		}
		if err != nil && busy == nil {
			return live, fmt.Errorf("read lease %s: %w", e.Name(), err)
		}
	}
	return live, nil
}

// readLease reads a live lease; what can't be read protects everything.
func readLease(path, id string) (LeaseInfo, error) {
	data, err := durable.ReadFile(path, 16<<20) // 250,000 roots
	if err != nil {
		return LeaseInfo{ID: id, All: true}, err
	}
	return parseLease(id, data), nil
}

func parseLease(id string, data []byte) LeaseInfo {
	all := LeaseInfo{ID: id, All: true}
	text, whole := strings.CutSuffix(string(data), "\n")
	lines := strings.Split(text, "\n")
	pid, purpose, _ := strings.Cut(lines[0], " ")
	info := LeaseInfo{ID: id, Purpose: purpose}
	var err error
	if info.PID, err = strconv.Atoi(pid); err != nil || !whole {
		return all
	}
	all.PID, all.Purpose = info.PID, purpose
	for _, l := range lines[1:] {
		c, err := cid.Decode(l)
		if err != nil {
			return all
		}
		info.Roots = append(info.Roots, c)
	}
	return info
}
