package cmd

import (
	"context"

	"ipp/cmd/shell"
)

type completionCmd struct {
	Shell string `arg:"" name:"SHELL" help:"bash, zsh or fish."`
}

func (completionCmd) doc() doc {
	return doc{
		usage: "completion bash|zsh|fish",
		about: `Prints what completes ipp's command lines in a shell: commands, flags, names and
			versions of packages, generations, profiles, keys and paths. It asks files alone: no
			network, no index, and it waits for nobody.

			Where a shell looks for completions by itself, the text can lie in a file there; else
			its start-up file sources it. In zsh that is after compinit.`,
		examples: []string{
			"ipp completion bash > ~/.local/share/bash-completion/completions/ipp",
			"ipp completion fish > ~/.config/fish/completions/ipp.fish",
			"ipp completion zsh > DIR/_ipp         # DIR is in $fpath",
			`eval "$(ipp completion bash)"         # this shell`,
		},
	}
}

func (c *completionCmd) run(_ context.Context, a *app) error {
	text, ok := shell.Completion(c.Shell)
	if !ok {
		return unknownShell("completion", c.Shell, shell.Names(), c.doc().usage)
	}
	a.printf("%s", text)
	return nil
}
