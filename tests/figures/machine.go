package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// machine is where and when the figures were taken.
type machine struct {
	Date   string `json:"date"`
	Runs   int    `json:"runs"`
	Cores  int    `json:"cores"`
	CPU    string `json:"cpu,omitempty"`
	System string `json:"system"`
	Disk   string `json:"disk,omitempty"` // the kind of file system
	Load   string `json:"load,omitempty"` // what others did on it when this began
	Go     string `json:"go"`
}

func lookAround(dir string, runs int) machine {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease") // elsewhere: unknown
	release, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-")
	return machine{
		Date: time.Now().Format(time.DateOnly), Runs: runs, Cores: runtime.NumCPU(), Go: runtime.Version(),
		CPU:    field("/proc/cpuinfo", "model name"),
		System: strings.TrimSpace(runtime.GOOS + "/" + runtime.GOARCH + " " + release),
		Disk:   fileSystem(dir),
		Load:   load(),
	}
}

func (m machine) String() string {
	parts := []string{m.Date, fmt.Sprintf("%d cores", m.Cores), m.CPU, m.System, m.Disk, m.Go, fmt.Sprintf("medians of %d runs", m.Runs)}
	if m.Load != "" {
		parts = append(parts, "load before "+m.Load)
	}
	var known []string
	for _, p := range parts {
		if p != "" {
			known = append(known, p)
		}
	}
	return strings.Join(known, ", ")
}

// load is the load average of the last minute: figures of a busy machine are
// rough, and should say so.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg") // elsewhere: unknown
	last, _, _ := strings.Cut(string(text), " ")
	return last
}

// field is the value of the first "key : value" in a file.
func field(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// fileSystem is the kind of the file system that dir lies on.
func fileSystem(dir string) string {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return ""
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return ""
	}
	kind, longest := "", -1
	for l := range strings.Lines(string(mounts)) {
		f := strings.Fields(l)
		if len(f) < 3 {
			continue
		}
		// Of two mounts on one place, the later one is seen.
		if at := strings.TrimSuffix(f[1], "/"); len(at) >= longest && strings.HasPrefix(dir+"/", at+"/") {
			kind, longest = f[2], len(at)
		}
	}
	return kind
}
