package chart

import _ "embed"

// CSS is the style sheet of what is drawn into pages, in light and dark.
//
//go:embed chart.css
var CSS string
