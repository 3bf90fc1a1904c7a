package s3store

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Rules are what a bucket does with objects that grow old.
type Rules struct {
	Denied bool // S3 does not tell them to this caller
	rules  []rule
}

// A rule is a lifecycle rule that is switched on, as far as it ends an object.
type rule struct {
	id, prefix string
	tags       map[string]string
	above      int64 // the object has more bytes; less than 0, any number
	below      int64 // and fewer
	days       int   // until it is deleted; 0 means never
	date       time.Time
	noncurrent int  // days until a version is deleted that is not the newest; 0 means never
	keeps      bool // but for some that newer ones do not reach
	archives   []archival
	large      bool // it archives large objects alone
}

// An archival is when a rule archives an object, so that nothing can be deployed from there.
type archival struct {
	class      string // as what
	days       int
	date       time.Time // in the place of days, where it is not zero
	noncurrent bool      // it is for versions that are not the newest, and days since then
}

// smallest is how many bytes an object has that S3 archives where no rule's filter has a size and
// the bucket keeps S3's default (S3 guide, "Constraints and considerations for transitions").
const smallest = 128 << 10

// patient bounds a question that only says when an object ends, tries included: an answer
// that does not come must not keep those waiting who have proved all else.
func (b *Bucket) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, cmp.Or(b.config.Patience, checkTimeout))
}

// Rules asks for the bucket's lifecycle rules, for a while.
func (b *Bucket) Rules(ctx context.Context) (Rules, error) {
	ctx, cancel := b.patient(ctx)
	defer cancel()
	out, err := b.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.Bucket, ExpectedBucketOwner: b.owner()}, b.fewer())
	switch {
	case err == nil:
	case code(err) == "NoSuchLifecycleConfiguration":
		return Rules{}, nil
	case status(err) == http.StatusForbidden, status(err) == http.StatusNotImplemented:
		return Rules{Denied: true}, nil
	default:
		return Rules{Denied: true}, b.explain("s3:GetLifecycleConfiguration", "asking for the lifecycle rules of", "", err)
	}
	var r Rules
	for _, given := range out.Rules {
		if given.Status == types.ExpirationStatusEnabled {
			r.rules = append(r.rules, ruleOf(given, out.TransitionDefaultMinimumObjectSize))
		}
	}
	return r, nil
}

// ruleOf reads a rule of a bucket with this default. S3's older form has the prefix beside the
// filter.
func ruleOf(given types.LifecycleRule, least types.TransitionDefaultMinimumObjectSize) rule {
	r := rule{id: aws.ToString(given.ID), prefix: aws.ToString(given.Prefix), above: -1, below: -1} //nolint:staticcheck // old rules have it
	if given.Filter != nil {
		r.filter(given.Filter)
	}
	if e := given.Expiration; e != nil {
		r.days, r.date = int(aws.ToInt32(e.Days)), aws.ToTime(e.Date)
	}
	if e := given.NoncurrentVersionExpiration; e != nil {
		r.noncurrent, r.keeps = int(aws.ToInt32(e.NoncurrentDays)), aws.ToInt32(e.NewerNoncurrentVersions) > 0
	}
	closed := func(class types.TransitionStorageClass) bool {
		return class == types.TransitionStorageClassGlacier || class == types.TransitionStorageClassDeepArchive
	}
	for _, t := range given.Transitions {
		if closed(t.StorageClass) {
			r.archives = append(r.archives, archival{class: string(t.StorageClass), days: int(aws.ToInt32(t.Days)), date: aws.ToTime(t.Date)})
		}
	}
	for _, t := range given.NoncurrentVersionTransitions {
		if closed(t.StorageClass) {
			r.archives = append(r.archives, archival{class: string(t.StorageClass), days: int(aws.ToInt32(t.NoncurrentDays)), noncurrent: true})
		}
	}
	r.large = least == types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k && r.above < 0 && r.below < 0
	return r
}

// filter takes in which objects a rule is for.
func (r *rule) filter(f *types.LifecycleRuleFilter) {
	tagged := func(tags ...types.Tag) {
		for _, t := range tags {
			if r.tags == nil {
				r.tags = make(map[string]string)
			}
			r.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	}
	sized := func(above, below *int64) {
		if above != nil {
			r.above = *above
		}
		if below != nil {
			r.below = *below
		}
	}
	r.prefix += aws.ToString(f.Prefix)
	sized(f.ObjectSizeGreaterThan, f.ObjectSizeLessThan)
	if f.Tag != nil {
		tagged(*f.Tag)
	}
	if f.And != nil {
		r.prefix += aws.ToString(f.And.Prefix)
		sized(f.And.ObjectSizeGreaterThan, f.And.ObjectSizeLessThan)
		tagged(f.And.Tags...)
	}
}

// Tags are an object's tags.
func (b *Bucket) Tags(ctx context.Context, o Object) (map[string]string, error) {
	ctx, cancel := b.patient(ctx)
	defer cancel()
	input := &s3.GetObjectTaggingInput{Bucket: &b.Bucket, Key: &o.Key, ExpectedBucketOwner: b.owner()}
	if o.Version != "" {
		input.VersionId = &o.Version
	}
	out, err := b.client.GetObjectTagging(ctx, input, b.fewer())
	switch {
	case status(err) == http.StatusForbidden:
		return nil, because(errDenied, "S3 denies a look at its tags")
	case err != nil:
		return nil, b.explain("s3:GetObjectTagging", "asking for the tags of", o.Key, err)
	}
	tags := make(map[string]string)
	for _, t := range out.TagSet {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}
