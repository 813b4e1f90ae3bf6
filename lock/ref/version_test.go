package ref

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestParseVersion(t *testing.T) {
	long := "1.2.3-" + strings.Repeat("a", 100) // semver may be longer than other words
	for s, isSemver := range map[string]bool{
		"1.2.3": true, "0.0.0": true, "1.2.3-rc.1+b.5": true, "1.2.3+b": true, long: true,
		"v1.2.3": false, "1.2": false, "1": false, "01.2.3": false, "1.2.3-01": false, "1.2.3.4": false,
		"latest": false, "2024-01-01": false, "1:2.3~rc1": false, "18446744073709551616.0.0": false,
	} {
		v, err := ParseVersion(s)
		if err != nil || string(v) != s {
			t.Errorf("%q: %q, %v", s, v, err)
		}
		if v.IsSemver() != isSemver {
			t.Errorf("%q: IsSemver is %v", s, !isSemver)
		}
	}
	for s, why := range map[string]string{
		"": "empty", "-1": "begin with", "a b": "' '", "a/b": "'/'", "ä": "begin with", "1\n": "control",
		strings.Repeat("1", 65): "longer than 64", ">1": "begin with",
	} {
		_, err := ParseVersion(s)
		wantSyntaxError(t, s, err, why)
	}
}

func TestIsPrerelease(t *testing.T) {
	for v, want := range map[Version]bool{"1.0.0-rc": true, "1.0.0": false, "1.0.0+b-c": false, "rc-1": false} {
		if v.IsPrerelease() != want {
			t.Errorf("%s: %v", v, !want)
		}
	}
}

// ordered is semver's own example between words that are not semver and
// versions that differ only in build metadata.
var ordered = []Version{
	"0.9", "1", "2024-01-01", "latest", "v9.9.9",
	"0.0.1", "1.0.0-0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
	"1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.0+a", "1.0.0+b", "1.0.1", "1.2.0", "1.10.0", "2.0.0",
}

func TestCompare(t *testing.T) {
	for i, a := range ordered {
		for j, b := range ordered {
			want := sign(i - j)
			if got := sign(a.Compare(b)); got != want {
				t.Errorf("%s compared with %s: %d, want %d", a, b, got, want)
			}
		}
	}
	shuffled := slices.Clone(ordered)
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	slices.SortFunc(shuffled, Version.Compare)
	if !slices.Equal(shuffled, ordered) {
		t.Errorf("sorted: %v", shuffled)
	}
}

func sign(n int) int { return max(-1, min(1, n)) }

func FuzzCompare(f *testing.F) {
	f.Add("1.0.0", "1.0.0-a", "latest")
	f.Add("1.0.0-1", "1.0.0-18446744073709551616", "1.0.0-a")
	f.Add("1.0.0+a", "1.0.0+b", "1.0.0")
	f.Fuzz(func(t *testing.T, x, y, z string) {
		a, b, c := Version(x), Version(y), Version(z)
		if (a.Compare(b) == 0) != (a == b) || sign(a.Compare(b)) != -sign(b.Compare(a)) {
			t.Fatalf("%q and %q are not ordered", a, b)
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("%q, %q and %q go round in circles", a, b, c)
		}
	})
}

