package cmd

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ipp/lock/toml"
)

const byDefault = "default"

// allSettings are all values that decide what ipp does, and where each is from:
// flags beat the environment, that beats the file.
func (p *patient) allSettings() []setting {
	s := p.a.set
	list := []setting{
		p.profileSetting(),
		p.place("profiles", filepath.Join(p.dirs.state, "profiles"), "XDG_STATE_HOME", s.state),
		p.storeSetting(),
	}
	if key := s.getenv("IPP_KEY_PASSPHRASE_FILE"); key != "" {
		list = append(list, setting{"passphrase of keys", key, "IPP_KEY_PASSPHRASE_FILE"})
	}
	wait := setting{"wait for another ipp", "true", byDefault}
	if p.a.flags.NoWait {
		wait.Value, wait.From = "false", "--no-wait"
	}
	colour := setting{"colour", "on a terminal", byDefault}
	if s.getenv("NO_COLOR") != "" {
		colour.Value, colour.From = "never", "NO_COLOR"
	}
	return append(append(list, wait, colour), p.configSettings()...)
}

// place is a directory below what XDG's variable, which must be absolute, or HOME
// says.
func (p *patient) place(name, dir, variable, value string) setting {
	from := "HOME"
	if filepath.IsAbs(value) {
		from = variable
	}
	return setting{name, dir, from}
}

func (p *patient) profileSetting() setting {
	from := byDefault
	switch {
	case p.a.flags.Profile != "":
		from = "--profile"
	case p.a.set.profile != "":
		from = "IPP_PROFILE"
	}
	return setting{"profile", string(p.prof.Name()), from}
}

func (p *patient) storeSetting() setting {
	link := filepath.Join(p.dirs.state, storeLink)
	switch _, err := os.Lstat(link); {
	case err == nil:
		return setting{"store", p.storeDir(), link}
	case p.a.set.store != "":
		return setting{"store", p.dirs.store, "IPP_STORE"}
	}
	return p.place("store", p.dirs.store, "XDG_DATA_HOME", p.a.set.data)
}

// configSettings are those of config.toml.
func (p *patient) configSettings() []setting {
	path, explicit, err := p.a.set.configFile()
	if err != nil {
		p.failed("config", err)
		return nil
	}
	file := p.place("configuration", path, "XDG_CONFIG_HOME", p.a.set.getenv("XDG_CONFIG_HOME"))
	if explicit {
		file.From = "IPP_CONFIG"
	}
	conf, err := p.a.readConfig()
	if err != nil {
		p.failed("config", err)
		return []setting{file}
	}
	root := configKeys(path)
	list := []setting{file}
	add := func(table, key, value string) {
		from := byDefault
		if root.Get(table).Get(key) != nil {
			from = path
		}
		list = append(list, setting{table + "." + key, cmp.Or(value, "none"), from})
	}
	n := conf.Network
	add("network", "offline", strconv.FormatBool(n.Offline))
	add("network", "kubo", n.Kubo)
	add("network", "gateways", strings.Join(n.Gateways, ", "))
	add("network", "peers", strings.Join(n.Peers, ", "))
	add("network", "routers", strings.Join(n.Routers, ", "))
	add("network", "announce", strings.Join(n.Announce, ", "))
	add("network", "pin-generations", strconv.FormatBool(n.PinGenerations))
	add("serve", "listen", cmp.Or(strings.Join(conf.Serve.Listen, ", "), "loopback"))
	add("serve", "names", strings.Join(conf.Serve.Names, ", "))
	for _, name := range slices.Sorted(maps.Keys(conf.Pins)) {
		add("pins", name, redacted(cmp.Or(conf.Pins[name].Kubo, conf.Pins[name].Service)))
	}
	return list
}

// configKeys is the file once more, to see which keys stand there; nil where
// there is none.
func configKeys(path string) *toml.Value {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	root, err := toml.Decode(path, data, &config{}, toml.Options{Format: 1, Max: maxConfig})
	if err != nil {
		return nil
	}
	return root
}
