package cmd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ipp/lock/ref"
)

// greetSource is the program of the tour.
const greetSource = `package main

import (
	"os"
	"runtime"
)

var (
	version = "unknown" // set by -ldflags
)

func main() {
	who := "you"
	if len(os.Args) > 1 {
		who = os.Args[1]
	}
	os.Stdout.WriteString("greet " + version + " on " + runtime.GOOS + "-" + runtime.GOARCH + ": hello, " + who + "\n")
}
`

// makePrograms builds the program in two versions for two platforms, with the
// person's own Go and build cache. Where there is no Go, copies of this very
// executable stand in, for this platform only.
func (t *tour) makePrograms(ctx context.Context) error {
	gobin, err := exec.LookPath("go")
	if err != nil {
		t.say("There is no Go here, so copies of ipp's own executable are the program.")
		t.echo("cp \"$(command -v ipp)\" " + t.program(oldVersion, ref.Host().Plain()))
		if err := t.copyProgram(oldVersion, ""); err != nil {
			return err
		}
		t.echo("(cat \"$(command -v ipp)\"; echo newer) > " + t.program(newVersion, ref.Host().Plain()))
		return t.copyProgram(newVersion, "newer\n")
	}
	t.other = "darwin-arm64"
	if ref.Host().OS() == "darwin" {
		t.other = "linux-amd64"
	}
	t.say("Two versions of a program, for this machine and for another one.")
	source := filepath.Join(t.dir, "build", "greet.go")
	if err := os.WriteFile(source, []byte(greetSource), 0o644); err != nil {
		return err
	}
	for _, version := range []string{oldVersion, newVersion} {
		for _, p := range t.platforms() {
			if err := t.build(ctx, gobin, version, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// greetArgs are arguments that the program understands.
func (t *tour) greetArgs() []string {
	if t.other == "" {
		return []string{"version"}
	}
	return []string{"world"}
}

func (t *tour) build(ctx context.Context, gobin, version string, p ref.Platform) error {
	set := []string{"CGO_ENABLED=0", "GOOS=" + p.OS(), "GOARCH=" + p.Arch()}
	args := []string{"build", "-o", t.program(version, p), "-ldflags", "-s -w -X main.version=" + version, "build/greet.go"}
	var words []string
	for _, a := range args {
		words = append(words, quote(a))
	}
	t.echo(strings.Join(set, " ") + " go " + strings.Join(words, " "))
	c := exec.CommandContext(ctx, gobin, args...)
	c.Dir = t.dir
	// Nothing of it needs a network, a module or another toolchain; the build
	// cache is the person's own, so that most of it is there already.
	c.Env = append(os.Environ(), append(set, "GOPROXY=off", "GOTOOLCHAIN=local", "GO111MODULE=off", "GOFLAGS=", "GOWORK=off", "GOARM=", "GOAMD64=")...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
