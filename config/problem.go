package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one wrong setting, told so that the operator can mend it.
type Problem struct {
	// Variable is the setting's name, or ".env" for the file itself.
	Variable string
	// Wrong continues the sentence that Variable begins: "is not set".
	Wrong string
	// Mend says what to write instead.
	Mend string
}

// String is one line.
func (p Problem) String() string {
	line := p.Variable + " " + p.Wrong
	if p.Mend != "" {
		line += ": " + p.Mend
	}
	return line
}

// Problems are all wrong settings, at most one for a variable.
type Problems []Problem

// Error is one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for n, problem := range p {
		lines[n] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// add notes what is wrong with a variable, with the mend of its row. The first
// thing found about a variable stands; what follows is mostly its echo.
func (p *Problems) add(variable, wrong string) {
	r, _ := rowNamed(variable)
	p.addMend(variable, wrong, r.mend)
}

func (p *Problems) addMend(variable, wrong, mend string) {
	if !slices.ContainsFunc(*p, func(known Problem) bool { return known.Variable == variable }) {
		*p = append(*p, Problem{Variable: variable, Wrong: wrong, Mend: mend})
	}
}

// With are p and those of more about variables that p does not name.
func (p Problems) With(more Problems) Problems {
	for _, problem := range more {
		p.addMend(problem.Variable, strings.Join(strings.Fields(problem.Wrong), " "), problem.Mend)
	}
	return p
}

// sort puts .env first and the rest in the order of Config.
func (p Problems) sort() {
	position := func(variable string) int {
		return slices.IndexFunc(rows, func(r row) bool { return r.name == variable })
	}
	slices.SortStableFunc(p, func(a, b Problem) int { return position(a.Variable) - position(b.Variable) })
}

// flaw is an error whose words were chosen here and hold no secret; no other
// error's text reaches a Problem.
type flaw string

func (f flaw) Error() string { return string(f) }

// quote shows a short wrong value. Tokens and keys are longer than 32 characters,
// so that one pasted into the wrong variable stays hidden.
func quote(value string) string {
	if len(value) > 32 {
		return fmt.Sprintf("a text of %d characters", len(value))
	}
	return fmt.Sprintf("%q", value)
}
