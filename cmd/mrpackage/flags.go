package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
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
	templateFile       string
	regions, region    []string
	buckets            []string
	prefix             string
	output             string
	useJSON            bool
	metadata           string
	forceUpload        bool
	profile, endpoint  string
	exclude            []string
	properties         []string
	jobs               int
	dryRun             bool
	archiveDir, report string
	strict             bool
	quiet, verbose     bool
	noProgress         bool

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
	fs.StringVar(&f.output, "output-template-file", "", "where the packaged templates go, a `pattern` with {region}\n(default target/packaged-template-{region}.yaml, .json for JSON; - is standard output, for one region)")
	fs.BoolVar(&f.useJSON, "use-json", false, "write packaged templates in JSON")
	fs.StringVar(&f.metadata, "metadata", "", "`metadata` of every uploaded object: KEY=VALUE,KEY=VALUE or a JSON object")
	fs.BoolVar(&f.forceUpload, "force-upload", false, "upload everything, whatever is stored already")
	fs.StringVar(&f.profile, "profile", "", "`profile` of the AWS configuration")
	fs.StringVar(&f.endpoint, "endpoint-url", "", "`URL` of an S3 server to use in place of AWS's")
	fs.StringArrayVar(&f.exclude, "exclude", nil, "keep what matches this `pattern` out of archives (.dockerignore syntax); repeatable,\nbeside a .mrpackageignore in an artifact's folder")
	fs.StringArrayVar(&f.properties, "property", nil, "also package this `property`: TYPE=PATH:FORM[:zip], with the forms s3, url, lambda and bucket;\nrepeatable, for a resource type that mrpackage does not know")
	fs.IntVar(&f.jobs, "jobs", 16, "`number` of requests under way at once")
	fs.BoolVar(&f.dryRun, "dry-run", false, "do all but send: write the final templates and say what would be stored where")
	fs.StringVar(&f.archiveDir, "archive-dir", "", "also keep every archive in this `folder`, as its key")
	fs.StringVar(&f.report, "report", "", "write a JSON record of the run to this `file`")
	fs.BoolVar(&f.strict, "strict", false, "take warnings for errors")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print results, warnings and errors only")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "print a line for every object, also for those that are stored already")
	fs.BoolVar(&f.noProgress, "no-progress", false, "no live progress on a terminal")
	fs.Bool("version", false, "print the version")
	fs.BoolP("help", "h", false, "print this help")
}

// options turns flags and environment into the library's options. problems are
// those that are reported together with the template's; err is wrong usage.
func (f *flags) options(ctx context.Context) (opts packager.Options, problems []error, err error) {
	usage := func(format string, args ...any) (packager.Options, []error, error) {
		return packager.Options{}, nil, usageError{fmt.Errorf(format, args...)}
	}
	opts = packager.Options{
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
	buckets, pattern, err := parseBuckets(f.buckets)
	if err != nil {
		return usage("--s3-bucket %w", err)
	}
	regions := f.regionNames(os.Environ())
	needAWS := !f.dryRun || len(regions) == 0
	if needAWS {
		cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(f.profile))
		if err != nil {
			problems = append(problems, fmt.Errorf("loading the AWS configuration: %w", err))
		}
		cfg.Logger = logging.Nop{}
		opts.AWS = &cfg
		if len(regions) == 0 && cfg.Region != "" {
			regions = []string{cfg.Region}
		}
	}
	if f.output != "" && len(regions) > 1 && !strings.Contains(f.output, "{region}") {
		return usage("--output-template-file %q needs a {region}: one template is written for each of the %d regions", f.output, len(regions))
	}
	for region := range buckets {
		if !contains(regions, region) {
			return usage("--s3-bucket %s=%s: %s is not among the regions", region, buckets[region], region)
		}
	}
	account := ""
	for _, region := range regions {
		bucket := pattern
		if own, ok := buckets[region]; ok {
			bucket = own
		}
		if strings.Contains(bucket, "{account}") {
			if account == "" {
				if account, err = f.account(ctx, opts.AWS, regions[0]); err != nil {
					problems = append(problems, err)
					account = "000000000000" // so that all other problems show too
				}
			}
			bucket = strings.ReplaceAll(bucket, "{account}", account)
		}
		opts.Stores = append(opts.Stores, packager.Store{
			Region: region,
			Bucket: strings.ReplaceAll(bucket, "{region}", region),
			Prefix: strings.ReplaceAll(f.prefix, "{region}", region),
		})
	}
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

// account is the caller's AWS account. A dry run makes no request, and takes
// it from the environment.
func (f *flags) account(ctx context.Context, cfg *aws.Config, region string) (string, error) {
	if arn := strings.Split(os.Getenv("CODEBUILD_BUILD_ARN"), ":"); len(arn) > 4 {
		return arn[4], nil // arn:aws:codebuild:REGION:ACCOUNT:build/...
	}
	if id := os.Getenv("AWS_ACCOUNT_ID"); id != "" {
		return id, nil
	}
	if f.dryRun {
		return "", &packager.Error{Subject: "--s3-bucket", Message: "a dry run makes no request, so it cannot find out {account}", Hint: "set AWS_ACCOUNT_ID, or write the bucket's name in full"}
	}
	regional := cfg.Copy()
	regional.Region = region // the global endpoint's tokens do not work in opt-in regions
	out, err := sts.NewFromConfig(regional).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", &packager.Error{Subject: "--s3-bucket", Message: "asking AWS for {account}: " + err.Error(), Err: err, Hint: "are there AWS credentials?"}
	}
	return aws.ToString(out.Account), nil
}

