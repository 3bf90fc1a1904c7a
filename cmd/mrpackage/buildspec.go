package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// A build is what check needs to know of a buildspec ("Build specification
// reference for CodeBuild") and of the scripts that it runs.
type build struct {
	doc        *document
	root       string // the folder that it runs in
	environ    map[string]string
	packagings []packaging
	opaque     string          // a command that check cannot look into; "" where there is none
	moves      bool            // it changes its working folder
	made       map[string]bool // names of files that a command may make
	within     []string        // the scripts that are being read, one called by the other
	read       int             // the commands that were read
	problems   []error
}

// A problemAt makes an error with the place of one command.
type problemAt func(subject, hint, format string, args ...any) *packager.Error

// A packaging is one command that writes packaged templates.
type packaging struct {
	flags   flags
	regions []string // nil: those whose bucket variables are set
	buckets byRegion // "" is the variable
	outputs string   // a pattern with {region}; "" is unknown
	at      problemAt
}

// readBuild reads a buildspec, with the variables that the project sets.
func readBuild(d *document, root string, variables []variable) *build {
	b := &build{doc: d, root: root, environ: make(map[string]string), made: make(map[string]bool)}
	for _, v := range d.root.get("env", "variables").entries() {
		b.environ[v.name()] = v.value.text()
	}
	for _, v := range variables {
		b.environ[v.name] = unknown
		if v.known {
			b.environ[v.name] = v.text
		}
	}
	for _, phase := range []string{"install", "pre_build", "build", "post_build"} {
		for _, list := range []string{"commands", "finally"} {
			for _, command := range d.root.get("phases", phase, list).list() {
				b.command(command)
			}
		}
	}
	return b
}

// command reads one command of the buildspec.
func (b *build) command(v value) {
	text := v.text()
	line, _ := v.place()
	if b.read >= maxCommands {
		b.opaque = v.doc.name
		return
	}
	s, err := readScript(text, b.environ)
	if err != nil {
		b.problems = append(b.problems, v.problem("", "", "the shell cannot read this command: %v", err))
		return
	}
	if strings.HasPrefix(strings.TrimSpace(v.doc.line(line)[max(0, columnOf(v)-1):]), "|") {
		line++ // a block begins below its mark
	}
	b.script(s, v.doc, line-1)
	for name, values := range s.variables { // what a command exports, the next one sees
		if len(values) == 1 {
			b.environ[name] = values[0]
		}
	}
}

func columnOf(v value) int {
	_, column := v.place()
	return column
}

// Scripts run others, and themselves: what is followed is bounded.
const (
	maxScripts  = 5      // so deep
	maxCommands = 10_000 // so many commands of a build
	maxOutputs  = 500    // so many templates
)

// enter tells whether a script is to be followed; leave ends it.
func (b *build) enter(name string) bool {
	if len(b.within) == maxScripts || slices.Contains(b.within, name) {
		return false
	}
	b.within = append(b.within, name)
	return true
}

func (b *build) leave() { b.within = b.within[:len(b.within)-1] }

// script reads the commands of a script whose first line is the one behind
// above in the document.
func (b *build) script(s *script, d *document, above int) {
	calls := s.calls()
	if b.read += max(1, len(calls)); b.read > maxCommands {
		b.opaque = d.name
		return
	}
	for _, c := range calls {
		switch c.called() {
		case "chmod", "ls", "cat", "echo", "test", "[", "bash", "sh", "source", ".":
			continue // these make no file
		}
		for _, arg := range c.args[1:] {
			b.made[path.Base(arg)] = true
		}
	}
	for _, c := range calls {
		c.args = unwrapped(c.args)
		at := func(subject, hint, format string, args ...any) *packager.Error {
			line := above + c.line
			before, _, _ := strings.Cut(d.line(line), c.args[0])
			return d.problemAt(line, utf8.RuneCountInString(before)+1, subject, hint, format, args...)
		}
		switch {
		case c.called() == "cd" || c.called() == "pushd":
			b.moves = true
		case c.called() == "mrpackage":
			b.mrpackage(c.args[1:], at)
		case len(c.args) > 2 && c.called() == "aws" && slices.Contains(c.args, "cloudformation") && slices.Contains(c.args, "package"),
			len(c.args) > 1 && c.called() == "sam" && c.args[1] == "package":
			b.awsPackage(c.args, at)
		case c.scriptFile() != "":
			b.file(c.scriptFile(), at)
		case len(c.args) > 1 && (c.called() == "npm" || c.called() == "yarn" || c.called() == "pnpm"):
			b.npmScript(c.args[1:])
		case slices.Contains([]string{"make", "just", "task", "gradle", "gradlew", "mvn", "mvnw", "ant", "rake", "docker", "node"}, c.called()),
			strings.HasPrefix(c.called(), "python"), c.called() == unknown:
			b.opaque = c.args[0]
		}
	}
}

