// Package tests tells stories of the real binary, and holds what no room can
// hold alone: which room may import which, and what any IPFS tool makes of what
// ipp writes.
//
//	*_test.go, testdata/  stories as scripts; the import policy
//	crash/                kill -9 before every call that changes something
//	faults/               calls that fail, file systems that lack something, odd homes, closed outputs, signals
//	figures/              ipp beside its peers; no test
//	homes/                small homes, what is done in them, and what must hold there
//	kubo/                 Kubo, as a module of its own
//	ipfs-car/, helia/     ipfs-car and Helia, as npm pins them
//	model/                the commit and collection protocol, model-checked
//	powercut/             a power cut at every write, on real file systems
//	programs/             real programs, fetched and pinned
//	report/               what .ci/run prints of a test run
//	soak/                 many at work at once on one store, some of them killed
//	support/              where fetched tools lie, and the one way to skip
//	trace/                kills a program, lets its calls fail, or signals it, at any system call
//	whole/                is all on disk whole? with code of its own
//
// `go test ./...` needs nothing but Go and git, and skips with a reason what
// needs more; .ci/run fetches that, and lets nothing be skipped. No test
// touches the network.
//
//	IPP_TEST_NOSKIP=1        a skip is a failure
//	IPP_TEST_CRASH=all|SEED  every call is cut off, or those of that seed
//	IPP_TEST_POWERCUT=all|SEED  every event of the disk is cut after, or those of that seed
//	IPP_TEST_INDEX=all       the index is damaged in 1,000 ways, not in 100
//	IPP_TEST_FAULTS=all|SEED every call fails, signals come at every call (hours: -timeout 6h); or those of that seed
//	IPP_TEST_SOAK=DURATION|SEED|DURATION,SEED  many work at once for so long (10m: -timeout 1h), not some seconds; with that seed
//	IPP_TEST_PROGRAMS=DIR    the real programs; default .cache/programs
//	IPP_TEST_KUBO=FILE       Kubo's ipfs; default .cache/kubo/ipfs
//	IPP_TEST_IPFSCAR=FILE    ipfs-car; default below .cache/ipfs-car
//	IPP_TEST_HELIA=DIR       Helia, installed; default .cache/helia
//	IPP_TEST_SCRATCH=DIR     homes that are made by the hundred; default in memory
package tests
