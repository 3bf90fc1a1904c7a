package packager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/upload"
)

// A job is a plan as package upload takes it: artifacts and nested templates are its items,
// the plan's objects and images have the same indexes there.
type job struct {
	upload.Job
	plan      *Plan
	artifacts []*artifact // by item; nil for a nested template
	images    []*containerImage
}

// job is what a plan stores. A dry run stores nothing: its archives are made for the folder
// alone.
func (p *Plan) job(cfg aws.Config) upload.Job {
	j := job{plan: p, Job: upload.Job{Copy: upload.Copy(p.opts.Copy), Force: p.opts.ForceUpload}}
	j.S3, j.Registry = p.opts.storeConfig(cfg), p.opts.registryConfig(cfg)
	stores := make([]upload.Store, len(p.Stores))
	for i, s := range p.Stores {
		stores[i].Store = s.inner()
	}
	j.addObjects(stores)
	if !p.opts.DryRun {
		j.addImages(stores)
		j.Stores = stores
	}
	if p.opts.Progress != nil {
		j.Tell = func(e upload.Event) { p.opts.Progress(j.event(e)) }
	}
	return j.Job
}

// addObjects lists the objects of the stores and what they are made of: the first of each
// store, then the second, so that no region is asked for all of its own before the others.
func (j *job) addObjects(stores []upload.Store) {
	items := make(map[*artifact]int)
	for n, more := 0, true; more; n++ {
		more = false
		for i, objects := range j.plan.objects {
			if n >= len(objects) {
				continue
			}
			more = true
			o := objects[n]
			item, known := items[o.artifact]
			if !known || o.artifact == nil {
				item = len(j.Items)
				items[o.artifact] = item
				j.Items = append(j.Items, j.item(o))
				j.artifacts = append(j.artifacts, o.artifact)
			}
			stores[i].Objects = append(stores[i].Objects, upload.Object{Item: item, Key: o.key})
		}
	}
}

// item is what an object is made of.
func (j *job) item(o object) upload.Item {
	a := o.artifact
	if a == nil {
		sum := sha256.Sum256(o.body)
		return upload.Item{Payload: s3store.Payload{Digest: hex.EncodeToString(sum[:]), Size: int64(len(o.body)), SHA256: sum[:], Body: o.body}}
	}
	i := upload.Item{Size: a.size(), IsArchive: a.zip}
	if a.zip {
		i.Payload = s3store.Payload{Digest: a.digest, Size: -1}
	} else {
		i.Payload = s3store.Payload{Digest: a.digest, Size: a.files[0].Size, SHA256: a.files[0].SHA256[:]}
	}
	i.Make = func(ctx context.Context, by *archive.Archiver) (s *archive.Spool, err error) {
		if a.zip {
			s, err = by.Archive(ctx, a.files)
		} else {
			// What is sent is a copy that was held against the digest: the file
			// may change before the last region has it.
			s, err = by.Copy(ctx, a.files[0])
		}
		if err != nil {
			r := a.refs[0]
			e := r.Errorf("%q: %v", r.Local, err)
			e.Err = err
			return nil, e
		}
		if a.zip {
			a.packed.Store(&s.Packed)
		}
		return s, nil
	}
	if j.plan.opts.ArchiveDir != "" {
		i.Keep = func(ctx context.Context, path string) error { return j.keep(ctx, path, a.name) }
	}
	return i
}

// keep puts a stored file into the folder for archives. A run that sends
// nothing needs it nowhere else.
func (j *job) keep(ctx context.Context, path, name string) error {
	if j.plan.opts.DryRun && os.MkdirAll(j.plan.opts.ArchiveDir, 0o777) == nil && os.Chmod(path, 0o644) == nil && //nolint:gosec // what is kept is for others to read
		os.Rename(path, filepath.Join(j.plan.opts.ArchiveDir, name)) == nil {
		return nil
	}
	return archive.Keep(ctx, path, j.plan.opts.ArchiveDir, name)
}

// addImages lists the images, and each repository that they go to once: where regions share
// one, what is pushed for the first is there for the others.
func (j *job) addImages(stores []upload.Store) {
	images, repositories := make(map[*containerImage]int), make(map[string]int)
	for i, pushes := range j.plan.pushes {
		for _, p := range pushes {
			img, known := images[p.image]
			if !known {
				img = len(j.Images)
				images[p.image] = img
				j.Images = append(j.Images, upload.Image{Planned: *p.image.planned, Open: p.image.open})
				j.images = append(j.images, p.image)
			}
			to, known := repositories[p.repository]
			if !known {
				to = len(j.Repositories)
				repositories[p.repository] = to
				j.Repositories = append(j.Repositories, registry.Store{Region: stores[i].Region, Repository: p.repository, Role: stores[i].Role})
			}
			stores[i].Images = append(stores[i].Images, upload.Push{Image: img, Repository: to})
		}
	}
}

// event is an event of the run as the caller is told of it.
func (j *job) event(e upload.Event) Event {
	told := Event{Kind: kindOf(e.Kind), Bytes: e.Bytes, Took: e.Took, Err: e.Err, Objects: e.Missing, Layer: e.Layer}
	switch e.Kind {
	case upload.Archived:
		a := j.artifacts[e.Item]
		told.Object, told.Bytes = Object{Key: a.name, Artifact: a.view, Size: e.Bytes}, 0
		return told
	case upload.SentLayer, upload.RetryingPush:
		to := j.Repositories[e.Repository]
		told.Region, told.Bucket = to.Region, to.Repository
		told.Store = slices.IndexFunc(j.plan.Stores, func(c Contents) bool { return c.Region == to.Region })
		return told
	case upload.RetryingRole:
		told.Region = e.Region
		return told
	case upload.RetryingFetch:
		told.Bucket = j.images[e.Image].refs[0].Local
		return told
	}
	s := j.plan.Stores[e.Store]
	told.Store, told.Region, told.Bucket = e.Store, s.Region, s.Bucket
	switch e.Kind {
	case upload.Stored:
		told.Object = s.Objects[e.Object].after(e.Outcome)
	case upload.Replaced:
		told.Object, told.Bytes = Object{Key: s.Objects[e.Object].Key, Size: e.Bytes}, 0
	case upload.Sent, upload.Copying, upload.Kept:
		told.Object.Key = s.Objects[e.Object].Key
	case upload.Pushed:
		told.Image = s.Images[e.Image]
		told.Image.Action = Action(e.Outcome.Action)
		told.Bucket = told.Image.Repository
	}
	return told
}

// kindOf is the kind of an event as the caller is told of it.
func kindOf(k upload.Kind) EventKind {
	return [...]EventKind{
		upload.Looked: Looked, upload.Archived: Archived, upload.Sent: Sent, upload.SentLayer: Sent, upload.Copying: Copying,
		upload.Stored: Stored, upload.Replaced: Replaced, upload.Kept: Kept, upload.Retrying: Retrying, upload.RetryingPush: Retrying,
		upload.RetryingFetch: Retrying, upload.RetryingRole: Retrying, upload.Pushed: Pushed, upload.Failed: Failed,
	}[k]
}
