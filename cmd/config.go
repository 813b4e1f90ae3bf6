package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/store/ipfs/node"
	"ipp/store/ipfs/pin"
	"ipp/store/ipfs/web"
)

// configName is the file that people write, below the directory of ipp's
// configuration.
const configName = "config.toml"

// maxConfig is the largest configuration that is read.
const maxConfig = 64 << 10

// config is config.toml.
type config struct {
	Network networkConfig        `toml:"network"`
	Serve   serveConfig          `toml:"serve"`
	Pins    map[string]pinConfig `toml:"pins"` // where publish puts packages, by name
}

// serveConfig is what ipp serve does where its flags don't say.
type serveConfig struct {
	Listen []string `toml:"listen"` // as --listen
	Names  []string `toml:"names"`  // as --name
}

// networkConfig says where packages are fetched from, in this order: a Kubo node,
// gateways, peers.
type networkConfig struct {
	Offline  bool     `toml:"offline"`  // reach no network
	Kubo     string   `toml:"kubo"`     // the address of a node's RPC
	Gateways []string `toml:"gateways"` // addresses of trustless gateways; left out: defaultGateways
	Peers    []string `toml:"peers"`    // who is asked by bitswap, by multiaddr
	Announce []string `toml:"announce"` // who is told, by /routing/v1, what serve serves
	Routers  []string `toml:"routers"`  // who says which other peers to ask; left out: defaultRouters

	PinGenerations bool `toml:"pin-generations"` // the node of kubo keeps each generation
}

// pinConfig is a node or a service that keeps packages.
type pinConfig struct {
	Kubo      string `toml:"kubo"`       // the address of a node's RPC, or:
	Service   string `toml:"service"`    // that of a pinning service
	TokenFile string `toml:"token-file"` // where the token for it is
}

// Who serves everybody, and is asked where nobody says otherwise.
var (
	defaultGateways = []string{"https://trustless-gateway.link"}
	defaultRouters  = []string{"https://delegated-ipfs.dev"}
)

// configFile is where the configuration stands: IPP_CONFIG, else below
// XDG_CONFIG_HOME.
func (s settings) configFile() (path string, explicit bool, err error) {
	if s.config != "" {
		if !filepath.IsAbs(s.config) {
			return "", true, &failure{verb: "read", object: "IPP_CONFIG", err: fmt.Errorf("%s is not an absolute path", s.config),
				code: exitFailed, hints: []string{"IPP_CONFIG names the file of ipp's configuration: give the whole path"}}
		}
		return s.config, true, nil
	}
	dir, err := s.base(s.getenv("XDG_CONFIG_HOME"), ".config")
	return filepath.Join(dir, "ipp", configName), false, err
}

// readConfig reads the configuration; a file that nobody wrote says nothing.
func (a *app) readConfig() (*config, error) {
	path, explicit, err := a.set.configFile()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		data, err = []byte("format = 1\n"), nil
	}
	if err != nil {
		return nil, failed("read", "configuration", err)
	}
	c, err := parseConfig(path, data)
	return c, failed("read", "configuration", err)
}

func parseConfig(path string, data []byte) (*config, error) {
	var c config
	root, err := toml.Decode(path, data, &c, toml.Options{Format: 1, Max: maxConfig})
	if err != nil {
		return nil, err
	}
	if err := c.Network.check(root.Get("network")); err != nil {
		return nil, err
	}
	for _, a := range c.Serve.Listen {
		if e := new(listenAt).add(a); e != nil {
			return nil, root.Get("serve").Get("listen").Wrap(fmt.Errorf("%q: %w", a, e))
		}
	}
	pins := root.Get("pins")
	for _, f := range pins.All() {
		if _, err := ref.ParseName(f.Key); err != nil {
			return nil, pins.KeyError(f.Key, "%v", err)
		}
		if err := c.Pins[f.Key].check(f.Value); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// check holds what stands in the table to what it may be, and says what holds
// where a key is left out.
func (n *networkConfig) check(table *toml.Value) error {
	var err error
	check := func(key string, check func(string) error, addresses ...string) {
		for _, a := range addresses {
			if e := check(a); e != nil && err == nil {
				err = table.Get(key).Wrap(e)
			}
		}
	}
	if n.Kubo != "" {
		check("kubo", web.Check, n.Kubo)
	}
	check("gateways", web.Check, n.Gateways...)
	check("routers", node.CheckRouter, n.Routers...)
	check("announce", node.CheckRouter, n.Announce...)
	check("peers", node.CheckPeer, n.Peers...)
	if n.PinGenerations && n.Kubo == "" && err == nil {
		err = table.Get("pin-generations").Errorf("pin-generations needs kubo, the node that keeps them")
	}
	if table.Get("gateways") == nil {
		n.Gateways = defaultGateways
	}
	if table.Get("routers") == nil {
		n.Routers = defaultRouters
	}
	return err
}

func (p pinConfig) check(table *toml.Value) error {
	if (p.Kubo == "") == (p.Service == "") {
		return table.Errorf("want either kubo, the address of a node's RPC, or service, that of a pinning service")
	}
	if p.Kubo != "" {
		if p.TokenFile != "" {
			return table.Get("token-file").Errorf("a token-file is for a service")
		}
		if err := web.Check(p.Kubo); err != nil {
			return table.Get("kubo").Wrap(err)
		}
		return nil
	}
	if err := pin.CheckService(p.Service); err != nil {
		return table.Get("service").Wrap(err)
	}
	if !filepath.IsAbs(p.TokenFile) {
		return table.Errorf("a service needs a token-file, by its whole path")
	}
	return nil
}
