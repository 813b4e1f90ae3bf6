package lock

import (
	"strings"
	"testing"

	"ipp/lock/ref"
)

const ownProfile = `# What I need, on each machine.
format = 1

# for the site
[packages]
esbuild = "^0.25"   # not 0.26: it drops --x
biome = { version = "2.0.5", hold = true }

	# formatting
prettier = '3'
[packages.tool]
# by hand
version = "1"
channel = "main" # ours

[channels]
main = { at = "ipns://example.org", root = "sha256:aa" }

[x.editor] # not ipp's
width = 3
`

func constraint(t *testing.T, text string) ref.Constraint {
	t.Helper()
	c, err := ref.ParseConstraint(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEditProfile(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Profile)
		diff string // lines that go, and come
	}{
		{"nothing", func(*Profile) {}, ""},
		{"install", func(p *Profile) { p.Put(Wish{Name: "zig", Constraint: constraint(t, "*")}) }, `+zig = "*"`},
		{"install, the first", func(p *Profile) { p.Prefer["bin/x"] = "zig" }, "+[prefer]\n+\"bin/x\" = \"zig\"\n+"},
		{"remove", func(p *Profile) { p.Drop("prettier") }, `-prettier = '3'`},
		{"remove a table", func(p *Profile) { p.Drop("tool") }, "-[packages.tool]\n-version = \"1\"\n-channel = \"main\" # ours"},
		{"hold", func(p *Profile) {
			w, _ := p.Wish("esbuild")
			w.Hold = true
			p.Put(w)
		}, "-esbuild = \"^0.25\"   # not 0.26: it drops --x\n+esbuild = { version = \"^0.25\", hold = true }   # not 0.26: it drops --x"},
		{"unhold", func(p *Profile) { p.Put(Wish{Name: "biome", Constraint: constraint(t, "2.0.5")}) },
			"-biome = { version = \"2.0.5\", hold = true }\n+biome = \"2.0.5\""},
		{"hold a table", func(p *Profile) {
			w, _ := p.Wish("tool")
			w.Hold, w.Constraint = true, constraint(t, "^2")
			p.Put(w)
		}, "-version = \"1\"\n+version = \"^2\"\n+hold = true"},
		{"keep", func(p *Profile) { p.Keep = 3 }, "+[policy]\n+keep = 3\n+"},
		{"no channel", func(p *Profile) { delete(p.Channels, "main") }, "-main = { at = \"ipns://example.org\", root = \"sha256:aa\" }"},
	} {
		p := parseProfileText(t, ownProfile)
		c.edit(p)
		got, err := EditProfile("profile.toml", []byte(ownProfile), p)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := lineDiff(ownProfile, string(got)); diff != c.diff {
			t.Errorf("%s: the difference is\n%s\nwant\n%s", c.name, diff, c.diff)
		}
	}
}

// lineDiff lists lines that go, then lines that come, where the rest is in order.
func lineDiff(before, after string) string {
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	long := make([][]int, len(a)+1) // of common lines from there
	for i := range long {
		long[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				long[i][j] = long[i+1][j+1] + 1
			} else {
				long[i][j] = max(long[i+1][j], long[i][j+1])
			}
		}
	}
	var gone, come []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && long[i+1][j] >= long[i][j+1]:
			gone, i = append(gone, "-"+a[i]), i+1
		default:
			come, j = append(come, "+"+b[j]), j+1
		}
	}
	return strings.Join(append(gone, come...), "\n")
}

// FuzzEditProfile: any edit of any valid profile.toml says what it was to say.
func FuzzEditProfile(f *testing.F) {
	for _, text := range []string{ownProfile, profileText, "format = 1\n", "format = 1\npackages.a = '1'\npackages.b.version = '2'\n", "format=1\npackages={a='1',b={cid='bafybeiazj7crbhgqu4w53ljxv2jcwjbfgavkkwvv3g2tbk4fbnwjuwwmvi'}}"} {
		for op := range byte(6) {
			f.Add([]byte(text), op)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, op byte) {
		old, err := ParseProfile("profile.toml", text)
		if err != nil {
			return
		}
		next := old.Clone()
		for _, w := range old.Packages {
			switch op % 6 {
			case 0:
				next.Drop(w.Name)
			case 1:
				w.Hold = !w.Hold
				next.Put(w)
			case 2:
				w.Constraint, w.CID = ref.Exact("1.2.3"), Wish{}.CID
				next.Put(w)
			case 3:
				next.Prefer["bin/"+string(w.Name)] = w.Name
			case 4:
				w.Name += "-2"
				next.Put(w)
			}
		}
		if op%6 == 5 {
			next.Keep++
			clear(next.Prefer)
		}
		for _, w := range next.Packages {
			if _, err := ref.ParseName(string(w.Name)); err != nil {
				return
			}
		}
		out, err := EditProfile("profile.toml", text, next)
		if err != nil {
			t.Fatalf("%v\n%s\nout of\n%s", err, out, text)
		}
	})
}
