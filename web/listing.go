package web

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/barograph/barograph"
)

// listing is a file with its mistakes, each at its line.
type listing struct {
	Name    string
	General string // what is wrong with it as a whole
	Count   int    // of mistakes
	More    int    // of those that are not shown
	Lines   []listingLine
}

// listingLine is a line of a file, or a gap between two that are shown.
type listingLine struct {
	Number   int
	Text     clipped
	Mistakes []mistake
	Skipped  int // in a gap: how many lines
}

// mistake is one in a line.
type mistake struct {
	Column int
	Text   string
}

const (
	mostMistakes = 100 // that are shown
	wholeListing = 200 // lines of a file that is shown as a whole
	aroundLine   = 3   // lines of a longer one that are shown around a mistake
	lineLength   = 200 // characters of a line
)

// placeInFile is the end of what names a place in a file.
var placeInFile = regexp.MustCompile(`:(\d+):(\d+)$`)

// mistakesIn returns the file with what the error of reading it says, or the
// error if that is about something else.
func mistakesIn(name string, text []byte, err error) (listing, error) {
	told, ok := errors.AsType[*barograph.Error](err)
	if !ok || told.Kind != barograph.KindInvalid && told.Kind != barograph.KindTooLarge {
		return listing{}, err
	}
	l := listing{Name: visible(name), Count: len(told.Fields)}
	if len(told.Fields) == 0 {
		l.Count, l.General = 1, told.Message
		return l, nil
	}
	byLine := map[int][]mistake{}
	for i, field := range told.Fields {
		if i == mostMistakes {
			l.More = len(told.Fields) - i
			break
		}
		place := placeInFile.FindStringSubmatch(field.Field)
		if place == nil {
			l.General = fmt.Sprintf("%s %s: %s", l.General, field.Field, field.Message)
			continue
		}
		line, _ := strconv.Atoi(place[1])   // digits
		column, _ := strconv.Atoi(place[2]) // as well
		byLine[line] = append(byLine[line], mistake{column, field.Message})
	}
	l.Lines = listLines(text, byLine)
	return l, nil
}

// listLines returns the lines, of a long file only those around mistakes.
func listLines(text []byte, byLine map[int][]mistake) []listingLine {
	all := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	last := len(all)
	for line := range byLine { // one may be missing at the end
		last = max(last, line)
	}
	var lines []listingLine
	skipped := 0
	for number := 1; number <= last; number++ {
		if last > wholeListing && !isNear(byLine, number) {
			skipped++
			continue
		}
		if skipped > 0 {
			lines, skipped = append(lines, listingLine{Skipped: skipped}), 0
		}
		line := listingLine{Number: number, Mistakes: byLine[number]}
		if number <= len(all) {
			line.Text = clip(lineLength, visible(string(bytes.TrimSuffix(all[number-1], []byte("\r")))))
		}
		lines = append(lines, line)
	}
	if skipped > 0 {
		lines = append(lines, listingLine{Skipped: skipped})
	}
	return lines
}

// isNear reports whether there is a mistake around the line.
func isNear(byLine map[int][]mistake, number int) bool {
	for n := number - aroundLine; n <= number+aroundLine; n++ {
		if len(byLine[n]) > 0 {
			return true
		}
	}
	return false
}
