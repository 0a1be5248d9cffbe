package probes

// What the tests of pure logic need to see.
var (
	Phase     = phase
	Plausible = plausible
)

// Print has it printed by the run.
func Print(r *Runs, texts ...string) {
	w := &lineWriter{output: &r.output}
	for _, text := range texts {
		_, _ = w.Write([]byte(text)) // never fails
	}
}
