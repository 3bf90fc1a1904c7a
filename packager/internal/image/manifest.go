package image

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// openManifest reads an image's manifest and configuration, and finds its layers.
func (r *reader) openManifest(d descriptor) (*found, error) {
	var m manifest
	content, err := r.readBlob("manifest", d, &m)
	if err != nil {
		return nil, err
	}
	f := &found{manifest: content, mediaType: m.typeIn(d)}
	if f.mediaType == "" && m.SchemaVersion == 2 && m.Config != nil {
		f.mediaType = ociManifest // may be left out there
	}
	if err := m.check(f.mediaType); err != nil {
		return nil, err
	}
	f.configType = m.Config.MediaType
	if f.config, err = r.readBlob("configuration", *m.Config, &configuration{}); err != nil {
		return nil, err
	}
	types := layerTypes()
	for i, d := range m.Layers {
		number := i + 1
		if err := checkLayer(number, d); err != nil {
			return nil, err
		}
		p, err := r.blob(fmt.Sprintf("layer %d", number), d)
		if err != nil {
			return nil, err
		}
		f.layers = append(f.layers, layer{
			piece: p, key: d.Digest, number: number, format: types[d.MediaType], digest: d.Digest, mediaType: d.MediaType,
		})
	}
	return f, nil
}

// check refuses manifests of a form that Lambda refuses.
func (m manifest) check(mediaType string) error {
	switch {
	case m.SchemaVersion == 1 || strings.HasPrefix(mediaType, "application/vnd.docker.distribution.manifest.v1"):
		return errors.New("has a manifest of Docker's schema 1, which Lambda does not take: build it with a Docker of today")
	case mediaType != ociManifest && mediaType != dockerManifest:
		return fmt.Errorf("has a manifest of media type %q, and Lambda takes %s and %s", problem.OneLine(mediaType), dockerManifest, ociManifest)
	case m.Config == nil:
		return errors.New("is damaged: its manifest names no configuration")
	case isArtifact(m.ArtifactType) || m.Config.MediaType != ociConfig && m.Config.MediaType != dockerConfig:
		kind := m.Config.MediaType
		if isArtifact(m.ArtifactType) {
			kind = m.ArtifactType
		}
		return fmt.Errorf("is no container image, but an artifact of type %q", problem.OneLine(kind))
	}
	return nil
}

// checkLayer refuses layers of a form that Lambda refuses.
func checkLayer(number int, d descriptor) error {
	_, known := layerTypes()[d.MediaType]
	switch {
	case strings.Contains(d.MediaType, "foreign") || strings.Contains(d.MediaType, "nondistributable") || len(d.URLs) > 0:
		return fmt.Errorf("has a layer, %d, that is not to be distributed (%s), and so in no registry: build it from another base image", number, problem.OneLine(d.MediaType))
	case strings.HasSuffix(d.MediaType, "zstd"):
		return errZstd(number)
	case !known:
		return fmt.Errorf("has a layer, %d, of media type %q, and Lambda takes layers with gzip, of Docker or OCI", number, problem.OneLine(d.MediaType))
	}
	return nil
}

func errZstd(number int) error {
	return fmt.Errorf("has a layer, %d, that is compressed with zstd, and Lambda takes gzip: build it with docker buildx build --output type=oci,dest=FILE,compression=gzip,force-compression=true", number)
}

// checkConfig refuses images that the function does not run, and gives each layer the
// digest of what it unpacks to.
func (r *reader) checkConfig(f *found) (*configuration, error) {
	var c configuration
	if err := json.Unmarshal(f.config, &c); err != nil {
		return nil, fmt.Errorf("is damaged: its configuration cannot be read: %w", err)
	}
	ids := c.RootFS.DiffIDs
	switch {
	case c.OS == "" || c.Architecture == "":
		return nil, errors.New("has a configuration that does not say for which system and architecture it is")
	case !r.runs(c.platform):
		return nil, r.wrongPlatform(c.platform)
	case len(f.layers) == 0:
		return nil, errors.New("has no layers, and so nothing that could run")
	case len(f.layers) != len(ids):
		return nil, fmt.Errorf("is damaged: it has %s, and its configuration lists %d", problem.Count(len(f.layers), "layer"), len(ids))
	}
	for i, id := range ids {
		if sum, err := hex.DecodeString(strings.TrimPrefix(id, "sha256:")); err != nil || len(sum) != 32 {
			return nil, fmt.Errorf("is damaged: its configuration names layer %d by %q, which is no SHA-256 digest", i+1, problem.OneLine(id))
		}
		f.layers[i].diffID = id
	}
	return &c, nil
}

// makeManifest makes the manifest of an image whose own cannot be kept, or that has none.
// Its bytes follow from the image alone, so this form is kept as an archive's is.
func (i *Image) makeManifest() error {
	type part struct {
		MediaType string `json:"mediaType"`
		Size      int64  `json:"size"`
		Digest    string `json:"digest"`
	}
	i.MediaType, i.Config.MediaType = dockerManifest, dockerConfig
	layers := make([]part, len(i.Layers))
	for n := range i.Layers {
		l := &i.Layers[n]
		l.MediaType = dockerLayer
		layers[n] = part{l.MediaType, l.Size, l.Digest}
	}
	var err error
	i.Manifest, err = json.Marshal(struct {
		SchemaVersion int    `json:"schemaVersion"`
		MediaType     string `json:"mediaType"`
		Config        part   `json:"config"`
		Layers        []part `json:"layers"`
	}{2, i.MediaType, part{i.Config.MediaType, i.Config.Size, i.Config.Digest}, layers})
	return err
}
