package syntax

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// withoutDirectives returns a text for readers that take no version of YAML but 1.1 and
// no directive that YAML does not know: each such directive before the document is a
// comment there, and every byte is where it was.
//
// YAML 1.1 (sections 4.2.1, 7.1) reads a document of another 1.x as its own, with a warning at
// most, and passes over directives that it does not know. So do PyYAML, with which the
// AWS CLI reads, and SnakeYAML.
func withoutDirectives(src *problem.Source) ([]byte, error) {
	text := src.Text
	version := regexp.MustCompile(`^%YAML[ \t]+([0-9]+)\.[0-9]+[ \t]*(?:#.*)?$`)
	directive, versions := 0, 0 // the lines of the last one, and of the last %YAML
	failAt := func(line int, format string, args ...any) ([]byte, error) {
		return nil, &problem.Error{Line: line, Column: 1, Message: fmt.Sprintf(format, args...)}
	}
	for line := 1; line <= src.Lines(); line++ {
		content := src.Text[src.LineStart(line):src.LineEnd(line)]
		switch {
		case len(bytes.TrimLeft(content, " \t")) == 0 || bytes.TrimLeft(content, " \t")[0] == '#':
			continue
		case content[0] != '%':
			if directive > 0 && !bytes.HasPrefix(content, []byte("---")) {
				return failAt(directive, "a line that begins with %% is a directive of YAML, and a line --- must follow it before the document")
			}
			return text, nil
		}
		directive = line
		name, _, _ := bytes.Cut(bytes.ReplaceAll(content, []byte("\t"), []byte(" ")), []byte(" "))
		if string(name) == "%YAML" {
			match := version.FindSubmatch(content)
			switch {
			case match == nil:
				return failAt(line, "this directive names no version of YAML: write %%YAML 1.1")
			case string(bytes.TrimLeft(match[1], "0")) != "1":
				return failAt(line, "this document is written in another YAML than 1, and CloudFormation reads YAML 1.1")
			case versions > 0:
				return failAt(line, "the directive %%YAML stands in line %d already", versions)
			}
			versions = line
		}
		if string(name) != "%TAG" {
			if &text[0] == &src.Text[0] {
				text = bytes.Clone(text)
			}
			text[src.LineStart(line)] = '#'
		}
	}
	if directive > 0 {
		return failAt(directive, "a line that begins with %% is a directive of YAML, and a line --- must follow it before the document")
	}
	return text, nil
}
