package forecast

import (
	"container/list"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// curveKey says which curve it is.
type curveKey struct {
	rule   barograph.RuleID
	series string
	level  float64
	past   int64 // the cell of one as of then; 0: of the one as of now
}

// knownCurve is a curve with what it was made for.
type knownCurve struct {
	key    curveKey
	rule   barograph.Rule
	series barograph.Series
	asOf   time.Time // what was measured by then it is made of
	cell   int64     // of the grid, at that time
	curve  barograph.Curve
}

// curveCache keeps the curves that were asked for last.
type curveCache struct {
	most int

	mu    sync.Mutex
	order list.List // of *knownCurve, that used last first
	byKey map[curveKey]*list.Element
}

func newCurveCache(most int) *curveCache {
	return &curveCache{most: most, byKey: map[curveKey]*list.Element{}}
}

// get returns the curve that was put last, nil if there is none.
func (c *curveCache) get(key curveKey) *knownCurve {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return curveOf(e)
}

func (c *curveCache) put(k *knownCurve) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[k.key]; e != nil {
		e.Value = k
		c.order.MoveToFront(e)
		return
	}
	c.byKey[k.key] = c.order.PushFront(k)
	if c.order.Len() > c.most {
		oldest := c.order.Back()
		c.order.Remove(oldest)
		delete(c.byKey, curveOf(oldest).key)
	}
}

func (c *curveCache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

func curveOf(e *list.Element) *knownCurve {
	k, _ := e.Value.(*knownCurve) // nothing else is put in
	return k
}
