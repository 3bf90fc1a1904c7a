package main

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// flags are what a command line of mrpackage says.
type flags struct {
	templateFile string
	properties   properties
	exclude      patterns

	regions       regionNames
	buckets       byRegion
	prefix        string
	owners        byRegion
	roles         byRegion
	externalIDs   byRegion
	sse           packager.SSE
	keys          byRegion
	metadata      metadata
	tags          tags
	outputPattern string // "" means the default
	oneTemplate   bool
	useJSON       bool
	archiveDir    string

	copy              packager.Copy
	repositories      repositories
	imageEngine       string
	copyImages        bool
	shard             packager.Shard
	jobs              int
	refreshAfter      time.Duration
	forceUpload       bool
	profile, endpoint string
	dryRun, strict    bool

	reports        reports
	trace          string
	printPolicy    bool
	quiet, verbose bool
	noProgress     bool
	version        bool
}

// A flagGroup is a section of --help.
type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

// groups are all flags, by purpose. --help is their full reference: each one
// says its forms and, but for switches, its default. The word in backquotes
// names a flag's value.
func (f *flags) groups() []flagGroup {
	var groups []flagGroup
	for _, g := range []struct {
		title  string
		define func(*pflag.FlagSet)
	}{
		{"Where from", f.whereFrom},
		{"Where to", f.whereTo},
		{"How", f.how},
		{"What is told", f.whatIsTold},
	} {
		fs := pflag.NewFlagSet(g.title, pflag.ContinueOnError)
		fs.SortFlags = false
		g.define(fs)
		groups = append(groups, flagGroup{g.title, fs})
	}
	return groups
}

// some are those flags of these names, for a command that has them, too.
func (f *flags) some(names ...string) *pflag.FlagSet {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.SortFlags = false
	groups := f.groups()
	for _, name := range names {
		for _, g := range groups {
			if flag := g.flags.Lookup(name); flag != nil {
				fs.AddFlag(flag)
			}
		}
	}
	return fs
}

func (f *flags) whereFrom(fs *pflag.FlagSet) {
	fs.StringVarP(&f.templateFile, "template-file", "t", "", "`FILE` the template. Default: the first of template.yaml, template.yml and template.json")
	fs.Func("property", "`TYPE=PATH:FORM` also package this property of a resource type that mrpackage does not know; repeatable. FORM is how it names what is stored: s3 (s3://bucket/key), url (https://...), lambda ({S3Bucket, S3Key}), bucket ({Bucket, Key}) or image (a container image, by its address). With :zip after it, a single file is archived as a folder is. Default: none", f.properties.add)
	fs.StringVar(&f.imageEngine, "image-engine", "", "`PROGRAM` what has the images that the template names by name: docker, podman, finch or nerdctl. It is asked for an archive of them. Default: docker")
	fs.BoolVar(&f.copyImages, "copy-images", false, "copy the images that the template names by a registry's address to each region's repository, too, and name them by digest. Default: an address stays")
	fs.Func("exclude", "`PATTERN` keep what matches out of archives, in .dockerignore's syntax; repeatable. It follows the patterns of the .mrpackageignore in an artifact's folder, so !PATTERN takes in again what those leave out. Default: none", f.exclude.add)
}

func (f *flags) whereTo(fs *pflag.FlagSet) {
	fs.FuncP("regions", "r", "`REGION,...` the regions, divided by commas or white space; repeatable. Default: those whose <REGION>_ARTIFACT_BUCKET is set, else those whose <REGION>_IMAGE_REPOSITORY is, else the AWS configuration's region", f.regions.add)
	fs.Func("region", "`REGION,...` the same as --regions", f.regions.add)
	fs.Func("s3-bucket", "`NAME` the bucket, in whose name {region} and {account} are filled in; or REGION=NAME for one region; repeatable. Default: $<REGION>_ARTIFACT_BUCKET", f.buckets.addBuckets)
	fs.StringVar(&f.prefix, "s3-prefix", "", "`PREFIX` what stands before every key, with a slash between them; {region} is filled in. Default: none")
	fs.Func("expected-bucket-owner", "`ACCOUNT` the account that must own the bucket: its ID, or self for the caller's or, with --role-arn, the role's; or REGION=ACCOUNT for one region; repeatable. Default: any", f.owners.addOwners)
	fs.Func("role-arn", "`ARN` the role that is assumed for a region's bucket and repositories; {region} and {account}, the caller's, are filled in; or REGION=ARN for one region; repeatable. Default: none", f.roles.addRole)
	fs.Func("role-external-id", "`ID` the external ID that the trust policy of --role-arn asks for; or REGION=ID for one region; repeatable. Default: none", f.externalIDs.addExternalID)
	fs.Func("image-repository", "`REPOSITORY` where container images go: the name of a repository of Amazon ECR, or an address, in which {region} and {account} are filled in; or REGION=REPOSITORY for one region, LOGICAL-ID=REPOSITORY for one resource; repeatable. Default: $<REGION>_IMAGE_REPOSITORY", f.repositories.addRepositories)
	fs.Var(oneOf(&f.sse, "bucket", packager.AES256, packager.KMS), "sse", "`ENCRYPTION` how S3 encrypts uploaded objects: bucket, as the bucket says; AES256; or aws:kms. Default: bucket")
	fs.Func("kms-key-id", "`KEY` the KMS key of uploaded objects, its ID, ARN or alias; or REGION=KEY for one region; repeatable. It implies --sse aws:kms. Default: none", f.keys.addKeys)
	fs.Func("metadata", "`KEY=VALUE,...` metadata of uploaded objects; or a JSON object; repeatable. Default: none", f.metadata.add)
	fs.Func("tag", "`KEY=VALUE` a tag of uploaded objects; repeatable. Default: none", f.tags.add)
	fs.Func("output-template-file", "`PATH` where the packaged templates go; {region} is filled in. - is standard output, for one template. Default: target/packaged-template-{region}.yaml, with --one-template target/packaged-template.yaml; .json for JSON", into(&f.outputPattern, parseOutput))
	fs.BoolVar(&f.oneTemplate, "one-template", false, "write one packaged template for all regions: it finds its bucket by the region that it is deployed in. Default: one for each region")
	fs.BoolVar(&f.useJSON, "use-json", false, "write packaged templates in JSON. Default: as the template is")
	fs.StringVar(&f.archiveDir, "archive-dir", "", "`FOLDER` keep every archive here too, named as its key. Default: none")
}

