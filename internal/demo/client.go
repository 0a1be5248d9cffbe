package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/barograph/barograph"
)

const maxAnswer = 1 << 20

// post sends body as JSON and decodes the answer into answer unless that is nil.
func (d *Demo) post(ctx context.Context, path string, key barograph.Secret, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the body of %s: %w", path, err)
	}
	return d.do(ctx, http.MethodPost, path, "application/json", key, data, answer)
}

// put sends body as JSON.
func (d *Demo) put(ctx context.Context, path string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the body of %s: %w", path, err)
	}
	return d.do(ctx, http.MethodPut, path, "application/json", d.Token, data, nil)
}

// get decodes what the server answers into answer.
func (d *Demo) get(ctx context.Context, path string, answer any) error {
	return d.do(ctx, http.MethodGet, path, "application/json", d.Token, nil, answer)
}

func (d *Demo) do(ctx context.Context, method, path, contentType string, key barograph.Secret, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, d.Server+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+key.Reveal())
	res, err := d.Client.Do(req)
	if err != nil {
		return err // it names method and address
	}
	defer func() { _ = res.Body.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, bytes.TrimSpace(text))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("decode the answer of %s: %w", path, err)
	}
	return nil
}
