package trust

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"ipp/lock/ref"

	"golang.org/x/mod/sumdb/note"
)

// fromSeed is the key of a seed of 32 bytes.
func fromSeed(name ref.Name, seed []byte) (*Private, error) {
	public, err := note.NewEd25519VerifierKey(string(name), ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	hash := strings.Split(public, "+")[1]
	const ed25519Algorithm = 1
	return newPrivate(fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", name, hash, base64.StdEncoding.EncodeToString(append([]byte{ed25519Algorithm}, seed...))))
}

// tryToSign is a note with any text, signed; nil where the text can't be that of
// a note.
func tryToSign(p *Private, text string) []byte {
	data, err := note.Sign(&note.Note{Text: text}, p.signer)
	if err != nil {
		return nil
	}
	return data
}
