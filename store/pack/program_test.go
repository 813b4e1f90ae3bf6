package pack

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"encoding/binary"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"ipp/lock/ref"
)

// elfFile is as little of an ELF file as tells where it runs. The zero value
// is a static program for linux-amd64.
type elfFile struct {
	machine elf.Machine
	class   elf.Class
	order   elf.Data
	abi     elf.OSABI
	kind    elf.Type
	interp  string
	runpath string
}

func (e elfFile) bytes() []byte {
	if e.machine == 0 {
		e.machine = elf.EM_X86_64
	}
	if e.class == 0 {
		e.class = elf.ELFCLASS64
	}
	if e.order == 0 {
		e.order = elf.ELFDATA2LSB
	}
	if e.kind == 0 {
		e.kind = elf.ET_EXEC
	}
	var order binary.ByteOrder = binary.LittleEndian
	if e.order == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(e.class), byte(e.order), 1, byte(e.abi)}
	var b bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&b, order, v); err != nil {
			panic(err)
		}
	}
	if e.class == elf.ELFCLASS32 {
		put(elf.Header32{Ident: ident, Type: uint16(e.kind), Machine: uint16(e.machine), Version: 1, Ehsize: 52, Phentsize: 32, Shentsize: 40})
		return b.Bytes()
	}
	// Header, one program header, contents, three sections.
	const ehsize, phsize, shsize = 64, 56, 64
	interp, strtab := e.interp+"\x00", "\x00"+e.runpath+"\x00"
	interpAt := uint64(ehsize + phsize)
	strtabAt := interpAt + uint64(len(interp))
	dynAt := strtabAt + uint64(len(strtab))
	h := elf.Header64{Ident: ident, Type: uint16(e.kind), Machine: uint16(e.machine), Version: 1, Ehsize: ehsize, Phoff: ehsize, Phentsize: phsize, Phnum: 1, Shentsize: shsize}
	if e.runpath != "" {
		h.Shoff, h.Shnum = dynAt+32, 3
	}
	put(h)
	prog := elf.Prog64{Type: uint32(elf.PT_INTERP), Off: interpAt, Filesz: uint64(len(interp))}
	if e.interp == "" {
		prog.Type = uint32(elf.PT_NULL)
	}
	put(prog)
	b.WriteString(interp + strtab)
	put([4]uint64{uint64(elf.DT_RUNPATH), 1, uint64(elf.DT_NULL), 0})
	put(elf.Section64{})
	put(elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: strtabAt, Size: uint64(len(strtab))})
	put(elf.Section64{Type: uint32(elf.SHT_DYNAMIC), Off: dynAt, Size: 32, Link: 1, Entsize: 16})
	return b.Bytes()
}

func peFile(machine, characteristics uint16) []byte {
	b := make([]byte, 64+4+20)
	copy(b, "MZ")
	b[60] = 64 // where the header is
	copy(b[64:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(b[68:], machine)
	binary.LittleEndian.PutUint16(b[68+18:], characteristics)
	return append(b, make([]byte, 64)...)
}

func machoFile(cpu macho.Cpu, kind macho.Type, rpath, dylib string) []byte {
	var loads bytes.Buffer
	n := 0
	command := func(cmd uint32, header []uint32, name string) {
		name += strings.Repeat("\x00", 8-len(name)%8)
		size := uint32(8 + 4*len(header) + len(name))
		words := append([]uint32{cmd, size}, header...)
		_ = binary.Write(&loads, binary.LittleEndian, words)
		loads.WriteString(name)
		n++
	}
	if rpath != "" {
		command(uint32(macho.LoadCmdRpath), []uint32{12}, rpath)
	}
	if dylib != "" {
		command(uint32(macho.LoadCmdDylib), []uint32{24, 0, 0, 0}, dylib)
	}
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, []uint32{macho.Magic64, uint32(cpu), 0, uint32(kind), uint32(n), uint32(loads.Len()), 0, 0})
	b.Write(loads.Bytes())
	return b.Bytes()
}

func fatFile(files map[macho.Cpu][]byte, order ...macho.Cpu) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.BigEndian, []uint32{macho.MagicFat, uint32(len(order))})
	at := uint32(4096)
	for _, cpu := range order {
		_ = binary.Write(&b, binary.BigEndian, []uint32{uint32(cpu), 0, at, uint32(len(files[cpu])), 12})
		at += 4096
	}
	for i, cpu := range order {
		b.Write(make([]byte, 4096*(i+1)-b.Len()))
		b.Write(files[cpu])
	}
	return b.Bytes()
}

