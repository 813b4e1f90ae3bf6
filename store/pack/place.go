package pack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ipp/lock/ref"
)

// platform takes a program or a directory for one platform.
func (l *layout) platform(p ref.Platform, at string) error {
	if l.top.child(string(p)) != nil || slices.Contains(l.platforms, p) {
		return l.twice(p, at)
	}
	info, err := os.Stat(at)
	if err != nil {
		return fmt.Errorf("pack %s: %w", at, err)
	}
	if !info.IsDir() {
		return l.program(at, p)
	}
	in, err := l.open(at)
	if err != nil {
		return fmt.Errorf("pack %s: %w", at, err)
	}
	n, err := l.dir(in, "", string(p))
	if err != nil {
		return wrapPack(at, err)
	}
	l.top.put(n)
	l.platforms = append(l.platforms, p)
	return nil
}

// twice says that a platform comes from two places.
func (l *layout) twice(p ref.Platform, at string) error {
	return &LayoutError{
		Where: l.where,
		Why:   fmt.Sprintf("%s/ is there already, so it can't come from %s too", p, at),
		Hint:  "leave out one of the two",
	}
}

// program takes one program, for the platform p or, where that is "", for the
// one that its header says.
func (l *layout) program(at string, p ref.Platform) error {
	real, err := filepath.EvalSymlinks(at)
	if err != nil {
		return fmt.Errorf("pack %s: %w", at, err)
	}
	in, err := l.open(filepath.Dir(real))
	if err != nil {
		return fmt.Errorf("pack %s: %w", at, err)
	}
	name := filepath.Base(real)
	info, err := in.root.Lstat(name)
	if err != nil {
		return fmt.Errorf("pack %s: %w", at, err)
	}
	if !info.Mode().IsRegular() {
		return &InputError{Path: at, Why: fmt.Sprintf("it is %s, not a program or a directory", special(info.Mode()))}
	}
	l.files++
	file, err := l.file(&origin{in: in, name: name}, name, info)
	if err != nil {
		return err
	}
	file.exec = true
	if p, err = programPlatform(in, name, at, p); err != nil {
		return err
	}
	if l.top.child(string(p)) != nil || slices.Contains(l.platforms, p) {
		return l.twice(p, at)
	}
	l.programs = append(l.programs, &placed{platform: p, file: file})
	l.platforms = append(l.platforms, p)
	return nil
}

// programPlatform holds a program's header against the platform asked for. A
// script is no program by itself, but may be one platform's.
func programPlatform(in *input, name, at string, asked ref.Platform) (ref.Platform, error) {
	f, err := in.root.Open(name)
	if err != nil {
		return "", fmt.Errorf("pack %s: %w", at, err)
	}
	defer f.Close()
	p, err := readProgram(f)
	if errors.Is(err, errNoProgram) && asked != "" && isScript(f) {
		return asked, nil
	}
	switch {
	case err != nil:
		return "", &ProgramError{Path: at, Why: err.Error()}
	case p.kind != "":
		return "", &ProgramError{Path: at, Why: "it is " + p.kind + ", not a program", Has: p.platforms}
	case asked != "" && !p.runsOn(asked):
		return "", &ProgramError{Path: at, Why: fmt.Sprintf("it was given for %s, but is for %s", asked, strings.Join(plain(p.platforms), " and ")), Has: p.platforms}
	case asked != "":
		return asked, nil
	case len(p.platforms) > 1:
		return "", &ProgramError{Path: at, Why: "it is for several platforms: " + strings.Join(plain(p.platforms), ", "), Has: p.platforms}
	}
	return p.platforms[0], nil
}

func isScript(f *os.File) bool {
	head := make([]byte, 2)
	n, _ := f.ReadAt(head, 0)
	return n == 2 && string(head) == "#!"
}

// place puts the programs into their platforms' directories.
func (l *layout) place() {
	for _, p := range l.programs {
		at := binDir + "/" + string(l.meta.Name)
		if len(l.meta.Commands) == 1 {
			for _, only := range l.meta.Commands {
				at = only
			}
		}
		names := commandFiles(p.platform, at)
		at = names[len(names)-1]
		dir := newDir(string(p.platform))
		l.top.put(dir)
		steps := strings.Split(at, "/")
		for _, step := range steps[:len(steps)-1] {
			next := newDir(step)
			dir.put(next)
			dir = next
		}
		p.file.name = steps[len(steps)-1]
		dir.put(p.file)
	}
}