func TestMatch(t *testing.T) {
	for text, want := range map[string]struct{ yes, no string }{
		"0.25.0":                 {"0.25.0", "0.25.1 0.25.0-rc 0.25.0+b 0.25"},
		"1.2.3+b":                {"1.2.3+b", "1.2.3 1.2.3+c"},
		"1.2.3-rc.1":             {"1.2.3-rc.1", "1.2.3 1.2.3-rc.2"},
		"latest":                 {"latest", "1.0.0 Latest"},
		"v1.2.3":                 {"v1.2.3", "1.2.3"},
		"0.25":                   {"0.25.0 0.25.9 0.25 0.25.1+b", "0.24.9 0.26.0 0.25.1-rc 0.26.0-0 0.2.5"},
		"0":                      {"0.0.0 0.99.1 0", "1.0.0 0.1.0-rc 1.0.0-rc 0.1"},
		"^0.25":                  {"0.25.0 0.25.7", "0.26.0 0.24.0 1.0.0 0.26.0-0 0.25.1-rc"},
		"^1.2":                   {"1.2.0 1.99.0", "1.1.9 2.0.0 2.0.0-rc 1.3.0-rc"},
		"^1":                     {"1.0.0 1.9.9", "0.9.9 2.0.0"},
		"^1.2.3":                 {"1.2.3 1.3.0", "1.2.2 2.0.0 1.2.3-rc"},
		"^0.0.3":                 {"0.0.3", "0.0.4 0.0.2 0.1.0"},
		"^0.0":                   {"0.0.0 0.0.9", "0.1.0"},
		"^0":                     {"0.0.1 0.9.0", "1.0.0"},
		"^0.0.0":                 {"0.0.0", "0.0.1"},
		"^1.2.3-rc.1":            {"1.2.3-rc.1 1.2.3-rc.2 1.2.3 1.3.0 1.3.0-beta", "1.2.3-beta 2.0.0-rc 2.0.0"},
		"~1.2":                   {"1.2.0 1.2.9", "1.3.0 1.1.9 1.3.0-rc"},
		"~1":                     {"1.0.0 1.9.0", "2.0.0 0.9.0"},
		"~1.2.3":                 {"1.2.3 1.2.9", "1.2.2 1.3.0"},
		"~0.25.1":                {"0.25.1", "0.25.0 0.26.0"},
		">=1.2, <2":              {"1.2.0 1.9.9", "1.1.9 2.0.0 2.0.0-rc 1.5.0-rc 1.2.0-rc latest"},
		">=1.2.0-rc, <2":         {"1.2.0-rc 1.2.0 1.5.0-beta", "1.2.0-beta 2.0.0-rc 2.0.0"},
		">1.2":                   {"1.3.0 2.0.0", "1.2.9 1.2.0 1.3.0-rc"},
		">1.2.3":                 {"1.2.4 2.0.0", "1.2.3 1.2.3+b 1.2.2"},
		">1.2.3-rc.1":            {"1.2.3-rc.1.0 1.2.3-rc.2 1.2.3", "1.2.3-rc.1 1.2.3-rc.1+b 1.2.3-beta"},
		"<=1.2":                  {"1.2.9 0.1.0", "1.3.0 1.3.0-0"},
		"<=1.2.3":                {"1.2.3 1.2.3+b 1.0.0", "1.2.4 1.2.4-0"},
		"<=1.2.3-rc.1":           {"1.2.3-rc.1 1.2.3-beta 1.2.2", "1.2.3-rc.1.0 1.2.3-rc.2 1.2.3"},
		"<2.0.0":                 {"1.9.9", "2.0.0 2.0.0-rc"},
		"<2.0.0-rc":              {"1.9.9 2.0.0-beta", "2.0.0-rc 2.0.0"},
		"*":                      {"1.0.0 0.0.0 latest 0", "1.0.0-rc 0.0.1-0"},
		">=2, <1":                {"", "0.5.0 1.5.0 3.0.0"},
		"^18446744073709551615":  {"18446744073709551615.0.0 18446744073709551615.1.0", "1.0.0"},
		"0.18446744073709551615": {"0.18446744073709551615.3", "1.0.0 0.1.0"},
	} {
		c, err := ParseConstraint(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if c.String() != text {
			t.Errorf("%q is spelled %q", text, c)
		}
		for _, v := range strings.Fields(want.yes) {
			if !c.Match(Version(v)) {
				t.Errorf("%q does not match %s", text, v)
			}
		}
		for _, v := range strings.Fields(want.no) {
			if c.Match(Version(v)) {
				t.Errorf("%q matches %s", text, v)
			}
		}
	}
}

func TestParseConstraintRefuses(t *testing.T) {
	for s, why := range map[string]string{
		"":                             "empty",
		"=1.2.3":                       "without = is exact",
		"==1":                          "without = is exact",
		"1 || 2":                       "no ||",
		"^1 || ^2":                     "no ||",
		"1.2 - 2.0":                    "write >=1.2, <2",
		"1.x":                          "wildcards",
		"1.2.X":                        "wildcards",
		"1.*":                          "wildcards",
		"x":                            "wildcards",
		"**":                           "begin with",
		">= 1":                         "no space",
		">=1 <2":                       "joined by commas",
		">=":                           "missing after >=",
		">=v1":                         "not a semver version",
		"^latest":                      "not a semver version",
		">=1.2.3.4":                    "not a semver version",
		">=01":                         "not a semver version",
		">=1.2-rc":                     "not a semver version",
		">=1.2.3+b":                    "build metadata",
		">=1,,<2":                      "beside a comma",
		">=1,":                         "beside a comma",
		">=1, 2":                       "stands alone",
		"1, <2":                        "stands alone",
		">=1, *":                       "stands alone",
		"=>1":                          "without =",
		"><1":                          "no operator ><",
		">==1":                         "no operator >==",
		"~>1":                          "no operator ~>",
		"!=1":                          "begin with",
		"a b":                          "' '",
		"1\x1b":                        "control",
		">=1\u202e":                    `\u202e`,
		"^" + strings.Repeat("9", 300): "too long",
		"^18446744073709551616":        "not a semver version",
	} {
		_, err := ParseConstraint(s)
		wantSyntaxError(t, s, err, why)
	}
}

func TestConstraintSpelling(t *testing.T) {
	for in, want := range map[string]string{">=1.2,<2": ">=1.2, <2", " >=1": "", ">=1.2 ,  <2": ">=1.2, <2", ">=1 ": ">=1"} {
		c, err := ParseConstraint(in)
		if want == "" {
			wantSyntaxError(t, in, err, "")
		} else if err != nil || c.String() != want {
			t.Errorf("%q is spelled %q, %v", in, c, err)
		}
	}
}

func TestExact(t *testing.T) {
	for _, v := range []Version{"1.2.3", "1.2.3+b", "latest", "2024", "1.2", "x"} {
		c := Exact(v)
		if got, ok := c.IsExact(); !ok || got != v || !c.Match(v) || c.IsAny() {
			t.Errorf("Exact(%s): %v, %v", v, got, ok)
		}
		for _, o := range []Version{"2024.1.0", "1.2.0", "1.2.3+c"} {
			if c.Match(o) {
				t.Errorf("Exact(%s) matches %s", v, o)
			}
		}
	}
	for text, exact := range map[string]bool{"1.2.3": true, "v1": true, "1.2": false, "*": false, "^1.2.3": false} {
		c, err := ParseConstraint(text)
		if _, ok := c.IsExact(); ok != exact || err != nil {
			t.Errorf("%q: exact is %v, %v", text, ok, err)
		}
	}
}

func TestZeroConstraint(t *testing.T) {
	var c Constraint
	if c.Match("") || c.Match("1.0.0") || c.IsAny() {
		t.Error("the zero constraint matches something")
	}
	if _, ok := c.IsExact(); ok {
		t.Error("the zero constraint is exact")
	}
}

func FuzzConstraint(f *testing.F) {
	for _, s := range []string{"*", "1", "1.2", "1.2.3+b", "^0.0.3-rc", ">=1.2, <2", "latest", ">=1,,", "1.x", "||"} {
		f.Add(s, "1.2.3")
		f.Add(s, "latest")
	}
	f.Fuzz(func(t *testing.T, s, version string) {
		c, err := ParseConstraint(s)
		if err != nil {
			wantSyntaxError(t, s, err, "")
			return
		}
		again, err := ParseConstraint(c.String())
		if err != nil || again != c {
			t.Fatalf("%q is spelled %q, which gives %+v, %v", s, c, again, err)
		}
		v := Version(version)
		if c.Match(v) && !v.IsSemver() && !c.IsAny() && version != c.String() {
			t.Fatalf("%q matches %q, which is not semver", s, v)
		}
		if c.Match(v) && v.IsPrerelease() && !strings.Contains(s, "-") {
			t.Fatalf("%q matches the prerelease %s", s, v)
		}
	})
}
