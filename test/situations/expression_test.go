package situations_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// variables are what a line may name in braces: those of the script's "with"
// line, and n, the turns made in the innermost repeat.
type variables map[string]float64

// fill puts the values of the expressions in braces in their place.
func (v variables) fill(line string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(line, "{")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		text, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("a { is not closed")
		}
		value, err := v.evaluate(text)
		if err != nil {
			return "", err
		}
		b.WriteString(strconv.FormatFloat(value, 'f', -1, 64))
		line = after
	}
}

// evaluate computes sums, products and quotients of numbers and variables.
func (v variables) evaluate(text string) (float64, error) {
	tree, err := parser.ParseExpr(text)
	if err != nil {
		return 0, fmt.Errorf("{%s} is no expression", text)
	}
	return v.compute(tree)
}

func (v variables) compute(tree ast.Expr) (float64, error) {
	switch e := tree.(type) {
	case *ast.BasicLit:
		return strconv.ParseFloat(e.Value, 64)
	case *ast.Ident:
		value, known := v[e.Name]
		if !known {
			return 0, fmt.Errorf("no %q is given with the case", e.Name)
		}
		return value, nil
	case *ast.ParenExpr:
		return v.compute(e.X)
	case *ast.UnaryExpr:
		x, err := v.compute(e.X)
		return -x, err
	case *ast.BinaryExpr:
		x, err := v.compute(e.X)
		if err != nil {
			return 0, err
		}
		y, err := v.compute(e.Y)
		if err != nil {
			return 0, err
		}
		return combine(e.Op, x, y)
	}
	return 0, fmt.Errorf("only numbers, variables and + - * / are computed with")
}

func combine(op token.Token, x, y float64) (float64, error) {
	if op == token.ADD {
		return x + y, nil
	}
	if op == token.SUB {
		return x - y, nil
	}
	if op == token.MUL {
		return x * y, nil
	}
	if op == token.QUO {
		return x / y, nil
	}
	return 0, fmt.Errorf("%s is not computed with", op)
}
