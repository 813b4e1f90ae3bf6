package trust

// Verdict is what to make of a package's key, where others are known.
type Verdict int

// The verdicts.
const (
	Same       Verdict = iota // the key is known, or the package is as unsigned as those before
	First                     // no package before was signed
	HandedOver                // a key that is known says that this one took over
	Changed                   // it takes a person to decide
)

// Judge compares a signature, nil for none, with the keys of the packages
// before, "" for one that was not signed. before is the key that the verdict
// speaks of.
func Judge(known []string, s *Signature) (v Verdict, before string) {
	for _, k := range known {
		if k != "" && before == "" {
			before = k
		}
		if s != nil && k == s.Key.String() {
			return Same, k
		}
	}
	switch {
	case before == "" && s == nil:
		return Same, ""
	case before == "":
		return First, ""
	case s == nil:
		return Changed, before
	}
	for _, k := range known {
		if k != "" && s.Follows(k) {
			return HandedOver, k
		}
	}
	return Changed, before
}
