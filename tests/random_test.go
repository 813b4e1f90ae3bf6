package tests

import (
	"crypto/sha256"
	"math/rand/v2"
)

// randomBytes are n bytes that depend on seed alone.
func randomBytes(n int, seed string) []byte {
	data := make([]byte, n)
	rand.NewChaCha8(sha256.Sum256([]byte(seed))).Read(data)
	return data
}
