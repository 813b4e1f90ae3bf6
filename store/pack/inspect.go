package pack

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"ipp/lock/ref"
)

// maxScript is the largest text in bin that is looked through.
const maxScript = 1 << 20

// inspector finds what will hurt users elsewhere in a program or script. It
// says little: a warning that is wrong once is not read again.
type inspector struct {
	places []string // directories of this machine that no script should name
	split  bool     // the package has platforms
}

// inspect looks at an executable, or at a text in bin; platform is that of its
// directory, or "". It returns what is wrong, one sentence each.
func (in *inspector) inspect(r io.ReaderAt, size int64, exec, inBin bool, platform ref.Platform) []string {
	head := make([]byte, min(size, 512))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil // hashing reports it
	}
	if p, err := readProgram(r); err == nil {
		return inspectProgram(p, exec, inBin, in.split, platform)
	}
	script := bytes.HasPrefix(head, []byte("#!"))
	var all []string
	if script && exec {
		all = append(all, inspectShebang(head)...)
	}
	if script && inBin && !exec {
		all = append(all, "is a script in bin without a run bit, so it is no command")
	}
	if inBin && size <= maxScript {
		all = append(all, in.inspectText(r, size)...)
	}
	return all
}

// loaders are where systems keep the loader of dynamic programs.
var loaders = []string{"/lib/", "/lib32/", "/lib64/", "/libx32/", "/usr/lib/", "/usr/lib64/", "/system/bin/", "/libexec/", "/usr/libexec/"}

func inspectProgram(p *program, exec, inBin, split bool, platform ref.Platform) []string {
	var all []string
	if platform == "" && !split && inBin && exec && p.kind == "" {
		all = append(all, fmt.Sprintf("is a program for %s, and the package would be installed on every machine: add --platform %s=DIR", p.platforms[0], p.platforms[0]))
	}
	if inBin && !exec && p.kind == "" {
		all = append(all, "is a program in bin without a run bit, so it is no command")
	}
	if platform != "" && exec && p.kind == "" && !p.runsOn(platform) {
		all = append(all, fmt.Sprintf("is a program for %s in the directory of %s", p.platforms[0], platform))
	}
	if strings.HasPrefix(p.interp, "/") && !under(p.interp, loaders) {
		all = append(all, fmt.Sprintf("asks for a loader that other machines lack: %s", p.interp))
	}
	for _, dir := range p.rpaths {
		if strings.HasPrefix(dir, "/") && !under(dir+"/", systemLibraries) {
			all = append(all, fmt.Sprintf("looks for libraries in a directory of this machine (RPATH): %s", dir))
		}
	}
	for _, lib := range p.libraries {
		if strings.HasPrefix(lib, "/") && !under(lib, systemLibraries) {
			all = append(all, fmt.Sprintf("asks for a library that other machines lack: %s", lib))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// systemLibraries are what every machine of a system has.
var systemLibraries = []string{"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/System/Library/"}

// interpreters are the directories that a script's first line may name.
var interpreters = []string{"/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"}

func inspectShebang(head []byte) []string {
	line, _, _ := strings.Cut(string(head[2:]), "\n")
	fields := strings.Fields(line)
	if len(fields) == 0 || !strings.HasPrefix(fields[0], "/") || under(fields[0], interpreters) {
		return nil
	}
	return []string{fmt.Sprintf("is started by a program that other machines may lack: %s", fields[0])}
}

// inspectText finds directories of this machine in a text.
func (in *inspector) inspectText(r io.ReaderAt, size int64) []string {
	data := make([]byte, size)
	if _, err := r.ReadAt(data, 0); err != nil && err != io.EOF || bytes.IndexByte(data, 0) >= 0 {
		return nil
	}
	for _, place := range in.places {
		if names(string(data), place) {
			return []string{"names a directory of this machine: " + place}
		}
	}
	return nil
}

// names says whether text has the path, whole: not as a part of a longer name.
func names(text, place string) bool {
	for {
		i := strings.Index(text, place)
		if i < 0 {
			return false
		}
		end := i + len(place)
		if (i == 0 || !isNameByte(text[i-1])) && (end == len(text) || !isNameByte(text[end])) {
			return true
		}
		text = text[i+1:]
	}
}

func isNameByte(c byte) bool {
	return c >= 0x80 || c == '_' || c == '-' || c == '.' ||
		'0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// under says whether p stands below one of the directories.
func under(p string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(p, dir) })
}
