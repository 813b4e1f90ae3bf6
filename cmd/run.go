package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/pack"
)

type runCmd struct {
	Command string   `short:"c" placeholder:"COMMAND" help:"Which of the package's commands to run."`
	Ref     string   `arg:"" name:"REF" passthrough:"all" help:"A path, CID or name; CID/PATH runs that file of a package."`
	Args    []string `arg:"" optional:"" name:"ARGS" help:"The program's own arguments; all that follows REF is the program's."`
	fetchFlags
}

func (runCmd) doc() doc {
	return doc{
		usage: "run [-c COMMAND] REF [ARGS…]",
		about: `Runs a program of a package without installing it. The package is kept from ipp gc
			while it runs, and has no other claim to stay; until the next one, another run of it
			starts at once. Exit code and signals are the program's
			own; 125 says that ipp failed, 126 that the file can't be executed, 127 that there is no
			such command.

			Of a name the current generation's version runs, else the newest that the store knows.`,
		examples: []string{
			"ipp run ./esbuild.car --version",
			"ipp run esbuild@0.24.2 --bundle app.js",
			"ipp run -c rg ripgrep -- -v pattern",
			"ipp run bafybeib2w7m4nzz3/bin/tool",
		},
	}
}

// program is what to execute.
type program struct {
	name string // argv[0]
	path string
	env  map[string]string
	key  store.Key
}

// runError is a failure of ours: its code is none of the program's.
func runError(r *runCmd, code int, err error) error {
	var f *failure
	if errors.As(err, &f) {
		f.code = code
		return err
	}
	return &failure{verb: "run", object: r.Ref, err: err, code: code}
}

func (r *runCmd) run(ctx context.Context, a *app) error {
	r.trim()
	c, err := a.beginChange(ctx, "run", "", false)
	if err != nil {
		return runError(r, exitRun, err)
	}
	defer c.close()
	if err := c.fetchWith(r.fetchFlags); err != nil {
		return runError(r, exitRun, err)
	}
	p, err := r.find(ctx, c)
	if err != nil {
		var f *failure
		if errors.As(err, &f) && (f.code == exitNoCommand || f.code == exitNoExec) {
			return err
		}
		return runError(r, exitRun, err)
	}
	if err := p.check(r); err != nil {
		return err
	}
	if err := p.verify(ctx, c); err != nil {
		return runError(r, exitRun, failed("run", r.Ref, err))
	}
	if c.lease != nil {
		if err := c.lease.Inherit(); err != nil {
			return runError(r, exitRun, err)
		}
	}
	return r.start(ctx, a, p)
}

// trim drops one -- directly before or after REF.
func (r *runCmd) trim() {
	if r.Ref == "--" && len(r.Args) > 0 {
		r.Ref, r.Args = r.Args[0], r.Args[1:]
	}
	if len(r.Args) > 0 && r.Args[0] == "--" {
		r.Args = r.Args[1:]
	}
}

// find brings the package's tree into the store and chooses what to execute.
func (r *runCmd) find(ctx context.Context, c *change) (*program, error) {
	if strings.HasPrefix(r.Ref, "-") {
		return nil, usageError(r, "unknown flag %s", r.Ref)
	}
	word, err := ref.Parse(r.Ref)
	if err != nil {
		return nil, failed("run", r.Ref, err)
	}
	t, err := r.tree(ctx, c, word)
	if err != nil {
		return nil, failed("run", r.Ref, err)
	}
	if word.Sub != "" {
		return r.file(t, word.Sub)
	}
	return r.choose(t)
}

// tree finds the tree to run from. What is installed is not read again: it is
// whole, and a program's start is no time for that.
func (r *runCmd) tree(ctx context.Context, c *change, word ref.Ref) (*pack.Tree, error) {
	if word.Kind == ref.Named && word.Channel == "" && c.st != nil {
		if p := c.old.Lock.Find(word.Name); p != nil && word.Accepts(p.Version) {
			if err := c.protect(ctx, p.CID); err != nil {
				return nil, err
			}
			if t, err := c.tree(*p); err == nil {
				return t, nil
			}
		}
	}
	o, err := c.open(ctx, word, c.old.Lock, asPath(word))
	if err != nil {
		return nil, err
	}
	c.showSigner(o)
	if o.stored {
		t, err := c.tree(lock.Package{CID: o.pkg.Root})
		if err == nil {
			return t, nil
		}
		if o, err = c.fetch(ctx, o.pkg.Root, err); err != nil {
			return nil, err
		}
	}
	platform, err := o.pkg.Choose(ref.Host())
	if err != nil {
		return nil, err
	}
	plan, err := c.planPart(ctx, o, platform)
	if err != nil {
		return nil, err
	}
	if err := c.checkSpace(plan.Need); err != nil {
		return nil, err
	}
	if c.st == nil {
		if err := c.create(ctx); err != nil {
			return nil, err
		}
		if plan, err = c.planPart(ctx, o, platform); err != nil {
			return nil, err
		}
	}
	if err := c.writes(); err != nil && (!plan.Present || plan.Damaged) {
		return nil, err
	} else if err != nil {
		return pack.OpenTree(c.st, plan.Key)
	}
	report, done := c.a.meter("preparing", plan.Bytes)
	defer done()
	if err := c.st.Ensure(ctx, c.lease, plan, o.src, report); err != nil {
		return nil, err
	}
	return pack.OpenTree(c.st, plan.Key)
}

