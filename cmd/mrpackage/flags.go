package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/moby/patternmatcher"
	"github.com/spf13/pflag"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

const longHelp = `mrpackage reads a SAM or CloudFormation template, archives each local artifact
that it refers to once, stores the archives in every region's bucket
concurrently, and writes one packaged template per region.

Regions are those of --regions, else those whose <REGION>_ARTIFACT_BUCKET is
set, else the AWS configuration's region. A region's bucket is that of
--s3-bucket, else $<REGION>_ARTIFACT_BUCKET: US_EAST_1_ARTIFACT_BUCKET for
us-east-1.

Standard output holds the results alone: for each written template its region,
a tab, and its path. Exit status: 0 done; 1 failed, and no template was
written; 2 wrong usage; 130 interrupted.`

const examples = `  # in a buildspec, with US_EAST_1_ARTIFACT_BUCKET and US_WEST_2_ARTIFACT_BUCKET set
  mrpackage --regions us-east-1,us-west-2

  # see what would be stored where; no network, no credentials
  mrpackage --dry-run --regions us-east-1,us-west-2 --s3-bucket 'my-artifacts-{region}'`

type flags struct {
	templateFile      string
	regions, region   []string
	buckets           []string
	owners            []string
	prefix            string
	sse               string
	keys              []string
	tags              []string
	refreshAfter      string
	copy              string
	shard             string
	output            string
	useJSON           bool
	metadata          string
	forceUpload       bool
	profile, endpoint string
	exclude           []string
	properties        []string
	jobs              int
	dryRun            bool
	archiveDir        string
	report, trace     string
	strict            bool
	printPolicy       bool
	quiet, verbose    bool
	noProgress        bool
	version           bool

	set *pflag.FlagSet
}

// changed tells whether one of the flags was given.
func (f *flags) changed(names ...string) bool {
	for _, name := range names {
		if f.set.Changed(name) {
			return true
		}
	}
	return false
}

