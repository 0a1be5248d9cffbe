// Package chart draws what a series did, what it is expected to do, and when it
// reaches a limit: as SVG and PNG for pages, mail and files, and as text for a
// terminal.
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
// narrow one.
package chart
