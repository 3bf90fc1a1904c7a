package buildspec

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A reader reads the commands of one build, in their order.
type reader struct {
	*Build
	ctx       context.Context
	parse     Parse
	following []string // the scripts that are being read, one called by the other
	commands  int      // that were read
	packages  []string // the texts of the repository's package.json, once they are asked for
}

// A script is one that a build runs.
type script struct {
	name    string // of which no script is read again while it is being read
	read    *shell.Script
	file    *document.File
	above   int           // the lines of the file that stand before it
	sourced bool          // its variables stay when it ends
	apart   bool          // the folder that it changes to ends with it
	outer   *shell.Script // whose functions it has, too; nil where it stands alone
}

// effects are what one call does to a build.
type effects struct {
	packaging *Packaging
	runs      []script
	reads     *document.File // a file that is none of the scripts' own
	moves     bool           // it changes the working folder
	setsMore  bool           // it may set variables whose names are not known
	brings    bool           // it may bring in files whose names are not known
	opaque    string         // what cannot be looked into, and may write a template; "" where all can
	problem   *problem.Error
	warning   *problem.Error
	missing   *problem.Error // a script that it runs, and that is not there
}

// A call is one of a script, with what it was wrapped in taken off.
type call struct {
	shell.Call
	script
}

// place is where the call stands: at its program.
func (c call) place() document.Place {
	return c.file.AtWord(c.above+c.Line, c.Words[0].String())
}

// command reads one command of the buildspec.
func (r *reader) command(v document.Value) {
	if r.commands >= maxCommands || r.ctx.Err() != nil {
		r.cannotSee("so long a buildspec", v.Place())
		return
	}
	read, err := shell.Read(v.Text(), r.Environ)
	if err != nil {
		r.Warnings = append(r.Warnings, v.Problem("", "", "check cannot read this command as a shell does: %v", err))
		r.cannotSee("this command", v.Place())
		r.SetsMore, r.Moves = true, true
		return
	}
	above := v.Line() - 1
	if v.IsBlock() {
		above++
	}
	r.script(script{read: read, file: v.File(), above: above, sourced: true})
}

// cannotSee notes the first command that cannot be looked into.
func (r *reader) cannotSee(command string, at document.Place) {
	if r.Opaque == nil {
		r.Opaque = &Opaque{inWords(command), at}
	}
}

// brought notes the first command that may bring in files of unknown names.
func (r *reader) brought(command string, at document.Place) {
	if r.Brings == nil {
		r.Brings = &Opaque{inWords(command), at}
	}
}

// inWords is what a message calls a command, whose name only the build may know.
func inWords(command string) string {
	if strings.Contains(command, "*") {
		return "this command"
	}
	return command
}

// script reads a script.
func (r *reader) script(s script) {
	r.calls(s)
	if s.sourced {
		maps.Copy(r.Environ, s.read.Variables())
	}
}

// calls reads the commands of a script.
func (r *reader) calls(s script) {
	calls := s.read.Calls()
	if r.commands += max(1, len(calls)); r.commands > maxCommands {
		r.cannotSee("so long a script", s.file.At(0, 0))
		return
	}
	r.SetsMore = r.SetsMore || s.read.ExportsUnknown()
	r.makes(s, calls)
	for _, c := range calls {
		if r.ctx.Err() != nil {
			return
		}
		c.Words = unwrapped(c.Words)
		one := call{c, s}
		if name := r.imageBuild(c); name != "" && r.Images == nil {
			r.Images = &Opaque{name, one.place()}
		}
		e := r.effects(one)
		e.brings = e.brings || r.Brings == nil && (brings(c) || r.takesUnknown(c))
		r.Relocates = r.Relocates || relocates(c)
		r.apply(e, one)
	}
}

// effects asks the reader of each kind of call; the first one that knows the call
// says what it does.
func (r *reader) effects(c call) effects {
	for _, read := range []func(*reader, call) (effects, bool){
		(*reader).changesFolder,
		(*reader).inline,
		(*reader).mrpackage,
		(*reader).otherPackaging,
		(*reader).scriptFile,
		(*reader).function,
		(*reader).npmScript,
		(*reader).harmless,
	} {
		if e, ok := read(r, c); ok {
			return e
		}
	}
	return effects{opaque: c.Words[0].String(), setsMore: c.Program().Is("eval") || c.Program().Unknown()}
}

// apply does to the build what a call does.
func (r *reader) apply(e effects, c call) {
	packagings := len(r.Packagings)
	r.Moves = r.Moves || e.moves
	r.SetsMore = r.SetsMore || e.setsMore
	if e.problem != nil {
		r.Problems = append(r.Problems, e.problem)
	}
	if e.warning != nil {
		r.Warnings = append(r.Warnings, e.warning)
	}
	if e.missing != nil {
		r.Missing = append(r.Missing, e.missing)
	}
	if e.packaging != nil {
		r.Packagings = append(r.Packagings, *e.packaging)
	}
	if e.reads != nil {
		r.Files = append(r.Files, e.reads)
	}
	for _, s := range e.runs {
		r.run(s)
	}
	if e.opaque != "" {
		r.cannotSee(e.opaque, c.place())
	}
	if e.brings {
		r.brought(c.Words[0].String(), c.place())
	}
	for i := packagings; i < len(r.Packagings) && c.Maybe; i++ {
		r.Packagings[i].Maybe = true
	}
}

// maxScripts bounds how many scripts call each other.
const maxScripts = 5

// mayRun tells whether a script is to be followed: scripts run others, and
// themselves.
func (r *reader) mayRun(name string) bool {
	return len(r.following) < maxScripts && !slices.Contains(r.following, name)
}

func (r *reader) run(s script) {
	moves := r.Moves
	r.following = append(r.following, s.name)
	r.script(s)
	r.following = r.following[:len(r.following)-1]
	if s.apart {
		r.Moves = moves
	}
}

// makes notes the files that a script's commands may make.
func (r *reader) makes(s script, calls []shell.Call) {
	documents := s.read.Documents()
	for _, name := range s.read.Writes() {
		delete(r.written, path.Clean(name.String())) // more is added to it
		documents = slices.DeleteFunc(documents, func(d shell.Document) bool { return r.made[path.Base(d.Name)] && name.Is(d.Name) })
		r.made[path.Base(name.String())] = true
		if name.Base().Unknown() {
			r.brought("a redirection", s.file.At(s.above+1, 1))
		}
	}
	for _, d := range documents {
		r.written[path.Clean(d.Name)] = d.Text
	}
	for _, c := range calls {
		if c.Program().Is("chmod", "ls", "cat", "echo", "test", "[", "bash", "sh", "source", ".", "rm") || isOtherPackaging(c) {
			continue // these make no file
		}
		for _, word := range c.Arguments() {
			for _, name := range namesIn(c.Program().String(), word) {
				r.made[name] = true
			}
		}
	}
}
