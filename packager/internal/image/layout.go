package image

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// The annotations by which an index names its images: containerd's is the whole name,
// OCI's often a tag alone.
const (
	nameAnnotation = "io.containerd.image.name"
	tagAnnotation  = "org.opencontainers.image.ref.name"
	// BuildKit's, by which it calls what stands beside an image a description of it.
	typeAnnotation = "vnd.docker.reference.type"
)

// deepest is how many indexes may be in one another. Docker's archive has two.
const deepest = 4

// A candidate is an image of which a name and a platform decide whether it is meant.
type candidate struct {
	descriptor
	names    []string
	platform platform
	missing  bool // an engine keeps, and saves, only the platforms that it has
}

func (c candidate) String() string { return c.platform.String() }

// findInLayout finds the image in an OCI layout, a folder or an archive of one.
func (r *reader) findInLayout() (*found, error) {
	var index manifest
	if _, err := r.readFile("index.json", &index); err != nil {
		return nil, err
	}
	groups := groupsOf(index.Manifests)
	chosen, err := r.choose(groups)
	byDigest := err != nil && strings.HasPrefix(r.Name, "sha256:") // of one platform's, perhaps
	if byDigest {
		chosen = groups
	}
	if err != nil && !byDigest {
		return nil, err
	}
	var all []candidate
	for _, g := range chosen {
		more, rerr := r.candidates(g)
		if rerr != nil {
			return nil, rerr
		}
		all = append(all, more...)
	}
	if byDigest {
		if all = slices.DeleteFunc(all, func(c candidate) bool { return !hasPrefix(c.Digest, r.Name) }); len(all) == 0 {
			return nil, err
		}
	}
	c, err := r.ofPlatform(all)
	if err != nil {
		return nil, err
	}
	f, err := r.openManifest(c.descriptor)
	if err != nil {
		return nil, err
	}
	f.names = c.names
	return f, nil
}

// groupsOf tells which entries of index.json are one image: those of one digest or one
// name, and those without a name, for then index.json is itself the index of an image.
func groupsOf(entries []descriptor) []group {
	var groups []group
	for _, d := range entries {
		if isDescription(d) {
			continue
		}
		var own group
		own.addName(d.Annotations[nameAnnotation])
		tag := d.Annotations[tagAnnotation]
		if len(own.names) == 0 {
			own.addTag(tag)
		}
		at := slices.IndexFunc(groups, func(g group) bool {
			return slices.ContainsFunc(g.roots, func(root descriptor) bool { return root.Digest == d.Digest }) ||
				slices.ContainsFunc(own.names, func(n string) bool { return slices.Contains(g.names, n) }) ||
				len(own.names) == 0 && len(g.names) == 0
		})
		if at < 0 {
			at = len(groups)
			groups = append(groups, group{id: d.Digest})
		}
		g := &groups[at]
		for _, n := range own.names {
			g.add(n, asWritten)
		}
		if tag != "" {
			g.tags = append(g.tags, tag)
		}
		g.roots = append(g.roots, d)
	}
	return groups
}

// isDescription tells whether an entry describes an image, and is none: a build
// attestation, a signature, a bill of materials.
func isDescription(d descriptor) bool {
	return d.Annotations[typeAnnotation] == "attestation-manifest" || isArtifact(d.ArtifactType) ||
		d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
}

// isArtifact tells whether a type says that there is no image. crane gives images one,
// too: that of their configuration.
func isArtifact(artifactType string) bool {
	return artifactType != "" && artifactType != ociConfig && artifactType != dockerConfig
}

// candidates are the images of a group, each once, in all its indexes.
func (r *reader) candidates(g group) ([]candidate, error) {
	d := descent{reader: r, names: g.names, seen: map[string]bool{}}
	err := d.into(g.roots, 1)
	return d.found, err
}

// A descent goes down into an index and those in it.
type descent struct {
	*reader
	names []string
	seen  map[string]bool
	found []candidate
}

func (s *descent) into(entries []descriptor, depth int) error {
	if depth > deepest {
		return fmt.Errorf("has more than %d indexes in one another", deepest)
	}
	for _, d := range entries {
		if s.seen[d.Digest] || isDescription(d) {
			continue
		}
		if s.seen[d.Digest] = true; len(s.seen) > mostItems {
			return fmt.Errorf("has indexes of more than %d images", mostItems)
		}
		if err := s.entry(d, depth); err != nil {
			return err
		}
	}
	return nil
}

func (s *descent) entry(d descriptor, depth int) error {
	c := candidate{descriptor: d, names: s.names}
	var m manifest
	_, err := s.readBlob("manifest", d, &m)
	if errors.Is(err, errMissing) {
		if c.missing = true; d.Platform != nil {
			c.platform = *d.Platform
		}
		s.found = append(s.found, c)
		return nil
	}
	if err != nil {
		return err
	}
	isIndex, err := m.isIndex(d)
	if err != nil {
		return err
	}
	if isIndex {
		return s.into(m.Manifests, depth+1)
	}
	c.platform, err = s.platformOf(d, m)
	s.found = append(s.found, c)
	return err
}

// isIndex tells which of both a document is. That must not be in doubt: a registry
// could read it in another way.
func (m manifest) isIndex(d descriptor) (bool, error) {
	if d.MediaType != "" && m.MediaType != "" && d.MediaType != m.MediaType {
		return false, fmt.Errorf("is damaged: %s is of media type %s, and its index says %s", d.Digest, problem.OneLine(m.MediaType), problem.OneLine(d.MediaType))
	}
	if len(m.Manifests) > 0 && (m.Config != nil || len(m.Layers) > 0) {
		return false, fmt.Errorf("is damaged: %s is a manifest and an index at once", d.Digest)
	}
	switch m.typeIn(d) {
	case ociIndex, dockerList:
		return true, nil
	case "":
		return len(m.Manifests) > 0, nil
	}
	return false, nil
}

// typeIn is a document's media type, which both it and its descriptor may say.
func (m manifest) typeIn(d descriptor) string {
	if m.MediaType != "" {
		return m.MediaType
	}
	return d.MediaType
}

// platformOf is what an image's index says of it, or its configuration.
func (r *reader) platformOf(d descriptor, m manifest) (platform, error) {
	if d.Platform != nil && d.Platform.Architecture != "" {
		return *d.Platform, nil
	}
	if m.Config == nil {
		return platform{}, nil // what it is, is said when it is opened
	}
	if t := m.Config.MediaType; t != ociConfig && t != dockerConfig {
		return platform{}, nil
	}
	var c configuration
	_, err := r.readBlob("configuration", *m.Config, &c)
	if errors.Is(err, errMissing) {
		err = nil
	}
	return c.platform, err
}
