package dag

// Limits bound a walk. Each is counted per path, so that a DAG that shares
// blocks costs what its tree would. The zero Limits stand for DefaultLimits.
type Limits struct {
	Bytes   int64 // contents of all files
	Files   int   // files and symlinks and directories, the root too
	Entries int   // of one directory
	Depth   int   // names in a path
}

// DefaultLimits hold where nothing was signed.
func DefaultLimits() Limits {
	return Limits{Bytes: 16 << 30, Files: 250_000, Entries: 100_000, Depth: 64}
}

const (
	// maxPath bounds what one entry costs whoever keeps it; the least PATH_MAX
	// of the systems we run on.
	maxPath = 1024
	// maxTarget is Linux' limit for a symlink.
	maxTarget = 4095
	// maxNodes bounds the nodes of a file from its root to a leaf.
	maxNodes = 64
	// smallLeaf: contents may be cut into leaves this small on average before
	// the number of blocks is held against a walk.
	smallLeaf = 16 << 10
	// fewLeaves and largeLeaf are the same for one file, whose leaves are in
	// memory together: 48 bytes each and, where they differ, a CID.
	fewLeaves = 1 << 16
	largeLeaf = 64 << 10
)

func maxLeaves(size int64) int64 { return fewLeaves + size/largeLeaf }

func (l Limits) orDefault() Limits {
	if l == (Limits{}) {
		return DefaultLimits()
	}
	return l
}

// links is how many links a walk may read. It is what ends a walk through nodes
// that have neither bytes nor names to be counted by.
func (l Limits) links() int64 {
	return 1<<16 + l.Bytes/smallLeaf + 2*int64(l.Files)
}

// budget is what is left of a walk's limits.
type budget struct {
	lim                 Limits
	files, bytes, links int64
}

func newBudget(lim Limits) *budget {
	lim = lim.orDefault()
	return &budget{lim: lim, files: int64(lim.Files), bytes: lim.Bytes, links: lim.links()}
}

func (b *budget) spendFiles(path string, n int) error {
	if b.files -= int64(n); b.files < 0 {
		return &LimitError{Path: path, What: "files", Limit: int64(b.lim.Files)}
	}
	return nil
}

func (b *budget) spendBytes(path string, n int64) error {
	if n > b.bytes {
		return &LimitError{Path: path, What: "bytes", Limit: b.lim.Bytes}
	}
	b.bytes -= n
	return nil
}

func (b *budget) spendLinks(path string, n int) error {
	if b.links -= int64(n); b.links < 0 {
		return &LimitError{Path: path, What: "links", Limit: b.lim.links()}
	}
	return nil
}
