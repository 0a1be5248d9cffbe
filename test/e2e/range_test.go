package e2e_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// plot is where the first chart that is seen shows its values in the window, and from
// when to when.
type plot struct{ Left, Top, Right, Bottom, From, To float64 }

func (v *visitor) plot() plot {
	v.t.Helper()
	var found []float64
	v.until(func() (err error) {
		found, err = evaluate[[]float64](v, `(() => {
			const chart = [...document.querySelectorAll("[data-range] svg.chart[tabindex]")].find((c) => c.getBoundingClientRect().width > 0);
			if (!chart || document.readyState !== "complete") return [];
			chart.scrollIntoView({ block: "center", behavior: "instant" });
			const place = chart.getBoundingClientRect(), scale = place.width / chart.viewBox.baseVal.width;
			const points = JSON.parse(chart.dataset.points), [left, top, right, bottom] = points.plot;
			return [place.left + left * scale, place.top + top * scale, place.left + right * scale, place.top + bottom * scale, points.from, points.to];
		})()`)
		if err == nil && len(found) != 6 {
			err = fmt.Errorf("no chart is seen")
		}
		return err
	})
	return plot{found[0], found[1], found[2], found[3], found[4], found[5]}
}

// x returns where a part of the plot's width is, and y half of its height.
func (p plot) x(part float64) float64 { return p.Left + part*(p.Right-p.Left) }
func (p plot) y() float64             { return (p.Top + p.Bottom) / 2 }

// drag presses at one part of the chart's width and moves to another; doing, if there
// is any, comes before it is let go.
func (v *visitor) drag(p plot, from, to float64, doing func()) {
	v.t.Helper()
	mouse := func(kind input.DispatchMouseEventType, x float64) {
		_, err := do(v, chromedp.MouseEvent(kind, x, p.y(), chromedp.ButtonLeft))
		v.must(err, "drag across a chart")
	}
	mouse(input.DispatchMouseEventTypeMousePressed, p.x(from))
	mouse(input.DispatchMouseEventTypeMouseMoved, p.x((from+to)/2))
	mouse(input.DispatchMouseEventTypeMouseMoved, p.x(to))
	if doing != nil {
		doing()
	}
	mouse(input.DispatchMouseEventTypeMouseReleased, p.x(to))
}

// swipe is drag with a finger.
func (v *visitor) swipe(p plot, from, to float64) {
	v.t.Helper()
	touch := func(kind input.DispatchTouchEventType, points ...*input.TouchPoint) {
		call(v, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: append([]*input.TouchPoint{}, points...)})
	}
	at := func(part float64) *input.TouchPoint { return &input.TouchPoint{X: p.x(part), Y: p.y()} }
	touch(input.DispatchTouchEventTypeTouchStart, at(from))
	for i := range 5 {
		touch(input.DispatchTouchEventTypeTouchMove, at(from+(to-from)*float64(i+1)/5))
	}
	touch(input.DispatchTouchEventTypeTouchEnd)
}

// showsRange waits until the address asks for a time, which is to be that of the parts
// of the chart before.
func (v *visitor) showsRange(p plot, from, to float64) {
	v.t.Helper()
	var asked url.Values
	v.until(func() error {
		here, err := url.Parse(v.where())
		if err != nil {
			return err
		}
		if asked = here.Query(); asked.Get("to") == "" {
			return fmt.Errorf("%s asks for no time", here)
		}
		return nil
	})
	for name, part := range map[string]float64{"from": from, "to": to} {
		at, err := time.Parse(time.RFC3339, asked.Get(name))
		want := p.From + part*(p.To-p.From)
		if off := float64(at.Unix()) - want; err != nil || off < -60-(p.To-p.From)/100 || off > 60+(p.To-p.From)/100 {
			v.t.Errorf("%s is %s, %.0f s away from what was chosen (%v)", name, asked.Get(name), off, err)
		}
	}
}

// TestChooseRange drags across a chart and sees that time, with a mouse, a finger, the
// keyboard, and by the form where no script is run; and goes back.
func TestChooseRange(t *testing.T) {
	path := first("targets", "", "office-lisbon")(t, theWorld(t))
	t.Run("mouse", func(t *testing.T) {
		v := visit(t, as(viewer))
		v.Open(path + "?range=7d")
		p := v.plot()
		v.drag(p, .25, .5, func() { v.See("Let go to show this time") })
		v.showsRange(p, .25, .5)
		v.See("Back to the last 7 days", "From one time to another")
		v.Accessible()
		p = v.plot()
		v.drag(p, .5, .75, nil)
		v.showsRange(p, .5, .75)
		v.Click("Back to the last 7 days")
		v.until(func() error {
			if here := v.where(); here != path+"?range=7d" {
				return fmt.Errorf("this is %s", here)
			}
			return nil
		})
		v.drag(v.plot(), .3, .6, func() { v.Press("Escape"); v.NotSee("Let go to show this time") })
		if here := v.where(); here != path+"?range=7d" {
			t.Errorf("what was given up led to %s", here)
		}
	})
	t.Run("finger", func(t *testing.T) {
		v := visit(t, as(viewer), phone())
		v.Open(path + "?range=1d")
		p := v.plot()
		v.swipe(p, .2, .6)
		v.showsRange(p, .2, .6)
		v.See("Back to the last day")
		v.FitsWidth()
	})
	t.Run("keys", func(t *testing.T) {
		v := visit(t, as(viewer))
		v.Open(path + "?range=7d")
		p := v.plot()
		v.focusChart()
		v.See("Arrow keys read the values. Shift with them chooses a time")
		v.Press("Home", "ArrowRight", "ArrowRight")
		v.See("ms, 0")
		v.Press("Shift+End")
		v.See("Enter shows this time; Escape gives up.")
		v.Press("Escape")
		v.NotSee("Enter shows this time")
		v.Press("Home", "Shift+End", "Enter")
		v.showsRange(p, 0, 1)
		v.See("Back to the last 7 days")
	})
	t.Run("without script", func(t *testing.T) {
		v := visit(t, as(viewer), withoutScript())
		v.Open(path)
		v.Click("From one time to another")
		v.Fill("From", "2026-01-02T00:00")
		v.Fill("Until", "2026-01-01T00:00")
		v.Click("Show")
		v.See("is not after the beginning")
		if described := v.Described("Until"); described == "" {
			t.Error("the problem is not beside the field")
		}
		v.Click("Back to the last 3 hours")
		v.See("In the last 3 hours")
		v.NotSee("is not after the beginning")
	})
}

// focusChart comes to the chart by the Tab key.
func (v *visitor) focusChart() {
	v.t.Helper()
	const most = 60
	for range most {
		v.Press("Tab")
		there, err := evaluate[bool](v, `document.activeElement.matches("svg.chart")`)
		v.must(err, "look what has the focus")
		if there {
			return
		}
	}
	v.t.Fatalf("%d times Tab leads to no chart", most)
}
