package agent

import (
	"context"
	"fmt"

	"github.com/barograph/barograph/internal/wire"
)

const maxCommandOutput = 64 << 10

// runCommand runs a shell command and returns the number that it printed.
func runCommand(ctx context.Context, command string) (float64, error) {
	o, err := execute(ctx, maxCommandOutput, "/bin/sh", "-c", command)
	if err != nil {
		return 0, err
	}
	v, err := wire.ParseOutput(o.text)
	if err == nil {
		return v, nil
	}
	if o.status != 0 || o.stderr != "" {
		return 0, fmt.Errorf("%w; %w", err, unexpected(o))
	}
	return 0, err
}
