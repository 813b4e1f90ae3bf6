package lock

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"ipp/lock/ref"
)

func TestFacts(t *testing.T) {
	f := Facts{Name: "go-fuse", Version: "1.2.3", Summary: "Mounts C++ things, über node.js (fast!)", Commands: []ref.Command{"mount_fuse", "gf"}}
	want := strings.Fields("c c++ fast fuse gf go go-fuse js mount mount_fuse mounts node node.js things über")
	if got := f.Words(); !slices.Equal(got, want) {
		t.Errorf("words are %q, want %q", got, want)
	}
	data, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeFacts(data); err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := DecodeFacts([]byte("{")); err == nil {
		t.Error("half a record is read")
	}
}

func TestSearchWords(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " ... ": "", "Node.JS": "node.js", "one  two,three": "one two three", "--json": "json",
		"a\x00b": "a b", "bad\xffutf": "bad utf", "g++": "g++", "x.": "x", "c-": "c",
	} {
		if got := strings.Join(SearchWords(text), " "); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestMatchWord(t *testing.T) {
	for _, tt := range []struct {
		asked, word string
		want        Match
	}{
		{"tree", "tree", ExactMatch}, {"tr", "tree", PrefixMatch}, {"tree", "tr", NoMatch},
		{"tre", "tree", PrefixMatch}, {"tree", "tre", TypoMatch}, {"trees", "tree", TypoMatch}, {"tere", "tree", TypoMatch},
		{"three", "tree", TypoMatch}, {"trxe", "tree", TypoMatch}, {"xtree", "tree", TypoMatch}, {"treex", "tree", TypoMatch},
		{"trxx", "tree", NoMatch}, {"eert", "tree", NoMatch}, {"ab", "ba", NoMatch}, {"abc", "acb", TypoMatch}, {"abcd", "badc", NoMatch},
		{"grüße", "grüsse", NoMatch}, {"grüße", "gruße", TypoMatch},
	} {
		if got := MatchWord(tt.asked, tt.word); got != tt.want {
			t.Errorf("%s for %s: %v, want %v", tt.word, tt.asked, got, tt.want)
		}
	}
}