// parseBuckets divides --s3-bucket into names for one region and the pattern
// for all others.
func parseBuckets(values []string) (byRegion map[string]string, pattern string, err error) {
	byRegion = make(map[string]string)
	for _, v := range values {
		region, name, ok := strings.Cut(v, "=")
		switch {
		case v == "" || ok && name == "":
			return nil, "", fmt.Errorf("%q: the bucket's name is missing", v)
		case ok && !packager.ValidRegion(region):
			return nil, "", fmt.Errorf("%q: %q is not the name of a region", v, region)
		case ok && byRegion[region] != "":
			return nil, "", fmt.Errorf("%q: %s has the bucket %s already", v, region, byRegion[region])
		case ok:
			byRegion[region] = name
		case pattern != "":
			return nil, "", fmt.Errorf("%q: %q is given for all regions already", v, pattern)
		default:
			pattern = v
		}
	}
	for _, name := range append([]string{pattern}, values...) {
		if m := regexp.MustCompile(`\{[^}]*\}`).FindAllString(name, -1); m != nil {
			for _, p := range m {
				if p != "{region}" && p != "{account}" {
					return nil, "", fmt.Errorf("%q: %s is unknown; there are {region} and {account}", name, p)
				}
			}
		}
	}
	return byRegion, pattern, nil
}

// parseProperties reads TYPE=PATH:FORM[:zip].
func parseProperties(values []string) ([]packager.Property, error) {
	var all []packager.Property
	for _, v := range values {
		typ, rest, _ := strings.Cut(v, "=")
		parts := strings.Split(rest, ":")
		p := packager.Property{Type: typ, Path: parts[0]}
		if len(parts) == 3 && parts[2] == "zip" {
			p.Zip = true
			parts = parts[:2]
		}
		if len(parts) != 2 || typ == "" || p.Path == "" {
			return nil, fmt.Errorf("%q is not TYPE=PATH:FORM or TYPE=PATH:FORM:zip, as AWS::Lambda::Function=Code:lambda:zip", v)
		}
		p.Form = packager.Form(parts[1])
		switch p.Form {
		case packager.FormS3, packager.FormURL, packager.FormLambda, packager.FormBucket:
		default:
			return nil, fmt.Errorf("%q: there is no form %q; there are s3, url, lambda and bucket", v, p.Form)
		}
		all = append(all, p)
	}
	return all, nil
}

// parseMetadata reads the AWS CLI's two forms of a map.
func parseMetadata(s string) (map[string]string, error) {
	if s == "" {
		return nil, nil
	}
	m := make(map[string]string)
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			return nil, fmt.Errorf("reading the JSON object: %w", err)
		}
	} else {
		lines, err := csv.NewReader(strings.NewReader(s)).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("%q: %w", s, err)
		}
		if len(lines) != 1 {
			return nil, fmt.Errorf("%q has more than one line", s)
		}
		for _, field := range lines[0] {
			key, value, ok := strings.Cut(field, "=")
			if !ok {
				return nil, fmt.Errorf("%q is not KEY=VALUE", field)
			}
			m[key] = value
		}
	}
	for key, value := range m {
		switch {
		case !regexp.MustCompile(`^[A-Za-z0-9_.-]+$`).MatchString(key):
			return nil, fmt.Errorf("the key %q: use letters, digits and _.-", key)
		case strings.HasPrefix(strings.ToLower(key), "mrpackage-"):
			return nil, fmt.Errorf("the key %q: keys that begin with mrpackage- are mrpackage's own", key)
		case !regexp.MustCompile(`^[ -~]*$`).MatchString(value):
			return nil, errors.New("the value of " + key + " holds characters that HTTP headers cannot")
		}
	}
	return m, nil
}