func (f *flags) define(fs *pflag.FlagSet) {
	f.set = fs
	fs.SortFlags = false
	fs.StringVarP(&f.templateFile, "template-file", "t", "", "the `template` (default: the first of template.yaml, template.yml, template.json)")
	fs.StringSliceVarP(&f.regions, "regions", "r", nil, "`regions`, divided by commas; repeatable")
	fs.StringSliceVar(&f.region, "region", nil, "the same as --regions")
	fs.StringArrayVar(&f.buckets, "s3-bucket", nil, "`bucket`, in which {region} and {account} are filled in; or REGION=BUCKET; repeatable")
	fs.StringVar(&f.prefix, "s3-prefix", "", "`prefix` of every key; may hold {region}")
	fs.StringArrayVar(&f.owners, "expected-bucket-owner", nil, "`account` that must own the buckets: its ID, or self for the caller's;\nor REGION=ID; repeatable")
	fs.StringVar(&f.sse, "sse", "bucket", "`encryption` of uploaded objects: bucket (its default), AES256 or aws:kms")
	fs.StringArrayVar(&f.keys, "kms-key-id", nil, "KMS `key` for uploaded objects: ID, ARN or alias; or REGION=KEY; repeatable")
	fs.StringVar(&f.output, "output-template-file", "", "where the packaged templates go, a `pattern` with {region}\n(default target/packaged-template-{region}.yaml, .json for JSON; - is standard output, for one region)")
	fs.BoolVar(&f.useJSON, "use-json", false, "write packaged templates in JSON")
	fs.StringVar(&f.metadata, "metadata", "", "`metadata` of every uploaded object: KEY=VALUE,KEY=VALUE or a JSON object")
	fs.StringArrayVar(&f.tags, "tag", nil, "`tag` of every uploaded object: KEY=VALUE; repeatable")
	fs.StringVar(&f.refreshAfter, "refresh-after", "30d", "`age` from which on an object in use is copied onto itself, so that no lifecycle rule\ndeletes it: days as 30d, or never")
	fs.StringVar(&f.copy, "copy", "auto", "`when` S3 itself copies an archive from one region's bucket to the others:\nauto, where that saves much of this machine's link; always; never")
	fs.StringVar(&f.shard, "shard", "", "store a `share` of the artifacts, I/N, and write no template: N runs on N machines store all;\na last run without it finds everything stored")
	fs.BoolVar(&f.forceUpload, "force-upload", false, "upload everything, whatever is stored already")
	fs.StringVar(&f.profile, "profile", "", "`profile` of the AWS configuration")
	fs.StringVar(&f.endpoint, "endpoint-url", "", "`URL` of an S3 server to use in place of AWS's")
	fs.StringArrayVar(&f.exclude, "exclude", nil, "keep what matches this `pattern` out of archives (.dockerignore syntax); repeatable,\nbeside a .mrpackageignore in an artifact's folder")
	fs.StringArrayVar(&f.properties, "property", nil, "also package this `property`: TYPE=PATH:FORM[:zip], with the forms s3, url, lambda and bucket;\nrepeatable, for a resource type that mrpackage does not know")
	fs.IntVar(&f.jobs, "jobs", 32, "`number` of uploads under way at once; of questions and copies,\nwhich send next to nothing, four times as many")
	fs.BoolVar(&f.dryRun, "dry-run", false, "do all but send: write the final templates and say what would be stored where")
	fs.StringVar(&f.archiveDir, "archive-dir", "", "also keep every archive in this `folder`, as its key")
	fs.StringVar(&f.report, "report", "", "write a JSON record of the run to this `file`")
	fs.StringVar(&f.trace, "trace", "", "write where the time goes to this `file`, for ui.perfetto.dev")
	fs.BoolVar(&f.printPolicy, "print-iam-policy", false, "print the least IAM policy for these regions, buckets and keys, and do nothing else")
	fs.BoolVar(&f.strict, "strict", false, "take warnings for errors")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print results, warnings and errors only")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "print a line for every object, also for those that are stored already")
	fs.BoolVar(&f.noProgress, "no-progress", false, "no live progress on a terminal")
	fs.BoolVar(&f.version, "version", false, "print the version")
	fs.BoolP("help", "h", false, "print this help")
}