// unwrapped takes off what runs another program.
func unwrapped(args []string) []string {
	for len(args) > 1 {
		switch args[0] {
		case "exec", "nohup", "time", "sudo":
		case "env":
			for len(args) > 2 && strings.Contains(args[1], "=") {
				args = args[1:]
			}
		case "go": // run github.com/.../cmd/mrpackage@v1.0.0
			program, _, _ := strings.Cut(path.Base(args[min(2, len(args)-1)]), "@")
			if args[1] != "run" || program != "mrpackage" {
				return args
			}
			return append([]string{program}, args[3:]...)
		default:
			return args
		}
		args = args[1:]
	}
	return args
}

// file follows a script of the repository.
func (b *build) file(name string, at problemAt) {
	if !b.enter(path.Clean(name)) {
		return
	}
	defer b.leave()
	d, err := readText(b.root, name)
	if errors.Is(err, os.ErrNotExist) && !b.moves && !b.made[path.Base(name)] {
		hint := ""
		for _, near := range scriptsLike(filepath.Join(b.root, filepath.FromSlash(name))) {
			hint = "there is " + near
		}
		b.problems = append(b.problems, at("", hint, "the build runs %s, and there is no such file", name))
		return
	}
	if err != nil {
		b.opaque = name
		return
	}
	s, err := readScript(string(d.src), b.environ)
	if err != nil { // no shell script, perhaps
		b.opaque = name
		return
	}
	b.script(s, d, 0)
}

// readText reads a file of the repository that is no YAML; what a link leads to
// outside of it is not followed.
func readText(root, name string) (*document, error) {
	f, err := os.OpenInRoot(root, filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxDocument {
		return nil, errors.New("this is no script")
	}
	src, err := io.ReadAll(f)
	return newDocument(path.Join(filepath.ToSlash(root), path.Clean(name)), src), err
}

// scriptsLike are the scripts beside a missing one whose names hold the same
// letters: a slip of the finger.
func scriptsLike(missing string) (near []string) {
	letters := func(name string) string {
		sorted := []rune(name)
		slices.Sort(sorted)
		return string(sorted)
	}
	beside, _ := filepath.Glob(filepath.Join(filepath.Dir(missing), "*.sh"))
	for _, name := range beside {
		a, b := filepath.Base(name), filepath.Base(missing)
		if letters(a) == letters(b) || strings.EqualFold(strings.ReplaceAll(a, "_", "-"), strings.ReplaceAll(b, "_", "-")) {
			near = append(near, filepath.ToSlash(name))
		}
	}
	return near
}

// npmScript follows a script of package.json.
func (b *build) npmScript(args []string) {
	if args[0] == "run" || args[0] == "run-script" {
		args = args[1:]
	}
	d, err := readText(b.root, "package.json")
	if err != nil || len(args) == 0 || !b.enter("npm run "+args[0]) {
		return
	}
	defer b.leave()
	var npm struct{ Scripts map[string]string }
	if json.Unmarshal(d.src, &npm) != nil || npm.Scripts[args[0]] == "" {
		return
	}
	s, err := readScript(npm.Scripts[args[0]], b.environ)
	if err != nil {
		return
	}
	above := 0
	for i, line := range d.lines {
		if strings.Contains(line, `"`+args[0]+`"`) {
			above = i
		}
	}
	moves := b.moves
	b.script(s, d, above)
	b.moves = moves // npm's script has a shell of its own
}

// mrpackage reads the program's own command line.
func (b *build) mrpackage(args []string, at problemAt) {
	p := packaging{at: at}
	fs := pflag.NewFlagSet("mrpackage", pflag.ContinueOnError)
	p.flags.define(fs)
	if len(args) > 0 && args[0] == checkName || slices.Contains(args, "--version") || slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		return
	}
	err := fs.Parse(args)
	if err == nil && fs.NArg() > 0 && !strings.Contains(fs.Arg(0), unknown) {
		err = errors.New("unexpected argument " + fs.Arg(0))
	}
	if err == nil {
		p.buckets, err = parseBuckets(p.flags.buckets)
	}
	if err != nil {
		if !strings.Contains(strings.Join(args, " "), unknown) {
			b.problems = append(b.problems, at("", "mrpackage --help lists the flags", "mrpackage refuses this command line: %v", err))
		}
		return
	}
	p.regions = p.flags.regionNames(nil)
	asJSON := p.flags.useJSON || strings.HasSuffix(p.flags.templateFile, ".json")
	p.outputs = filepath.ToSlash(p.flags.outputs([]packager.Store{{Region: "{region}"}}, asJSON)[0])
	b.packagings = append(b.packagings, p)
}

// awsPackage reads a command line of aws cloudformation package or sam package,
// which write one template for one region.
func (b *build) awsPackage(args []string, at problemAt) {
	p := packaging{at: at, regions: []string{unknown}, buckets: byRegion{all: unknown}}
	for i, arg := range args {
		name, v, ok := strings.Cut(arg, "=")
		if !ok && i+1 < len(args) {
			v = args[i+1]
		}
		switch name {
		case "--region":
			p.regions = []string{v}
		case "--output-template-file":
			p.outputs = v
		}
	}
	b.packagings = append(b.packagings, p)
}
