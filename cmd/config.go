package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ipp/lock/toml"
	"ipp/store/ipfs/node"
	"ipp/store/ipfs/web"
)

// configName is the file that people write, below the directory of ipp's
// configuration.
const configName = "config.toml"

// maxConfig is the largest configuration that is read.
const maxConfig = 64 << 10

// config is config.toml.
type config struct {
	Network networkConfig `toml:"network"`
	Serve   serveConfig   `toml:"serve"`
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
	network := root.Get("network")
	check := func(key string, check func(string) error, addresses ...string) {
		for _, a := range addresses {
			if e := check(a); e != nil && err == nil {
				err = network.Get(key).Wrap(e)
			}
		}
	}
	for _, a := range c.Serve.Listen {
		if e := new(listenAt).add(a); e != nil && err == nil {
			err = root.Get("serve").Get("listen").Wrap(fmt.Errorf("%q: %w", a, e))
		}
	}
	if c.Network.Kubo != "" {
		check("kubo", web.Check, c.Network.Kubo)
	}
	check("gateways", web.Check, c.Network.Gateways...)
	check("routers", node.CheckRouter, c.Network.Routers...)
	check("announce", node.CheckRouter, c.Network.Announce...)
	check("peers", node.CheckPeer, c.Network.Peers...)
	if network == nil || network.Get("gateways") == nil {
		c.Network.Gateways = defaultGateways
	}
	if network == nil || network.Get("routers") == nil {
		c.Network.Routers = defaultRouters
	}
	return &c, err
}
