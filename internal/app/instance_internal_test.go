package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestInstanceIDStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := instanceID(dir, time.Unix(1, 0))
	if err != nil || first == "" {
		t.Fatal(first, err)
	}
	if again, err := instanceID(dir, time.Unix(2, 0)); err != nil || again != first {
		t.Errorf("%q, %v, want %q as before", again, err, first)
	}
	// A crash while it was written leaves an empty file.
	if err := os.WriteFile(filepath.Join(dir, instanceFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if anew, err := instanceID(dir, time.Unix(3, 0)); err != nil || anew == "" || anew == first {
		t.Errorf("%q, %v, want a new one", anew, err)
	}
	if other, err := instanceID(t.TempDir(), time.Unix(1, 0)); err != nil || other == first {
		t.Errorf("%q, %v: two directories have one ID", other, err)
	}
	if _, err := instanceID(filepath.Join(dir, "missing"), time.Unix(1, 0)); err == nil {
		t.Error("no error for a directory that is not there")
	}
}
