package spool

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// A record in a file, little-endian:
//
//	0  magic     4 bytes, to find the next record behind a damaged one
//	4  checksum  CRC-32C of all that follows
//	8  length    of the data
//	12 sequence  8 bytes
//	20 time      8 bytes, Unix milliseconds
//	28 data
const (
	headerBytes = 28
	magic       = "\xb7bR\x1a"
)

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// appendRecord encodes a record behind dst.
func appendRecord(dst []byte, seq uint64, at time.Time, data []byte) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(data))) //nolint:gosec // bounded by the segment's size
	dst = binary.LittleEndian.AppendUint64(dst, seq)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(at.UnixMilli()))
	dst = append(dst, data...)
	binary.LittleEndian.PutUint32(dst[start+4:], castagnoli(dst[start+8:]))
	return dst
}

// recordSize returns the size of the record that b begins with, by its header
// alone; 0 if that is no header.
func recordSize(b []byte) int {
	if len(b) < headerBytes || string(b[:4]) != magic {
		return 0
	}
	if n := binary.LittleEndian.Uint32(b[8:]); n <= maxSegmentBytes {
		return headerBytes + int(n)
	}
	return 0
}

// decodeRecord reads the record that fills b; false if it is damaged. Its data
// is a part of b.
func decodeRecord(b []byte) (Record, bool) {
	if binary.LittleEndian.Uint32(b[4:]) != castagnoli(b[8:]) {
		return Record{}, false
	}
	return Record{
		Seq:  binary.LittleEndian.Uint64(b[12:]),
		Time: time.UnixMilli(int64(binary.LittleEndian.Uint64(b[20:]))), //nolint:gosec // the same bits as written
		Data: b[headerBytes:],
	}, true
}
