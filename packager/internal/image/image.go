// Package image is a container image as it is pushed: its manifest, and where its
// blobs are read. This file only holds the types that registry needs.
package image

import "io"

// An Image is one image of one platform.
type Image struct {
	Digest, MediaType string // of the manifest, "sha256:…"
	Manifest          []byte
	Config            Blob
	Layers            []Blob
	OS, Architecture  string
	Names             []string
	Unpacked          int64
}

// A Blob is a layer or a configuration.
type Blob struct {
	Digest, MediaType string
	Size              int64
	Open              func() (io.ReadCloser, error) // several times, concurrently
}
