package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	imageLayers = 5
	layerSize   = 60 << 20
	imageCount  = 4 // regions
	imageName   = "bench:1"
)

// images compares a run that pushes an image of 300 MB to four regions with tools that push to one after the other: docker, as
// cdk-assets calls it, and crane. The image is what docker save writes, with plain layers; a third of each does not compress.
func (b *bench) images() error {
	b.app = filepath.Join(b.dir, "image")
	if err := os.MkdirAll(b.app, 0o700); err != nil {
		return err
	}
	template := "Resources: {F: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: image.tar}}}\n"
	if err := os.WriteFile(filepath.Join(b.app, "template.yaml"), []byte(template), 0o600); err != nil {
		return err
	}
	if err := b.saveImage(0); err != nil {
		return err
	}
	var missing []string
	for _, needs := range [][]string{{"docker", "info"}, {"crane", "version"}} {
		if out, err := exec.CommandContext(b.ctx, needs[0], needs[1:]...).CombinedOutput(); err != nil {
			missing = append(missing, needs[0])
			fmt.Printf("%s is left out: %v %s\n", needs[0], err, lastLine(out))
		}
	}
	fmt.Printf("an image of %d layers, %d MB; medians of %d\n", imageLayers, imageLayers*layerSize/1_000_000, b.runs)
	return b.serving(nil, func() error { return b.imageTable(missing) })
}

// lastLine is the last line of what a program says.
func lastLine(out []byte) string {
	text := strings.TrimSpace(string(out))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// imageTable measures all but what is missing.
func (b *bench) imageTable(missing []string) error {
	fmt.Printf("\n| an image to %d regions | seconds | sent | memory |\n|---|---|---|---|\n", imageCount)
	changes := uint64(0)
	for _, one := range []struct {
		name, needs string
		push        func() (time.Duration, error)
		prep        func() error
	}{
		{"`docker load`, and `docker push` once for each region", "docker", b.docker, b.elsewhere},
		{"`crane push`, once for each region", "crane", b.crane, b.elsewhere},
		{"mrpackage", "", b.pushImage, b.elsewhere},
		{"mrpackage, unchanged", "", b.pushImage, func() error { return nil }},
		{"mrpackage, the last layer changed", "", b.pushImage, func() error { changes++; return b.saveImage(changes) }},
	} {
		if slices.Contains(missing, one.needs) {
			continue
		}
		if err := b.imageRow(one.name, one.prep, one.push); err != nil {
			return err
		}
	}
	return nil
}

// elsewhere is a repository in which nothing is.
func (b *bench) elsewhere() error {
	b.fill++
	return nil
}

func (b *bench) imageRow(name string, prepare func() error, push func() (time.Duration, error)) error {
	b.peak = 0
	sent := int64(0)
	took, err := b.median(func() (time.Duration, error) {
		if err := prepare(); err != nil {
			return 0, err
		}
		if _, err := b.taken(); err != nil {
			return 0, err
		}
		took, err := push()
		if err == nil {
			sent, err = b.taken()
		}
		return took, err
	})
	if err == nil {
		fmt.Printf("| %s | %.2f | %.1f MB | %.0f MB |\n", name, took.Seconds(), float64(sent)/1e6, float64(b.peak)/1e6)
	}
	return err
}

// repository is that of a region, on the server that runs.
func (b *bench) repository(region string) string {
	return fmt.Sprintf("%s/r%d/%s", strings.TrimPrefix(b.endpoint, "http://"), b.fill, region)
}

func (b *bench) pushImage() (time.Duration, error) {
	var flags []string
	for _, region := range regions(imageCount) {
		flags = append(flags, "--image-repository", region+"="+b.repository(region))
	}
	return b.mrpackage(imageCount, flags...)
}

// docker does what cdk-assets does for an image that a command has loaded: it gives it the name that it has in a region's
// repository, and pushes it, for one region after the other.
func (b *bench) docker() (total time.Duration, err error) {
	steps := [][]string{{"load", "--input", "image.tar"}}
	for _, region := range regions(imageCount) {
		name := b.repository(region) + ":1"
		steps = append(steps, []string{"tag", imageName, name}, []string{"push", name})
	}
	for _, step := range steps {
		took, err := b.command("docker", step...)
		if err != nil {
			return 0, err
		}
		total += took
	}
	return total, nil
}

func (b *bench) crane() (total time.Duration, err error) {
	for _, region := range regions(imageCount) {
		took, err := b.command("crane", "push", "--insecure", "image.tar", b.repository(region)+":1")
		if err != nil {
			return 0, err
		}
		total += took
	}
	return total, nil
}

// saveImage writes an archive as docker save does; seed is of the last layer.
func (b *bench) saveImage(seed uint64) error {
	f, err := os.Create(filepath.Join(b.app, "image.tar"))
	if err != nil {
		return err
	}
	defer f.Close() // its Close is looked at below
	w := tar.NewWriter(f)
	var names, ids []string
	for i := range imageLayers {
		of := [32]byte{byte(i + 1)}
		if i == imageLayers-1 {
			of[1] = byte(seed)
		}
		name := fmt.Sprintf("layer%d/layer.tar", i)
		id, err := addLayer(w, name, of)
		if err != nil {
			return err
		}
		names, ids = append(names, name), append(ids, id)
	}
	config, err := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": ids}})
	if err != nil {
		return err
	}
	list, err := json.Marshal([]any{map[string]any{"Config": "config.json", "RepoTags": []string{imageName}, "Layers": names}})
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"config.json": config, "manifest.json": list} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}

// addLayer adds a layer, which is an archive of one file, and returns its digest.
func addLayer(w *tar.Writer, name string, seed [32]byte) (string, error) {
	const block = 512
	size := int64(layerSize) + 3*block // a header, and two empty blocks at the end
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size}); err != nil {
		return "", err
	}
	sum := sha256.New()
	layer := tar.NewWriter(io.MultiWriter(w, sum))
	if err := layer.WriteHeader(&tar.Header{Name: "opt/file", Mode: 0o644, Size: layerSize}); err != nil {
		return "", err
	}
	noise, chunk := rand.NewChaCha8(seed), make([]byte, 3<<10)
	for left := layerSize; left > 0; left -= len(chunk) {
		_, _ = noise.Read(chunk[:1<<10]) // it has no end
		for i := 1 << 10; i < len(chunk); i++ {
			chunk[i] = "the usual text of programs "[i%27]
		}
		if _, err := layer.Write(chunk[:min(left, len(chunk))]); err != nil {
			return "", err
		}
	}
	if err := layer.Close(); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
