package diff

import (
	"context"
	"crypto/md5" //nolint:gosec // the AWS CLI's keys are
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
)

const (
	maxNested   = 200     // a stranger's templates may nest each other without an end
	maxTemplate = 8 << 20 // more than CloudFormation takes, 1 MB
)

// templatesIn reads two nested templates and compares them. If they mean the same, the objects
// are those of two regions, or packaged anew.
func (d *differ) templatesIn(ctx context.Context, g *group) error {
	if d.nested.Add(1) > maxNested {
		g.code.Unknown = fmt.Sprintf("more than %d nested templates differ: the others are not compared", maxNested)
		return g.now[0].Errorf("%s", g.code.Unknown)
	}
	var before, after version
	var err, alsoErr error
	inParallel(func() { before, err = d.template(ctx, g.old) }, func() { after, alsoErr = d.template(ctx, g.now) })
	if err != nil || alsoErr != nil {
		g.code.Unknown = reasonOf(err, alsoErr)
		return errors.Join(err, alsoErr)
	}
	result, errs := d.templates(ctx, before, after)
	g.code.Nested = result
	switch {
	case result.Different:
	case g.apart:
		g.code.Status = Same
	default:
		g.code.Status = Repackaged
	}
	return errors.Join(errs...)
}

// template reads a nested template in the stacks that it is deployed in.
func (d *differ) template(ctx context.Context, uses []template.Use) (v version, err error) {
	err = d.anywhere(ctx, uses, func(o object) error {
		if o.size > maxTemplate {
			return fmt.Errorf("it has %d bytes, far more than CloudFormation takes (1 MB)", o.size)
		}
		text := make([]byte, o.size)
		if n, err := o.ReadAt(text, 0); int64(n) < o.size {
			return err
		} else if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := isItsKeys(uses[0].Location.Key, text); err != nil {
			return err
		}
		var errs []error
		v.name = "s3://" + uses[0].Location.Bucket + "/" + uses[0].Location.Key
		v.packaged, errs = template.ReadPackaged(ctx, text, v.name, d.table)
		v.forMany = len(errs) == 0 && len(v.packaged.Regions()) > 0
		return errors.Join(errs...)
	})
	for _, u := range uses {
		v.stacks = append(v.stacks, u.Stack)
	}
	return v, err
}

// isItsKeys is an error where a template's key is a digest of another content: mrpackage's is
// the SHA-256, the AWS CLI's the MD5.
func isItsKeys(key string, text []byte) error {
	digest, ok := strings.CutSuffix(path.Base(key), ".template")
	if !ok || !isDigest(digest) {
		return nil
	}
	kind, sum := "SHA-256", fmt.Sprintf("%x", sha256.Sum256(text))
	if len(digest) == 2*md5.Size {
		kind, sum = "MD5", fmt.Sprintf("%x", md5.Sum(text)) //nolint:gosec // the AWS CLI's keys are
	}
	if sum != digest {
		return fmt.Errorf("its bytes are not what its key says: their %s is %s", kind, sum)
	}
	return nil
}
