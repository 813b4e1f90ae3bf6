package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// hashFiles is the peer "one core's sha256": it reads each file in pieces of a
// MiB and prints its digest. Whoever starts it sets GOMAXPROCS=1.
func hashFiles(paths []string) error {
	buf := make([]byte, 1<<20)
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		h := sha256.New()
		// Both have a fast path that would not use the buffer.
		_, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, buf)
		_ = f.Close() // only read
		if err != nil {
			return err
		}
		fmt.Printf("%x  %s\n", h.Sum(nil), path)
	}
	return nil
}

// oneCore is the step that hashes files with the same code as ipp, on one core.
func (b *bench) oneCore(paths ...string) step {
	return step{argv: append([]string{b.self, "-sha256", "--"}, paths...), env: []string{"GOMAXPROCS=1"}}
}

// missing is what to install if a program is not here, else "".
func missing(program, pkg string) string {
	if _, err := exec.LookPath(program); err != nil {
		return "install " + pkg
	}
	return ""
}

// nix is a private Nix: store, state and configuration in one directory, no
// daemon, no sandbox, no network.
type nix struct {
	b   *bench
	env []string
	dir string
}

func newNix(b *bench, name string) (*nix, error) {
	n := &nix{b: b, dir: filepath.Join(b.dir, name)}
	n.env = []string{"NIX_REMOTE=local", "HOME=" + n.dir + "/home", "NIX_STORE_DIR=" + n.dir + "/store",
		"NIX_STATE_DIR=" + n.dir + "/state", "NIX_LOG_DIR=" + n.dir + "/log", "NIX_CONF_DIR=" + n.dir + "/conf",
		"NIX_USER_CONF_FILES=", "NIX_CONFIG=", "NIX_PATH="}
	for _, sub := range []string{"home", "conf"} {
		if err := os.MkdirAll(filepath.Join(n.dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	conf := "sandbox = false\nbuild-users-group =\nsubstitute = false\nsubstituters =\n"
	return n, os.WriteFile(n.dir+"/conf/nix.conf", []byte(conf), 0o644)
}

// tools builds the package "tool" in these versions, and returns their store
// paths. It holds what toolDir makes.
func (n *nix) tools(versions []string) ([]string, error) {
	expr := `map (version: derivation {
  name = "tool-${version}";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" ''
    PATH=/bin:/usr/bin
    mkdir -p $out/bin
    printf '#!/bin/sh\necho %s\n' ${version} > $out/bin/tool
    chmod 755 $out/bin/tool
  '' ];
}) [ "` + strings.Join(versions, `" "`) + `" ]`
	out, err := n.b.output(step{argv: []string{"nix-build", "--no-out-link", "-E", expr}, env: n.env})
	if err != nil {
		return nil, err
	}
	paths := strings.Fields(out)
	if len(paths) != len(versions) {
		return nil, fmt.Errorf("nix-build gave %d paths for %d packages", len(paths), len(versions))
	}
	return paths, nil
}

// add puts directories into the store as they stand, which is quicker than to
// build them, and returns their store paths.
func (n *nix) add(dirs []string) ([]string, error) {
	add := step{argv: append([]string{"nix-store", "--add"}, dirs...), env: append(slices.Clone(n.env), "NIX_CONFIG=fsync-metadata = false")}
	out, err := n.b.output(add)
	if err != nil {
		return nil, err
	}
	paths := strings.Fields(out)
	if len(paths) != len(dirs) {
		return nil, fmt.Errorf("nix-store gave %d paths for %d directories", len(paths), len(dirs))
	}
	return paths, nil
}

func (n *nix) profile() string { return n.dir + "/state/profiles/figures" }

// nixEnv is nix-env on the profile.
func (n *nix) nixEnv(args ...string) step {
	return step{argv: append([]string{"nix-env", "-p", n.profile()}, args...), env: n.env}
}
