package ingest

import (
	"bytes"
	"math"
	"time"

	"github.com/barograph/barograph"
)

// remoteFormat is a message of remote write.
type remoteFormat string

// The messages, by their full names.
const (
	remoteV1 remoteFormat = "prometheus.WriteRequest"
	remoteV2 remoteFormat = "io.prometheus.write.v2.Request"
)

// staleMarker are the bits of the NaN by which a sender says that a series has
// ended, or has no value for now.
// Source: https://prometheus.io/docs/specs/prw/remote_write_spec/#stale-markers
const staleMarker = 0x7ff0000000000002

// Bounds of what one request may make us hold in memory: a sample of two bytes
// on the wire takes 56 here.
const (
	maxRemoteSamples = 250_000 // of all kinds
	maxRemoteSymbols = 500_000
	maxRemoteLabels  = 64 << 20 // bytes of all series' labels, once put together
	maxRemoteRefs    = 64 << 10 // bytes of one series' references to symbols
)

// remoteRequest is the memory of one request of remote write, used again by
// later ones.
type remoteRequest struct {
	body     bytes.Buffer
	unpacked []byte
	batch    batch
	key      []byte // of one series
	labels   int    // that were asked to be in it
	symbols  [][]byte
	samples  [][]byte // of one series
	refs     []byte   // of one series, version 2

	taken    int // samples so far, of all kinds
	resolved int // bytes of labels so far

	id     barograph.Identity
	now    time.Time
	latest int64 // the newest time that is taken, Unix ms

	stale, notFinite, histograms, exemplars int // taken, but without a value for us
	written                                 bool
	future                                  error // of the last sample that was too far ahead
	refused                                 error // of the last series that was refused
	explained                               int   // series of which was put in words why
}

// Bounds of the memory that is kept for later requests.
const (
	mostKept      = 8 << 20 // bytes of each body
	mostKeptParts = 50_000  // samples, symbols, and bytes of what is small
)

func (req *remoteRequest) reset() {
	body, unpacked := req.body, req.unpacked
	*req = remoteRequest{
		key: emptied(req.key), symbols: emptied(req.symbols), samples: emptied(req.samples), refs: emptied(req.refs),
		batch: batch{samples: emptied(req.batch.samples), positions: emptied(req.batch.positions)},
	}
	if body.Cap() <= mostKept {
		req.body = body
		req.body.Reset()
	}
	if cap(unpacked) <= mostKept {
		req.unpacked = unpacked
	}
}

// emptied returns the memory of a list, nil if it is too much to be kept.
func emptied[T any](list []T) []T {
	if cap(list) > mostKeptParts {
		return nil
	}
	clear(list[:cap(list)]) // what was used only for a while holds on to others' memory, too
	return list[:0]
}

// count counts a sample, of whatever kind.
func (req *remoteRequest) count() error {
	if req.taken++; req.taken > maxRemoteSamples {
		return barograph.Errorf(barograph.KindTooLarge, "the message has more than %d samples, histograms and exemplars; send smaller batches", maxRemoteSamples)
	}
	return nil
}

// decodeRemote fills the request's batch from a message. What is wrong with one
// series or sample costs the others nothing; a message that can't be read is
// refused as a whole.
func (in *Ingest) decodeRemote(req *remoteRequest, format remoteFormat) error {
	m := wireMessage{data: req.unpacked}
	series := uint64(1)
	if format == remoteV2 {
		series = 5
		if err := req.readSymbols(m); err != nil {
			return err
		}
	}
	for m.next() {
		if m.field != series {
			m.skip() // metadata, or what is newer than we are
			continue
		}
		var err error
		if one := m.bytes(); format == remoteV2 {
			err = in.decodeSeriesV2(req, one)
		} else {
			err = in.decodeSeriesV1(req, one)
		}
		if err != nil {
			return err
		}
	}
	if m.broken {
		return unreadableMessage(format)
	}
	return nil
}