func (f *flags) how(fs *pflag.FlagSet) {
	f.jobs = 32
	f.refreshAfter = 30 * 24 * time.Hour
	fs.Var(oneOf(&f.copy, "auto", packager.CopyAlways, packager.CopyNever), "copy", "`WHEN` when S3 itself copies an archive from one region's bucket to the others, so that this machine sends it once: auto, where that ends the run sooner; always; or never. What S3 refuses to copy is sent. Default: auto")
	fs.Func("shard", "`I/N` store the share I of N of the artifacts, and write no template. N runs on N machines store all; a run without --shard after them writes the templates. Default: all", into(&f.shard, parseShard))
	fs.Func("jobs", "`NUMBER` how many uploads are under way at once, and as many again that are tried beside copies and wait for the others; of questions and copies, which send next to nothing, there are four times as many. Default: 32", into(&f.jobs, parseJobs))
	fs.Func("refresh-after", "`AGE` when an object that is in use is copied onto itself, so that no lifecycle rule deletes it: days, as 30d, or never. Default: 30d", into(&f.refreshAfter, parseAge))
	fs.BoolVar(&f.forceUpload, "force-upload", false, "upload everything, whatever is stored already; but for images, whose digests prove them")
	fs.StringVar(&f.profile, "profile", "", "`NAME` the profile of the AWS configuration. Default: $AWS_PROFILE")
	fs.Func("endpoint-url", "`URL` an S3 server in the place of AWS's. Default: $AWS_ENDPOINT_URL_S3", into(&f.endpoint, parseURL))
	fs.BoolVar(&f.dryRun, "dry-run", false, "do all but send: write the final templates and say what would be stored where. It needs no network and no credentials")
	fs.BoolVar(&f.strict, "strict", false, "take warnings for errors")
}

func (f *flags) whatIsTold(fs *pflag.FlagSet) {
	fs.Func("report", "`FILE` write a record of the run here: artifacts, objects, what was done with each, times. Where FILE ends in .html it is a page to look at, also with a timeline and what makes archives large; else JSON; repeatable. Default: none", f.reports.add)
	fs.StringVar(&f.trace, "trace", "", "`FILE` write here where the time goes, for ui.perfetto.dev. Default: none")
	fs.BoolVar(&f.printPolicy, "print-iam-policy", false, "print the least IAM policy for these regions, buckets and keys, and do nothing else")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print results, warnings and errors only")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "print a line for every object, also for one that is stored already")
	fs.BoolVar(&f.noProgress, "no-progress", false, "draw no live progress on a terminal")
	fs.BoolVar(&f.version, "version", false, "print the version, and do nothing else")
	fs.BoolP("help", "h", false, "print this help, and do nothing else")
}

// check finds flags that exclude each other.
func (f *flags) check() error {
	switch {
	case f.quiet && f.verbose:
		return errors.New("--quiet and --verbose exclude each other")
	case len(f.externalIDs.named()) > 0 && len(f.roles.named()) == 0:
		return errors.New("--role-external-id is for a role: name it with --role-arn")
	case f.oneTemplate && strings.Contains(f.prefix, "{region}"):
		return errors.New("--s3-prefix with {region} gives the same object another key in each region, and with --one-template it has one key: leave {region} out, or let --s3-bucket hold it")
	case f.oneTemplate && strings.Contains(f.outputPattern, "{region}"):
		return errors.New("--one-template writes one template: --output-template-file takes no {region} then")
	case f.shard.Count > 0 && f.outputPattern != "":
		return errors.New("--shard writes no template: leave --output-template-file to the last run")
	}
	return nil
}
