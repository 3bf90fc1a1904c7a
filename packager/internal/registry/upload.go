package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

const (
	// partSize is that of a blob's parts. ECR takes 5 to 10 MiB but for the last one.
	partSize = 10 << 20
	// cancelTimeout bounds the request that ends an unfinished upload.
	cancelTimeout = 1500 * time.Millisecond
)

// An upload is one blob on its way. A small one goes in one request, a large one in
// parts, of which one that failed is sent again from where the registry is.
type upload struct {
	*Repository
	blob      image.Blob
	source    source
	next      string // where the next request goes; "" before the upload is begun
	offset    int64  // what the registry has
	reported  int64  // what the user was told that it has
	finishing bool   // the registry was asked to put the parts together, and may have done so
}

// upload sends a blob.
func (r *Repository) upload(ctx context.Context, b image.Blob) (err error) {
	u := &upload{Repository: r, blob: b, source: source{open: b.Open}}
	defer func() {
		u.source.close()
		if err != nil {
			u.cancel(ctx)
		}
	}()
	lost := false
	for failures := 0; ; {
		done, err := u.step(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case done:
			u.told.Sent(b.Digest, b.Size-u.reported)
			return nil
		case err == nil:
			if u.offset > u.reported {
				u.told.Sent(b.Digest, u.offset-u.reported)
				u.reported, failures, lost = u.offset, 0, false
			}
			continue
		}
		// What only tells where the registry is, after an answer that was lost, is no failure.
		_, tells := expected(err)
		if !tells || !lost {
			failures++
		}
		if lost = passing(err); failures >= r.tries() || !u.mendable(err) {
			return err
		}
		if err := r.pause(ctx, failures, err); err != nil {
			return err
		}
		if done, err = u.mend(ctx, err); err != nil {
			return err
		}
		if done {
			u.told.Sent(b.Digest, b.Size-u.reported)
			return nil
		}
	}
}

// step makes the next request. done tells that the registry has it all.
func (u *upload) step(ctx context.Context) (done bool, err error) {
	switch {
	case u.next == "":
		a, err := u.try(ctx, ask{method: http.MethodPost, path: "/blobs/uploads/", want: []int{http.StatusAccepted}})
		if err == nil {
			u.next, err = u.location(a)
		}
		return false, err
	case u.blob.Size <= u.shared.config.Part:
		return u.finish(ctx, u.blob.Size)
	case u.offset == u.blob.Size:
		return u.finish(ctx, 0)
	}
	size := min(u.shared.config.Part, u.blob.Size-u.offset)
	a, err := u.sendPart(ctx, ask{
		method: http.MethodPatch, path: u.next, header: map[string]string{
			"Content-Type":  "application/octet-stream",
			"Content-Range": fmt.Sprintf("%d-%d", u.offset, u.offset+size-1),
		}, size: size, want: []int{http.StatusAccepted, http.StatusCreated}, // the latter is ECR's
	})
	if err != nil {
		return false, err
	}
	if u.next, err = u.location(a); err != nil {
		return false, err
	}
	// What the answer says of the range that is there is not always true: ECR repeats
	// the first part's (aws/containers-roadmap#2831). Where less was taken, the next part
	// does not fit, or at last the digest.
	u.offset += size
	return false, nil
}

// finish sends the rest and has the registry put together what it has.
func (u *upload) finish(ctx context.Context, size int64) (done bool, err error) {
	to := u.next + "?digest=" + u.blob.Digest
	if strings.Contains(u.next, "?") {
		to = u.next + "&digest=" + u.blob.Digest
	}
	u.finishing = true
	a, err := u.sendPart(ctx, ask{
		method: http.MethodPut, path: to, header: map[string]string{"Content-Type": "application/octet-stream"}, size: size,
		want: []int{http.StatusCreated}, slow: size == 0,
	})
	if err != nil {
		return false, err
	}
	if a.header.Get("Docker-Content-Digest") != "" {
		err = a.digested(u.blob.Digest)
		return err == nil, err
	}
	there, err := u.there(ctx, u.blob)
	if err == nil && !there {
		err = &hollowError{lacks: "Docker-Content-Digest"}
	}
	return err == nil, err
}

