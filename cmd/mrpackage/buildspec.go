package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A build is what check needs to know of a buildspec ("Build specification
// reference for CodeBuild") and of the scripts that it runs.
type build struct {
	doc        *document
	root       string // the folder that it runs in
	environ    map[string]string
	packagings []packaging
	opaque     string // a command that check cannot look into, and that may write a template; "" where there is none
	opaqueAt   problemAt
	moves      bool            // it changes its working folder
	fetches    bool            // it brings in files whose names are not known
	anyEnviron bool            // it may set variables that are not known
	made       map[string]bool // names of files that a command may make
	texts      []*document     // what was read of it
	within     []string        // the scripts that are being read, one called by the other
	read       int             // the commands that were read
	problems   []error
	warnings   []error
}

// A problemAt makes an error with the place of one command.
type problemAt func(subject, hint, format string, args ...any) *problem.Error

// A packaging is one command that writes packaged templates.
type packaging struct {
	dryRun  bool
	regions []string // nil: those whose bucket variables are set
	buckets byRegion // "" is the variable
	outputs string   // a pattern with {region}; may hold unknown
	others  bool     // it is not mrpackage
	maybe   bool     // a condition decides whether it runs, or with which words
	at      problemAt
}

// readBuild reads a buildspec, with the variables that the project sets.
func readBuild(d *document, root string, variables []variable, windows bool) *build {
	b := &build{doc: d, root: root, environ: make(map[string]string), made: make(map[string]bool), texts: []*document{d}}
	for _, v := range d.root.get("env", "variables").entries() {
		b.environ[v.name()] = v.value.text()
	}
	for _, v := range variables {
		b.environ[v.name] = unknown
		if v.known { // but for what a parameter holds
			b.environ[v.name] = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(v.text, unknown)
		}
	}
	for _, from := range []string{"parameter-store", "secrets-manager"} {
		for _, v := range d.root.get("env", from).entries() {
			b.environ[v.name()] = unknown
		}
	}
	b.environ["CODEBUILD_SRC_DIR"] = "."
	switch shell := d.root.get("env", "shell").text(); {
	case d.root.get("batch").exists(): // each build of a batch has a buildspec of its own
		b.hide("a batch", d.root.get("batch").problem)
	case windows && shell == "" || strings.HasPrefix(shell, "powershell") || strings.HasPrefix(shell, "pwsh") || strings.HasPrefix(shell, "cmd"):
		b.hide("a Windows shell", d.root.get("phases").problem)
	}
	if b.opaque != "" {
		b.anyEnviron, b.moves = true, true
		return b
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
		b.hide("so long a buildspec", v.problem)
		return
	}
	s, err := readScript(text, b.environ)
	if err != nil {
		b.warnings = append(b.warnings, v.problem("", "", "check cannot read this command as a shell does: %v", err))
		b.hide("this command", v.problem)
		b.anyEnviron, b.moves = true, true
		return
	}
	if strings.HasPrefix(strings.TrimSpace(v.doc.line(line)[max(0, columnOf(v)-1):]), "|") {
		line++ // a block begins below its mark
	}
	b.script(s, v.doc, line-1)
	b.keep(s)
}

// keep makes a script's variables those of what follows.
func (b *build) keep(s *script) {
	for name, values := range s.variables {
		b.environ[name] = unknown
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

// hide notes the first command whose doings are not known.
func (b *build) hide(command string, at problemAt) {
	if b.opaque == "" {
		b.opaque, b.opaqueAt = command, at
	}
}

func (b *build) leave() { b.within = b.within[:len(b.within)-1] }

// script reads the commands of a script whose first line is the one behind
// above in the document.
func (b *build) script(s *script, d *document, above int) {
	calls := s.calls()
	if b.read += max(1, len(calls)); b.read > maxCommands {
		b.hide("so long a script", value{doc: d}.problem)
		return
	}
	b.anyEnviron = b.anyEnviron || s.anyEnviron
	for _, name := range s.writes() {
		b.made[path.Base(name)] = true
	}
	for _, c := range calls {
		switch c.called() {
		case "chmod", "ls", "cat", "echo", "test", "[", "bash", "sh", "source", ".", "rm":
			continue // these make no file
		}
		if c.packages() {
			continue
		}
		for _, arg := range c.args[1:] {
			b.made[path.Base(arg)] = true
		}
	}
	for _, c := range calls {
		c.args = unwrapped(c.args)
		packagings := len(b.packagings)
		at := func(subject, hint, format string, args ...any) *problem.Error {
			line := above + c.line
			before, _, _ := strings.Cut(d.line(line), c.args[0])
			return d.problemAt(line, utf8.RuneCountInString(before)+1, subject, hint, format, args...)
		}
		b.fetches = b.fetches || c.fetches()
		switch {
		case c.called() == "cd" || c.called() == "pushd":
			b.moves = b.moves || !homes(c, d, b.root)
		case c.inline():
			b.inline(c.args[2], at)
		case c.called() == "mrpackage":
			b.mrpackage(c.args[1:], at)
		case c.packages():
			b.awsPackage(c.args, at)
		case c.scriptFile() != "":
			b.file(c.scriptFile(), c.called() == "." || c.called() == "source", at)
		case s.functions[c.args[0]] != nil:
		case b.npmScript(c, at):
		case !c.harmless():
			b.hide(c.args[0], at)
			b.anyEnviron = b.anyEnviron || c.called() == "eval" || c.called() == unknown
		case c.called() == "." || c.called() == "source":
			b.anyEnviron = true // a file that is not known
		}
		for i := packagings; i < len(b.packagings) && c.maybe; i++ {
			b.packagings[i].maybe = true
		}
	}
}

// homes tells whether a call goes to the repository's top: a script there often
// begins with cd "$(dirname "$0")".
func homes(c call, d *document, root string) bool {
	return len(c.args) == 2 && (c.args[1] == "." || strings.Contains(d.line(c.line), "dirname") && path.Dir(d.name) == path.Clean(filepath.ToSlash(root)))
}

// inline follows the commands that sh -c gets.
func (b *build) inline(text string, at problemAt) {
	s, err := readScript(text, b.environ)
	if err != nil || strings.Contains(text, unknown) || !b.enter("sh -c "+text) {
		b.hide("sh -c", at)
		return
	}
	defer b.leave()
	place := at("", "", "")
	d := newDocument(place.File, []byte(text))
	d.at = place
	b.script(s, d, 0)
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
func (b *build) file(name string, sourced bool, at problemAt) {
	if !b.enter(path.Clean(name)) {
		return
	}
	defer b.leave()
	d, err := readText(b.root, name)
	var s *script
	if err == nil {
		s, err = readScript(string(d.src), b.environ)
	}
	if err == nil {
		b.texts = append(b.texts, d)
		b.script(s, d, 0)
		if sourced {
			b.keep(s)
		}
		return
	}
	if errors.Is(err, os.ErrNotExist) && !b.moves && !b.made[path.Base(name)] {
		file := filepath.Join(b.root, filepath.FromSlash(name))
		near := scriptsLike(file)
		beside, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*.*"))
		hint := ""
		if len(near) > 0 {
			hint = "there is " + near[0]
		}
		if len(near) > 0 || !b.fetches && b.opaque == "" && len(beside) > 0 {
			b.problems = append(b.problems, at("", hint, "the build runs %s, and there is no such file", name))
		}
	}
	b.hide(name, at) // it may be no shell script, or be made by the build
	b.anyEnviron = b.anyEnviron || sourced
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
		sorted := []rune(strings.NewReplacer("-", "", "_", "").Replace(name))
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

// npmScript follows a script of package.json, with those that npm runs before
// and after it; it tells whether the call runs one.
func (b *build) npmScript(c call, at problemAt) bool {
	if c.called() != "npm" && c.called() != "yarn" && c.called() != "pnpm" {
		return false
	}
	args := slices.DeleteFunc(slices.Clone(c.args[1:]), func(arg string) bool { return arg == "--silent" || arg == "-s" })
	if len(args) > 0 && (args[0] == "run" || args[0] == "run-script") {
		args = args[1:]
	}
	d, err := readText(b.root, "package.json")
	if err != nil || len(args) == 0 || b.moves {
		return false
	}
	var npm struct{ Scripts map[string]string }
	if json.Unmarshal(d.src, &npm) != nil || npm.Scripts[args[0]] == "" || !b.enter("npm run "+args[0]) {
		return false
	}
	defer b.leave()
	b.texts = append(b.texts, d)
	for _, name := range []string{"pre" + args[0], args[0], "post" + args[0]} {
		s, err := readScript(npm.Scripts[name], b.environ)
		if err != nil {
			b.hide(c.args[0], at)
			continue
		}
		above := 0
		for i, line := range d.lines {
			if strings.Contains(line, `"`+name+`"`) {
				above = i
			}
		}
		moves := b.moves
		b.script(s, d, above)
		b.moves = moves // npm's script has a shell of its own
	}
	return true
}

// mrpackage reads the program's own command line.
func (b *build) mrpackage(args []string, at problemAt) {
	c, err := parseCommandLine(args)
	if err != nil && !strings.Contains(strings.Join(args, " "), unknown) {
		b.problems = append(b.problems, at("", "mrpackage --help lists the flags", "mrpackage refuses this command line: %v", err))
	}
	if !c.Packages {
		return
	}
	p := packaging{at: at, regions: c.Regions, buckets: c.Buckets, outputs: c.Output, dryRun: c.DryRun}
	if p.outputs == "" {
		p.outputs = unknown
	}
	b.packagings = append(b.packagings, p)
}

// awsPackage reads a command line of aws cloudformation package or sam package,
// which write one template for one region.
func (b *build) awsPackage(args []string, at problemAt) {
	p := packaging{at: at, regions: []string{unknown}, buckets: byRegion{all: unknown}, outputs: unknown, others: true}
	bucket := ""
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
		case "--s3-bucket":
			bucket = v
		}
	}
	if other := otherRegion(bucket, p.regions[0]); other != "" {
		b.problems = append(b.problems, at(p.regions[0], "CloudFormation takes code from a bucket in the stack's own region only", "this stores code in a bucket of %s", other))
	}
	b.packagings = append(b.packagings, p)
}
