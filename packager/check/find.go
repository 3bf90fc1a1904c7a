package check

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/codepipeline"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const nameHint = "name it with --buildspec"

// findBuildspec reads the buildspec that the build runs; nil where there is none to
// read here.
func (b *buildCheck) findBuildspec() *document.File {
	if b.options.Buildspec != "" {
		return b.orFail(document.Read(b.options.Buildspec))
	}
	const standard = "buildspec.yml" // CodeBuild's default
	at := b.project.BuildSpec
	if own := b.action.Config.Get("BuildspecOverride"); own.Exists() {
		at = own
	}
	text := b.Default(at)
	if text.Empty() && (text.Readable() || text.Absent()) {
		if !at.Exists() {
			at = b.project.At
		}
		b.doubtful = true
		return b.readBuildspec(at, standard, text)
	}
	inline := strings.Contains(text.String(), "\n") || strings.HasPrefix(strings.TrimSpace(text.String()), "{")
	switch {
	case !text.Readable() || strings.HasPrefix(text.String(), "arn:") || !inline && !text.Fixed():
		b.warn(at.Problem(b.project.LogicalID, assuming(nameHint, text), "check cannot read this buildspec, so it does not know what the build does"))
		return nil
	case inline:
		b.inline = true
		return b.orFail(b.inlineBuildspec(text))
	}
	b.doubtful, b.spec, b.specAt = path.Clean(text.String()) == standard || b.origin != codepipeline.FromSource, text, at
	return b.readBuildspec(at, text.String(), text)
}

// orFail tells what is wrong with a file.
func (b *buildCheck) orFail(f *document.File, err error) *document.File {
	var e *problem.Error
	if errors.As(err, &e) {
		b.fail(e)
		return nil
	}
	return f
}

// inlineBuildspec is one that stands in the template.
func (b *buildCheck) inlineBuildspec(text codepipeline.Text) (*document.File, error) {
	// ${AWS::Region} and ${Bucket.Arn} are no variables of a shell, which must read
	// the commands.
	filled := regexp.MustCompile(`\$\{[A-Za-z0-9:.]*[:.][A-Za-z0-9:.]*\}`).ReplaceAllString(text.String(), "$${UNKNOWN}")
	return document.Parse(b.File.Name+": the BuildSpec of "+b.project.LogicalID, []byte(filled))
}

// readBuildspec reads a buildspec of the repository that a value of the template
// names.
func (b *buildCheck) readBuildspec(at document.Value, name string, text codepipeline.Text) *document.File {
	b.root = b.repositoryOf(name)
	f, err := document.ReadWithin(b.root, name)
	var unreadable *problem.Error
	switch {
	case err == nil:
		return f
	case errors.As(err, &unreadable) && b.specAt.Exists() && b.project.Source == "CODEPIPELINE" && b.origin == codepipeline.FromSource:
		b.checker.fail(unreadable) // whatever repository it is of, no build can run it
	case errors.As(err, &unreadable):
		b.fail(unreadable)
	case !errors.Is(err, os.ErrNotExist):
		b.warn(at.Problem(b.project.LogicalID, assuming(nameHint, text), "check cannot read this buildspec: %s is not a file of this repository", name))
	default:
		if near := b.buildspecLike(name); near != "" {
			b.fail(at.Problem(b.project.LogicalID, assuming("there is "+near, text), "there is no buildspec %s", name))
			break
		}
		// The source may be another repository than the pipeline's.
		const hint = "run check at the top of the repository, or name the file with --buildspec"
		b.warn(at.Problem(b.project.LogicalID, assuming(hint, text), "there is no buildspec %s here, so check does not know what the build does", name))
	}
	return nil
}

// repositoryOf is the folder that a buildspec's path starts in: this one, else the
// nearest one above the pipeline's template that has such a file.
func (b *buildCheck) repositoryOf(name string) string {
	for _, dir := range b.above() {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			return dir
		}
	}
	return "."
}

// above are the folders that may be the repository's top.
func (b *buildCheck) above() []string {
	of := filepath.Dir(filepath.FromSlash(b.File.Name))
	return []string{".", of, filepath.Join(of, ".."), filepath.Join(of, "..", "..")}
}

// buildspecLike is a buildspec that has the name of a missing one with another
// ending, or in another folder: then this is the repository that is built.
func (b *buildCheck) buildspecLike(missing string) string {
	stem := func(name string) string {
		return strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".yaml"), ".yml")
	}
	for _, dir := range append([]string{path.Dir(missing)}, b.above()[:2]...) {
		beside, _ := filepath.Glob(filepath.Join(dir, "*.y*ml"))
		for _, name := range beside {
			if stem(filepath.ToSlash(name)) == stem(missing) && filepath.IsLocal(missing) {
				return filepath.ToSlash(name)
			}
		}
	}
	return ""
}
