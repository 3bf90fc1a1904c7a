package document

import (
	"io/fs"
	"path/filepath"
)

// maxFiles bounds how many files of a repository are looked at for one name.
const maxFiles = 20_000

// Find returns the files of a repository that have a name, in whatever folder: their
// paths from its top. Not all tells that it has too many files to look at.
func Find(root, name string) (found []string, all bool) {
	left := maxFiles
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		left--
		switch {
		case left == 0:
			return filepath.SkipAll
		case err != nil || d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.Name() == name:
			if relative, err := filepath.Rel(root, path); err == nil {
				found = append(found, filepath.ToSlash(relative))
			}
		}
		return nil
	})
	return found, left > 0 && err == nil
}
