package index

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ipp/store"
	"ipp/store/flock"
)

// roleEnv makes the test binary play another process: "ROLE DIR".
const roleEnv = "IPP_INDEX_ROLE"

func TestMain(m *testing.M) {
	if role, dir, ok := strings.Cut(os.Getenv(roleEnv), " "); ok {
		if err := play(role, dir); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play is what another process does with the index of the store at dir.
func play(role, dir string) error {
	st, err := store.Open(dir, store.Options{})
	if err != nil {
		return err
	}
	told := 0
	opt := asTold()
	if role == "writer" { // stops in the middle, as a SIGSTOP would
		opt.Describe = func(ctx context.Context, k store.Key) (Facts, error) {
			if told++; told == 3 {
				say("ready")
				_, _ = io.Copy(io.Discard, os.Stdin)
			}
			return describe(ctx, k)
		}
	}
	x, err := Open(context.Background(), st, opt)
	if err != nil {
		return err
	}
	if role == "answers" {
		return answer(x)
	}
	say("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, x.Close())
}

func say(word string) { fmt.Println(word) }

// answer prints where the index is, and what it says of its trees' roots.
func answer(x *Index) error {
	fmt.Printf("disk=%v memory=%v\n", x.disk != nil, x.memory != nil)
	for _, k := range x.Trees() {
		data, err := x.Block(context.Background(), k.Root)
		if err != nil {
			return err
		}
		holders, err := x.Holders(k.Root)
		if err != nil {
			return err
		}
		facts, err := x.Data(k)
		if err != nil {
			return err
		}
		fmt.Println(k, len(data), holders, string(facts))
	}
	return x.Close()
}

type other struct {
	cmd *exec.Cmd
	in  io.Closer
}

// start starts another process, and waits until it holds the index.
func start(t *testing.T, role string, st *store.Store) *other {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+role+" "+st.Dir())
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("%s says %q, %v", role, line, err)
	}
	return &other{cmd, in}
}

func (o *other) kill(t *testing.T) {
	t.Helper()
	must(t, o.cmd.Process.Kill())
	_ = o.cmd.Wait() // it was killed
}

// same opens the index and asks everything.
func same(t *testing.T, st *store.Store, disk, memory bool) {
	t.Helper()
	files := read(t, st)
	x := open(t, st)
	defer closeIndex(t, x)
	if (x.disk != nil) != disk || (x.memory != nil) != memory {
		t.Errorf("on disk: %v, in memory: %v", x.disk != nil, x.memory != nil)
	}
	if d := diff(x.text(t, files.asked(t)), files.text(t)); d != "" {
		t.Error(d)
	}
}

// someStore is a store with a few packages.
func someStore(t testing.TB) *store.Store { return someStoreIn(t, t.TempDir()) }

func someStoreIn(t testing.TB, dir string) *store.Store {
	t.Helper()
	st := newStoreIn(t, dir)
	for i, s := range styles()[:5] {
		m, root := s.pkg(t, uint64(i), small)
		ensure(t, st, store.Want{Key: store.Key{Root: root, Part: store.AnyPart}}, m)
	}
	return st
}

// TestKilledWriter: killed between the seal's removal and its return.
func TestKilledWriter(t *testing.T) {
	for _, found := range []bool{false, true} {
		st := someStore(t)
		if found {
			closeIndex(t, open(t, st))
			smallPackages(t, st, 0, 5)
		}
		w := start(t, "writer", st)
		if _, err := os.Lstat(sealPath(dirOf(st))); err == nil {
			t.Error("the seal stands while the index is written")
		}
		same(t, st, false, true) // while it is held
		if _, err := Check(t.Context(), st); !errors.As(err, new(*flock.BusyError)) {
			t.Errorf("check says %v", err)
		}
		w.kill(t)
		if faults, err := Check(t.Context(), st); err != nil || len(faults) != 1 || faults[0].Path != "index/seal" {
			t.Errorf("check says %v, %v", faults, err)
		}
		same(t, st, true, false)
	}
}

// TestReader: somebody reads for days, and packages come and go.
func TestReader(t *testing.T) {
	st := someStore(t)
	r := start(t, "reader", st)
	same(t, st, true, false)
	smallPackages(t, st, 0, 3)
	same(t, st, true, true) // what is new, beside what is there
	collect(t, st, 1)
	same(t, st, true, true)
	must(t, r.in.Close())
	must(t, r.cmd.Wait())
	same(t, st, true, false)
}

// collect removes the first n trees, and says which.
func collect(t *testing.T, st *store.Store, n int) []store.Key {
	t.Helper()
	keys, err := st.Trees()
	must(t, err)
	for _, k := range keys[:n] {
		remove(t, st, k)
	}
	return keys[:n]
}

// remove removes a tree as gc does.
func remove(t *testing.T, st *store.Store, k store.Key) {
	t.Helper()
	must(t, os.RemoveAll(st.TreeDir(k)))
	must(t, os.Remove(st.TreeDir(k)+".car"))
	must(t, os.Remove(st.TreeDir(k)+".objects"))
}

// TestCollectedMeanwhile: no answer of an open index speaks of a tree that went
// after it was opened.
func TestCollectedMeanwhile(t *testing.T) {
	st := someStore(t)
	x := open(t, st)
	before := read(t, st)
	gone := collect(t, st, 2)
	after := read(t, st)
	after.cids = before.cids
	if d := diff(x.text(t, before.asked(t)), after.text(t)); d != "" {
		t.Error(d)
	}
	if data, err := x.Data(gone[0]); err != nil || data != nil {
		t.Errorf("%q, %v", data, err)
	}
	for _, c := range before.asked(t) {
		spots, err := x.Spots(c, 100)
		must(t, err)
		for _, s := range spots {
			if s.Key == gone[0] || s.Key == gone[1] {
				t.Errorf("%s stands in %v, which has gone", c, s)
			}
		}
	}
	same(t, st, true, false)
}

// TestRubbish: an index in which most has gone is made anew, so it does not
// grow for ever.
func TestRubbish(t *testing.T) {
	st := someStore(t)
	s := styles()[1]
	for i := range 3 { // more than the few records that are left alone
		m, root := s.pkg(t, uint64(50+i), 40*small)
		ensure(t, st, store.Want{Key: store.Key{Root: root, Part: store.AnyPart}}, m)
	}
	x := open(t, st)
	big := x.disk.live
	closeIndex(t, x)
	keys, err := st.Trees()
	must(t, err)
	for i, k := range keys { // one goes, one comes
		remove(t, st, k)
		smallPackages(t, st, i, 1)
		closeIndex(t, open(t, st))
	}
	same(t, st, true, false)
	x = open(t, st)
	defer closeIndex(t, x)
	if x.disk.dead > 10_000 || x.disk.live > big/4 {
		t.Errorf("%d records are live, %d dead, the next number is %d", x.disk.live, x.disk.dead, x.disk.next)
	}
}

// TestNoSpace: a disk without space is not written; where it is short later,
// what is missing is made in memory.
func TestNoSpace(t *testing.T) {
	st := someStore(t)
	full := func(string) (int64, int64, bool) { return spare - 1, 1 << 20, true }
	files := read(t, st)
	ask := func(room func(string) (int64, int64, bool), disk, memory bool) {
		t.Helper()
		x, err := openWith(t.Context(), st, asTold(), room)
		must(t, err)
		defer closeIndex(t, x)
		if (x.disk != nil) != disk || (x.memory != nil) != memory {
			t.Errorf("on disk: %v, in memory: %v", x.disk != nil, x.memory != nil)
		}
		if d := diff(x.text(t, files.asked(t)), files.text(t)); d != "" {
			t.Error(d)
		}
	}
	ask(full, false, true)
	if _, err := os.Lstat(dirOf(st)); err == nil {
		t.Error("something was written")
	}
	ask(store.Room, true, false)
	smallPackages(t, st, 0, 3)
	files = read(t, st)
	before := contents(t, dirOf(st))
	ask(full, true, true)
	if after := contents(t, dirOf(st)); len(after) != len(before) || string(after[sealName]) != string(before[sealName]) {
		t.Error("what is on disk was touched")
	}
	n := 0
	ask(func(string) (int64, int64, bool) { // short in the middle of it
		if n++; n > 3 {
			return spare, 1 << 20, true
		}
		return 1 << 40, 1 << 20, true
	}, true, true)
	ask(store.Room, true, false)
}

// TestInterrupted: what was read in until then is kept.
func TestInterrupted(t *testing.T) {
	st := someStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	opt := asTold()
	opt.Report = func(done, _ int) {
		if done == 3 {
			cancel()
		}
	}
	if x, err := Open(ctx, st, opt); !errors.Is(err, context.Canceled) || x != nil {
		t.Fatalf("%v, %v", x, err)
	}
	news := 0
	opt.Report = func(_, total int) { news = total }
	x, err := Open(t.Context(), st, opt)
	must(t, err)
	closeIndex(t, x)
	if news != 2 {
		t.Errorf("%d packages were read in again, not 2", news)
	}
	same(t, st, true, false)
}

// TestOtherFacts: another Describe makes the facts anew, none leaves them.
func TestOtherFacts(t *testing.T) {
	st := someStore(t)
	same(t, st, true, false)
	x, err := Open(t.Context(), st, Options{})
	must(t, err)
	if n := len(x.Trees()); n != 5 {
		t.Errorf("%d trees", n)
	}
	closeIndex(t, x)
	opt := asTold()
	opt.Version = 2
	opt.Describe = func(context.Context, store.Key) (Facts, error) {
		return Facts{Words: []string{"new", "", "a\x00b", strings.Repeat("x", MaxWord+1)}, Data: make([]byte, MaxData)}, nil
	}
	x, err = Open(t.Context(), st, opt)
	must(t, err)
	var words []string
	must(t, x.Search("", func(w string, k store.Key) error {
		words = append(words, w)
		data, err := x.Data(k)
		if len(data) != MaxData {
			t.Errorf("%d bytes, %v", len(data), err)
		}
		return err
	}))
	if got := strings.Join(words, " "); got != "new new new new new" {
		t.Errorf("words are %q", got)
	}
	closeIndex(t, x)
	same(t, st, true, false)
}

// TestFactsThatCantBeRead: what a bad moment keeps from being read is told, and
// read the next time.
func TestFactsThatCantBeRead(t *testing.T) {
	st := someStore(t)
	opt := asTold()
	opt.Describe = func(_ context.Context, k store.Key) (Facts, error) {
		return Facts{}, fmt.Errorf("read %s: %w", k, &fs.PathError{Op: "open", Path: "package.toml", Err: syscall.EMFILE})
	}
	x, err := Open(t.Context(), st, opt)
	must(t, err)
	if n := len(x.Unread()); n != 5 || len(x.Trees()) != 0 {
		t.Errorf("%d trees are said to be unread, %d known", n, len(x.Trees()))
	}
	closeIndex(t, x)
	same(t, st, true, false)
}

// TestDamagedStore: a damaged block comes from another place, or is told to be
// damaged; it is never handed out. A tree that can't be read costs its own
// answers only, and comes back when it is healed.
func TestDamagedStore(t *testing.T) {
	st := someStore(t)
	x := open(t, st)
	defer closeIndex(t, x)
	files := read(t, st)
	keys, err := st.Trees()
	must(t, err)
	k := keys[0]
	for _, path := range []string{"sub/own", "name"} {
		rewrite(t, filepath.Join(st.TreeDir(k), filepath.FromSlash(path)))
	}
	must(t, st.EachBlock(t.Context(), k, func(b store.PlacedBlock) error {
		if b.CID.Equals(k.Root) {
			rewriteAt(t, st.TreeDir(k)+".car", b.Place.Offset+1)
		}
		return nil
	}))
	for _, c := range files.asked(t) {
		want, ok := files.blocks[string(c.Hash())]
		data, err := x.Block(t.Context(), c)
		_, bad := errors.AsType[*store.DamagedError](err)
		switch holders := files.holders[string(c.Hash())]; {
		case err == nil && string(data) != string(want):
			t.Errorf("%s: other bytes", c)
		case ok && err != nil && !bad:
			t.Errorf("%s: %v", c, err)
		case ok && err != nil && (len(holders) > 1 || !holders[k.String()]):
			t.Errorf("%s, which %v hold: %v", c, holders, err)
		}
	}
	if _, err := x.Block(t.Context(), k.Root); !errors.As(err, new(*store.DamagedError)) || errors.Is(err, os.ErrNotExist) {
		t.Errorf("its root: %v", err)
	}
	y := open(t, st)
	defer closeIndex(t, y)
	if u := y.Unread(); len(u) != 1 || u[0].Key != k {
		t.Errorf("unread are %v", u)
	}
	_, err = y.Block(t.Context(), k.Root)
	if !errors.As(err, new(*store.DamagedError)) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its root: %v", err)
	}
}

