// Package assembly reads what AWS CDK writes: a cloud assembly, which is a folder with a
// manifest.json, or one manifest of assets in it. It says which assets there are, what
// each is made of, and where each must be stored.
//
// It knows the form of these files (schema of @aws-cdk/cloud-assembly-schema) and nothing
// of buckets. It runs nothing, and reads no file but manifests. What it reads may come
// from anybody: every problem is found, with its place, and what is endless is cut.
package assembly

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Newest is the newest major version of the schema whose fields are all known here.
const Newest = 55

const (
	// manifestName is the file that makes a folder a cloud assembly.
	manifestName = "manifest.json"
	// maxSize bounds a manifest's file: those of large applications have some megabytes.
	maxSize = 256 << 20
	// maxManifests bounds how many manifests are read: an application has one for each stack.
	maxManifests = 10_000
	// maxProblems bounds what is said of one manifest, and all warnings.
	maxProblems = 1000
)

// An Assembly is what a cloud assembly says of assets.
type Assembly struct {
	Path      string      // as the user named it
	Root      string      // the outermost folder that is a cloud assembly, with links resolved
	Manifests []*Manifest // of assets, in the order in which they were met
	Stacks    []*Stack
	Warnings  []error // each an *problem.Error

	read  []string    // the manifests, also those of cloud assemblies
	whole []*Manifest // before some were chosen
}

// Files are the paths of all that the assembly consists of, also of what was not chosen:
// manifests, and what assets are made of.
func (a *Assembly) Files() []string {
	files := slices.Clone(a.read)
	for _, m := range a.whole {
		for _, asset := range slices.Concat(m.Files, m.Images) {
			if path := asset.File(); path != "" {
				files = append(files, path)
			}
		}
	}
	return files
}

// A Manifest lists the assets of a stack.
type Manifest struct {
	Path   string // as the user would name it
	Dir    string // the folder that its paths start in
	Files  []*Asset
	Images []*Asset
}

// An Asset is one entry of a manifest: a file asset where Image is nil, else an image's.
type Asset struct {
	Manifest     *Manifest
	ID           string // CDK's, which is its hash of the source
	Name         string // what CDK calls it to people; "" where it has no such name
	Place        Place
	Source       Source
	Image        *ImageSource // of an image
	Destinations []*Destination
}

// A Source is what an asset is made of: a path, or what a command prints.
type Source struct {
	Place      Place    // of the path or the command
	Path       string   // as the manifest has it
	Zip        bool     // the path is a folder, of which a zip is stored
	Executable []string // the command, and its arguments
}

// An ImageSource is what CDK says of an image that is to be built: the folder, and what the
// engine's program is told (fields of DockerImageSource in the schema).
type ImageSource struct {
	Directory               string
	File, Target            string
	Args, Contexts, Secrets []Pair
	SSH, Network, Platform  string
	Outputs                 []string
	CacheFrom, CacheTo      []string // in the form of the engine's options
	NoCache                 bool
}

// A Pair is a name and what it stands for, in the manifest's order.
type Pair struct{ Name, Value string }

// A Destination is where an asset must be stored. Placeholders stand in its texts, see
// [Destination.Resolve].
type Destination struct {
	Place  Place
	ID     string
	Region string // "" means the caller's

	Bucket, Key     string // of a file
	Repository, Tag string // of an image

	RoleARN, ExternalID string
	Options             []Option // further fields of AssumeRole

	Account string // of a resolved one: the caller's, where it speaks of that
}

// An Option is a further field of AssumeRole. Its value is JSON.
type Option struct{ Name, Value string }

// A Stack is one that the assembly deploys.
type Stack struct {
	ID      string // of its artifact
	Name    string // in CloudFormation
	Display string // what CDK shows, a path as Prod/Orders
	Assets  []*Manifest

	unlisted *problem.Error // of assets that no manifest lists; nil where there are none
}

// A Place is where something stands in a manifest.
type Place struct {
	File         *File
	Line, Column int
}

// A File is a manifest's text.
type File struct {
	Path   string
	source *problem.Source
}

// Errorf is an error at a place.
func (p Place) Errorf(format string, args ...any) *problem.Error {
	e := &problem.Error{File: p.File.Path, Line: p.Line, Column: p.Column, Message: fmt.Sprintf(format, args...)}
	if p.File.source != nil {
		e.Excerpt = p.File.source.Excerpt(p.Line, p.Column)
	}
	return e
}

