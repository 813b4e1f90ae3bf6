package cmd

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"ipp/lock/ref"
)

// settings are what the environment says, read once.
type settings struct {
	env     map[string]string
	home    string
	state   string // XDG_STATE_HOME, or ""
	data    string // XDG_DATA_HOME, or ""
	store   string // IPP_STORE, or ""
	profile string // IPP_PROFILE, or ""
	config  string // IPP_CONFIG, or ""
	shell   string // SHELL, or ""
	path    string // PATH
	user    string
}

// dirs are where ipp keeps things.
type dirs struct {
	state string // ipp's own: profiles/ and the link store
	store string // where a new link store points
}

func readSettings(environ []string) settings {
	env := make(map[string]string, len(environ))
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			env[k] = v
		}
	}
	s := settings{
		env:     env,
		home:    env["HOME"],
		state:   env["XDG_STATE_HOME"],
		data:    env["XDG_DATA_HOME"],
		store:   env["IPP_STORE"],
		profile: env["IPP_PROFILE"],
		config:  env["IPP_CONFIG"],
		shell:   env["SHELL"],
		path:    env["PATH"],
		user:    cmp.Or(env["USER"], env["LOGNAME"], "uid "+strconv.Itoa(os.Getuid())),
	}
	if runtime.GOOS == "windows" {
		s.home, s.user = env["USERPROFILE"], env["USERNAME"]
	}
	return s
}

func (s settings) getenv(key string) string { return s.env[key] }

// dirs says where state and store are. The XDG Base Directory Specification
// says that relative paths there are invalid and to be ignored, so they are.
func (s settings) dirs() (dirs, error) {
	state, err := s.base(s.state, ".local/state")
	if err != nil {
		return dirs{}, err
	}
	d := dirs{state: filepath.Join(state, "ipp")}
	if s.store != "" {
		if !filepath.IsAbs(s.store) {
			return dirs{}, &failure{verb: "read", object: "IPP_STORE", err: fmt.Errorf("%s is not an absolute path", s.store),
				code: exitFailed, hints: []string{"IPP_STORE says where a new store is made: give the whole path"}}
		}
		d.store = filepath.Clean(s.store)
		return d, nil
	}
	data, err := s.ownData()
	d.store = filepath.Join(data, "store")
	return d, err
}

// ownData is where ipp keeps what is neither a store nor a profile's state.
func (s settings) ownData() (string, error) {
	data, err := s.base(s.data, ".local/share")
	return filepath.Join(data, "ipp"), err
}

func (s settings) base(xdg, below string) (string, error) {
	if filepath.IsAbs(xdg) {
		return filepath.Clean(xdg), nil
	}
	switch {
	case s.home == "":
		return "", &failure{verb: "find", object: "home directory", err: fmt.Errorf("HOME is not set"),
			code: exitFailed, hints: []string{"set HOME, or XDG_STATE_HOME and XDG_DATA_HOME"}}
	case !filepath.IsAbs(s.home):
		return "", &failure{verb: "find", object: "home directory", err: fmt.Errorf("HOME is %q, which is not an absolute path", s.home),
			code: exitFailed, hints: []string{"set HOME to the whole path of your home directory"}}
	}
	return filepath.Join(s.home, filepath.FromSlash(below)), nil
}

// defaultProfile is the name of a person's first profile.
const defaultProfile = ref.Name("default")

// profileName is the profile that this run is about: flag, environment, default.
func (a *app) profileName() (ref.Name, error) {
	name := a.flags.Profile
	if name == "" {
		name = a.set.profile
	}
	if name == "" {
		return defaultProfile, nil
	}
	n, err := ref.ParseName(name)
	if err != nil {
		return "", &failure{verb: "use", object: "profile " + name, err: err, code: exitUsage}
	}
	return n, nil
}