// file runs a file of a package by its path.
func (r *runCmd) file(t *pack.Tree, sub string) (*program, error) {
	if r.Command != "" {
		return nil, usageError(r, "-c names a command, and %s names a file", r.Ref)
	}
	return &program{name: filepath.Base(sub), path: filepath.Join(t.Dir, filepath.FromSlash(sub)), key: t.Key, env: environment(t)}, nil
}

func environment(t *pack.Tree) map[string]string {
	if t.Meta == nil {
		return nil
	}
	return t.Meta.Environment
}

// choose picks a command: the one asked for, the one named like the package, or
// the only one.
func (r *runCmd) choose(t *pack.Tree) (*program, error) {
	commands, err := t.Commands()
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(commands))
	name, list := ref.Command(r.Command), "its commands: "+join(names)
	switch {
	case name != "":
	case len(names) == 0 && t.Meta == nil:
		return nil, &failure{verb: "run", object: r.Ref, code: exitNoCommand, err: errors.New("it has no package.toml and no bin, so no commands"),
			hints: []string{"run a file of it: ipp run " + t.Key.Root.String() + "/PATH"}}
	case len(names) == 0:
		return nil, &failure{verb: "run", object: r.Ref, code: exitNoCommand, err: errors.New("it has no commands")}
	case len(names) == 1:
		name = names[0]
	case t.Meta != nil && commands[ref.Command(t.Meta.Name)] != "":
		name = ref.Command(t.Meta.Name)
	default:
		return nil, &failure{verb: "run", object: r.Ref, code: exitNoCommand, err: fmt.Errorf("which of its %d commands?", len(names)),
			hints: []string{"ipp run -c " + string(names[0]) + " " + quote(r.Ref), list}}
	}
	path, ok := commands[name]
	if !ok {
		return nil, &failure{verb: "run", object: r.Ref, code: exitNoCommand, err: fmt.Errorf("it has no command %s", name), hints: []string{list}}
	}
	return &program{name: string(name), path: filepath.Join(t.Dir, filepath.FromSlash(path)), key: t.Key, env: environment(t)}, nil
}

// check says why a file can't be executed, in better words than the kernel's,
// which calls a missing interpreter "no such file".
func (p *program) check(r *runCmd) error {
	fi, err := os.Stat(p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &failure{verb: "run", object: r.Ref, code: exitNoCommand, err: errors.New("the package has no such file")}
	case err != nil:
		return runError(r, exitNoExec, err)
	case fi.IsDir():
		return &failure{verb: "run", object: r.Ref, code: exitNoExec, err: errors.New("it is a directory")}
	case !isExecutable(p.path, fi):
		return &failure{verb: "run", object: r.Ref, code: exitNoExec, err: errors.New("the file is not executable"),
			hints: []string{"its author has to pack it with a run bit, or name it in [commands]"}}
	}
	if interpreter := shebang(p.path); interpreter != "" {
		if _, err := os.Stat(interpreter); errors.Is(err, fs.ErrNotExist) {
			return &failure{verb: "run", object: r.Ref, code: exitNoExec, err: fmt.Errorf("its interpreter %s is not on this machine", interpreter),
				hints: []string{"install that interpreter, or a package that does not need it"}}
		}
	}
	return nil
}

// verify rehashes what is executed, and the package.toml that says how, each
// time: a damaged program is not started. That takes a millisecond for each two
// or three megabytes of it; the rest of the tree is not read, so a library that
// the program opens itself is for ipp check and ipp verify to look at.
func (p *program) verify(ctx context.Context, c *change) error {
	tree, err := filepath.EvalSymlinks(c.st.TreeDir(p.key))
	if err != nil {
		return err
	}
	file, err := filepath.EvalSymlinks(p.path)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(tree, file)
	if err != nil || !filepath.IsLocal(rel) {
		return &failure{err: fmt.Errorf("%s leads out of its package", p.path), code: exitMalformed}
	}
	files := []string{filepath.ToSlash(rel)}
	if _, err := os.Lstat(filepath.Join(tree, pack.MetadataName)); err == nil && rel != pack.MetadataName {
		files = append(files, pack.MetadataName)
	}
	faults, err := c.st.VerifyFiles(ctx, p.key, files...)
	if err == nil && len(faults) > 0 {
		return &failure{err: fmt.Errorf("%s is damaged: %s", faults[0].Path, faults[0].Why),
			hints: []string{"put back what can be had: ipp check --repair", "or install the package again from its CAR file"}}
	}
	return err
}

// shebang is the interpreter that a script names; "" for what is no script.
func shebang(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := f.Read(head)
	line, _, _ := strings.Cut(string(head[:n]), "\n")
	rest, ok := strings.CutPrefix(line, "#!")
	if fields := strings.Fields(rest); ok && len(fields) > 0 && filepath.IsAbs(fields[0]) {
		return fields[0]
	}
	return ""
}

// environ is our own environment with the package's [environment] in it.
func (p *program) environ(own map[string]string) []string {
	env := maps.Clone(own)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, p.env)
	var list []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		list = append(list, k+"="+env[k])
	}
	return list
}
