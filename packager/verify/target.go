package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A location is where a stack of a region looks for an object or an image.
type location struct {
	region string
	template.Location
}

// A bucket is one that objects are in.
type bucket struct {
	*s3store.Bucket
	asked  bool
	listed bool
	err    error // it is not as it should be, or does not answer
	rules  s3store.Rules
	silent atomic.Bool // it does not tell objects' tags: nobody asks again
}

// A target is what is looked for: one object, whoever names it.
type target struct {
	location
	view      Object
	asked     bool
	access    Access
	bucket    *bucket // nil of an image
	object    s3store.Object
	there     bool
	content   []byte // of a template, once it was read
	sum       []byte // the SHA-256 of its bytes, once they were read
	packaged  *template.Packaged
	unread    []error // why the template cannot be read
	warnings  []string
	hint      string
	statement string
	err       error
}

func (t *target) url() string { return t.view.URL() }

// target is what a property names; it is the same for all that name the same.
func (r *run) target(n *node, u template.Use) *target {
	at := location{n.stack.Region, u.Location}
	at.Region = ""
	t := r.targets[at]
	if t == nil {
		t = &target{location: at, view: Object{Region: at.region, Bucket: at.Bucket, Key: at.Key, VersionID: at.Version}}
		r.targets[at] = t
		if at.Repository != "" {
			t.view.Image = at.Repository
			if at.Digest != "" {
				t.view.Image += "@" + at.Digest
			}
		}
	}
	t.view.Template = t.view.Template || u.Nested
	return t
}

// set decides what is known of a target.
func (t *target) set(state State, by By, format string, args ...any) {
	t.view.State, t.view.By, t.view.Why = state, by, fmt.Sprintf(format, args...)
}

// fail decides by an error of a request.
func (t *target) fail(state State, err error) {
	t.set(state, ByNothing, "%v", err)
	t.err = err
	var e *problem.Error
	if errors.As(err, &e) {
		t.view.Why, t.hint, t.statement = e.Message, strings.TrimSuffix(e.Hint, "; --dry-run needs none"), e.Statement
	}
}

// ask asks for all targets of which nobody has asked yet: first for their buckets, then for
// them, then for the bytes that are to be read; and what is old is made young, if that is
// asked for.
func (r *run) ask(ctx context.Context) error {
	var fresh []*target
	var buckets []func()
	for _, t := range r.inOrder() {
		t.asked = true
		t.access = r.access(t.region)
		fresh = append(fresh, t)
		if t.Repository != "" {
			continue
		}
		t.bucket = r.bucketOf(t)
		if b := t.bucket; !b.asked {
			b.asked = true
			buckets = append(buckets, func() { r.askBucket(ctx, b) })
		}
	}
	if err := errors.Join(r.refused...); err != nil {
		return err
	}
	if err := errors.Join(r.group(r.questions(), buckets), ctx.Err()); err != nil {
		return err
	}
	for _, step := range []struct {
		limit  int
		do     func(context.Context, *target)
		wanted func(*target) bool
	}{
		{r.questions(), r.prove, func(*target) bool { return true }},
		{r.jobs(), r.proveContent, r.isRead},
		{r.jobs(), r.refresh, r.mayBeOld},
	} {
		var all []func()
		for _, t := range fresh {
			if step.wanted(t) {
				all = append(all, func() { step.do(ctx, t) })
			}
		}
		if err := errors.Join(r.group(step.limit, all), ctx.Err()); err != nil {
			return err
		}
	}
	for _, t := range fresh {
		if r.opts.Verified != nil {
			r.opts.Verified(t.view)
		}
	}
	return nil
}

// isRead tells whether the bytes of what was found are read.
func (r *run) isRead(t *target) bool {
	return t.there && t.object.Archived == "" && (t.view.Template || r.opts.Deep)
}

// mayBeOld tells whether what was proved is made young: by its age, or where that helps, since
// a rule ends it soon.
func (r *run) mayBeOld(t *target) bool {
	if !r.opts.Refresh || r.opts.RefreshAfter < 0 || !t.there || t.view.State != Proved && t.view.State != Present {
		return false
	}
	return t.object.Old(t.bucket.Bucket) || t.endsSoon()
}

// endsSoon tells whether a rule ends an object within a week.
func (t *target) endsSoon() bool {
	return t.there && !t.view.Ends.IsZero() && time.Until(t.view.Ends) < soon
}

// copyHelps tells whether an object would end later if it was stored now: it does not where a
// rule has a date, nor on the day on which it was stored.
func (t *target) copyHelps(ctx context.Context) bool {
	young := t.object
	young.Modified = time.Now()
	if t.bucket.rules.Denied { // S3 tells the date alone
		return young.Modified.Sub(t.object.Modified) > 24*time.Hour
	}
	return t.endOf(ctx, young).At.After(t.view.Ends)
}

// prove looks for a target.
func (r *run) prove(ctx context.Context, t *target) {
	if t.Repository != "" {
		r.proveImage(ctx, t)
		return
	}
	r.proveObject(ctx, t)
}

// inOrder are the targets that nobody has asked for, in the order of the deployments.
func (r *run) inOrder() (all []*target) {
	seen := make(map[*target]bool)
	for _, d := range r.deployments {
		for _, t := range d.order {
			if !t.asked && !seen[t] {
				seen[t] = true
				all = append(all, t)
			}
		}
	}
	return all
}

