package verify

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the AWS CLI's keys are
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// maxTemplate is far more than CloudFormation takes for a template (1 MB).
const maxTemplate = 8 << 20

// proveContent reads an object, as a stream, and holds its bytes against its key. Of a
// template the bytes are kept.
func (r *run) proveContent(ctx context.Context, t *target) {
	if t.view.Template && t.object.Size > maxTemplate {
		t.set(Wrong, ByNothing, "it has %d bytes, far more than CloudFormation takes for a template (1 MB)", t.object.Size)
		return
	}
	c := claimOf(t.Key)
	read := newContent(ctx, t.view.Template, c.digest != "" && c.ext == ".zip" || c.md5 != "" && c.ext != ".template")
	err := t.bucket.Read(ctx, t.object, read)
	read.end()
	switch {
	case ctx.Err() != nil:
		return
	case s3store.IsDenied(err):
		t.fail(Unknown, err)
		t.hint = "its bytes are proved only to who may read them"
		return
	case err != nil:
		t.fail(Unknown, err)
		return
	}
	t.hint = "" // --deep, which this is
	t.sum = read.sha.Sum(nil)
	sum := hex.EncodeToString(t.sum)
	switch {
	case c.digest != "" && (sum == c.digest || read.zip.Own == c.digest):
		t.set(Proved, ByContent, "")
	case c.digest != "":
		t.set(Wrong, ByNothing, "its bytes are not what its key says: %s", read.why())
	case c.md5 != "" && (hex.EncodeToString(read.md5.Sum(nil)) == c.md5 || read.zip.SAM == c.md5):
		t.set(Proved, ByContent, "")
		t.warnings = nil
	case c.md5 != "" && c.ext == ".template":
		t.set(Wrong, ByNothing, "its bytes are not what its key says: their MD5 is %s", hex.EncodeToString(read.md5.Sum(nil)))
	case c.md5 != "":
		t.warnings = nil
		t.set(Unknown, ByNothing, "its key is neither the MD5 of its content, as the AWS CLI's keys are, nor that of the files in it, as SAM CLI's are")
		t.hint = "another tool may have made the key; else the object was replaced or cut"
	case t.object.SHA256 != nil && !bytes.Equal(t.object.SHA256, t.sum):
		t.set(Wrong, ByNothing, "its bytes are not those that were recorded with it")
	}
	if t.view.Template && t.view.State != Wrong {
		t.content = append([]byte{}, read.kept.Bytes()...) // an empty one is none that was not read
	}
}

// A content takes in the bytes of an object.
type content struct {
	sha, md5 hash.Hash
	kept     *bytes.Buffer // nil where the bytes are not kept
	pipe     *io.PipeWriter
	done     chan struct{}
	zip      archive.Digests
	err      error // why it has none
}

func newContent(ctx context.Context, keep, isZip bool) *content {
	c := &content{sha: sha256.New(), md5: md5.New()} //nolint:gosec // the AWS CLI's keys are
	if keep {
		c.kept = new(bytes.Buffer)
	}
	if isZip {
		var out *io.PipeReader
		out, c.pipe = io.Pipe()
		c.done = make(chan struct{})
		go func() {
			defer close(c.done)
			c.zip, c.err = archive.Redigest(ctx, out)
			_, _ = io.Copy(io.Discard, out) // what is no archive is hashed all the same
		}()
	}
	return c
}

// Write takes in bytes.
func (c *content) Write(p []byte) (int, error) {
	_, _ = c.sha.Write(p)
	_, _ = c.md5.Write(p)
	if c.kept != nil {
		if c.kept.Len()+len(p) > maxTemplate {
			return 0, errors.New("it grows while it is read")
		}
		_, _ = c.kept.Write(p)
	}
	if c.pipe != nil {
		return c.pipe.Write(p)
	}
	return len(p), nil
}

// end ends the content: no more bytes come.
func (c *content) end() {
	if c.pipe != nil {
		_ = c.pipe.Close()
		<-c.done
	}
}

// why says what its bytes are, in the place of what the key says.
func (c *content) why() string {
	switch {
	case c.zip.Own != "":
		return "the archive's digest is " + c.zip.Own
	case c.err != nil:
		return c.err.Error()
	}
	return "their SHA-256 is " + hex.EncodeToString(c.sha.Sum(nil))
}
