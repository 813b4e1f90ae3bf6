// Package soak lets many ipp work at once on one store: eight that install,
// switch, upgrade, remove, roll back, import, run and look, in three profiles,
// against one that collects and one that checks and searches. Some are killed,
// interrupted or stopped for a while.
//
// A command ends with success, or with an outcome that concurrency allows, which
// are few and each written down in verbs_test.go. Of one profile a single worker
// changes anything, so there it knows exactly what each command leaves behind.
package soak
