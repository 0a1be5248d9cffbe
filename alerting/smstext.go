package alerting

import (
	"strings"
	"unicode/utf16"
)

// How much fits into an SMS: one alone has room for more than each part of a
// longer text, since parts carry a header that joins them.
// Source: 3GPP TS 23.038 (alphabet), TS 23.040 §9.2.3.24.1 (parts).
const (
	gsmSingle, gsmPart   = 160, 153 // septets
	ucs2Single, ucs2Part = 70, 67   // UTF-16 code units
	maxSegments          = 2
)

const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€" // two septets each
)

// fitSMS returns text as it goes into at most two segments: typographic signs
// that the GSM alphabet lacks are replaced, and what is too long is cut off
// with an ellipsis. A single sign outside the alphabet more than halves the room.
func fitSMS(text string) string {
	text = strings.NewReplacer("–", "-", "—", "-", "…", "...", "“", `"`, "”", `"`, "„", `"`, "‘", "'", "’", "'",
		"\u00a0", " ", "\u202f", " ").Replace(text)
	if segments(text) <= maxSegments {
		return text
	}
	ellipsis := "…"
	if isGSM(text) {
		ellipsis = "..."
	}
	runes := []rune(text)
	for n := min(len(runes), maxSegments*gsmPart); n > 0; n-- {
		if short := strings.TrimRight(string(runes[:n]), " ") + ellipsis; segments(short) <= maxSegments {
			return short
		}
	}
	return ellipsis
}

func isGSM(text string) bool {
	for _, r := range text {
		if septets(r) == 0 {
			return false
		}
	}
	return true
}

// septets returns how many septets the rune takes, 0 if it has none.
func septets(r rune) int {
	switch {
	case strings.ContainsRune(gsmBasic, r):
		return 1
	case strings.ContainsRune(gsmExtended, r):
		return 2
	}
	return 0
}

// segments returns how many SMS the text takes.
func segments(text string) int {
	if isGSM(text) {
		return pack(text, septets, gsmSingle, gsmPart)
	}
	return pack(text, utf16.RuneLen, ucs2Single, ucs2Part)
}

// pack counts the parts; no rune is split between two of them.
func pack(text string, size func(rune) int, single, part int) int {
	total, parts, used := 0, 1, 0
	for _, r := range text {
		n := max(size(r), 1)
		total += n
		if used += n; used > part {
			parts, used = parts+1, n
		}
	}
	if total <= single {
		return 1
	}
	return parts
}
