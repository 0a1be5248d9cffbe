package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"github.com/barograph/barograph/internal/chart"
)

func TestSparkFileStandsAlone(t *testing.T) {
	t.Parallel()
	var file, part bytes.Buffer
	if err := errors.Join(disk().SparkFile(&file), disk().Spark(&part)); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(file.Bytes(), new(struct{})); err != nil {
		t.Error(err)
	}
	text := file.String()
	for _, want := range []string{`<svg xmlns="http://www.w3.org/2000/svg" class="chart-spark" viewBox=`, "<style>", "prefers-color-scheme: dark", "</style>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	if _, drawn, _ := strings.Cut(part.String(), ">"); !strings.HasSuffix(text, drawn) {
		t.Errorf("it is another picture than that in a page: %s", text)
	}
	if err := (chart.Chart{}).SparkFile(&file); !errors.Is(err, chart.ErrEmpty) {
		t.Errorf("of nothing: %v", err)
	}
}
