package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// rounds is how often an image is sent whose parts vanish meanwhile, as by a lifecycle
// rule.
const rounds = 2

// Push sends what a look found missing of an image: layers and configuration at once,
// each in one of the slots for uploads, then the manifest under its tag. Then it looks
// again: it succeeds only if the image is proved, or where the registry does not tell
// this caller, if every answer was the right one. It may be called at the same time for
// the same image, also by other processes.
func (r *Repository) Push(ctx context.Context, img image.Image, found Found) error {
	var refused error
	for range rounds {
		var err error
		if refused, err = r.pushOnce(ctx, img, found); err != nil {
			return err
		}
		now, err := r.Look(ctx, img)
		// Under an immutable tag there may be somebody else's image, or ECR may not
		// have told of the tag: what counts is the digest, unless the tag is what the
		// image is asked for by.
		if err != nil || now.Presence == Proved || now.manifest && len(now.Missing) == 0 && (img.Tag == "" || refused == nil) {
			return err
		}
		if now.Presence == Unknown && !incomplete(refused) {
			return r.unseen(img, refused)
		}
		found = now
	}
	switch {
	case immutable(refused) && len(found.Missing) == 0:
		return r.explain("ecr:PutImage", fmt.Sprintf("another image has the tag %s in", tagOf(img)), refused)
	case refused != nil:
		return r.explain("ecr:PutImage", fmt.Sprintf("putting the image %s into", img.Digest), refused)
	}
	what := "its manifest, of these bytes,"
	if len(found.Missing) > 0 {
		what = "the layer " + found.Missing[0].Digest
	}
	return &problem.Error{
		Subject: r.subject(),
		Message: fmt.Sprintf("the image %s was pushed to %s, and %s is not there", img.Digest, r.address(), what),
		Hint:    "does a lifecycle rule, or somebody else, delete images at this moment? run again",
	}
}

// unseen is the problem of an image that nobody may look at, if there is one: under an
// immutable tag there may be another, which matters where it is asked for by that.
func (r *Repository) unseen(img image.Image, refused error) error {
	if img.Tag == "" || !immutable(refused) {
		return nil
	}
	return &problem.Error{
		Subject: r.subject(),
		Message: fmt.Sprintf("putting the image %s into %s: an image has the tag %s already, which cannot be moved, and the registry denies a look at it", img.Digest, r.address(), img.Tag),
		Hint:    "allow ecr:BatchGetImage, which tells whether it is the same image",
	}
}

// pushOnce sends what is missing. refused is why the manifest was not taken, where the look
// that follows may explain that: another run was first, or a try of ours whose answer was
// lost, or a layer is no longer there.
func (r *Repository) pushOnce(ctx context.Context, img image.Image, found Found) (refused, err error) {
	group, sending := errgroup.WithContext(ctx)
	for _, b := range found.Missing {
		group.Go(func() error {
			what := "layer"
			if b.Digest == img.Config.Digest {
				what = "configuration"
			}
			if err := r.sendBlob(sending, b, found.Presence == Unknown); err != nil {
				return r.explain("ecr:UploadLayerPart", fmt.Sprintf("uploading the %s %s to", what, b.Digest), err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	err = r.putManifest(ctx, img)
	switch {
	case immutable(err), incomplete(err):
		return err, nil
	case err != nil:
		return nil, r.explain("ecr:PutImage", fmt.Sprintf("putting the image %s into", img.Digest), err)
	}
	return nil, nil
}

// sendBlob uploads a blob, once for all images that are pushed at the same time and have
// it: often they have the same base.
func (r *Repository) sendBlob(ctx context.Context, b image.Blob, look bool) error {
	for {
		f, first := r.board(b.Digest)
		if first {
			err := r.sendOne(ctx, b, look)
			r.land(b.Digest, f, err)
			return err
		}
		select {
		case <-f.landed:
			if f.err == nil {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A flight is a blob's upload that others may wait for.
type flight struct {
	landed chan struct{}
	err    error // may be read when it has landed
}

// board returns the flight of a blob, and whether the caller is the first one, who must
// land it.
func (r *Repository) board(digest string) (f *flight, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.flights[digest]; f != nil {
		return f, false
	}
	f = &flight{landed: make(chan struct{})}
	r.flights[digest] = f
	return f, true
}

func (r *Repository) land(digest string, f *flight, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.flights, digest)
	f.err = err
	close(f.landed)
}

// sendOne uploads a blob when there is a slot, unless it is found there.
func (r *Repository) sendOne(ctx context.Context, b image.Blob, look bool) error {
	if err := take(ctx, r.shared.uploads); err != nil {
		return err
	}
	defer func() { <-r.shared.uploads }()
	if look {
		if there, err := r.there(ctx, b); there || err != nil && !denied(err) {
			return err
		}
	}
	return r.upload(ctx, b)
}

// putManifest stores the manifest under its tag.
func (r *Repository) putManifest(ctx context.Context, img image.Image) error {
	a, err := r.question(ctx, ask{
		method: http.MethodPut, path: "/manifests/" + tagOf(img), header: map[string]string{"Content-Type": img.MediaType},
		body: func() (io.Reader, error) { return bytes.NewReader(img.Manifest), nil }, size: int64(len(img.Manifest)),
		want: []int{http.StatusCreated},
	})
	if err != nil {
		return err
	}
	return a.digested(img.Digest)
}

// immutable tells whether a registry refused to put a manifest because its tag is there
// and cannot be moved. ECR does so also where it is the same manifest.
func immutable(err error) bool {
	var e *answerError
	if !errors.As(err, &e) {
		return false
	}
	return e.code == "ImageTagAlreadyExistsException" || e.code == "ImageAlreadyExistsException" ||
		e.code == "TAG_INVALID" && strings.Contains(e.message, "immutable") || e.status == http.StatusConflict
}

// incomplete tells whether a registry refused a manifest because something that it names is
// not there: what was found there may have been deleted meanwhile.
func incomplete(err error) bool {
	var e *answerError
	if !errors.As(err, &e) {
		return false
	}
	return e.code == "MANIFEST_BLOB_UNKNOWN" || e.code == "BLOB_UNKNOWN" || e.code == "LayersNotFoundException" || strings.Contains(e.message, "do not exist")
}
