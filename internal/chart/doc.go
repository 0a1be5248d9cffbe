// Package chart draws what a series did, what it is expected to do, and when it
// reaches a limit: as SVG and PNG for mail and files, as text for a terminal,
// and as part of a page.
//
// A [Chart] is the content alone, in plain nouns:
//
//	c := chart.Chart{Title: "disk_used_ratio", History: points, Now: now, Limit: &chart.Limit{…}}
//	err := c.SVG(w, chart.Size{Width: 960, Height: 420})
//
// What is left out is not drawn. Values that are not finite are gaps. The same
// chart gives the same bytes. The fonts come with the program, so it draws the
// same on a machine that has none. A picture is legible from [MinWidth] to
// [MaxWidth] pixels: the type keeps its size, and there are fewer labels on a
// narrow one. Of many points no more are drawn than can be seen, and always the
// extremes. Any text is drawn as text, and what is too long is cut.
//
// # Pages
//
// A [Picture], that is a Chart, a [Smoke] or a [Reliability], writes itself as an
// <svg> element into a page:
//
//	err := chart.Inline(w, c)                        // where the place may be wide or narrow
//	err := c.Fragment(w, chart.Wide())               // where it is always wide
//	err := c.Spark(w)                                // in a row of a table
//	err := c.Themed(w, chart.Wide())                 // a file for an <img>
//
// ErrEmpty says that there is nothing to draw; nothing was written then. The
// elements hold no style attribute, no script and no identifier, so a strict
// Content-Security-Policy lets them pass, and there may be many on a page; the
// file of Themed holds a <style>, so it is to be served with style-src
// 'unsafe-inline'. They have no heading, which is the page's, but a <title> and a
// <desc> that say in words what is to be seen.
//
// The type of a picture grows and shrinks with it. Inline therefore writes it for
// two widths, and the style sheet shows one by the width of the place: [Narrow]
// below 680 pixels, where its type is 9 to 18 pixels high from 300 pixels on, and
// [Wide] above, where it is 9 to 17 up to 1200 pixels, which it does not exceed.
//
// # Classes
//
// The style sheet [CSS] gives all of it, light and dark as the reader prefers;
// a page includes it and may set its variables anew, above all --chart-paper, the
// colour of what the chart lies on. Each class sets color, which lines and areas
// take up as currentColor.
//
//	chart, chart-spark                    the <svg> element
//	chart-place, chart-wide, chart-narrow what Inline puts around it
//	chart-paper, chart-halo, chart-ink    the paper, what is behind labels, headings
//	chart-text, chart-axis, chart-grid    axes
//	chart-line, chart-course, chart-band  what was, what is expected, and its range
//	chart-now, chart-limit                the parting of the two, and the limit
//	chart-eta, chart-arrival              the range in which it is reached; its mark
//	chart-said                            what was announced
//	chart-event-neutral, -good, -warning, -bad   events; their marks are a ring, a dot, a triangle, a square
//	chart-span-breach, -silence, -announced      spans; with an edge, hatched, with sides
//	chart-series-1 to -6, chart-others    several series, which are also dashed differently
//	chart-smoke                           the spread of round trips
//	chart-loss-0 to -5                    none, up to 5, 20, 50 %, more, and all lost: the line gets thicker, and bars below higher
//	chart-ideal                           the diagonal of a Reliability
//
// # Cross-hairs
//
// The attribute data-points of the element is JSON for a script that names the
// values at the pointer. Places are in pixels of the viewBox:
//
//	{"plot": [left, top, right, bottom], "from": Unix seconds, "to": Unix seconds,
//	 "series": [{"name": "measured", "class": "chart-line",
//	   "t": [Unix seconds …], "x": [places …], "y": [places …], "v": ["87.3 %" …]}],
//	 "events": [{"t": Unix seconds, "x": place, "label": "predicted", "tone": "warning"}]}
//
// A time is at x = left + (t-from)/(to-from) · (right-left). A Reliability has no
// times.
package chart
