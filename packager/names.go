package packager

import (
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
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
