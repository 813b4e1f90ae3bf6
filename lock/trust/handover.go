package trust

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Handover is the word of one key that another took over from it.
type Handover struct {
	From Key
	sig  string // as a signed note has it
}

// String is the old key and its signature of handoverText.
func (h Handover) String() string { return h.From.String() + " " + h.sig }

// handoverText is what the old key signs.
func handoverText(from, to Key) string {
	return fmt.Sprintf("%s %d\nfrom %s\nto %s\n", kindHandover, version, from, to)
}

// handOver makes the old key's word for the new one.
func (p *Private) handOver(to Key) (Handover, error) {
	text := handoverText(p.Key, to)
	data, err := note.Sign(&note.Note{Text: text}, p.signer)
	if err != nil {
		return Handover{}, fmt.Errorf("hand over from %s: %w", p.Key.Name(), err)
	}
	sig := strings.TrimPrefix(string(data), text+"\n— "+p.Key.Name()+" ")
	return Handover{p.Key, strings.TrimSuffix(sig, "\n")}, nil
}

// handovers reads lines "before", each the word for the key before it, and
// checks them.
func (l *lines) handovers(to Key) (list []Handover) {
	seen := map[string]bool{to.String(): true}
	for l.next("before") && len(list) < mostBefore {
		text := l.value("before")
		old, sig, _ := strings.Cut(text, " ")
		from, err := ParseKey(old)
		if err != nil {
			l.fail("%v", err)
			return nil
		}
		note := handoverText(from, to)
		if err := verify("handover", []byte(signed(note, from.Name(), sig)), note, from); err != nil {
			if l.err == nil {
				l.err = err
			}
			return nil
		}
		if seen[old] {
			l.fail("key %s is here twice", from.Fingerprint())
			return nil
		}
		seen[old] = true
		list = append(list, Handover{from, sig})
		to = from
	}
	return list
}