func (r *run) bucketOf(t *target) *bucket {
	access := r.access(t.region)
	store := s3store.Store{Region: t.region, Bucket: t.Bucket, Owner: access.Owner, Role: access.role()}
	if r.buckets[store] == nil {
		r.buckets[store] = &bucket{Bucket: r.s3.Bucket(store, s3store.Told{Retrying: r.told(t.region)})}
	}
	return r.buckets[store]
}

// askBucket finds out whether a bucket is as it should be, and what its rules are.
func (r *run) askBucket(ctx context.Context, b *bucket) {
	if b.listed, b.err = b.CheckRead(ctx); b.err != nil {
		return
	}
	var err error
	if b.rules, err = b.Rules(ctx); err != nil {
		b.rules.Denied = true // the objects may be there all the same
	}
}

// proveObject looks for an object, and holds what S3 tells of it against its key.
func (r *run) proveObject(ctx context.Context, t *target) {
	switch b := t.bucket; {
	case b.err != nil && s3store.IsWrong(b.err):
		t.fail(Wrong, b.err)
		return
	case b.err != nil:
		t.fail(Unknown, b.err)
		return
	}
	o, err := t.bucket.Stat(ctx, t.Key, t.Version)
	switch {
	case s3store.IsAbsent(err) || s3store.IsWrong(err):
		t.fail(Wrong, err)
		return
	case s3store.IsDenied(err):
		t.fail(Unknown, err)
		t.hint = "this caller may not read it, or not decrypt it"
		if !t.bucket.listed {
			t.hint = "this caller may not read it, or it is missing: S3 tells that only to who may list the bucket"
		}
		t.statement = t.bucket.ReadStatement(t.Version != "")
		return
	case err != nil:
		t.fail(Unknown, err)
		return
	}
	t.object, t.there = o, true
	t.view.Size, t.view.Modified = o.Size, o.Modified
	if o.VersionID != "" {
		t.view.VersionID = o.VersionID
	}
	if o.Archived != "" {
		t.set(Wrong, ByNothing, "it is archived, in the storage class %s, and nothing can be deployed from there", o.Archived)
		t.hint = "restore it, or package again"
		return
	}
	t.judge()
	r.end(ctx, t)
}

// end finds out when a lifecycle rule ends an object.
func (r *run) end(ctx context.Context, t *target) {
	end := t.endOf(ctx, t.object)
	t.view.Ends, t.view.EndsBy, t.view.Archives, t.view.EndUnknown = end.At, end.Rule, end.Archive, end.Unknown
	if end.Earliest {
		t.view.EndUnknown = "it is not the newest version, and may stay for longer"
	}
}

// endOf is when the rules end an object as this one.
func (t *target) endOf(ctx context.Context, o s3store.Object) s3store.End {
	newest := true
	if t.Version != "" {
		last, err := t.bucket.Stat(ctx, t.Key, "")
		newest = err == nil && last.VersionID == o.VersionID
	}
	return t.bucket.rules.End(o, newest, func() (map[string]string, error) { return t.bucket.tags(ctx, o) })
}

// tags asks for an object's tags, unless the bucket has left such a question without an
// answer: of thousands of objects each would wait.
func (b *bucket) tags(ctx context.Context, o s3store.Object) (map[string]string, error) {
	if b.silent.Load() {
		return nil, nil
	}
	tags, err := b.Tags(ctx, o)
	if errors.Is(err, context.DeadlineExceeded) {
		b.silent.Store(true)
	}
	return tags, err
}

// refresh makes an object young.
func (r *run) refresh(ctx context.Context, t *target) {
	if !t.object.Old(t.bucket.Bucket) && !t.copyHelps(ctx) {
		return
	}
	if t.Version != "" {
		t.warnings = append(t.warnings, "it is old, and cannot be refreshed: the template names this version of it")
		return
	}
	sum := t.sum
	if sum == nil {
		sum = t.object.SHA256
	}
	if sum == nil {
		sum = t.object.Checksum
	}
	if err := t.bucket.Renew(ctx, t.object, sum); err != nil {
		var e *problem.Error
		if errors.As(err, &e) {
			t.hint, t.statement = e.Hint, e.Statement
		}
		t.set(Unknown, t.view.By, "it is old, and could not be refreshed: %v", err)
		return
	}
	t.view.Refreshed = true
	t.object.Modified, t.view.Modified = time.Now(), time.Now()
	r.end(ctx, t)
}

// proveImage looks for an image, and all that its manifest names.
func (r *run) proveImage(ctx context.Context, t *target) {
	repository, reference := registry.Address(t.view.Image)
	in, err := r.registries.Reader(registry.Store{Region: t.region, Repository: repository, Role: t.access.role()}, registry.Told{Retrying: r.told(t.region)})
	if err != nil {
		t.fail(Wrong, err)
		return
	}
	p, err := in.Prove(ctx, reference)
	t.view.Size = p.Size
	switch {
	case err != nil:
		t.fail(Unknown, err)
	case p.Presence == registry.Unknown:
		t.set(Unknown, ByNothing, "%s", p.Why)
	case p.Presence == registry.Absent:
		t.set(Wrong, ByNothing, "%s", p.Why)
	case t.Digest == "":
		t.set(Present, ByManifest, "")
		t.warnings = append(t.warnings, "it is named by a tag, which may mean another image tomorrow: today it is "+p.Digest)
	default:
		t.set(Proved, ByManifest, "")
	}
}
