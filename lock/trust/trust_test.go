package trust

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ipp/lock/ref"

	"github.com/ipfs/go-cid"
)

var update = flag.Bool("update", false, "write testdata anew")

const manifest = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

// fixed is a key that is the same in every run: its seed is the byte n repeated.
func fixed(t testing.TB, name string, n byte) *Private {
	t.Helper()
	p, err := fromSeed(ref.Name(name), bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func statement() Statement {
	return Statement{
		Name: "esbuild", Version: "0.25.0", Manifest: cid.MustParse(manifest),
		Parts: map[ref.Platform]Size{
			"linux-amd64":  {9_800_000, 3, 3},
			"darwin-arm64": {9_700_000, 3, 3},
			AnyPart:        {48_211, 7, 4},
		},
	}
}

// rotated is fixed's key after it took over twice.
func rotated(t testing.TB) *Private {
	first, second, third := fixed(t, "alice", 1), fixed(t, "alice", 2), fixed(t, "alice", 3)
	for _, pair := range [][2]*Private{{first, second}, {second, third}} {
		h, err := pair[0].handOver(pair[1].Key)
		if err != nil {
			t.Fatal(err)
		}
		pair[1].Handovers = append([]Handover{h}, pair[0].Handovers...)
	}
	return third
}

func sign(t testing.TB, p *Private, s Statement) []byte {
	t.Helper()
	data, err := p.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestVectors: the files of testdata are what these keys make, and are read.
// Later releases read them, and write the same.
func TestVectors(t *testing.T) {
	old := fixed(t, "alice", 1)
	secret, err := old.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	alone := statement()
	alone.Parts = map[ref.Platform]Size{AnyPart: {12, 4, 2}}
	for name, data := range map[string][]byte{
		"plain.signature":   sign(t, old, statement()),
		"alone.signature":   sign(t, old, alone),
		"rotated.signature": sign(t, rotated(t), statement()),
		"alice.private":     secret,
		"alice.public":      []byte(old.Key.String() + "\n" + string(old.Key.Fingerprint()) + "\n"),
	} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(data, want) {
			t.Errorf("%s is not what it was (%v):\n%s", name, err, data)
		}
	}
}

func TestSignatureComesBack(t *testing.T) {
	p := rotated(t)
	s, err := Open(sign(t, p, statement()))
	if err != nil {
		t.Fatal(err)
	}
	want := statement()
	if s.Key.String() != p.Key.String() || s.Name != want.Name || !maps.Equal(s.Parts, want.Parts) || !s.Manifest.Equals(want.Manifest) {
		t.Errorf("%+v", s)
	}
	if got := s.Total(); got != (Size{19_548_211, 13, 4}) {
		t.Errorf("total is %s", got)
	}
	for _, n := range []byte{1, 2, 3} {
		if !s.Follows(fixed(t, "alice", n).Key.String()) {
			t.Errorf("it does not follow key %d", n)
		}
	}
	if s.Follows(fixed(t, "bob", 1).Key.String()) || s.Follows("") {
		t.Error("it follows a stranger")
	}
}

// TestEveryChangeIsRefused flips each bit of a signature, and drops and doubles
// each of its lines.
func TestEveryChangeIsRefused(t *testing.T) {
	data := sign(t, rotated(t), statement())
	for i := range data {
		for bit := range 8 {
			bad := bytes.Clone(data)
			bad[i] ^= 1 << bit
			if _, err := Open(bad); err == nil {
				t.Fatalf("byte %d, bit %d: changed and accepted:\n%s", i, bit, bad)
			}
		}
	}
	lines := strings.SplitAfter(string(data), "\n")
	for i := range lines {
		dropped := strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "")
		doubled := strings.Join(slices.Insert(slices.Clone(lines), i, lines[i]), "")
		for _, bad := range []string{dropped, doubled} {
			if _, err := Open([]byte(bad)); err == nil && bad != string(data) {
				t.Errorf("line %d: changed and accepted:\n%s", i+1, bad)
			}
		}
	}
}

// TestMalformed: what the right key signs is judged as well.
func TestMalformed(t *testing.T) {
	p := fixed(t, "alice", 1)
	good := (&Signature{Statement: statement(), Key: p.Key}).text()
	other := fixed(t, "alice", 2).Key.String()
	for name, tt := range map[string]struct{ old, new, why string }{
		"name":        {"name esbuild", "name Esbuild", "line 2"},
		"version":     {"version 0.25.0", "version /", "line 3"},
		"cid":         {"manifest " + manifest, "manifest " + strings.ToUpper(manifest), "line 4"},
		"total":       {"total bytes=19548211", "total bytes=19548212", "the parts make"},
		"zeros":       {"bytes=48211", "bytes=048211", "no number"},
		"negative":    {"bytes=48211", "bytes=-48211", "no number"},
		"too much":    {"bytes=48211", "bytes=9223372036854775807", "no number"},
		"no any":      {"part any bytes=48211 files=7 depth=4\n", "", "part any is missing"},
		"order":       {"part any bytes=48211 files=7 depth=4\npart darwin-arm64 bytes=9700000 files=3 depth=3\n", "", "not in order"},
		"platform":    {"part linux-amd64", "part linux", "missing"},
		"twice":       {"part any", "part linux-amd64 bytes=1 files=1 depth=1\npart any", "twice"},
		"space":       {"name esbuild", "name  esbuild", "line 2"},
		"extra":       {"key alice", "keys a\nkey alice", `want "key"`},
		"after":       {"", "x y\n", "no place here"},
		"other":       {p.Key.String(), other, "not by the key that it names"},
		"newer":       {"ipp-package 1", "ipp-package 2", ErrNewer.Error()},
		"older":       {"ipp-package 1", "ipp-package 0", "no version"},
		"kind":        {"ipp-package 1", "ipp-key-handover 1", "ipp-package"},
		"bad before":  {"", "before " + other + " AAAA\n", "handover"},
		"self before": {"", "before " + p.Key.String() + " AAAA\n", "handover"},
	} {
		bad := strings.Replace(good, tt.old, tt.new, 1)
		switch {
		case tt.old == "":
			bad = good + tt.new
		case name == "order":
			any, darwin, _ := strings.Cut(tt.old, "\npart d")
			bad = strings.Replace(good, any+"\n", "", 1)
			bad = strings.Replace(bad, "part d"+darwin, any+"\npart d"+darwin, 1)
		}
		_, err := Open(signText(t, p, bad))
		if bad == good || err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v, want %q", name, err, tt.why)
		}
		if errors.Is(err, ErrNewer) != (name == "newer") {
			t.Errorf("%s: newer: %v", name, err)
		}
	}
	two := append(signText(t, p, good), "— alice "+strings.Repeat("A", 96)+"\n"...)
	if _, err := Open(two); err == nil {
		t.Error("two signatures are accepted")
	}
	if _, err := Open(make([]byte, MaxSignature+1)); err == nil {
		t.Error("a signature of any size is read")
	}
}

