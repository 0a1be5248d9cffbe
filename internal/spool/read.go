package spool

import (
	"os"
	"time"
)

// Peek returns the oldest records that are not acknowledged, at most
// maxRecords and, but for the first, maxBytes. It returns none if there are
// none. Records older than the limit of age are dropped on the way.
func (q *Queue) Peek(maxRecords, maxBytes int) ([]Record, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrClosed
	}
	oldest := q.options.Now().Add(-q.options.MaxAge)
	for len(q.segments) > 1 && q.segments[0].newest.Before(oldest) {
		q.dropSegment()
	}
	p := peek{queue: q, oldest: oldest, maxRecords: max(maxRecords, 1), maxBytes: maxBytes, want: q.cursor.ack}
	for i := 0; i < len(q.segments) && !p.full; i++ {
		p.segment(q.segments[i])
		if !p.full {
			p.missing(q.endOf(i))
		}
	}
	if p.passed > q.cursor.ack {
		q.cursor.ack = p.passed
		q.saveCursor()
		q.forgetAcknowledged()
	}
	return p.records, nil
}

// peek collects the records of one Peek.
type peek struct {
	queue                *Queue
	oldest               time.Time
	maxRecords, maxBytes int

	records []Record
	bytes   int
	want    uint64 // the sequence number that should come now
	passed  uint64 // all before this number are gone: damaged or too old
	full    bool
}

// segment takes what is wanted from one segment. One that can't be read is
// damaged as a whole.
func (p *peek) segment(s segment) {
	f, err := os.Open(s.path)
	if err != nil {
		return
	}
	defer f.Close() //nolint:errcheck // it was only read
	scan := s.scan(f)
	if at := p.queue.position; at.segment == s.first && at.seq < p.want {
		scan.offset = at.offset
	}
	for {
		r, ok := scan.next()
		if !ok {
			return
		}
		if r.Seq < p.want || r.Seq >= p.queue.next {
			continue
		}
		if !p.take(r) {
			return
		}
		p.queue.position = mark{seq: r.Seq, segment: s.first, offset: scan.offset}
	}
}

// take adds a record, or reports that there is no room for it.
func (p *peek) take(r Record) bool {
	full := len(p.records) > 0 && (len(p.records) >= p.maxRecords || p.bytes+len(r.Data) > p.maxBytes)
	if full {
		p.full = true
		return false
	}
	p.missing(r.Seq)
	p.want = r.Seq + 1
	if len(p.records) == 0 && r.Time.Before(p.oldest) {
		p.queue.drop(1)
		p.passed = p.want
		return true
	}
	r.Data = append([]byte(nil), r.Data...)
	p.records = append(p.records, r)
	p.bytes += len(r.Data)
	return true
}

// missing counts what should have come before end as damaged, once.
func (p *peek) missing(end uint64) {
	q := p.queue
	if from := max(p.want, q.cursor.counted); end > from {
		q.damaged += end - from
		q.cursor.lost += end - from
		q.cursor.counted = end
	}
	p.want = max(p.want, end)
	if len(p.records) == 0 {
		p.passed = p.want
	}
}
