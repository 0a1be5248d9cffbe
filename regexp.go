package barograph

import (
	"errors"
	"regexp"
	"regexp/syntax"
)

// MaxRegexpSize bounds the patterns of one selector, in instructions of their
// compiled form: a hundred bytes each, and on each character that is compared all
// of them may be in play. Five hundred names of hosts fit; Go itself would allow
// three million, in patterns of a few hundred characters.
const MaxRegexpSize = 20_000

const (
	maxRegexpBytes = 64 << 10
	// wideSize is what a class of very many characters counts, for it costs time
	// as soon as it is parsed.
	wideSize = 500
)

var (
	wideClass = regexp.MustCompile(`\\[pP]`)
	// Where case is ignored, ranges are gone through character by character.
	ignoresCase = regexp.MustCompile(`\(\?[msU]*i`)
	wideRange   = regexp.MustCompile(`-(?:[^\x00-\x7f]|\\x\{)`)
)

// RegexpSize estimates the instructions of the pattern's compiled form without
// compiling it. What is larger than MaxRegexpSize is MaxRegexpSize + 1. It
// returns an error for what is no pattern.
func RegexpSize(pattern string) (int, error) {
	if len(pattern) > maxRegexpBytes {
		return MaxRegexpSize + 1, nil
	}
	wide := len(wideClass.FindAllStringIndex(pattern, -1))
	if ignoresCase.MatchString(pattern) {
		wide += len(wideRange.FindAllStringIndex(pattern, -1))
	}
	size := wide * wideSize
	if size > MaxRegexpSize {
		return MaxRegexpSize + 1, nil
	}
	tree, err := syntax.Parse(wholeValue(pattern), syntax.Perl) // which leaves repetitions as they are
	if syntaxError, ok := errors.AsType[*syntax.Error](err); ok && syntaxError.Code == syntax.ErrLarge {
		return MaxRegexpSize + 1, nil
	}
	if err != nil {
		return 0, err
	}
	return min(size+programSize(tree), MaxRegexpSize+1), nil
}

// wholeValue returns the pattern that matches whole values alone.
func wholeValue(pattern string) string { return "^(?s:" + pattern + ")$" }

// programSize returns how many instructions the tree becomes, at most
// MaxRegexpSize + 1, so that no product of nested repetitions overflows.
func programSize(re *syntax.Regexp) int {
	size := 2
	switch re.Op { //nolint:exhaustive // all others are one or two
	case syntax.OpLiteral:
		size = len(re.Rune)
	case syntax.OpConcat:
		size = 0
	case syntax.OpAlternate:
		size = len(re.Sub)
	}
	for _, sub := range re.Sub {
		size = min(size+programSize(sub), MaxRegexpSize+1)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, MaxRegexpSize+1)
}

// compileRegexp compiles a pattern that is to match whole values, unless it is
// too large.
func compileRegexp(pattern string) (re *regexp.Regexp, size int, err error) {
	size, err = RegexpSize(pattern)
	if err == nil && size > MaxRegexpSize {
		err = errRegexpSize
	}
	if err != nil {
		return nil, size, err
	}
	re, err = regexp.Compile(wholeValue(pattern))
	return re, size, err
}

var errRegexpSize = errors.New("the pattern is too large: it may have " + maxRegexpText +
	"; repeat less, as [a-z]+ instead of [a-z]{1,1000}, and name fewer classes of characters")

const maxRegexpText = "20,000 instructions when compiled, and 64 KiB"
