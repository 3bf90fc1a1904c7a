// Package region knows how AWS names its regions: the form of a name, the
// partition that it belongs to, and the variables that a pipeline names after it.
package region

import (
	"regexp"
	"slices"
	"strings"
)

// Pattern is the form of a region's name as a regular expression: us-east-1,
// us-gov-west-1.
const Pattern = `[a-z]{2,4}(-[a-z]+)+-[0-9]+`

// Valid tells whether a name has the form of a region's name.
func Valid(name string) bool { return regexp.MustCompile("^" + Pattern + "$").MatchString(name) }

// bucketSuffix ends the name of the environment variable that holds a region's
// bucket.
const bucketSuffix = "_ARTIFACT_BUCKET"

// repositorySuffix ends that of the variable that holds a region's repository.
const repositorySuffix = "_IMAGE_REPOSITORY"

// BucketVariable is the name of the environment variable that holds a region's
// bucket: US_EAST_1_ARTIFACT_BUCKET for us-east-1.
func BucketVariable(region string) string {
	return strings.ToUpper(strings.ReplaceAll(region, "-", "_")) + bucketSuffix
}

// RepositoryVariable is the name of the environment variable that holds the address of a
// region's repository for container images: US_EAST_1_IMAGE_REPOSITORY for us-east-1.
func RepositoryVariable(region string) string {
	return strings.TrimSuffix(BucketVariable(region), bucketSuffix) + repositorySuffix
}

// OfRepositoryVariable returns the region whose variable [RepositoryVariable] names so; ""
// where there is none.
func OfRepositoryVariable(variable string) string {
	regions := ofVariables([]string{variable}, repositorySuffix)
	if len(regions) == 0 || RepositoryVariable(regions[0]) != variable {
		return ""
	}
	return regions[0]
}

// OfVariables returns the regions, sorted, whose bucket variable is set in environ,
// a list of the form of os.Environ. One that is set and empty counts: a region must
// not vanish because a value got lost.
func OfVariables(environ []string) []string { return ofVariables(environ, bucketSuffix) }

// Default returns the regions of a run that names none: those of [OfVariables], or where
// there are none, those whose repository variable is set, in the same way.
func Default(environ []string) []string {
	if regions := OfVariables(environ); len(regions) > 0 {
		return regions
	}
	return ofVariables(environ, repositorySuffix)
}

func ofVariables(environ []string, suffix string) []string {
	var regions []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		name, ok := strings.CutSuffix(name, suffix)
		region := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if ok && name == strings.ToUpper(name) && !strings.Contains(name, "-") && Valid(region) {
			regions = append(regions, region)
		}
	}
	slices.Sort(regions)
	return slices.Compact(regions)
}

// A partition is a group of regions that share accounts and names: no request
// crosses from one to another.
type partition struct{ prefix, name, suffix string }

// of is a region's partition, from the partition metadata that the AWS SDKs share.
func of(region string) partition {
	for _, p := range []partition{
		{"cn-", "aws-cn", "amazonaws.com.cn"},
		{"us-gov-", "aws-us-gov", "amazonaws.com"},
		{"us-iso-", "aws-iso", "c2s.ic.gov"},
		{"us-isob-", "aws-iso-b", "sc2s.sgov.gov"},
		{"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
		{"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"},
		{"eusc-", "aws-eusc", "amazonaws.eu"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p
		}
	}
	return partition{"", "aws", "amazonaws.com"}
}

// Partition is the AWS partition of a region, as it stands in an ARN: aws, aws-cn.
func Partition(region string) string { return of(region).name }

// DNSSuffix is the domain of a region's partition: amazonaws.com, amazonaws.com.cn.
func DNSSuffix(region string) string { return of(region).suffix }
