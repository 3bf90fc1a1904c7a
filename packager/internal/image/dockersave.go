package image

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A savedImage is an image in manifest.json, which docker save writes since 1.10, and
// podman and crane write, too.
type savedImage struct {
	Config   string
	RepoTags few[string]
	Layers   few[string]
}

// same tells whether two entries of manifest.json are one image.
func (s *savedImage) same(t *savedImage) bool {
	return s.Config == t.Config && slices.Equal(s.Layers, t.Layers)
}

// findSaved finds the image in an archive with a manifest.json.
func (r *reader) findSaved() (*found, error) {
	var saved few[savedImage]
	switch content, err := r.readFile("manifest.json", &saved); {
	case bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")):
		return nil, errors.New("is in the form of skopeo's dir and podman's docker-dir, which is not read: write it as oci-archive or docker-archive")
	case err != nil:
		return nil, err
	}
	var groups []group
	for i := range saved {
		at := slices.IndexFunc(groups, func(g group) bool { return g.saved.same(&saved[i]) })
		if at < 0 {
			at = len(groups)
			g := group{saved: &saved[i]}
			if digest := digestIn(saved[i].Config); digest != "" {
				g.id = "sha256:" + digest
			}
			groups = append(groups, g)
		}
		for _, tag := range saved[i].RepoTags {
			groups[at].addName(tag)
		}
	}
	chosen, err := r.choose(groups)
	if err != nil {
		return nil, err
	}
	if len(chosen) > 1 {
		return nil, fmt.Errorf("holds %s of the name %s", problem.Count(len(chosen), "image"), problem.OneLine(r.Name))
	}
	return r.openSaved(chosen[0])
}

func (r *reader) openSaved(g group) (*found, error) {
	if g.saved.Config == "" {
		return nil, errors.New("is damaged: its manifest.json names no configuration")
	}
	config, err := r.readFile(g.saved.Config, &configuration{})
	if err != nil {
		return nil, err
	}
	f := &found{names: g.names, config: config, configType: dockerConfig}
	if name := digestIn(g.saved.Config); name != "" && digestOf(config) != "sha256:"+name {
		return nil, fmt.Errorf("is damaged: its configuration should be sha256:%s, and is %s", name, digestOf(config))
	}
	for i, name := range g.saved.Layers {
		p, err := r.files.find(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: layer %d, %s, is not in it", errMissing, i+1, problem.OneLine(name))
		}
		var in format
		if err == nil {
			in, err = p.format()
		}
		if err != nil {
			return nil, fmt.Errorf("cannot be read: layer %d: %s", i+1, problem.Cause(err))
		}
		f.layers = append(f.layers, layer{piece: p, key: path.Clean(name), number: i + 1, format: in, mediaType: dockerLayer})
	}
	return f, nil
}

// format tells how a piece is compressed.
func (p piece) format() (format, error) {
	in, err := p.open()
	if err != nil {
		return "", err
	}
	defer in.Close() // nothing was written
	head := make([]byte, headSize)
	n := 0
	for n < len(head) && err == nil {
		var m int
		m, err = in.Read(head[n:])
		n += m
	}
	return formatOf(head[:n]), nil // who reads on meets the error
}

// digestIn is the digest that a configuration's file is called by, in the forms of
// Docker, crane and OCI; "" if by none.
func digestIn(name string) string {
	parts := regexp.MustCompile(`^(?:sha256:|blobs/sha256/)?([0-9a-f]{64})(?:\.json)?$`).FindStringSubmatch(name)
	if parts == nil {
		return ""
	}
	return parts[1]
}
