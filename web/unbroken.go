package web

import "bytes"

// unbroken puts a no-break space between a number and its unit in the text of a page,
// so that "5 GiB" is never parted at the end of a line, whoever wrote it: values,
// times, reasons of forecasts. What is told by mail or in a terminal keeps its plain
// space. Attributes stay as they are, and so does text that is copied or sent back:
// of fields and options, code and output.
func unbroken(page []byte) []byte {
	out := make([]byte, 0, len(page)+len(page)/50)
	kept := 0 // elements around, of which the text stays
	for len(page) > 0 {
		if page[0] == '<' {
			tag := tagAtBegin(page)
			name, closing := nameOfTag(tag)
			switch {
			case !keepsText(name):
			case closing:
				kept = max(0, kept-1)
			default:
				kept++
			}
			out, page = append(out, tag...), page[len(tag):]
			continue
		}
		text := page
		if end := bytes.IndexByte(page, '<'); end >= 0 {
			text = page[:end]
		}
		page = page[len(text):]
		if kept > 0 {
			out = append(out, text...)
		} else {
			out = appendUnbroken(out, text)
		}
	}
	return out
}

// tagAtBegin returns the tag that the text begins with; there may be a > between its
// quotes.
func tagAtBegin(text []byte) []byte {
	quote := byte(0)
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return text[:i+1]
		}
	}
	return text
}

func nameOfTag(tag []byte) (name []byte, closing bool) {
	name, closing = bytes.CutPrefix(tag[1:], []byte("/"))
	end := bytes.IndexFunc(name, func(r rune) bool { return r < 'a' || r > 'z' })
	return name[:max(end, 0)], closing
}

// keepsText reports whether the element's text is copied, sent back, or a program's.
func keepsText(element []byte) bool {
	switch string(element) {
	case "textarea", "option", "code", "pre", "script", "style", "title":
		return true
	}
	return false
}

const noBreak = "\u00a0"

// appendUnbroken appends a text.
func appendUnbroken(out, text []byte) []byte {
	for {
		space := bytes.IndexByte(text, ' ')
		if space < 0 {
			return append(out, text...)
		}
		out = append(out, text[:space]...)
		rest := text[space+1:]
		if space > 0 && text[space-1] >= '0' && text[space-1] <= '9' && isUnit(firstWord(rest)) {
			out = append(out, noBreak...)
		} else {
			out = append(out, ' ')
		}
		text = rest
	}
}

// firstWord returns the letters at the begin of a text, or a sign.
func firstWord(text []byte) []byte {
	for i, c := range text {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '%' || c >= 0x80
		if !letter {
			return text[:i]
		}
	}
	return text
}

func isUnit(word []byte) bool {
	switch string(word) {
	case "%", "B", "KiB", "MiB", "GiB", "TiB", "PiB", "kB", "MB", "GB", "TB",
		"ns", "µs", "ms", "s", "min", "h", "d", "day", "days", "hour", "hours", "minute", "minutes", "second", "seconds":
		return true
	}
	return false
}
