package program

import (
	"bytes"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Tail is the end of what a program said, for an error. It is a writer for the program's
// standard error, and never fails.
type Tail struct{ text []byte }

// Write takes in what the program says.
func (t *Tail) Write(p []byte) (int, error) {
	const most = 2000
	t.text = append(t.text, p...)
	if len(t.text) > most {
		t.text = append(t.text[:0], t.text[len(t.text)-most:]...)
	}
	return len(p), nil
}

// String is its lines, on one line.
func (t *Tail) String() string {
	var lines []string
	for line := range bytes.Lines(t.text) {
		if text := strings.TrimSpace(problem.OneLine(strings.TrimSpace(string(line)))); text != "" {
			lines = append(lines, text)
		}
	}
	return strings.Join(lines, "; ")
}
