package cmd

import "context"

type tourCmd struct{}

func (tourCmd) doc() doc { return doc{usage: "tour"} }

func (tourCmd) run(ctx context.Context, a *app) error { return nil }
