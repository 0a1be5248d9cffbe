package ingest

import (
	"context"
	"fmt"
)

// Healthy returns nil if it is noted down which hosts were heard of, else why
// not. Whether samples can be stored is the series store's to say.
func (in *Ingest) Healthy(context.Context) error {
	if err := in.pulse.Stuck(); err != nil {
		return fmt.Errorf("noting down which hosts were heard of: %w", err)
	}
	return nil
}