// rewrite changes the last byte of a file in place, in all its names.
func rewrite(t *testing.T, path string) {
	t.Helper()
	fi, err := os.Stat(path)
	must(t, err)
	rewriteAt(t, path, fi.Size()-1)
}

func rewriteAt(t *testing.T, path string, at int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	data[at] ^= 1
	must(t, os.Chmod(path, 0o644))
	must(t, os.WriteFile(path, data, 0o644))
}

// TestLostFile: the object has what a file of a tree has lost.
func TestLostFile(t *testing.T) {
	st := someStore(t)
	keys, err := st.Trees()
	must(t, err)
	for _, k := range keys {
		must(t, os.Remove(filepath.Join(st.TreeDir(k), "common")))
		must(t, os.Remove(filepath.Join(st.TreeDir(k), "sub", "common")))
		must(t, os.Remove(filepath.Join(st.TreeDir(k), "again", "common")))
	}
	x := open(t, st)
	defer closeIndex(t, x)
	c := styles()[0].file(t, memory{}, pattern(2500, 1)).Cid()
	if data, err := x.Block(t.Context(), c); err != nil || string(data) != string(pattern(2500, 1)) {
		t.Errorf("%v", err)
	}
	if size, err := x.Size(t.Context(), c); err != nil || size != 2500 {
		t.Errorf("%d, %v", size, err)
	}
}

