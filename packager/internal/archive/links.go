package archive

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many links a path may lead through, as on Linux (path_resolution(7)).
const maxLinks = 40

// RealPath is the file or folder that path leads to, or would lead to if it were made:
// links are resolved in as much of the path as there is, and a link that leads nowhere
// is followed to the file that a program would make by writing to it.
func RealPath(path string) string {
	r := resolver{maxLinks}
	return r.real(path)
}

// Places are the paths at which a file can be met that is written to path: path itself,
// and where it is a link what that leads to, and so on; the last one is the file. Of
// each the folder is free of links.
func Places(path string) []string {
	r := resolver{maxLinks}
	return r.places(path)
}

// A resolver counts the links that it may follow yet, for some lead round in a circle.
type resolver struct{ left int }

func (r *resolver) real(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	places := r.places(path)
	return places[len(places)-1]
}

// places does not clean a path before its links are resolved: from a folder that is a
// link, ".." leads elsewhere than the path's text says.
func (r *resolver) places(path string) (places []string) {
	for {
		dir, base := filepath.Split(strings.TrimRight(path, string(filepath.Separator)))
		if dir == "" || base == "" || base == "." || base == ".." {
			return append(places, filepath.Clean(path))
		}
		place := filepath.Join(r.real(dir), base)
		places = append(places, place)
		link, err := os.Readlink(place)
		if r.left--; err != nil || r.left < 0 {
			return places
		}
		if link = filepath.FromSlash(link); !filepath.IsAbs(link) {
			link = filepath.Dir(place) + string(filepath.Separator) + link
		}
		path = link
	}
}

// Within tells whether path is folder or lies in it; both are real paths.
func Within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
