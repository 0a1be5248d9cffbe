package situations_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// signal is a generated series: a value at every step, NaN where there is none.
type signal struct {
	every    time.Duration
	values   []float64
	wrong    []wrongSample
	shuffled bool
	delay    time.Duration // with which every third sample comes

	end      time.Duration // of what is drawn so far
	level    float64       // there
	overlays []func()      // on what is drawn, in the end
	rand     *rand.Rand

	sent int       // values that were sent, or are in late
	late []arrival // that are held back
}

// wrongSample is one that no server should take.
type wrongSample struct {
	sent  time.Duration
	ahead time.Duration // of its time before that
	value string
}

// statement is one line of a series block.
type statement struct {
	pattern *regexp.Regexp
	draw    func(s *signal, p *fieldReader, f []string)
}

var statements = []statement{
	{regexp.MustCompile(`^hold (?:(\S+) )?for (\S+)$`), (*signal).hold},
	{regexp.MustCompile(`^ramp (?:from (\S+) )?to (\S+) over (\S+)$`), (*signal).ramp},
	{regexp.MustCompile(`^(?:drop|step) to (\S+)$`), (*signal).step},
	{regexp.MustCompile(`^gap (?:of )?(\S+)$`), (*signal).gap},
	{regexp.MustCompile(`^noise (\S+)$`), (*signal).noise},
	{regexp.MustCompile(`^jitter (\S+)$`), (*signal).jitter},
	{regexp.MustCompile(`^sine (\S+) every (\S+)$`), (*signal).sine},
	{regexp.MustCompile(`^spikes of (\S+) about every (\S+)$`), (*signal).spikes},
	{regexp.MustCompile(`^outlier x(\S+) at (\S+)$`), (*signal).outlier},
	{regexp.MustCompile(`^missing (\S+) of all$`), (*signal).missing},
	{regexp.MustCompile(`^whole numbers()$`), (*signal).floor},
	{regexp.MustCompile(`^between (\S+) and (\S+)$`), (*signal).clamp},
	{regexp.MustCompile(`^send (\S+) at (\S+)$`), (*signal).sendWrong},
	{regexp.MustCompile(`^send (\S+) from (\S+) ahead at (\S+)$`), (*signal).sendAhead},
	{regexp.MustCompile(`^shuffled()$`), func(s *signal, _ *fieldReader, _ []string) { s.shuffled = true }},
	{regexp.MustCompile(`^every third sample comes (\S+) late$`), func(s *signal, p *fieldReader, f []string) { s.delay = p.duration(f[0]) }},
}

// generate draws the series of a block for one case.
func (s *script) generate(b seriesBlock, c scriptCase) (*signal, error) {
	g := &signal{every: s.every, rand: rand.New(rand.NewPCG(c.seed, uint64(len(b.name))))}
	if rest, err := g.draw(b.body, c.vars, false); err != nil {
		return nil, err
	} else if len(rest) > 0 {
		return nil, rest[0].wrong(fmt.Errorf("ends no repeat"))
	}
	for _, overlay := range g.overlays {
		overlay()
	}
	if c.mirrored {
		for i := range g.values {
			g.values[i] = c.pivot - g.values[i]
		}
	}
	return g, nil
}

var repeatLine = regexp.MustCompile(`^repeat (\S+) times$`)

// draw takes lines up to the end, or within a repeat up to its end, and returns
// those that are left.
func (s *signal) draw(lines []line, vars variables, repeated bool) (rest []line, err error) {
	for len(lines) > 0 {
		l := lines[0]
		lines = lines[1:]
		text, err := vars.fill(l.text)
		if err != nil {
			return nil, l.wrong(err)
		}
		switch m := repeatLine.FindStringSubmatch(text); {
		case m != nil:
			if lines, err = s.repeat(m[1], lines, vars); err != nil {
				return nil, err
			}
		case text == "end":
			if !repeated {
				return append([]line{l}, lines...), nil
			}
			return lines, nil
		default:
			if err := s.take(text); err != nil {
				return nil, l.wrong(err)
			}
		}
	}
	if repeated {
		return nil, fmt.Errorf("a repeat has no end")
	}
	return nil, nil
}

