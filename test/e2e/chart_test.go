package e2e_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// TestCrossHair points at a chart, and reads what was measured there.
func TestCrossHair(t *testing.T) {
	v := visit(t, as(viewer))
	v.Open(first("predictions", "state=confirmed", "")(t, theWorld(t)))
	middle, err := evaluate[[]float64](v, `(() => {
		const chart = [...document.querySelectorAll("svg.chart")].find((c) => c.getBoundingClientRect().width > 0);
		chart.scrollIntoView({ block: "center" });
		const place = chart.getBoundingClientRect();
		return [place.left + place.width / 3, place.top + place.height / 3];
	})()`)
	v.must(err, "find a chart")
	point := func(x, y float64) {
		_, err := do(v, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
		v.must(err, "point at %v, %v", x, y)
	}
	nudge := 0.
	v.until(func() error { // anew each time: a picture that is replaced meanwhile takes the cross-hair with it
		nudge = 1 - nudge
		point(middle[0]+nudge, middle[1])
		return v.sees("measured: 8")
	})
	v.FitsWidth()
	point(5, 5)
	v.until(func() error {
		left, err := evaluate[int](v, `document.querySelectorAll(".readout, .cross").length`)
		if err == nil && left > 0 {
			err = fmt.Errorf("%d parts of the cross-hair are left", left)
		}
		return err
	})
}
