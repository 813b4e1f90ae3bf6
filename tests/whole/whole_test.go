package whole

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestFileCID compares with what Kubo's `ipfs add -n` printed for n bytes 'x'
// under the profile unixfs-v1-2025.
func TestFileCID(t *testing.T) {
	for n, want := range map[int]string{
		0:       "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
		1:       "bafkreibnoelefnzgwbcacyt4vh52ymxvzbjq7mmqhtcnwarfq4lzegsiqe",
		1048576: "bafkreieptef2bnlxwuopacpkasjwrqllxwq3ehq3so7apkbeowf3eu6dtm",
		1048577: "bafybeictycoddcwz2yiqx33rphbbppj3saxn2lozxrca76iaffqxxy5ngy",
		3145733: "bafybeibry37wsj3pt5kjkumyczvwxipxgggsxmir2fbyq6e37wheq6npm4",
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, bytes.Repeat([]byte("x"), n), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := FileCID(path); err != nil || got != want {
			t.Errorf("%d bytes: %s, %v, want %s", n, got, err, want)
		}
	}
}
