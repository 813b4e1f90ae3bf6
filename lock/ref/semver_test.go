package ref

import (
	"cmp"
	"testing"

	"github.com/Masterminds/semver/v3"
)

// FuzzSemver: what is semver, what is a prerelease, and their order are as
// another library has them, but for numbers in prereleases that it does not take
// for such, because they don't fit into 64 bits.
func FuzzSemver(f *testing.F) {
	for _, v := range []string{"1.2.3", "1.2", "v1.2.3", "1.2.3-rc.1+b.01", "1.2.3-01", "01.2.3", "1.2.3-", "1.2.3+", "1.2.3-a..b", "1.2.3+a-b",
		"1.2.3-a-b", "1.2.3.4", "1.2.18446744073709551615", "1.2.18446744073709551616", "1.0.0-0", "1.0.0--", "1.0.0+a+b", ""} {
		f.Add(v, "1.2.3-rc.1")
		f.Add(v, v+"-a.2")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		va, errA := semver.StrictNewVersion(a)
		vb, errB := semver.StrictNewVersion(b)
		if got := Version(a).IsSemver(); got != (errA == nil) {
			t.Fatalf("%q is semver: %v, not %v", a, got, errA)
		}
		if errA != nil || errB != nil {
			return
		}
		if got := Version(a).IsPrerelease(); got != (va.Prerelease() != "") {
			t.Errorf("%q is a prerelease: %v", a, got)
		}
		want := cmp.Or(va.Compare(vb), cmp.Compare(a, b))
		if got := Version(a).Compare(Version(b)); got != want && len(a) < 20 && len(b) < 20 {
			t.Errorf("%q and %q: %d, not %d", a, b, got, want)
		}
	})
}