func unreadableMessage(format remoteFormat) error {
	return barograph.Errorf(barograph.KindInvalid, "the body is not a %s: it is cut off or of another kind; check that Content-Type names what is sent", format)
}

// readSymbols notes the texts that the series of version 2 refer to.
func (req *remoteRequest) readSymbols(m wireMessage) error {
	for m.next() {
		if m.field != 4 {
			m.skip()
			continue
		}
		if len(req.symbols) == maxRemoteSymbols {
			return barograph.Errorf(barograph.KindTooLarge, "the message has more than %d symbols; send smaller batches", maxRemoteSymbols)
		}
		req.symbols = append(req.symbols, m.bytes())
	}
	if m.broken {
		return unreadableMessage(remoteV2)
	}
	return nil
}

func (in *Ingest) decodeSeriesV1(req *remoteRequest, data []byte) error {
	m := wireMessage{data: data}
	req.beginSeries()
	for m.next() {
		switch m.field {
		case 1:
			req.readLabel(&m)
		case 2, 3, 4:
			kinds := [...]sampleKind{sampleValue, sampleExemplar, sampleHistogram}
			if err := req.readSample(&m, kinds[m.field-2]); err != nil {
				return err
			}
		default:
			m.skip()
		}
	}
	if m.broken {
		return unreadableMessage(remoteV1)
	}
	return in.addSeries(req, remoteV1)
}

// readLabel adds a label of version 1 to the key.
func (req *remoteRequest) readLabel(m *wireMessage) {
	label := wireMessage{data: m.bytes()}
	var name, value []byte
	for label.next() {
		switch label.field {
		case 1:
			name = label.bytes()
		case 2:
			value = label.bytes()
		default:
			label.skip()
		}
	}
	m.broken = m.broken || label.broken
	req.addLabel(name, value)
}

// sampleKind is what a sample of a series is.
type sampleKind uint8

const (
	sampleValue sampleKind = iota
	sampleHistogram
	sampleExemplar
)

// readSample notes a sample that is a value, and counts the others.
func (req *remoteRequest) readSample(m *wireMessage, kind sampleKind) error {
	switch kind {
	case sampleValue:
		req.samples = append(req.samples, m.bytes())
	case sampleHistogram:
		req.histograms++
		m.skip()
	case sampleExemplar:
		req.exemplars++
		m.skip()
	}
	return req.count()
}

func (req *remoteRequest) beginSeries() {
	req.key, req.labels = seriesKey(req.key, req.id), 0
	req.samples, req.refs = req.samples[:0], req.refs[:0]
}

// addLabel adds a label to the key. One without a value is none. What is beyond
// the number that is refused in any case is left out.
func (req *remoteRequest) addLabel(name, value []byte) {
	if len(value) == 0 {
		return
	}
	if req.labels++; req.labels <= maxKeyLabels {
		req.key = appendText(appendText(req.key, name), value)
	}
}

func (in *Ingest) decodeSeriesV2(req *remoteRequest, data []byte) error {
	m := wireMessage{data: data}
	req.beginSeries()
	for m.next() {
		switch m.field {
		case 1:
			if err := req.readRefs(&m); err != nil {
				return err
			}
		case 2, 3, 4:
			kinds := [...]sampleKind{sampleValue, sampleHistogram, sampleExemplar}
			if err := req.readSample(&m, kinds[m.field-2]); err != nil {
				return err
			}
		default: // metadata: what is measured, we don't ask
			m.skip()
		}
	}
	if m.broken {
		return unreadableMessage(remoteV2)
	}
	if err := req.resolve(); err != nil {
		return err
	}
	return in.addSeries(req, remoteV2)
}

