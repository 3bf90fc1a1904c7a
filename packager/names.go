package packager

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
)

// ValidRegion tells whether name has the form of an AWS region's name.
func ValidRegion(name string) bool { return region.Valid(name) }

// KnownRegions returns the names of the regions that AWS had when this was written, to choose
// from. There may be others.
func KnownRegions() []string { return region.Known() }

// BucketVariable returns the name of the environment variable that holds a
// region's bucket: US_EAST_1_ARTIFACT_BUCKET for us-east-1.
func BucketVariable(name string) string { return region.BucketVariable(name) }

// RepositoryVariable returns the name of the environment variable that holds the address of
// a region's repository for container images: US_EAST_1_IMAGE_REPOSITORY for us-east-1.
func RepositoryVariable(name string) string { return region.RepositoryVariable(name) }

// DNSSuffix is what names of AWS's hosts end in, in a region's partition.
func DNSSuffix(name string) string { return region.DNSSuffix(name) }

// RegionsOf returns the regions, sorted, whose bucket variable is set in
// environ, a list of the form of os.Environ; where there is none, those whose
// repository variable is set. One that is set and empty counts: a region must not
// vanish because a value got lost.
func RegionsOf(environ []string) []string { return region.Default(environ) }

// TempName returns the pattern, as os.CreateTemp takes it, of temporary files
// beside the outputs. Files of such names never enter an archive.
func TempName() string { return archive.TempName }

// LoadAWS returns the configuration of the AWS SDK: of the environment, of ~/.aws, and of
// the machine. A profile of "" is the one that the environment names. An error says what
// to do.
func LoadAWS(ctx context.Context, profile string) (aws.Config, error) {
	return role.LoadAWS(ctx, profile)
}

// WithoutCredentials returns an error that says why a request of the AWS SDK had no
// credentials, and what to do; nil where that is not why it failed.
func WithoutCredentials(cfg aws.Config, err error) error {
	return role.WithoutCredentials(cfg, err)
}
