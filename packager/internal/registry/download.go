package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

// A download is a blob that is read from a registry. It is asked for by the first Read.
type download struct {
	ctx    context.Context // a reader is given none
	from   *Repository
	blob   image.Blob
	at     int64
	body   io.ReadCloser
	cancel context.CancelFunc
	sum    hash.Hash // nil where it is not read from its beginning
}

// download returns what opens a blob that is here.
func (r *Repository) download(ctx context.Context, b image.Blob) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return &download{ctx: ctx, from: r, blob: b}, nil }
}

// A downloadError is why a blob could not be read from a registry.
type downloadError struct {
	from *Repository
	err  error
}

func (e *downloadError) Error() string { return e.err.Error() }

func (e *downloadError) Unwrap() error { return e.err }

// Seek has the first Read begin elsewhere.
func (d *download) Seek(offset int64, whence int) (int64, error) {
	if d.body != nil || whence != io.SeekStart || offset < 0 || offset > d.blob.Size {
		return 0, errors.New("a download is read from one place on")
	}
	d.at = offset
	return offset, nil
}

// Read reads on. The end is reached only if the size is right, and if all was read, the
// digest.
func (d *download) Read(p []byte) (int, error) {
	if d.body == nil {
		if err := d.start(); err != nil {
			return 0, &downloadError{d.from, err}
		}
	}
	n, err := d.body.Read(p)
	d.at += int64(n)
	if d.sum != nil {
		d.sum.Write(p[:n])
	}
	switch {
	case d.at > d.blob.Size:
		return 0, &downloadError{d.from, &falseError{fmt.Sprintf("%s has more than %d bytes", d.blob.Digest, d.blob.Size)}}
	case err == nil && d.at < d.blob.Size:
		return n, nil
	case err != nil && !errors.Is(err, io.EOF):
		return n, &downloadError{d.from, err}
	case d.at < d.blob.Size:
		return n, &downloadError{d.from, io.ErrUnexpectedEOF}
	case d.sum != nil && "sha256:"+hex.EncodeToString(d.sum.Sum(nil)) != d.blob.Digest:
		return 0, &downloadError{d.from, &falseError{d.blob.Digest + " has other bytes than its digest's"}}
	}
	return n, io.EOF
}

// start asks for the blob, from the place on.
func (d *download) start() error {
	ctx, cancel := context.WithTimeout(d.ctx, longest(d.blob.Size))
	q := ask{method: http.MethodGet, path: "/blobs/" + d.blob.Digest, want: []int{http.StatusOK}}
	if d.at > 0 {
		q.header = map[string]string{"Range": fmt.Sprintf("bytes=%d-", d.at)}
		q.want = append(q.want, http.StatusPartialContent)
	} else {
		d.sum = sha256.New()
	}
	response, err := d.response(ctx, q) //nolint:bodyclose // Close does
	if err != nil {
		cancel()
		return err
	}
	d.body, d.cancel = response.Body, cancel
	if d.at == 0 {
		return nil
	}
	if response.StatusCode == http.StatusOK {
		_, err = io.CopyN(io.Discard, d.body, d.at)
		return err
	}
	if says := response.Header.Get("Content-Range"); !strings.HasPrefix(says, fmt.Sprintf("bytes %d-", d.at)) {
		return &falseError{fmt.Sprintf("the registry answers with the range %q, and from %d on was asked for", short(says), d.at)}
	}
	return nil
}

func (d *download) response(ctx context.Context, q ask) (*http.Response, error) {
	for failures := 0; ; {
		response, err := d.from.request(ctx, q)
		if err == nil || ctx.Err() != nil {
			return response, err
		}
		if failures++; failures >= d.from.tries() || !passing(err) {
			return nil, err
		}
		if err := d.from.pause(ctx, failures, err); err != nil {
			return nil, err
		}
	}
}

// Close ends the download.
func (d *download) Close() error {
	if d.body == nil {
		return nil
	}
	d.cancel()
	return d.body.Close()
}
