package lock

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"ipp/lock/ref"
)

// FactsVersion says which Facts, and which words of them, an index holds.
const FactsVersion = 1

// Facts are what is searched of a package: a record that an index keeps for
// each tree, and the words that find it.
type Facts struct {
	Name     ref.Name      `json:"name"`
	Version  ref.Version   `json:"version"`
	Summary  string        `json:"summary,omitempty"`
	Commands []ref.Command `json:"commands,omitempty"`
}

// Encode writes the record.
func (f Facts) Encode() ([]byte, error) { return json.Marshal(f) }

// DecodeFacts reads what Encode wrote.
func DecodeFacts(data []byte) (f Facts, err error) {
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("read record of a package: %w", err)
	}
	return f, nil
}

// Words are the words that find the package, sorted: those of its name, its
// commands and its summary, in lower case, compounds both whole and in parts.
func (f Facts) Words() []string {
	words := compounds(string(f.Name))
	for _, c := range f.Commands {
		words = append(words, compounds(string(c))...)
	}
	words = append(words, compounds(f.Summary)...)
	slices.Sort(words)
	return slices.Compact(words)
}

// compounds cuts text into words, and each that holds more than letters and
// digits into its parts too: "go-fuse" is found by "go", "fuse" and "go-fuse".
func compounds(text string) (words []string) {
	for _, w := range SearchWords(text) {
		words = append(words, w)
		words = append(words, strings.FieldsFunc(w, func(r rune) bool { return !isLetter(r) })...)
	}
	return words
}

// SearchWords cuts what somebody searches for into words as they are held.
func SearchWords(text string) (words []string) {
	text = strings.ToLower(strings.ToValidUTF8(text, " "))
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !isLetter(r) && !strings.ContainsRune("-_.+", r) }) {
		if w = strings.TrimLeft(strings.TrimRight(w, "-_."), "-_.+"); w != "" {
			words = append(words, w)
		}
	}
	return words
}

func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) }

// Match is how well a word answers a search. Lower is better.
type Match int

// The matches.
const (
	ExactMatch  Match = iota // it is the word
	PrefixMatch              // it begins with it
	TypoMatch                // one edit away: a letter more, less, other, or two swapped
	NoMatch
)

func (m Match) String() string {
	return []string{"exact", "prefix", "typo", "none"}[m]
}

// minTypo is the shortest word in which an edit is forgiven: any two of two
// letters are alike.
const minTypo = 3

// MatchWord compares a word that is searched for with one that is held.
func MatchWord(asked, word string) Match {
	switch {
	case asked == word:
		return ExactMatch
	case strings.HasPrefix(word, asked):
		return PrefixMatch
	}
	a, w := []rune(asked), []rune(word)
	if len(a) >= minTypo && len(w) >= minTypo && oneEdit(a, w) {
		return TypoMatch
	}
	return NoMatch
}

// oneEdit says whether a becomes b by one insertion, deletion, change or swap
// of neighbours.
func oneEdit(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	ra, rb := a[i:], b[i:]
	if len(a) < len(b) {
		return slices.Equal(ra, rb[1:])
	}
	switch {
	case len(ra) == 0 || slices.Equal(ra[1:], rb[1:]):
		return true
	case len(ra) < 2 || ra[0] != rb[1] || ra[1] != rb[0]:
		return false
	}
	return slices.Equal(ra[2:], rb[2:])
}
