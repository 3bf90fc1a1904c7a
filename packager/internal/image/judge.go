package image

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Judge returns why Lambda would refuse an image that is not read from here, such as one
// of a registry: it goes by the manifest and the configuration. The layers are not read, so
// that how large they are unpacked is known only to be more than what they have packed.
// Architectures are those of a [Source].
func Judge(img Image, architectures []string) error {
	r := &reader{Source: Source{Architectures: architectures}, limits: lambdaLimits()}
	var m manifest
	if err := json.Unmarshal(img.Manifest, &m); err != nil {
		return fmt.Errorf("is damaged: its manifest cannot be read: %w", err)
	}
	if err := m.check(img.MediaType); err != nil {
		return err
	}
	f := &found{layers: make([]layer, len(m.Layers))}
	var size int64
	for i, d := range m.Layers {
		if err := checkLayer(i+1, d); err != nil {
			return err
		}
		if size += d.Size; size > r.unpacked || d.Size > r.unpacked {
			return r.tooLarge()
		}
	}
	config, err := img.Config.Open()
	if err != nil {
		return fmt.Errorf("cannot be read: its configuration: %s", problem.Cause(err))
	}
	defer config.Close() // nothing was written
	if f.config, err = io.ReadAll(io.LimitReader(config, r.document)); err != nil {
		return fmt.Errorf("cannot be read: its configuration: %s", problem.Cause(err))
	}
	_, err = r.checkConfig(f)
	return err
}
