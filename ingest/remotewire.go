package ingest

import (
	"encoding/binary"
	"math"
)

// wireKind is how a field of a protobuf message is written.
// Source: https://protobuf.dev/programming-guides/encoding/
type wireKind uint8

const (
	wireVarint  wireKind = 0
	wireFixed64 wireKind = 1
	wireBytes   wireKind = 2
	wireFixed32 wireKind = 5
)

// wireMessage reads the fields of a protobuf message one after the other:
//
//	for m.next() {
//		switch m.field {
//		case 1: m.bytes()
//		default: m.skip()
//		}
//	}
//	if m.broken { … }
//
// Whatever is not as it should be ends the reading and leaves it broken.
type wireMessage struct {
	data   []byte // what is left
	broken bool

	field uint64
	kind  wireKind
}

// next goes on to the next field; false at the end.
func (m *wireMessage) next() bool {
	if len(m.data) == 0 || m.broken {
		return false
	}
	tag := m.uvarint()
	m.field, m.kind = tag>>3, wireKind(tag&7)
	if m.field == 0 {
		m.broken = true
	}
	return !m.broken
}

// uvarint reads a number as it stands, whatever the field says.
func (m *wireMessage) uvarint() uint64 {
	if len(m.data) > 0 && m.data[0] < 0x80 { // most are this short
		v := m.data[0]
		m.data = m.data[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(m.data)
	if n <= 0 {
		m.broken = true
		m.data = nil
		return 0
	}
	m.data = m.data[n:]
	return v
}

// varint reads the field as a number.
func (m *wireMessage) varint() uint64 {
	if m.kind != wireVarint {
		m.broken = true
		return 0
	}
	return m.uvarint()
}

// double reads the field as a number with a fraction.
func (m *wireMessage) double() float64 {
	if m.kind != wireFixed64 || len(m.data) < 8 {
		m.broken = true
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(m.data))
	m.data = m.data[8:]
	return v
}

// bytes reads the field as text, or as a message. It belongs to the message.
func (m *wireMessage) bytes() []byte {
	if m.kind != wireBytes {
		m.broken = true
		return nil
	}
	n := m.uvarint()
	if m.broken || n > uint64(len(m.data)) {
		m.broken = true
		return nil
	}
	v := m.data[:n]
	m.data = m.data[n:]
	return v
}

// skip passes over the field.
func (m *wireMessage) skip() {
	switch m.kind {
	case wireVarint:
		m.uvarint()
	case wireBytes:
		m.bytes()
	case wireFixed64:
		m.drop(8)
	case wireFixed32:
		m.drop(4)
	default: // groups, which nobody writes any more, and what does not exist
		m.broken = true
	}
}

func (m *wireMessage) drop(n int) {
	if len(m.data) < n {
		m.broken = true
		return
	}
	m.data = m.data[n:]
}