// sendPart makes a request once whose body is the blob's bytes from the offset on.
func (u *upload) sendPart(ctx context.Context, q ask) (*answer, error) {
	var p *part
	q.body = func() (io.Reader, error) {
		if p != nil { // it is the second try, with another token
			_ = u.source.end(p)
		}
		var err error
		p, err = u.source.part(u.offset, q.size)
		return p, err
	}
	if q.size == 0 {
		q.body = nil
	}
	a, err := u.try(ctx, q)
	if p == nil {
		return a, err
	}
	if ended := u.source.end(p); ended != nil {
		return nil, ended
	}
	if err != nil {
		u.source.close()
		return nil, err
	}
	if p.left > 0 {
		return nil, &falseError{"the registry answers before it was sent the layer"}
	}
	return a, nil
}

// mendable tells whether an upload may go on after a failure, if from an earlier place.
func (u *upload) mendable(err error) bool {
	if passing(err) {
		return true
	}
	switch code(err) {
	case "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "SIZE_INVALID", "RANGE_INVALID":
		return true
	}
	return status(err) == http.StatusRequestedRangeNotSatisfiable || status(err) == http.StatusConflict
}

// mend finds out where the registry is, and has the next step begin there. done tells
// that the registry has it all.
func (u *upload) mend(ctx context.Context, failure error) (done bool, err error) {
	u.source.close()
	if u.finishing {
		if there, err := u.there(ctx, u.blob); err == nil && there {
			return true, nil
		}
		if err := u.verify(failure); err != nil {
			return false, err
		}
	}
	begun := u.next != "" && !u.finishing && u.blob.Size > u.shared.config.Part
	if at, told := expected(failure); begun && told && at <= u.blob.Size {
		u.offset = at
		return false, nil
	}
	if begun && u.client == nil && u.ask(ctx) {
		return false, nil
	}
	// ECR does not tell where an upload is (dotnet/sdk#33019), but refuses a part that
	// does not fit with the byte that it expects: a part whose answer was lost is sent
	// again to learn that.
	if begun && u.client != nil && passing(failure) {
		return false, nil
	}
	if u.next != "" {
		u.cancel(ctx)
	}
	u.next, u.offset, u.finishing = "", 0, false
	return false, nil
}

// expected is the byte that ECR says it expects of a part that does not fit.
func expected(failure error) (int64, bool) {
	var e *answerError
	if !errors.As(failure, &e) || e.status != http.StatusRequestedRangeNotSatisfiable {
		return 0, false
	}
	m := regexp.MustCompile(`is [0-9]+ instead of ([0-9]+)`).FindStringSubmatch(e.message)
	if m == nil {
		return 0, false
	}
	at, err := strconv.ParseInt(m[1], 10, 64)
	return at, err == nil
}

// ask asks a registry where the upload is.
func (u *upload) ask(ctx context.Context) bool {
	a, err := u.try(ctx, ask{method: http.MethodGet, path: u.next, want: []int{http.StatusNoContent}})
	if err != nil {
		return false
	}
	last, ok := strings.CutPrefix(a.header.Get("Range"), "0-")
	end, err := strconv.ParseInt(last, 10, 64)
	if !ok || err != nil || end < 0 || end >= u.blob.Size {
		return false
	}
	// For no bytes some registries say 0-0, as for one byte.
	u.offset = end + 1
	if end == 0 {
		u.offset = 0
	}
	if location, err := u.location(a); err == nil {
		u.next = location
	}
	return true
}

// verify reads the blob once more where the registry says that it has got other bytes
// than the digest's: they may be damaged here already.
func (u *upload) verify(failure error) error {
	if code(failure) != "DIGEST_INVALID" && code(failure) != "BLOB_UPLOAD_INVALID" {
		return nil
	}
	reader, err := u.blob.Open()
	if err != nil {
		return &sourceError{err: err}
	}
	defer reader.Close() // nothing was written
	sum := sha256.New()
	size, err := io.Copy(sum, reader)
	switch digest := "sha256:" + hex.EncodeToString(sum.Sum(nil)); {
	case err != nil:
		return sourceErrorOf(err)
	case digest != u.blob.Digest:
		return &sourceError{err: fmt.Errorf("its %d bytes have the digest %s: did the file change?", size, digest)}
	}
	return nil
}

// cancel ends the upload, if the registry can be reached: it would keep the parts for
// some time. Where ctx is over, somebody waits for the program to end.
func (u *upload) cancel(ctx context.Context) {
	if u.next == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer cancel()
	_, _ = u.try(ctx, ask{method: http.MethodDelete, path: u.next, want: []int{http.StatusNoContent}})
}
