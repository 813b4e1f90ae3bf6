// Package damage holds promise P6: any stored file damaged, once each: `ipp
// check` names it, `ipp check --repair` restores it, a plain second install
// heals what is a package's; and in between nothing that was not verified is
// linked, exported or run.
package damage
