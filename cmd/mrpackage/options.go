package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// options makes the library's options of flags and environment. problems are
// those that are reported together with the template's; err is wrong usage.
func (f *flags) options(ctx context.Context) (opts packager.Options, problems []error, err error) {
	if err := f.check(); err != nil {
		return opts, nil, usageError{err}
	}
	opts = packager.Options{
		TemplateFile: f.templateFile, Properties: f.properties, Exclude: f.exclude,
		SSE: f.sse, Metadata: f.metadata, Provenance: provenance(), Tags: f.tags,
		OneTemplate: f.oneTemplate, UseJSON: f.useJSON, ArchiveDir: f.archiveDir,
		Copy: f.copy, Shard: f.shard, Jobs: f.jobs, RefreshAfter: f.refreshAfter,
		ImageEngine: f.imageEngine, CopyImages: f.copyImages, ForceUpload: f.forceUpload, EndpointURL: f.endpoint, DryRun: f.dryRun,
	}
	regions := f.regions
	if len(regions) == 0 {
		regions = packager.RegionsOf(os.Environ())
	}
	if !f.offline() || len(regions) == 0 {
		cfg, err := packager.LoadAWS(ctx, f.profile)
		opts.AWS = &cfg
		if err != nil {
			problems = append(problems, err)
			if len(regions) == 0 { // it may have told the region
				opts.Outputs = f.outputs(nil)
				opts.Stores = []packager.Store{{Region: unknownRegion, Bucket: "unknown"}}
				return opts, problems, nil
			}
		}
		if len(regions) == 0 && opts.AWS.Region != "" {
			regions = []string{opts.AWS.Region}
		}
	}
	if err := f.checkRegions(regions); err != nil {
		return opts, nil, usageError{err}
	}
	opts.Outputs = f.outputs(regions)
	who := &caller{offline: f.offline(), patience: stsPatience, aws: opts.AWS}
	if len(problems) > 0 {
		who.id = unknownAccount // nobody is asked with a configuration that could not be read
	}
	for _, region := range regions {
		role := f.role(ctx, region, who)
		opts.Stores = append(opts.Stores, f.store(ctx, region, role, who))
		opts.Repositories = append(opts.Repositories, f.repositories.in(ctx, region, who.as(role))...)
	}
	return opts, append(problems, who.problems...), nil
}

// offline tells whether the run makes no request.
func (f *flags) offline() bool { return f.dryRun || f.printPolicy }

// checkRegions holds what is said for one region against the regions of the
// run.
func (f *flags) checkRegions(regions []string) error {
	if !f.oneTemplate && f.outputPattern != "" && len(regions) > 1 && !strings.Contains(f.outputPattern, "{region}") {
		return fmt.Errorf("--output-template-file %q needs a {region}, or --one-template: one template is written for each of the %d regions", f.outputPattern, len(regions))
	}
	for _, flag := range []struct {
		name string
		byRegion
	}{{"--s3-bucket", f.buckets}, {"--expected-bucket-owner", f.owners}, {"--role-arn", f.roles}, {"--role-external-id", f.externalIDs}, {"--kms-key-id", f.keys}, {"--image-repository", f.repositories.byRegion}} {
		for _, region := range slices.Sorted(maps.Keys(flag.own)) {
			if !slices.Contains(regions, region) {
				return fmt.Errorf("%s %s=%s: %s is not among the regions", flag.name, region, flag.own[region], region)
			}
		}
	}
	return nil
}

// role is what the flags say of the role to assume in one region. {account} is the caller's:
// nobody else is there yet.
func (f *flags) role(ctx context.Context, region string, who *caller) packager.Role {
	r := packager.Role{ARN: f.roles.of(region), ExternalID: f.externalIDs.of(region)}
	if strings.Contains(r.ARN, "{account}") {
		r.ARN = strings.ReplaceAll(r.ARN, "{account}", who.account(ctx, region, "--role-arn"))
	}
	r.ARN = strings.ReplaceAll(r.ARN, "{region}", region)
	if r.ARN == "" {
		return packager.Role{} // the external ID is for other regions
	}
	return r
}

// store is what the flags say of one region.
func (f *flags) store(ctx context.Context, region string, role packager.Role, who *caller) packager.Store {
	who = who.as(role)
	s := packager.Store{Region: region, Role: role, Bucket: f.buckets.of(region), Owner: f.owners.of(region), KMSKey: f.keys.of(region)}
	if strings.Contains(s.Bucket, "{account}") {
		s.Bucket = strings.ReplaceAll(s.Bucket, "{account}", who.account(ctx, region, "--s3-bucket"))
	}
	if s.Owner == "self" {
		s.Owner = who.self(ctx, region)
	}
	s.Bucket = strings.ReplaceAll(s.Bucket, "{region}", region)
	s.Prefix = strings.ReplaceAll(f.prefix, "{region}", region)
	return s
}
