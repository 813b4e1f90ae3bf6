package cmd

import (
	"context"
	"runtime"
	"runtime/debug"

	"ipp/lock/ref"
)

type versionCmd struct {
	jsonFlag
}

func (versionCmd) doc() doc {
	return doc{
		usage:    "version",
		about:    "Prints the version of ipp, and the platform whose programs it installs.",
		examples: []string{"ipp version", "ipp version --json"},
	}
}

// release is the JSON of version.
type release struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (versionCmd) run(_ context.Context, a *app) error {
	r := release{Version: "devel", Go: runtime.Version(), Platform: string(ref.Host())}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			r.Version = v
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				r.Commit = s.Value
			}
		}
	}
	if a.json {
		return a.printJSON(r)
	}
	a.printf("ipp %s (%s, %s)\n", r.Version, r.Platform, r.Go)
	return nil
}
