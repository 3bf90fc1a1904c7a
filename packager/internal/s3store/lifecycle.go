package s3store

import (
	"context"
	"net/http"
	"strings"
	"sync"
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
	noncurrent int // days until a version is deleted that is not the newest
	archive    int // days until it is archived; less than 0 means never
	archiveAt  time.Time
	class      string // as what
}

// Rules asks for the bucket's lifecycle rules.
func (b *Bucket) Rules(ctx context.Context) (Rules, error) {
	out, err := b.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.Bucket, ExpectedBucketOwner: b.owner()})
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
			r.rules = append(r.rules, ruleOf(given))
		}
	}
	return r, nil
}

// ruleOf reads a rule. S3's older form has the prefix beside the filter.
func ruleOf(given types.LifecycleRule) rule {
	r := rule{id: aws.ToString(given.ID), prefix: aws.ToString(given.Prefix), above: -1, below: -1, archive: -1} //nolint:staticcheck // old rules have it
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
	if f := given.Filter; f != nil {
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
	if e := given.Expiration; e != nil {
		r.days, r.date = int(aws.ToInt32(e.Days)), aws.ToTime(e.Date)
	}
	if e := given.NoncurrentVersionExpiration; e != nil {
		r.noncurrent = int(aws.ToInt32(e.NoncurrentDays))
	}
	for _, t := range given.Transitions {
		if t.StorageClass == types.TransitionStorageClassGlacier || t.StorageClass == types.TransitionStorageClassDeepArchive {
			r.archive, r.archiveAt, r.class = int(aws.ToInt32(t.Days)), aws.ToTime(t.Date), string(t.StorageClass)
		}
	}
	return r
}

// An End is what the lifecycle rules have in store for an object.
type End struct {
	At      time.Time // the zero time means that no rule ends it
	Rule    string    // the rule's ID
	Archive string    // it is not deleted then, but archived in this storage class
	// Earliest tells that it may also be later: nobody has said since when a newer version
	// stands in its place.
	Earliest bool
	Unknown  string // why that is not known
}

// End tells when an object ends. newest is whether it is the newest version, by the key
// alone or by its version ID; tags are asked for only where a rule depends on them.
func (r Rules) End(o Object, newest bool, tags func() (map[string]string, error)) (end End) {
	if r.Denied {
		return r.endBySay(o)
	}
	ask := sync.OnceValues(tags)
	var perhaps End // by a rule of which nobody knows whether it is for the object
	for _, rule := range r.rules {
		at := rule.end(o, newest)
		if !rule.fits(o) || at.At.IsZero() || !end.At.IsZero() && !at.At.Before(end.At) {
			continue
		}
		var own map[string]string
		if len(rule.tags) > 0 && o.Tagged {
			var err error
			if own, err = ask(); err != nil || own == nil {
				perhaps = at
				perhaps.Unknown = "the rule " + rule.id + " depends on its tags, and S3 denies a look at them"
				continue
			}
		}
		if rule.tagged(own) {
			end = at
		}
	}
	if perhaps.Unknown != "" && (end.At.IsZero() || perhaps.At.Before(end.At)) {
		end.Unknown = perhaps.Unknown
	}
	return end
}

// endBySay reads the date that S3 tells with the object itself: expiry-date="Fri, 21 Dec
// 2012 00:00:00 GMT", rule-id="..." (API reference, HeadObject, x-amz-expiration).
func (r Rules) endBySay(o Object) End {
	_, rest, ok := strings.Cut(o.Expires, `expiry-date="`)
	date, rest, closed := strings.Cut(rest, `"`)
	at, err := http.ParseTime(date)
	if !ok || !closed || err != nil {
		return End{Unknown: "S3 does not tell this caller the bucket's lifecycle rules"}
	}
	_, id, _ := strings.Cut(rest, `rule-id="`)
	id, _, _ = strings.Cut(id, `"`)
	return End{At: at, Rule: id}
}

// fits tells whether the rule is for objects of this key and size.
func (r rule) fits(o Object) bool {
	return strings.HasPrefix(o.Key, r.prefix) && (r.above < 0 || o.Size > r.above) && (r.below < 0 || o.Size < r.below)
}

// tagged tells whether an object has all of the rule's tags.
func (r rule) tagged(own map[string]string) bool {
	for k, v := range r.tags {
		if is, there := own[k]; !there || is != v {
			return false
		}
	}
	return true
}

// end is when the rule ends an object. What expires in a bucket with versions gets a delete
// marker, and its version stays until it has been noncurrent for long enough.
func (r rule) end(o Object, newest bool) End {
	e := End{Rule: r.id}
	expires := r.expires(o.Modified)
	switch {
	case o.Version == "": // named by the key alone
		e.At = expires
	case newest && r.noncurrent > 0 && !expires.IsZero():
		e.At = midnight(expires, r.noncurrent)
	case !newest && r.noncurrent > 0:
		e.At, e.Earliest = midnight(o.Modified, r.noncurrent), true
	case o.VersionID == "" || o.VersionID == "null":
		e.At = expires
	}
	archived := r.archiveAt
	if r.archive >= 0 && archived.IsZero() {
		archived = midnight(o.Modified, r.archive)
	}
	if newest && !archived.IsZero() && (e.At.IsZero() || archived.Before(e.At)) {
		e.At, e.Archive, e.Earliest = archived, r.class, false
	}
	return e
}

// expires is when the newest version expires.
func (r rule) expires(modified time.Time) time.Time {
	if r.days > 0 {
		return midnight(modified, r.days)
	}
	return r.date
}

// midnight is so many days later, rounded up to midnight UTC, as S3 counts (S3 guide,
// "Lifecycle rules: based on an object's age").
func midnight(from time.Time, days int) time.Time {
	at := from.UTC().AddDate(0, 0, days)
	day := at.Truncate(24 * time.Hour)
	if day.Before(at) {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

// Tags are an object's tags.
func (b *Bucket) Tags(ctx context.Context, o Object) (map[string]string, error) {
	input := &s3.GetObjectTaggingInput{Bucket: &b.Bucket, Key: &o.Key, ExpectedBucketOwner: b.owner()}
	if o.Version != "" {
		input.VersionId = &o.Version
	}
	out, err := b.client.GetObjectTagging(ctx, input)
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
