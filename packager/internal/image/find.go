package image

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// A found image is one whose layers have not been read yet.
type found struct {
	names      []string
	manifest   []byte // nil where one must be made
	mediaType  string
	config     []byte
	configType string
	layers     []layer
}

// A layer is one as its archive has it.
type layer struct {
	piece
	key       string // of two layers with the same key, one is read
	number    int    // from 1
	format    format
	digest    string // "" where the archive does not say it
	mediaType string
	diffID    string // digest of the layer, unpacked
}

// find finds the image that is meant. Where an archive has OCI's index.json, that is
// followed: it names the manifest that the image was built with, which Docker's
// manifest.json does not.
func (r *reader) find() (*found, error) {
	for _, form := range []struct {
		name string
		find func() (*found, error)
	}{{"index.json", r.findInLayout}, {"manifest.json", r.findSaved}} {
		_, err := r.files.find(form.name)
		if err == nil {
			return form.find()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot be read: %w", err)
		}
	}
	return nil, r.explain()
}

// explain says what it is that is no image.
func (r *reader) explain() error {
	names := r.files.names()
	has := func(name string) bool { return slices.Contains(names, name) }
	top := topFolder(names)
	switch kind, isFolder := "a tar archive", false; {
	case len(names) == 0:
		return fmt.Errorf("holds nothing that could be read: %s", howToMake)
	case has("repositories"):
		return errors.New("was written by a Docker before 1.10, in a form that is not read: load it into a Docker of today, and save it again")
	case top != "" && (has(top+"/index.json") || has(top+"/manifest.json")):
		return fmt.Errorf("holds its image in folder %s, instead of at the top: make it by tar --directory %s --create", quoted(top), quoted(top))
	case has("Dockerfile"):
		return errors.New("has a Dockerfile, and is no container image yet: build it, with docker buildx build --output type=oci,dest=FILE or with sam build, and name what that makes")
	case has("etc/passwd") || has("bin/sh") || has(".dockerenv"):
		return errors.New("holds the files of a container, and not an image, as docker export writes them: use docker image save")
	default:
		if _, isFolder = r.files.(folder); isFolder {
			kind = "a folder"
		}
		return fmt.Errorf("is %s, but no container image: it has neither index.json nor manifest.json; %s", kind, howToMake)
	}
}

// quoted is a name in a command.
func quoted(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == "" {
		return name
	}
	return fmt.Sprintf("%q", name)
}