// TestSignRefusesNonsense: nobody could read it.
func TestSignRefusesNonsense(t *testing.T) {
	s := statement()
	s.Parts[AnyPart] = Size{Bytes: mostBytes + 1}
	if _, err := fixed(t, "alice", 1).Sign(s); err == nil {
		t.Error("a size beyond all bounds was signed")
	}
}

func TestCheck(t *testing.T) {
	s, err := Open(sign(t, fixed(t, "alice", 1), statement()))
	if err != nil {
		t.Fatal(err)
	}
	m, other := cid.MustParse(manifest), cid.MustParse("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
	both := []ref.Platform{"linux-amd64", "darwin-arm64"}
	for why, err := range map[string]error{
		"":                                   s.Check("esbuild", "0.25.0", m, both),
		"signed esbuild 0.25.0, and":         s.Check("evil", "0.25.0", m, both),
		"this is esbuild 0.25.1":             s.Check("esbuild", "0.25.1", m, both),
		"this is the manifest bafkre":        s.Check("esbuild", "0.25.0", other, both),
		"this is the parts any, linux-amd64": s.Check("esbuild", "0.25.0", m, both[:1]),
	} {
		if why == "" && err != nil || why != "" && (err == nil || !strings.Contains(err.Error(), why)) {
			t.Errorf("%q: %v", why, err)
		}
	}
}

// TestHandovers: only the old key's word counts, and only for the key it names.
func TestHandovers(t *testing.T) {
	alice, mallory := fixed(t, "alice", 1), fixed(t, "mallory", 9)
	next, err := alice.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(sign(t, next, statement()))
	if err != nil || !s.Follows(alice.Key.String()) || s.Key.Name() != "alice" {
		t.Errorf("the new key does not follow: %v", err)
	}
	stolen := *mallory
	stolen.Handovers = next.Handovers
	if _, err := stolen.Sign(statement()); err == nil {
		t.Error("a handover to another key was taken")
	}
	forged, err := mallory.handOver(mallory.Key)
	if err != nil {
		t.Fatal(err)
	}
	forged.From = alice.Key
	stolen.Handovers = []Handover{forged}
	var bad *ForgedError
	if _, err := stolen.Sign(statement()); !errors.As(err, &bad) || bad.What != "handover" {
		t.Errorf("a handover that the old key did not sign: %v", err)
	}
	for range mostBefore - 1 {
		if next, err = next.Rotate(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := next.Rotate(); err == nil {
		t.Error("a key rotates for ever")
	}
	if _, err := Open(sign(t, next, statement())); err != nil {
		t.Errorf("the longest chain: %v", err)
	}
}

func TestJudge(t *testing.T) {
	alice, mallory := fixed(t, "alice", 1), fixed(t, "mallory", 9)
	open := func(p *Private) *Signature {
		s, err := Open(sign(t, p, statement()))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, m := alice.Key.String(), mallory.Key.String()
	next := open(rotated(t))
	for _, tt := range []struct {
		known  []string
		s      *Signature
		want   Verdict
		before string
	}{
		{nil, nil, Same, ""},
		{nil, open(alice), First, ""},
		{[]string{""}, nil, Same, ""},
		{[]string{""}, open(alice), First, ""},
		{[]string{a}, open(alice), Same, a},
		{[]string{m, a}, open(alice), Same, a},
		{[]string{"", a}, open(alice), Same, a},
		{[]string{a}, next, HandedOver, a},
		{[]string{m, a}, next, HandedOver, a},
		{[]string{next.Key.String()}, open(alice), Changed, next.Key.String()},
		{[]string{a}, open(mallory), Changed, a},
		{[]string{"", a}, open(mallory), Changed, a},
		{[]string{a}, nil, Changed, a},
		{[]string{"no key"}, open(alice), Changed, "no key"},
	} {
		if v, before := Judge(tt.known, tt.s); v != tt.want || before != tt.before {
			t.Errorf("%q: %d, %q; want %d, %q", tt.known, v, before, tt.want, tt.before)
		}
	}
}

func TestKeyFile(t *testing.T) {
	p := rotated(t)
	for _, passphrase := range []string{"", "correct horse"} {
		data, err := p.encode([]byte(passphrase), 4)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParsePrivate(data)
		if err != nil || f.Sealed() != (passphrase != "") || !bytes.Equal(f.Encode(), data) {
			t.Fatalf("%v, %+v", err, f)
		}
		if f.Sealed() && strings.Contains(string(data), "PRIVATE") {
			t.Error("the secret is in the file")
		}
		got, err := f.Open([]byte(passphrase))
		if err != nil || !bytes.Equal(sign(t, got, statement()), sign(t, p, statement())) {
			t.Errorf("another key came back: %v", err)
		}
		if _, err := f.Open([]byte("wrong")); f.Sealed() != errors.Is(err, ErrPassphrase) {
			t.Errorf("wrong passphrase: %v", err)
		}
		text := string(data)
		mallory := fixed(t, "mallory", 9).Key.String()
		for _, bad := range []string{
			strings.Replace(text, p.Key.String(), mallory, 1), text + "x\n", text[:len(text)-1], "",
			strings.Replace(text, "ipp-private-key 1", "ipp-private-key 3", 1),
			strings.Replace(text, "scrypt 4", "scrypt 21", 1) + strings.Repeat("\n", len("x")-f.sealedAs()),
			strings.Replace(text, "before ", "after ", 1), strings.Repeat("x", MaxPrivate+1),
		} {
			f, err := ParsePrivate([]byte(bad))
			if err == nil {
				if _, err = f.Open([]byte(passphrase)); err == nil && bad != text {
					t.Errorf("accepted:\n%.2000s", bad)
				}
			}
		}
	}
}

func (f *PrivateFile) sealedAs() int {
	if f.Sealed() {
		return 1
	}
	return 0
}

func TestParseKey(t *testing.T) {
	good := fixed(t, "alice", 1).Key.String()
	if k, err := ParseKey(good); err != nil || k.String() != good || k.Name() != "alice" {
		t.Errorf("%v, %v", k, err)
	}
	odd := "alice" + good[strings.Index(good, "+"):strings.Index(good, "+")+1] + strings.ToUpper(good[len("alice+"):len("alice+")+8]) + good[len("alice+")+8:]
	for _, bad := range []string{"", "alice", good + "=", good + "\n", " " + good, "Alice" + good[5:], "x" + good, good[:len(good)-4],
		odd, "PRIVATE+KEY+" + good} {
		if _, err := ParseKey(bad); err == nil && bad != good {
			t.Errorf("%q is a key", bad)
		}
	}
	for _, bad := range []string{"", "A", "a+b", "a b", "con", "bafyx"} {
		if _, err := ParseName(bad); err == nil {
			t.Errorf("%q names a key", bad)
		}
	}
}

func TestFingerprint(t *testing.T) {
	f := fixed(t, "alice", 1).Key.Fingerprint()
	for _, typed := range []string{string(f), strings.ToUpper(string(f)), strings.ReplaceAll(string(f), "-", "")} {
		if got, err := ParseFingerprint(typed); err != nil || got != f {
			t.Errorf("%q: %s, %v", typed, got, err)
		}
	}
	for _, bad := range []string{"", string(f[1:]), string(f) + "a", strings.Repeat("0", 20), strings.Repeat("é", 10)} {
		if _, err := ParseFingerprint(bad); !errors.Is(err, ErrFingerprint) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if f == fixed(t, "bob", 1).Key.Fingerprint() || f == fixed(t, "alice", 2).Key.Fingerprint() {
		t.Error("two keys have one fingerprint")
	}
}

// FuzzOpen: what is accepted is what its parts make again, so there is one
// spelling; no key is known to the fuzzer, so it signs what it finds.
func FuzzOpen(f *testing.F) {
	p := fixed(f, "alice", 1)
	for _, s := range []string{"plain", "alone", "rotated"} {
		data, err := os.ReadFile(filepath.Join("testdata", s+".signature"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), false)
		text, _, _ := strings.Cut(string(data), "\n\n")
		f.Add(text+"\n", true)
	}
	f.Fuzz(func(t *testing.T, text string, resign bool) {
		data := []byte(text)
		if resign {
			if data = tryToSign(p, text); data == nil {
				return
			}
		}
		s, err := Open(data)
		if err != nil {
			return
		}
		if signed, _, _ := strings.Cut(string(data), "\n\n"); s.text() != signed+"\n" {
			t.Errorf("two spellings:\n%q\n%q", s.text(), signed)
		}
		if err := s.Check(s.Name, s.Version, s.Manifest, platforms(s)); err != nil {
			t.Errorf("it is not what it says: %v", err)
		}
	})
}

func platforms(s *Signature) []ref.Platform {
	return slices.DeleteFunc(slices.Collect(maps.Keys(s.Parts)), func(p ref.Platform) bool { return p == AnyPart })
}

// FuzzParsePrivate: the same for key files.
func FuzzParsePrivate(f *testing.F) {
	p := rotated(f)
	for _, passphrase := range []string{"", "x"} {
		data, err := p.encode([]byte(passphrase), 1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := ParsePrivate([]byte(text))
		if err == nil && string(file.Encode()) != text {
			t.Errorf("two spellings:\n%q\n%q", file.Encode(), text)
		}
	})
}

// signText is a note with any text, signed.
func signText(t testing.TB, p *Private, text string) []byte {
	t.Helper()
	data := tryToSign(p, text)
	if data == nil {
		t.Fatal(fmt.Errorf("not to be signed: %q", text))
	}
	return data
}
