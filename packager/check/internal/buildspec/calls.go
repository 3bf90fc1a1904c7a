package buildspec

import (
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// changesFolder reads cd. To the top of the repository it is no change: a script
// there often begins with cd "$(dirname "$0")".
func (r *reader) changesFolder(c call) (effects, bool) {
	if !c.Program().Is("cd", "pushd") {
		return effects{}, false
	}
	toTop := len(c.Words) == 2 && (c.Words[1].Is(".") ||
		strings.Contains(c.file.Line(c.above+c.Line), "dirname") && path.Dir(c.file.Name) == path.Clean(filepath.ToSlash(r.root)))
	return effects{moves: !toTop}, true
}

// inline reads the commands that a shell gets as a word: sh -c.
func (r *reader) inline(c call) (effects, bool) {
	text, ok := c.Inline()
	if !ok {
		return effects{}, false
	}
	name := "sh -c " + text.String()
	read, err := shell.Read(text.String(), r.Environ)
	if err != nil || !text.Known() || !r.mayRun(name) {
		return effects{opaque: "sh -c"}, true
	}
	return effects{runs: []script{{name: name, read: read, file: document.Embedded(c.place(), text.String())}}}, true
}

// scriptFile reads a script of the repository.
func (r *reader) scriptFile(c call) (effects, bool) {
	name, ok := c.ScriptFile()
	if !ok {
		return effects{}, false
	}
	if !r.mayRun(path.Clean(name)) {
		return effects{}, true
	}
	f, err := document.ReadText(r.root, name)
	var read *shell.Script
	if err == nil {
		read, err = shell.Read(f.Text(), r.Environ)
	}
	if err == nil {
		return effects{reads: f, runs: []script{{name: path.Clean(name), read: read, file: f, sourced: c.Sources()}}}, true
	}
	e := effects{opaque: name, setsMore: c.Sources()} // it may be no shell script, or be made by the build
	if errors.Is(err, os.ErrNotExist) && !r.Moves && !r.Makes(name) {
		e.problem = r.missing(c, name)
	}
	return e, true
}

// missing is the problem of a script that is not there; nil where a program may
// have brought it in.
func (r *reader) missing(c call, name string) *problem.Error {
	folder := filepath.Dir(filepath.Join(r.root, filepath.FromSlash(name)))
	scripts, _ := filepath.Glob(filepath.Join(folder, "*.sh"))
	for _, other := range scripts {
		if problem.SameLetters(filepath.Base(other), path.Base(name)) {
			return c.place().Problem("", "there is "+filepath.ToSlash(other), "the build runs %s, and there is no such file", name)
		}
	}
	files, _ := filepath.Glob(filepath.Join(folder, "*.*"))
	if r.fetches || r.Opaque != nil || len(files) == 0 {
		return nil
	}
	return c.place().Problem("", "", "the build runs %s, and there is no such file", name)
}

// function reads a call of the script's own function, whose commands are calls of
// the script, too.
func (r *reader) function(c call) (effects, bool) {
	return effects{}, c.read.Defines(c.Words[0].String())
}

// npmScript reads a script of package.json, with those that npm runs before and
// after it.
func (r *reader) npmScript(c call) (effects, bool) {
	if !c.Program().Is("npm", "yarn", "pnpm") {
		return effects{}, false
	}
	words := slices.DeleteFunc(slices.Clone(c.Arguments()), func(w shell.Text) bool { return w.Is("--silent", "-s") })
	if len(words) > 0 && words[0].Is("run", "run-script") {
		words = words[1:]
	}
	f, err := document.ReadText(r.root, "package.json")
	if err != nil || len(words) == 0 || r.Moves {
		return effects{}, false
	}
	name := words[0].String()
	var npm struct{ Scripts map[string]string }
	if json.Unmarshal([]byte(f.Text()), &npm) != nil || npm.Scripts[name] == "" || !r.mayRun("npm run "+name) {
		return effects{}, false
	}
	e := effects{reads: f}
	for _, part := range []string{"pre" + name, name, "post" + name} {
		read, err := shell.Read(npm.Scripts[part], r.Environ)
		if err != nil {
			e.opaque = c.Words[0].String()
			continue
		}
		e.runs = append(e.runs, script{name: "npm run " + name, read: read, file: f, above: lineOf(f, part) - 1, apart: true})
	}
	return e, true
}

// lineOf is the last line of package.json with a script's name in it.
func lineOf(f *document.File, script string) int {
	found := 1
	for i, line := range f.Lines {
		if strings.Contains(line, `"`+script+`"`) {
			found = i + 1
		}
	}
	return found
}

// harmless reads a call of a program that writes no template.
func (r *reader) harmless(c call) (effects, bool) {
	// What a file sets whose name is not known, is not known either.
	return effects{setsMore: c.Sources()}, isHarmless(c.Call)
}
