package durable

import "testing"

func TestKernelAtLeast(t *testing.T) {
	for release, want := range map[string]bool{
		"5.8.0": true, "5.10.0-28-amd64": true, "6.18.5-arch1": true, "10.0": true, "5.8-rc1": true,
		"4.18.0-553.el8_10.x86_64": false, "5.7.19": false, "3.10.0": false, "": false, "linux": false, "5": false,
	} {
		if got := kernelAtLeast(release, 5, 8); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}
