package cmd

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"ipp/store/durable"
)

// nodeKeyName is the file of the key that peers know this store by.
const nodeKeyName = "node.key"

// nodeKey is the identity that serve has among peers: made once, and the same from
// then on, so that an address that somebody was told stays right.
func (a *app) nodeKey() (ed25519.PrivateKey, error) {
	data, err := a.set.ownData()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(data, nodeKeyName)
	key, err := readNodeKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeNodeKey(path)
	}
	if err != nil {
		return nil, &failure{verb: "read", object: path, err: err, code: exitMalformed,
			hints: []string{"it only says who this machine is to its peers: remove it, and ipp serve makes another", "nothing that was installed depends on it"}}
	}
	return key, nil
}

// maxNodeKey is more than any key takes.
const maxNodeKey = 4 << 10

func readNodeKey(path string) (ed25519.PrivateKey, error) {
	text, mode, open, err := readSecret(path, maxNodeKey)
	switch {
	case err != nil:
		return nil, err
	case open:
		return nil, fmt.Errorf("others can read or change it: its mode is %04o, not 0600", mode)
	case len(text) > maxNodeKey:
		return nil, fmt.Errorf("it has more than %d bytes", maxNodeKey)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it is not a private key in PEM")
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := any.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("it is not an Ed25519 key")
	}
	return key, nil
}

// makeNodeKey writes a new key; whoever is faster has his kept.
func makeNodeKey(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	err = durable.CreateFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), keyMode)
	if errors.Is(err, fs.ErrExist) {
		return readNodeKey(path)
	}
	return key, err
}
