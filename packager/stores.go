package packager

import (
	"errors"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// ValidRegion tells whether name has the form of an AWS region's name.
func ValidRegion(name string) bool { return region.Valid(name) }

// BucketVariable returns the name of the environment variable that holds a
// region's bucket: US_EAST_1_ARTIFACT_BUCKET for us-east-1.
func BucketVariable(name string) string { return region.BucketVariable(name) }

// RegionsOf returns the regions, sorted, whose bucket variable is set in
// environ, a list of the form of os.Environ. One that is set and empty counts:
// a region must not vanish because a value got lost.
func RegionsOf(environ []string) []string { return region.OfVariables(environ) }

// TempName returns the pattern, as os.CreateTemp takes it, of temporary files
// beside the outputs. Files of such names never enter an archive.
func TempName() string { return archive.TempName }

// OutputsFile lists, a name on each line, files of its folder that mrpackage
// wrote there and whose names do not tell: a report, templates of a pattern of
// the user's own. The walk of an artifact leaves them out, and the list too.
const OutputsFile = archive.OutputsFile

// stores returns the stores with all that was left to defaults, and every problem.
func (o Options) stores() ([]s3store.Store, []error) {
	given := make([]s3store.Store, len(o.Stores))
	for i, s := range o.Stores {
		given[i] = s3store.Store(s)
	}
	stores, errs := s3store.Complete(given)
	return stores, append(errs, s3store.CheckKeys(stores, s3store.SSE(o.SSE))...)
}

// Policy returns, as JSON, the least IAM policy with which a run with these
// options can do all that it does: store, prove what is stored, refresh it, and
// clean up after an interrupted upload.
func Policy(opts Options) ([]byte, error) {
	stores, errs := opts.stores()
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return s3store.Policy(stores, len(opts.Tags) > 0)
}
