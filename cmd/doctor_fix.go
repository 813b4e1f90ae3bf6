package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ipp/cmd/term"
	"ipp/store/durable"
)

// maxStartUp is the largest start-up file of a shell that is changed.
const maxStartUp = 4 << 20

// startUp is a shell's start-up file: where it is, what is in it, and where ipp's
// lines belong.
type startUp struct {
	file string
	text string
	mode fs.FileMode
}

// startUpFile is the one that every interactive shell of that kind reads.
func (s settings) startUpFile(shell string) (string, error) {
	switch shell {
	case "bash":
		return s.base("", ".bashrc")
	case "zsh":
		dir, err := s.base(s.getenv("ZDOTDIR"), "")
		return filepath.Join(dir, ".zshrc"), err
	case "fish":
		dir, err := s.base(s.getenv("XDG_CONFIG_HOME"), ".config")
		return filepath.Join(dir, "fish", "config.fish"), err
	}
	return s.base("", ".profile")
}

// fix puts the lines of env where the person's shell reads them; nil where they
// are not what is wrong.
func (d *doctorCmd) fix(p *patient) (*mended, error) {
	a := p.a
	if !slices.ContainsFunc(p.findings, func(f finding) bool { return f.Kind == "path" }) {
		if !a.json {
			a.note("there is nothing that --fix mends")
		}
		return nil, nil
	}
	name := a.set.shellName()
	lines, ok := p.shell.Env(name)
	if !ok {
		return nil, unknownShell("doctor", name, []string{"bash, zsh, fish"}, "")
	}
	s, err := a.set.readStartUp(name)
	if err != nil {
		return nil, failed("doctor", "--fix", err)
	}
	if strings.Contains(s.text, lines) {
		return nil, &failure{verb: "doctor", object: "--fix", err: fmt.Errorf("%s has the lines already", s.file), code: exitFailed,
			hints: []string{"begin a new shell, or, in this one: eval \"$(" + a.own("env") + ")\""}}
	}
	at := s.place(name)
	if at > 0 && s.text[at-1] != '\n' {
		lines = "\n" + lines
	}
	m := &mended{File: s.file, Line: strings.Count(s.text[:at], "\n") + 1, Text: lines, DryRun: d.DryRun}
	a.showMended(m)
	if d.DryRun {
		return m, nil
	}
	if err := a.ask(d.Yes, "put these lines into "+term.Safe(s.file)+"?"); err != nil {
		return nil, err
	}
	if err := s.write(s.text[:at] + lines + s.text[at:]); err != nil {
		return nil, failed("doctor", "--fix", err)
	}
	if !a.json {
		a.println("done: a new shell finds what is installed")
	}
	return m, nil
}

// showMended shows the change before it is made; with --json on standard error,
// as a question is.
func (a *app) showMended(m *mended) {
	out := a.term.Out()
	if a.json {
		out = a.term.Err()
	}
	fmt.Fprintf(out, "\n%s, from line %d:\n", term.Safe(m.File), m.Line)
	for line := range strings.Lines(m.Text) {
		fmt.Fprintf(out, "+ %s\n", term.Safe(strings.TrimSuffix(line, "\n")))
	}
}

// readStartUp reads the file, through links; one that is not there is empty.
func (s settings) readStartUp(shell string) (*startUp, error) {
	path, err := s.startUpFile(shell)
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return nil, fmt.Errorf("%s is a link to nothing", path)
		}
		return &startUp{file: path, mode: 0o644}, nil
	}
	if err != nil {
		return nil, err
	}
	fi, err := os.Stat(real)
	if err != nil {
		return nil, err
	}
	text, err := durable.ReadFile(real, maxStartUp)
	return &startUp{real, string(text), fi.Mode().Perm()}, err
}

// place is the offset at which ipp's lines belong: at the end, where they win; in
// zsh before the line that looks for completions.
func (s *startUp) place(shell string) int {
	offset := 0
	for line := range strings.Lines(s.text) {
		code, _, _ := strings.Cut(line, "#")
		if shell == "zsh" && (strings.Contains(code, "compinit") || strings.Contains(code, "oh-my-zsh.sh")) {
			return offset
		}
		offset += len(line)
	}
	return offset
}

func (s *startUp) write(text string) error {
	if err := durable.MkdirAll(filepath.Dir(s.file), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(s.file, []byte(text), s.mode)
}