func (s *signal) repeat(times string, body []line, vars variables) (rest []line, err error) {
	count, err := strconv.Atoi(times)
	if err != nil || count < 1 {
		return nil, fmt.Errorf("%q is no number of times", times)
	}
	turn := maps.Clone(vars)
	for n := range count {
		turn["n"] = float64(n)
		if rest, err = s.draw(body, turn, true); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (s *signal) take(text string) error {
	for _, known := range statements {
		if m := known.pattern.FindStringSubmatch(text); m != nil {
			p := &fieldReader{}
			known.draw(s, p, m[1:])
			return p.err
		}
	}
	return fmt.Errorf("is no way to draw a series")
}

// extend draws on for so long.
func (s *signal) extend(d time.Duration, at func(share float64) float64) {
	begin := s.end
	s.end += d
	for {
		t := time.Duration(len(s.values)) * s.every
		if t >= s.end {
			return
		}
		s.values = append(s.values, at(float64(t-begin)/float64(d)))
	}
}

func (s *signal) hold(p *fieldReader, f []string) {
	if f[0] != "" {
		s.level = p.number(f[0])
	}
	s.extend(p.duration(f[1]), func(float64) float64 { return s.level })
}

func (s *signal) ramp(p *fieldReader, f []string) {
	if f[0] != "" {
		s.level = p.number(f[0])
	}
	from, to := s.level, p.number(f[1])
	s.extend(p.duration(f[2]), func(share float64) float64 { return from + share*(to-from) })
	s.level = to
}

func (s *signal) step(p *fieldReader, f []string) { s.level = p.number(f[0]) }

func (s *signal) gap(p *fieldReader, f []string) {
	s.extend(p.duration(f[0]), func(float64) float64 { return math.NaN() })
}

// later lays a function over all values that are drawn in the end.
func (s *signal) later(f func(i int, v float64) float64) {
	s.overlays = append(s.overlays, func() {
		for i, v := range s.values {
			s.values[i] = f(i, v)
		}
	})
}

func (s *signal) noise(p *fieldReader, f []string) {
	deviation := p.number(f[0])
	s.later(func(_ int, v float64) float64 { return v + deviation*s.rand.NormFloat64() })
}

func (s *signal) jitter(p *fieldReader, f []string) {
	block := p.number(f[0])
	s.later(func(_ int, v float64) float64 { return v + block*float64(s.rand.IntN(3)-1) })
}

func (s *signal) sine(p *fieldReader, f []string) {
	height, period := p.number(f[0]), p.duration(f[1])
	s.later(func(i int, v float64) float64 {
		return v + height*math.Sin(2*math.Pi*float64(i)*float64(s.every)/float64(period))
	})
}

func (s *signal) spikes(p *fieldReader, f []string) {
	height, rate := p.number(f[0]), float64(s.every)/float64(p.duration(f[1]))
	s.later(func(_ int, v float64) float64 {
		if s.rand.Float64() < rate {
			return v + height*s.rand.ExpFloat64()
		}
		return v
	})
}

func (s *signal) outlier(p *fieldReader, f []string) {
	factor, at := p.number(f[0]), int(p.duration(f[1])/s.every)
	s.later(func(i int, v float64) float64 {
		if i == at {
			return v * factor
		}
		return v
	})
}

func (s *signal) missing(p *fieldReader, f []string) {
	share := p.number(strings.TrimSuffix(f[0], "%")) / 100
	s.later(func(_ int, v float64) float64 {
		if s.rand.Float64() < share {
			return math.NaN()
		}
		return v
	})
}

func (s *signal) floor(*fieldReader, []string) {
	s.later(func(_ int, v float64) float64 { return math.Floor(v) })
}

func (s *signal) clamp(p *fieldReader, f []string) {
	least, most := p.number(f[0]), p.number(f[1])
	s.later(func(_ int, v float64) float64 {
		if math.IsNaN(v) {
			return v
		}
		return min(max(v, least), most)
	})
}

func (s *signal) sendWrong(p *fieldReader, f []string) {
	s.wrong = append(s.wrong, wrongSample{sent: p.duration(f[1]), value: f[0]})
}

func (s *signal) sendAhead(p *fieldReader, f []string) {
	s.wrong = append(s.wrong, wrongSample{sent: p.duration(f[2]), ahead: p.duration(f[1]), value: f[0]})
}