// options turns flags and environment into the library's options. problems are
// those that are reported together with the template's; err is wrong usage.
func (f *flags) options(ctx context.Context) (opts packager.Options, problems []error, err error) {
	usage := func(format string, args ...any) (packager.Options, []error, error) {
		return packager.Options{}, nil, usageError{fmt.Errorf(format, args...)}
	}
	opts = packager.Options{
		SSE: packager.SSE(f.sse), Provenance: provenance(),
		TemplateFile: f.templateFile, Exclude: f.exclude, UseJSON: f.useJSON,
		ForceUpload: f.forceUpload, DryRun: f.dryRun, ArchiveDir: f.archiveDir,
		Jobs: f.jobs, EndpointURL: f.endpoint,
	}
	if f.jobs < 1 {
		return usage("--jobs %d: at least one is needed", f.jobs)
	}
	if f.quiet && f.verbose {
		return usage("--quiet and --verbose exclude each other")
	}
	if _, err := patternmatcher.New(f.exclude); err != nil {
		return usage("--exclude %q: %w", f.exclude, err)
	}
	if !utf8.ValidString(strings.Join(f.exclude, "")) {
		return usage("--exclude %q: this is not UTF-8", f.exclude)
	}
	if strings.HasSuffix(f.output, "/") || strings.HasSuffix(f.output, string(os.PathSeparator)) {
		return usage("--output-template-file %q names a folder: name the file in it", f.output)
	}
	if f.changed("regions", "region") && len(f.regionNames(nil)) == 0 {
		return usage("--regions: no region is named")
	}
	if f.endpoint != "" && !regexp.MustCompile(`^https?://[^/]+`).MatchString(f.endpoint) {
		return usage("--endpoint-url %q is not a URL like https://localhost:9000", f.endpoint)
	}
	if opts.Metadata, err = parseMetadata(f.metadata); err != nil {
		return usage("--metadata: %w", err)
	}
	if opts.Properties, err = parseProperties(f.properties); err != nil {
		return usage("--property %w", err)
	}
	buckets, err := parseBuckets(f.buckets)
	if err != nil {
		return usage("--s3-bucket %w", err)
	}
	owners, err := parseByRegion(f.owners, "an account")
	if err != nil {
		return usage("--expected-bucket-owner %w", err)
	}
	keys, err := parseByRegion(f.keys, "a key")
	if err != nil {
		return usage("--kms-key-id %w", err)
	}
	if f.sse == "bucket" {
		opts.SSE = packager.BucketSSE
	} else if f.sse != string(packager.AES256) && f.sse != string(packager.KMS) {
		return usage("--sse %q: there are bucket, AES256 and aws:kms", f.sse)
	}
	switch f.copy {
	case "auto":
	case string(packager.CopyAlways), string(packager.CopyNever):
		opts.Copy = packager.Copy(f.copy)
	default:
		return usage("--copy %q: there are auto, always and never", f.copy)
	}
	if opts.Shard, err = parseShard(f.shard); err != nil {
		return usage("--shard %w", err)
	}
	if f.shard != "" && f.output != "" {
		return usage("--shard writes no template: leave --output-template-file to the last run")
	}
	if opts.Tags, err = parseTags(f.tags); err != nil {
		return usage("--tag %w", err)
	}
	if opts.RefreshAfter, err = parseAge(f.refreshAfter); err != nil {
		return usage("--refresh-after %w", err)
	}
	regions := f.regionNames(os.Environ())
	needAWS := !f.dryRun && !f.printPolicy || len(regions) == 0
	if needAWS {
		cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(f.profile),
			config.WithLogger(logging.Nop{})) // what matters comes back as an error
		if err != nil {
			problems = append(problems, fmt.Errorf("loading the AWS configuration: %w", err))
		}
		opts.AWS = &cfg
		if len(regions) == 0 && cfg.Region != "" {
			regions = []string{cfg.Region}
		}
	}
	if f.output != "" && len(regions) > 1 && !strings.Contains(f.output, "{region}") {
		return usage("--output-template-file %q needs a {region}: one template is written for each of the %d regions", f.output, len(regions))
	}
	for flag, given := range map[string]byRegion{"--s3-bucket": buckets, "--expected-bucket-owner": owners, "--kms-key-id": keys} {
		for region, v := range given.own {
			if !contains(regions, region) {
				return usage("%s %s=%s: %s is not among the regions", flag, region, v, region)
			}
		}
	}
	who := &caller{dryRun: f.dryRun || f.printPolicy, patience: stsPatience, aws: opts.AWS}
	for _, region := range regions {
		s := packager.Store{Region: region, Bucket: buckets.of(region), Owner: owners.of(region), KMSKey: keys.of(region)}
		if strings.Contains(s.Bucket, "{account}") {
			s.Bucket = strings.ReplaceAll(s.Bucket, "{account}", who.account(ctx, region))
		}
		if s.Owner == "self" {
			s.Owner = who.self(ctx, region)
		}
		s.Bucket = strings.ReplaceAll(s.Bucket, "{region}", region)
		s.Prefix = strings.ReplaceAll(f.prefix, "{region}", region)
		opts.Stores = append(opts.Stores, s)
	}
	problems = append(problems, who.problems...)
	opts.Outputs = f.excludedOutputs()
	return opts, problems, nil
}

// regionNames returns the regions asked for, each once, else those whose bucket
// variables are set.
func (f *flags) regionNames(environ []string) []string {
	var regions []string
	for _, r := range append(f.regions, f.region...) {
		if r = strings.TrimSpace(r); r != "" && !contains(regions, r) {
			regions = append(regions, r)
		}
	}
	if len(regions) == 0 {
		return packager.RegionsOf(environ)
	}
	return regions
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
