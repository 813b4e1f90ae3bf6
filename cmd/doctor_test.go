package cmd

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ipp/cmd/term"
	"ipp/profile"
	"ipp/store/durable"
)

// newPatient is a doctor's look at a home with nothing in it.
func newPatient(t *testing.T) (p *patient, home string) {
	t.Helper()
	home = t.TempDir()
	set := readSettings([]string{"HOME=" + home, "USER=tester", "SHELL=/bin/zsh", "PATH=/usr/bin"})
	a := &app{flags: &grammar{}, set: set, now: time.Now, term: term.New(io.Discard, io.Discard, set.getenv)}
	d, err := set.dirs()
	if err != nil {
		t.Fatal(err)
	}
	return &patient{a: a, uid: os.Geteuid(), dirs: d, prof: profile.Open(defaultProfile, profile.Options{State: d.state})}, home
}

func (p *patient) kinds() (list []string) {
	for _, f := range p.findings {
		list = append(list, f.Kind)
	}
	p.findings = nil
	return list
}

// TestDoctorSeesWhoIsWho: another user's files, and root in somebody's home.
func TestDoctorSeesWhoIsWho(t *testing.T) {
	p, _ := newPatient(t)
	if err := os.MkdirAll(filepath.Join(p.dirs.state, "profiles", "default"), 0o755); err != nil {
		t.Fatal(err)
	}
	if p.owners(); len(p.findings) > 0 {
		t.Errorf("our own files: %+v", p.findings)
	}
	p.uid++
	p.owners()
	if len(p.findings) != 1 || !strings.HasPrefix(p.findings[0].Message, "3 files of another user") {
		t.Errorf("another user's files: %+v", p.findings)
	}
	p.findings = nil
	for _, tt := range []struct {
		uid, owner int
		sudo       string
		want       []string
	}{{0, 1000, "bob", []string{"sudo"}}, {0, 0, "bob", nil}, {1000, 1000, "bob", nil}, {0, 1000, "", nil}} {
		p.uid = tt.uid
		p.user(tt.owner, tt.sudo)
		if got := p.kinds(); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// TestDoctorSeesTheDisk: full, and without hard links.
func TestDoctorSeesTheDisk(t *testing.T) {
	p, _ := newPatient(t)
	p.room("/x", fewBytes, fewFiles)
	p.links("/x", durable.Abilities{HardLinks: true})
	if got := p.kinds(); got != nil {
		t.Errorf("nothing is wrong: %q", got)
	}
	p.room("/x", fewBytes-1, fewFiles)
	p.room("/x", fewBytes, fewFiles-1)
	p.links("/x", durable.Abilities{})
	if got := p.kinds(); !slices.Equal(got, []string{"room", "room", "links"}) {
		t.Errorf("a full disk without links: %q", got)
	}
}

// TestParentBegan: the process that runs this test began before it, today.
func TestParentBegan(t *testing.T) {
	began, ok := parentBegan()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		if ok {
			t.Error("it is known without /proc")
		}
		return
	}
	if ok && began.After(time.Now().Add(time.Second)) || !ok {
		t.Errorf("%v, %v", began, ok)
	}
}

// TestWhereLinesBelong: at the end, and in zsh before what looks for completions.
func TestWhereLinesBelong(t *testing.T) {
	for _, tt := range []struct{ shell, before, after string }{
		{"bash", "a\nautoload compinit\n", ""}, {"zsh", "a\n", ""}, {"zsh", "", ""}, {"zsh", "# compinit\na\n", "autoload -Uz compinit\ncompinit\n"},
		{"zsh", "", "source $ZSH/oh-my-zsh.sh\n"}, {"fish", "a", ""},
	} {
		s := &startUp{text: tt.before + tt.after}
		if at := s.place(tt.shell); at != len(tt.before) {
			t.Errorf("%s, %q: at %d, want %d", tt.shell, s.text, at, len(tt.before))
		}
	}
}

// TestStartUpFiles are those that an interactive shell reads.
func TestStartUpFiles(t *testing.T) {
	set := readSettings([]string{"HOME=/h", "ZDOTDIR=/z", "XDG_CONFIG_HOME=/c"})
	for shell, want := range map[string]string{"bash": "/h/.bashrc", "zsh": "/z/.zshrc", "fish": "/c/fish/config.fish", "sh": "/h/.profile"} {
		if got, err := set.startUpFile(shell); err != nil || got != want {
			t.Errorf("%s: %s, %v", shell, got, err)
		}
	}
}