// readRefs notes references to symbols: a packed list of them, or single ones.
func (req *remoteRequest) readRefs(m *wireMessage) error {
	var refs []byte
	if m.kind == wireBytes {
		refs = m.bytes()
	} else {
		before := m.data
		m.varint()
		refs = before[:len(before)-len(m.data)]
	}
	if len(req.refs)+len(refs) > maxRemoteRefs {
		return barograph.Errorf(barograph.KindInvalid, "a series has more than %d KiB of references to symbols, but at most %d labels are allowed", maxRemoteRefs>>10, barograph.MaxLabels)
	}
	req.refs = append(req.refs, refs...)
	return nil
}

// resolve puts the texts that are referred to into the key. Few bytes may refer
// to long texts again and again: what is put there is bounded for a series, which
// is refused for having too many labels, and for the message.
func (req *remoteRequest) resolve() error {
	refs := wireMessage{data: req.refs}
	n := 0
	var name []byte
	for ; len(refs.data) > 0; n++ {
		ref := refs.uvarint()
		if refs.broken || ref >= uint64(len(req.symbols)) {
			return barograph.Errorf(barograph.KindInvalid, "a label refers to symbol %d, but there are %d: the message is broken", ref, len(req.symbols))
		}
		if n%2 == 0 {
			name = req.symbols[ref]
		} else {
			req.addLabel(name, req.symbols[ref])
		}
	}
	if n%2 != 0 {
		return barograph.Errorf(barograph.KindInvalid, "a series has %d references to symbols, which are no pairs of names and values: the message is broken", n)
	}
	if req.resolved += len(req.key); req.resolved > maxRemoteLabels {
		return barograph.Errorf(barograph.KindTooLarge, "the labels of the message take more than %d MiB; send smaller batches", maxRemoteLabels>>20)
	}
	return nil
}

// addSeries adds the samples of one series to the batch.
func (in *Ingest) addSeries(req *remoteRequest, format remoteFormat) error {
	if len(req.samples) == 0 {
		return nil
	}
	s := in.seriesOf(req.id, req.key)
	var refusal error
	if s.refusal != nil {
		refusal = req.explain(s)
	}
	valueField, timeField := uint64(1), uint64(2) // the same in both versions
	for _, data := range req.samples {
		m := wireMessage{data: data}
		sample := barograph.Sample{Series: s.series}
		for m.next() {
			switch m.field {
			case valueField:
				sample.Value = m.double()
			case timeField:
				sample.UnixMilli = int64(m.varint()) //nolint:gosec // times before 1970 are written like this
			default:
				m.skip()
			}
		}
		if m.broken {
			return unreadableMessage(format)
		}
		in.addRemote(req, refusal, sample)
	}
	return nil
}

// explain says why the series is refused; of the first ones by their names, as
// nobody is told of more.
func (req *remoteRequest) explain(s *remoteSeries) error {
	if req.explained <= mostTold {
		req.explained++
		req.refused = s.explanation()
	}
	return req.refused
}

// addRemote adds one sample, unless it has no value or is refused.
func (in *Ingest) addRemote(req *remoteRequest, refusal error, sample barograph.Sample) {
	switch {
	case math.Float64bits(sample.Value) == staleMarker:
		req.stale++
	case refusal != nil:
		req.batch.reject(-1, refusal)
	case math.IsNaN(sample.Value) || math.IsInf(sample.Value, 0):
		req.notFinite++
	case sample.UnixMilli > req.latest:
		req.batch.reject(-1, in.tooFarAhead(req, sample))
	default:
		req.batch.add(len(req.batch.samples), sample)
	}
}

// tooFarAhead says why the sample is refused; of the first ones by their names,
// as nobody is told of more.
func (in *Ingest) tooFarAhead(req *remoteRequest, sample barograph.Sample) error {
	if req.future == nil || len(req.batch.rejected) < mostTold {
		req.future = barograph.Errorf(barograph.KindInvalid, "%s: %s", clip(nameOf(sample.Series)), message(in.checkTime(sample.UnixMilli, req.now)))
	}
	return req.future
}
