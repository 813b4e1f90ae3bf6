package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"ipp/store/durable"
)

// unitName is the systemd unit that serve --install writes.
const unitName = "ipp-serve.service"

// unit is the JSON of serve --install.
type unit struct {
	File   string `json:"file"` // where it is written
	Text   string `json:"text"` // all of it
	DryRun bool   `json:"dry_run"`
}

// install writes a systemd user unit that serves as this command line would.
func (s *serveCmd) install(a *app) error {
	if runtime.GOOS != "linux" {
		return &failure{verb: "serve", object: "--install", err: errors.New("it writes a systemd unit, and this system has no systemd"), code: exitFailed,
			hints: []string{"have what starts programs here start: ipp serve"}}
	}
	dir, err := a.set.base(a.set.getenv("XDG_CONFIG_HOME"), ".config")
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return failed("serve", "--install", err)
	}
	u := unit{File: filepath.Join(dir, "systemd", "user", unitName), Text: s.unitText(a, exe), DryRun: s.DryRun}
	if !s.DryRun {
		if err := durable.MkdirAll(filepath.Dir(u.File), 0o755); err != nil {
			return failed("serve", "--install", err)
		}
		if err := durable.WriteFile(u.File, []byte(u.Text), 0o644); err != nil {
			return failed("serve", "--install", err)
		}
	}
	if a.json {
		return a.printJSON(u)
	}
	a.printf("%s", u.Text)
	if s.DryRun {
		a.note("dry run: %s was not written", u.File)
		return nil
	}
	a.note("this is %s now", u.File)
	a.note("to start it, now and at every login: systemctl --user daemon-reload && systemctl --user enable --now %s", unitName)
	a.note("to have it run while you are not logged in: loginctl enable-linger")
	a.note("undo: systemctl --user disable --now %s; rm %s", unitName, quote(u.File))
	return nil
}

// unitText is the unit. It runs this ipp, on the store that this command line
// finds.
func (s *serveCmd) unitText(a *app, exe string) string {
	args := []string{exe, "serve"}
	for _, l := range s.Listen {
		args = append(args, "--listen", l)
	}
	for _, n := range s.Name {
		args = append(args, "--name", n)
	}
	for i, arg := range args {
		args[i] = strings.ReplaceAll(unitQuote(arg), "$", "$$") // of a command line alone
	}
	var b strings.Builder
	b.WriteString("[Unit]\nDescription=ipp: serves packages to IPFS\nAfter=network-online.target\n\n[Service]\n")
	fmt.Fprintf(&b, "ExecStart=%s\n", strings.Join(args, " "))
	for _, name := range []string{"IPP_STORE", "IPP_CONFIG", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
		if v := a.set.getenv(name); v != "" {
			fmt.Fprintf(&b, "Environment=%s\n", unitQuote(name+"="+v))
		}
	}
	b.WriteString("Restart=on-failure\nRestartSec=30\nNoNewPrivileges=yes\nMemoryMax=512M\nTasksMax=512\nLimitNOFILE=4096\n\n[Install]\nWantedBy=default.target\n")
	return b.String()
}

// unitQuote is a word as systemd.syntax(7) reads it back.
func unitQuote(word string) string {
	word = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(word)
	return `"` + word + `"`
}
