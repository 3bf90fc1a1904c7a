package s3store

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Store is a bucket in a region: what CodePipeline calls an artifact store.
type Store struct {
	Region string
	// Bucket is the bucket's name. Empty means the value of the environment
	// variable that [region.BucketVariable] names.
	Bucket string
	// Prefix stands before every key, a slash between them. Empty means none.
	Prefix string
	// Owner is the account ID that the bucket must belong to; every request
	// says so. Empty means any.
	Owner string
	// KMSKey is the KMS key that objects are encrypted with: its ID, its ARN,
	// or an alias. Empty means what Config.SSE says.
	KMSKey string
	// Role is whom every request is signed as. The zero value means the caller. It has
	// been checked.
	Role role.Role
}

// Complete returns the stores with their buckets filled in, and every problem. Those for
// which needed says so must have a bucket.
func Complete(stores []Store, needed func(region string) bool) ([]Store, []error) {
	var errs []error
	fail := func(subject, hint, format string, args ...any) {
		errs = append(errs, &problem.Error{Subject: subject, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	if len(stores) == 0 {
		fail("", "name them with --regions us-east-1,us-west-2, or set "+region.BucketVariable("us-east-1")+" and the like", "no region is given")
	}
	stores = slices.Clone(stores)
	account := regexp.MustCompile(`^[0-9]{12}$`)
	seen := make(map[string]bool)
	regionOf := make(map[string]string) // the region that a bucket was given for
	for i := range stores {
		s := &stores[i]
		s.Prefix = strings.TrimRight(s.Prefix, "/")
		variable := region.BucketVariable(s.Region)
		source := ""
		if s.Bucket == "" {
			s.Bucket, source = os.Getenv(variable), ", the value of "+variable+","
		}
		switch {
		case !region.Valid(s.Region):
			fail(cmp.Or(s.Region, `""`), "a region's name is like us-east-1", "this is not the name of a region")
		case seen[s.Region]:
			fail(s.Region, "", "this region is given twice")
		case s.Bucket == "" && !needed(s.Region):
		case s.Bucket == "":
			fail(s.Region, "set it to the region's artifact bucket, or give --s3-bucket", "no bucket: %s is %s", variable, stateOf(variable))
		default:
			if what, hint := checkBucket(s.Bucket, s.Region); what != "" {
				fail(s.Region, hint, "%q%s is %s", s.Bucket, source, what)
			}
		}
		if s.Owner != "" && !account.MatchString(s.Owner) {
			fail(s.Region, "an account ID has 12 digits", "%q, the expected owner of the bucket, is not an account ID", s.Owner)
		}
		if other := regionOf[s.Bucket]; s.Bucket != "" && other != "" && other != s.Region {
			fail(s.Region, "name one for each region, as --s3-bucket 'my-artifacts-{region}'", "the bucket %s is given for %s already, and a bucket is in one region", s.Bucket, other)
		}
		regionOf[s.Bucket] = s.Region
		seen[s.Region] = true
		if err := checkPrefix(s.Prefix); err != nil {
			fail(s.Region, "", "the prefix %q %v", s.Prefix, err)
		}
	}
	return stores, errs
}

// stateOf tells how a variable has no value.
func stateOf(variable string) string {
	if _, set := os.LookupEnv(variable); set {
		return "empty"
	}
	return "not set"
}

// checkPrefix keeps out of keys what S3's guide calls characters to avoid or
// that need special handling ("Creating object key names"): in a URL that a
// template holds, ? and # would end the key.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if m := regexp.MustCompile(`[^A-Za-z0-9!_.*'()/=@+,-]`).FindString(prefix); m != "" {
		return fmt.Errorf("holds %q: use letters, digits and !_.*'()/=@+,-", m)
	}
	for part := range strings.SplitSeq(prefix, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("has a part %q: use names divided by single slashes", part)
		}
	}
	if len(prefix) > 900 {
		return fmt.Errorf("is %d bytes long, and a key has at most 1024", len(prefix))
	}
	return nil
}

// Key is the key of an object of that name.
func (s Store) Key(name string) string {
	if s.Prefix == "" {
		return name
	}
	return s.Prefix + "/" + name
}
