package packager

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
)

// outputs is what a plan knows of where its caller may write.
type outputs struct {
	excluder *archive.Excluder
	folders  []string // whose files are archived, by their real paths; and outputs that links in them lead to
}

func (p *planner) outputs() outputs {
	o := outputs{excluder: p.excluder}
	for _, a := range p.distinct {
		o.folders = append(o.folders, a.roots...)
	}
	return o
}

// within tells whether a path is one of the real paths, or lies in one.
func within(path string, folders []string) bool {
	abs, err := filepath.Abs(path)
	return err == nil && slices.ContainsFunc(folders, func(f string) bool { return archive.Within(archive.RealPath(abs), f) })
}

// RememberOutputs sees to it that no later run, whatever its options, packages files
// that the caller writes into an artifact's folder, by their own names or through links.
// It lists those whose names do not tell that they are outputs in the file
// .mrpackage-outputs of their folder. Call it before the outputs appear. Several runs may
// do so at the same time.
func (p *Plan) RememberOutputs(paths ...string) error { return p.outputs.remember(paths) }

// RememberOutputs does the same for who has no plan, and so does not know what is archived:
// for files that are written into a folder or into those below it.
func RememberOutputs(folder string, paths ...string) error {
	excluder, err := archive.NewExcluder(nil, nil)
	if err != nil {
		return err
	}
	return outputs{excluder, []string{WrittenPath(folder)}}.remember(paths)
}

func (o outputs) remember(paths []string) error {
	names, folders, err := o.listed(paths)
	if err != nil {
		return err
	}
	for _, dir := range folders {
		if err := archive.AddListed(dir, names[dir]); err != nil {
			return fmt.Errorf("listing the outputs in %s: %w", filepath.Join(dir, archive.OutputsFile), err)
		}
	}
	return nil
}

// Unlisted are the folders into which RememberOutputs would write a list, or add to it:
// what keeps it from that can be found before anything is sent.
func (p *Plan) Unlisted(paths ...string) (folders []string) {
	names, all, err := p.outputs.listed(paths)
	if err != nil {
		return nil // RememberOutputs says so
	}
	for _, dir := range all {
		if missing, err := archive.Unlisted(dir, names[dir]); err != nil || len(missing) > 0 {
			folders = append(folders, dir)
		}
	}
	return folders
}

// listed are the names that belong on lists, by folder, and the folders in order.
func (o outputs) listed(paths []string) (names map[string][]string, folders []string, err error) {
	names = make(map[string][]string)
	for _, path := range paths {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, nil, fmt.Errorf("finding %s: %w", path, err)
		}
		for _, place := range archive.Places(abs) {
			dir, name := filepath.Dir(place), filepath.Base(place)
			if o.excluder.Named(name) || !slices.ContainsFunc(o.folders, func(f string) bool { return archive.Within(place, f) }) {
				continue
			}
			if names[dir] == nil {
				folders = append(folders, dir)
			}
			names[dir] = append(names[dir], name)
		}
	}
	return names, folders, nil
}

// WrittenPath is the file that is written where path is a link, or stands in a folder
// that is one: links are followed, also one that leads to a file which is not there yet.
func WrittenPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return archive.RealPath(path)
}

// Rename gives a file a name that another one may have, which others may have open.
func Rename(from, to string) error { return archive.Rename(from, to) }