// TestCheckNames names what is wrong by file.
func TestCheckNames(t *testing.T) {
	st := someStore(t)
	check := func(want string) {
		t.Helper()
		before := contents(t, dirOf(st))
		faults, err := Check(t.Context(), st)
		must(t, err)
		var got []string
		for _, f := range faults {
			got = append(got, f.Path)
			if f.Why == "" {
				t.Errorf("%s has no reason", f.Path)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("faults are %v, want %s", faults, want)
		}
		if after := contents(t, dirOf(st)); len(after) != len(before) {
			t.Error("check changed something")
		}
	}
	if faults, err := Check(t.Context(), st); err != nil || len(faults) > 0 {
		t.Errorf("no index: %v, %v", faults, err)
	}
	closeIndex(t, open(t, st))
	check("")
	in := func(name string) string { return filepath.Join(dirOf(st), name) }
	rewrite(t, in("MANIFEST"))
	check("index/MANIFEST")
	must(t, os.Remove(in("DISCARD")))
	check("index/DISCARD index/MANIFEST")
	must(t, os.WriteFile(in("x"), nil, 0o644))
	check("index/DISCARD index/MANIFEST index/x")
	must(t, os.Remove(in(sealName)))
	check("index/seal")
	must(t, Remove(t.Context(), st, flock.Policy{}))
	if _, err := os.Lstat(dirOf(st)); err == nil {
		t.Error("it is still there")
	}
	same(t, st, true, false)
	keys, err := st.Trees()
	must(t, err)
	lie(t, st, keys[0])
	check("index")
}

// lie puts a wrong place of a tree's root into the index, and seals that.
func lie(t *testing.T, st *store.Store, k store.Key) {
	t.Helper()
	l, err := openLayer(dirOf(st))
	must(t, err)
	n := l.known[k]
	s := spot{tree: n, offset: 1, how: inCAR, block: 1, size: 1}
	var key []byte
	must(t, l.scan(hashKey(keyBlock, k.Root), true, func(rest, value []byte) (bool, error) {
		key = append(hashKey(keyBlock, k.Root), rest...)
		return false, nil
	}))
	batch := l.db.NewWriteBatch()
	must(t, batch.Set(key, s.value()))
	must(t, batch.Flush())
	must(t, l.db.Close())
	seal(dirOf(st))
}
