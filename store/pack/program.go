package pack

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"ipp/lock/ref"
)

// program is what the header of a binary says.
type program struct {
	platforms []ref.Platform // more than one: a universal Mach-O
	kind      string         // "" for a program, else what it is
	interp    string         // ELF: the loader it asks for
	rpaths    []string       // where it looks for libraries
	libraries []string       // Mach-O: the libraries it asks for, by path
}

// errNoProgram says that a file begins like no program that is known here.
var errNoProgram = errors.New("it is not a program: it has no ELF, Mach-O or PE header")

// readProgram reads the header of an ELF, Mach-O or PE file.
func readProgram(r io.ReaderAt) (*program, error) {
	head := make([]byte, magicSize)
	if n, err := r.ReadAt(head, 0); n < len(head) {
		if err == io.EOF {
			return nil, errNoProgram
		}
		return nil, err
	}
	switch string(head) {
	case "\x7fELF":
		return readELF(r)
	case "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe":
		f, err := macho.NewFile(r)
		if err != nil {
			return nil, err
		}
		return readMachO(f)
	case "\xca\xfe\xba\xbe":
		return readUniversal(r)
	}
	if string(head[:2]) == "MZ" {
		return readPE(r)
	}
	return nil, errNoProgram
}

func readELF(r io.ReaderAt) (*program, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	p := &program{interp: elfInterpreter(f)}
	switch f.Type {
	case elf.ET_EXEC, elf.ET_DYN:
	default:
		p.kind = "an ELF file that is not linked"
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		lists, _ := f.DynString(tag) // none: not dynamic
		for _, list := range lists {
			p.rpaths = append(p.rpaths, strings.Split(list, ":")...)
		}
	}
	arch := elfArch(f)
	if arch == "" {
		return nil, fmt.Errorf("it is for a machine that ipp does not know: %v", f.Machine)
	}
	system := elfSystem(f, p.interp)
	if system == "" {
		return nil, fmt.Errorf("it is for a system that ipp does not know: %v", f.OSABI)
	}
	platform := system + "-" + arch
	if system == "linux" && strings.HasPrefix(path.Base(p.interp), "ld-musl-") {
		platform += "-musl"
	}
	p.platforms = []ref.Platform{ref.Platform(platform)}
	return p, nil
}

// elfInterpreter is the loader that the file asks for, or "".
func elfInterpreter(f *elf.File) string {
	const longest = 4096
	for _, seg := range f.Progs {
		if seg.Type == elf.PT_INTERP && seg.Filesz <= longest {
			name := make([]byte, seg.Filesz)
			if _, err := io.ReadFull(seg.Open(), name); err == nil {
				return strings.TrimRight(string(name), "\x00")
			}
		}
	}
	return ""
}

func elfArch(f *elf.File) string {
	little := f.ByteOrder == binary.LittleEndian
	switch f.Machine {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_386:
		return "386"
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_ARM:
		return "arm"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_LOONGARCH:
		return "loong64"
	case elf.EM_RISCV:
		return either(f.Class == elf.ELFCLASS64, "riscv64", "")
	case elf.EM_PPC64:
		return either(little, "ppc64le", "ppc64")
	case elf.EM_MIPS:
		return either(f.Class == elf.ELFCLASS64, "mips64", "mips") + either(little, "le", "")
	}
	return ""
}

// elfSystem is the GOOS of an ELF file. Its ABI field tells for most; Linux and
// Android leave it empty, some others too, so the loader has a say.
func elfSystem(f *elf.File, interp string) string {
	switch f.OSABI {
	case elf.ELFOSABI_FREEBSD:
		return "freebsd"
	case elf.ELFOSABI_NETBSD:
		return "netbsd"
	case elf.ELFOSABI_OPENBSD:
		return "openbsd"
	case elf.ELFOSABI_SOLARIS:
		return "solaris"
	case elf.ELFOSABI_NONE, elf.ELFOSABI_LINUX:
	default:
		return ""
	}
	switch {
	case strings.HasPrefix(interp, "/system/bin/"):
		return "android"
	case strings.HasPrefix(interp, "/libexec/"):
		return "freebsd"
	case interp == "/usr/libexec/ld.elf_so":
		return "netbsd"
	case interp == "/usr/libexec/ld.so":
		return "openbsd"
	}
	return "linux"
}

func readMachO(f *macho.File) (*program, error) {
	p := &program{}
	if f.Type != macho.TypeExec {
		p.kind = "a Mach-O file that is no program"
	}
	p.libraries, _ = f.ImportedLibraries() // none: malformed symbols, not our concern
	for _, l := range f.Loads {
		if r, ok := l.(*macho.Rpath); ok {
			p.rpaths = append(p.rpaths, r.Path)
		}
	}
	arch := map[macho.Cpu]string{
		macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64", macho.Cpu386: "386", macho.CpuArm: "arm",
	}[f.Cpu]
	if arch == "" {
		return nil, fmt.Errorf("it is for a machine that ipp does not know: %v", f.Cpu)
	}
	p.platforms = []ref.Platform{ref.Platform("darwin-" + arch)}
	return p, nil
}

// readUniversal reads a Mach-O file for several machines.
func readUniversal(r io.ReaderAt) (*program, error) {
	fat, err := macho.NewFatFile(r)
	if err != nil {
		return nil, err
	}
	all := &program{}
	for _, arch := range fat.Arches {
		p, err := readMachO(arch.File)
		if err != nil {
			return nil, err
		}
		all.platforms = append(all.platforms, p.platforms...)
		all.rpaths = append(all.rpaths, p.rpaths...)
		all.libraries = append(all.libraries, p.libraries...)
		all.kind = p.kind
	}
	return all, nil
}

func readPE(r io.ReaderAt) (*program, error) {
	f, err := pe.NewFile(r)
	if err != nil {
		return nil, err
	}
	p := &program{}
	if f.Characteristics&pe.IMAGE_FILE_DLL != 0 {
		p.kind = "a DLL"
	} else if f.Characteristics&pe.IMAGE_FILE_EXECUTABLE_IMAGE == 0 {
		p.kind = "a PE file that is not linked"
	}
	arch := map[uint16]string{
		pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64",
		pe.IMAGE_FILE_MACHINE_I386: "386", pe.IMAGE_FILE_MACHINE_ARMNT: "arm",
	}[f.Machine]
	if arch == "" {
		return nil, fmt.Errorf("it is for a machine that ipp does not know: 0x%x", f.Machine)
	}
	p.platforms = []ref.Platform{ref.Platform("windows-" + arch)}
	return p, nil
}

// runsOn says whether the program is one for that platform. A header does not
// tell every variant (arm-v7), and a static program runs with any libc.
func (p *program) runsOn(platform ref.Platform) bool {
	return slices.ContainsFunc(p.platforms, func(own ref.Platform) bool {
		return own.Plain() == platform.Plain() &&
			(own.Variant() == platform.Variant() || own.Variant() == "" || platform.Variant() == "")
	})
}

func either(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}