// Label is what people know an asset by.
func (a *Asset) Label() string {
	if a.Name != "" {
		return a.Name
	}
	return a.ID
}

// File is the path of an asset's source on disk; "" where a command makes it.
func (a *Asset) File() string {
	path := a.Source.Path
	if a.Image != nil {
		path = a.Image.Directory
	}
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.Manifest.Dir, filepath.FromSlash(path))
}

// Read reads a cloud assembly's folder with all assemblies in it, or one manifest of
// assets. The error joins all problems.
func Read(ctx context.Context, path string) (*Assembly, error) {
	r := &reader{ctx: ctx, seen: make(map[string]*Manifest), assembly: &Assembly{Path: path}}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, &problem.Error{Subject: path, Message: "there is no such cloud assembly", Hint: "run cdk synth, which writes cdk.out; or name the folder, or one *.assets.json"}
	case err != nil:
		return nil, &problem.Error{Subject: path, Message: problem.Cause(err), Err: err}
	case info.IsDir():
		r.folder(path)
	default:
		r.single(path)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(r.errs) == 0 && len(r.assembly.Manifests) == 0 {
		r.errs = append(r.errs, &problem.Error{
			Subject: path, Message: "this cloud assembly has no manifest of assets",
			Hint: "stacks with the legacy synthesizer, and those of CDK 1, have none: use DefaultStackSynthesizer, which CDK 2 does by itself",
		})
	}
	problem.Sort(r.errs)
	if err := errors.Join(r.errs...); err != nil {
		return nil, err
	}
	problem.Sort(r.assembly.Warnings)
	r.assembly.whole = slices.Clone(r.assembly.Manifests)
	return r.assembly, nil
}

// A reader reads manifests, each once.
type reader struct {
	ctx      context.Context
	assembly *Assembly
	seen     map[string]*Manifest // manifests of assets, by real path
	folders  []string             // the real paths of the assemblies that were read
	count    int
	errs     []error
}

func (r *reader) warn(e *problem.Error) {
	if len(r.assembly.Warnings) < maxProblems {
		r.assembly.Warnings = append(r.assembly.Warnings, e)
	}
}

func (r *reader) fail(e *problem.Error) { r.errs = append(r.errs, e) }

// single reads one manifest of assets.
func (r *reader) single(path string) {
	r.assembly.Root = realPath(filepath.Dir(path))
	for isAssembly(filepath.Dir(r.assembly.Root)) {
		r.assembly.Root = filepath.Dir(r.assembly.Root) // that of a stage lies in another one
	}
	r.assets(path, Place{})
}

func isAssembly(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, manifestName))
	return err == nil && info.Mode().IsRegular()
}

// realPath is a path without links, as far as there is something.
func realPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// within tells whether a real path is in a folder or is that.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// open reads the text of a manifest. from is the place that names it, if one does.
func (r *reader) open(path string, from Place) *object {
	fail := func(message, hint string) *object {
		e := &problem.Error{File: path, Message: message, Hint: hint}
		if from.File != nil {
			e = from.Errorf("%s: %s", path, message)
			e.Hint = hint
		}
		r.fail(e)
		return nil
	}
	if r.count++; r.count > maxManifests {
		if r.count == maxManifests+1 {
			return fail(fmt.Sprintf("this assembly has more than %d manifests: the others were not read", maxManifests), "")
		}
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fail("there is no such file", "is the cloud assembly whole? run cdk synth again")
	case err != nil:
		return fail(problem.Cause(err), "")
	case !info.Mode().IsRegular():
		return fail("this is not a file", "")
	case info.Size() > maxSize:
		return fail(fmt.Sprintf("this manifest has %d bytes, and %d are read at most", info.Size(), int64(maxSize)), "")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fail(problem.Cause(err), "")
	}
	r.assembly.read = append(r.assembly.read, path)
	f := &File{Path: path, source: problem.NewSource(text)}
	if !utf8.Valid(text) {
		return fail("this file is not UTF-8, and so not JSON", "")
	}
	root, err := syntax.ReadJSON(r.ctx, f.source)
	var e *problem.Error
	switch {
	case r.ctx.Err() != nil:
		return nil
	case errors.As(err, &e):
		e.File = path
		e.Excerpt = f.source.Excerpt(e.Line, e.Column)
		r.fail(e)
		return nil
	case err != nil:
		return fail(err.Error(), "")
	}
	most := len(r.errs) + maxProblems
	return (&object{reader: r, file: f, most: most, what: "the manifest"}).of(root)
}
