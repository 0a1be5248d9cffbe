package spool

import (
	"encoding/binary"
	"fmt"
	"os"
)

// cursor is what a queue remembers besides its records. Its file has two
// slots, written in turn, so that an interrupted write leaves the other one.
type cursor struct {
	ack     uint64 // all records before this number are acknowledged
	counted uint64 // what is missing before this number is counted already
	lost    uint64 // records whose loss was not told yet

	file  *os.File
	turns uint64
}

const (
	cursorBytes = 36
	cursorSlot  = 512 // apart, so that no disk writes both at once
)

func openCursor(path string) (cursor, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // in the spool's own directory
	if err != nil {
		return cursor{}, fmt.Errorf("open spool cursor: %w", err)
	}
	c := cursor{file: f}
	var b [cursorSlot + cursorBytes]byte
	n, _ := f.ReadAt(b[:], 0) // what can't be read counts as damaged
	for _, start := range []int{0, cursorSlot} {
		if n >= start+cursorBytes {
			c.read(b[start : start+cursorBytes])
		}
	}
	return c, nil
}

// read takes over a slot if it is sound and newer.
func (c *cursor) read(b []byte) {
	le := binary.LittleEndian
	turns := le.Uint64(b)
	if le.Uint32(b[32:]) != castagnoli(b[:32]) || turns <= c.turns {
		return
	}
	c.turns, c.ack, c.counted, c.lost = turns, le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:])
}

func (c *cursor) save() error {
	c.turns++
	le := binary.LittleEndian
	b := make([]byte, 0, cursorBytes)
	for _, v := range []uint64{c.turns, c.ack, c.counted, c.lost} {
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(b, castagnoli(b))
	if _, err := c.file.WriteAt(b, int64(c.turns%2)*cursorSlot); err != nil {
		return fmt.Errorf("write spool cursor: %w", err)
	}
	return nil
}