func TestReadProgram(t *testing.T) {
	mac := machoFile(macho.CpuArm64, macho.TypeExec, "", "")
	intel := machoFile(macho.CpuAmd64, macho.TypeExec, "", "")
	fat := map[macho.Cpu][]byte{macho.CpuArm64: mac, macho.CpuAmd64: intel}
	for _, c := range []struct {
		name string
		data []byte
		want string // platforms, and what kind it is
	}{
		{"amd64", elfFile{}.bytes(), "linux-amd64"},
		{"pie", elfFile{kind: elf.ET_DYN, interp: "/lib64/ld-linux-x86-64.so.2"}.bytes(), "linux-amd64"},
		{"musl", elfFile{interp: "/lib/ld-musl-x86_64.so.1"}.bytes(), "linux-amd64-musl"},
		{"arm64", elfFile{machine: elf.EM_AARCH64}.bytes(), "linux-arm64"},
		{"386", elfFile{machine: elf.EM_386, class: elf.ELFCLASS32}.bytes(), "linux-386"},
		{"arm", elfFile{machine: elf.EM_ARM, class: elf.ELFCLASS32}.bytes(), "linux-arm"},
		{"mips", elfFile{machine: elf.EM_MIPS, class: elf.ELFCLASS32, order: elf.ELFDATA2MSB}.bytes(), "linux-mips"},
		{"mips64le", elfFile{machine: elf.EM_MIPS}.bytes(), "linux-mips64le"},
		{"ppc64le", elfFile{machine: elf.EM_PPC64}.bytes(), "linux-ppc64le"},
		{"ppc64", elfFile{machine: elf.EM_PPC64, order: elf.ELFDATA2MSB}.bytes(), "linux-ppc64"},
		{"s390x", elfFile{machine: elf.EM_S390, order: elf.ELFDATA2MSB}.bytes(), "linux-s390x"},
		{"riscv64", elfFile{machine: elf.EM_RISCV}.bytes(), "linux-riscv64"},
		{"loong64", elfFile{machine: elf.EM_LOONGARCH}.bytes(), "linux-loong64"},
		{"freebsd", elfFile{abi: elf.ELFOSABI_FREEBSD}.bytes(), "freebsd-amd64"},
		{"freebsd by loader", elfFile{interp: "/libexec/ld-elf.so.1"}.bytes(), "freebsd-amd64"},
		{"openbsd", elfFile{abi: elf.ELFOSABI_OPENBSD, machine: elf.EM_AARCH64}.bytes(), "openbsd-arm64"},
		{"netbsd by loader", elfFile{interp: "/usr/libexec/ld.elf_so"}.bytes(), "netbsd-amd64"},
		{"android", elfFile{interp: "/system/bin/linker64", machine: elf.EM_AARCH64}.bytes(), "android-arm64"},
		{"object", elfFile{kind: elf.ET_REL}.bytes(), "linux-amd64: an ELF file that is not linked"},
		{"unknown machine", elfFile{machine: elf.EM_VAX}.bytes(), "error: it is for a machine that ipp does not know: EM_VAX"},
		{"unknown system", elfFile{abi: elf.ELFOSABI_HPUX}.bytes(), "error: it is for a system that ipp does not know: ELFOSABI_HPUX"},
		{"mac", mac, "darwin-arm64"},
		{"mac intel", intel, "darwin-amd64"},
		{"mac library", machoFile(macho.CpuArm64, macho.TypeDylib, "", ""), "darwin-arm64: a Mach-O file that is no program"},
		{"universal", fatFile(fat, macho.CpuAmd64, macho.CpuArm64), "darwin-amd64 darwin-arm64"},
		{"universal for one", fatFile(fat, macho.CpuArm64), "darwin-arm64"},
		{"windows", peFile(0x8664, 0x22), "windows-amd64"},
		{"windows arm", peFile(0xaa64, 0x22), "windows-arm64"},
		{"dll", peFile(0x8664, 0x2022), "windows-amd64: a DLL"},
		{"script", []byte("#!/bin/sh\n"), "error: " + errNoProgram.Error()},
		{"empty", nil, "error: " + errNoProgram.Error()},
		{"short", []byte("\x7fE"), "error: " + errNoProgram.Error()},
	} {
		p, err := readProgram(bytes.NewReader(c.data))
		got := ""
		if err != nil {
			got = "error: " + err.Error()
		} else if got = strings.Join(plain(p.platforms), " "); p.kind != "" {
			got += ": " + p.kind
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestRunsOn(t *testing.T) {
	for _, c := range []struct {
		own, at ref.Platform
		want    bool
	}{
		{"linux-amd64", "linux-amd64", true},
		{"linux-amd64", "linux-amd64-musl", true},
		{"linux-amd64-musl", "linux-amd64", true},
		{"linux-arm", "linux-arm-v7", true},
		{"linux-amd64-musl", "linux-amd64-glibc", false},
		{"linux-arm", "linux-arm64", false},
		{"darwin-amd64", "linux-amd64", false},
	} {
		if got := (&program{platforms: []ref.Platform{c.own}}).runsOn(c.at); got != c.want {
			t.Errorf("%s runs on %s: %v", c.own, c.at, got)
		}
	}
}

func TestInspect(t *testing.T) {
	in := &inspector{places: []string{"/home/ann", "/work/src/tool"}}
	for _, c := range []struct {
		name     string
		data     string
		exec     bool
		inBin    bool
		platform ref.Platform
		want     []string
	}{
		{"static", string(elfFile{}.bytes()), true, true, "linux-amd64", nil},
		{"dynamic", string(elfFile{interp: "/lib64/ld-linux-x86-64.so.2", runpath: "$ORIGIN/../lib:/usr/lib/x"}.bytes()), true, true, "linux-amd64", nil},
		{"runpath", string(elfFile{runpath: "$ORIGIN:/home/ann/lib"}.bytes()), true, true, "linux-amd64",
			[]string{"looks for libraries in a directory of this machine (RPATH): /home/ann/lib"}},
		{"loader", string(elfFile{interp: "/nix/store/x/ld-linux.so"}.bytes()), true, true, "linux-amd64",
			[]string{"asks for a loader that other machines lack: /nix/store/x/ld-linux.so"}},
		{"other machine", string(elfFile{machine: elf.EM_AARCH64}.bytes()), true, true, "linux-amd64",
			[]string{"is a program for linux-arm64 in the directory of linux-amd64"}},
		{"other machine, not run", string(elfFile{machine: elf.EM_AARCH64}.bytes()), false, false, "linux-amd64", nil},
		{"no run bit", string(elfFile{}.bytes()), false, true, "linux-amd64", []string{"is a program in bin without a run bit, so it is no command"}},
		{"mac", string(machoFile(macho.CpuArm64, macho.TypeExec, "@loader_path/../lib", "/usr/lib/libSystem.B.dylib")), true, true, "darwin-arm64", nil},
		{"swift", string(machoFile(macho.CpuArm64, macho.TypeExec, "/usr/lib/swift", "")), true, true, "darwin-arm64", nil},
		{"mac rpath", string(machoFile(macho.CpuArm64, macho.TypeExec, "/Users/ann/lib", "")), true, true, "darwin-arm64",
			[]string{"looks for libraries in a directory of this machine (RPATH): /Users/ann/lib"}},
		{"mac library", string(machoFile(macho.CpuArm64, macho.TypeExec, "", "/opt/homebrew/lib/libz.dylib")), true, true, "darwin-arm64",
			[]string{"asks for a library that other machines lack: /opt/homebrew/lib/libz.dylib"}},
		{"sh", "#!/bin/sh\necho hi\n", true, true, "", nil},
		{"env", "#!/usr/bin/env -S node --x\n", true, true, "", nil},
		{"own interpreter", "#! /home/ann/venv/bin/python\n", true, false, "",
			[]string{"is started by a program that other machines may lack: /home/ann/venv/bin/python"}},
		{"script without run bit", "#!/bin/sh\n", false, true, "", []string{"is a script in bin without a run bit, so it is no command"}},
		{"names the home", "#!/bin/sh\ncd /home/ann/x\n", true, true, "", []string{"names a directory of this machine: /home/ann"}},
		{"names another home", "#!/bin/sh\ncd /home/anna/x /srv/home/ann-x\n", true, true, "", nil},
		{"names the input", "cd \"/work/src/tool\"\n", false, true, "", []string{"names a directory of this machine: /work/src/tool"}},
		{"elsewhere", "cd /home/ann/x\n", true, false, "", nil},
		{"data", "/home/ann\x00", true, true, "", nil},
		{"empty", "", true, true, "", nil},
	} {
		got := in.inspect(strings.NewReader(c.data), int64(len(c.data)), c.exec, c.inBin, c.platform)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestNoFalseAlarm: an ordinary Go program, this one, is not warned of.
func TestNoFalseAlarm(t *testing.T) {
	name, err := os.Executable()
	must(t, err)
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	p, err := readProgram(f)
	if err != nil || len(p.platforms) != 1 {
		t.Fatalf("%v, %+v", err, p)
	}
	info, err := f.Stat()
	must(t, err)
	in := &inspector{places: placesOf(Input{Path: name})}
	if got := in.inspect(f, info.Size(), true, true, p.platforms[0]); len(got) > 0 {
		t.Errorf("warned: %q", got)
	}
	if !p.runsOn(ref.Host()) {
		t.Errorf("%s does not run on %s", p.platforms, ref.Host())
	}
}

func FuzzReadProgram(f *testing.F) {
	f.Add(elfFile{interp: "/lib/ld-musl-x86_64.so.1", runpath: "/a:b"}.bytes())
	f.Add(machoFile(macho.CpuArm64, macho.TypeExec, "/a", "/b"))
	f.Add(fatFile(map[macho.Cpu][]byte{macho.CpuArm64: machoFile(macho.CpuArm64, macho.TypeExec, "", "")}, macho.CpuArm64))
	f.Add(peFile(0x8664, 0x22))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := readProgram(bytes.NewReader(data))
		if err == nil && len(p.platforms) == 0 {
			t.Fatal("a program for nothing")
		}
		if err != nil && errors.Is(err, errNoProgram) {
			return
		}
		for _, platform := range platformsOf(p) {
			if _, err := ref.ParsePlatform(string(platform)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func platformsOf(p *program) []ref.Platform {
	if p == nil {
		return nil
	}
	return p.platforms
}
