package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/verify"
)

const verifyName = "verify"

const verifyHelp = `verify reads packaged templates and proves, asking every region at once, that what they need is
there: each object in a bucket of the stack's region and of the expected owner, with the size,
digest and checksum that its key claims; of each image the manifest and all layers; and what nested
templates need, which are read from the bucket. The templates of all regions must be the same but
for locations, and name the same keys. It tells when the buckets' lifecycle rules delete each
object, and warns of the last week. It is for the hour before a rollback, a region's evacuation, or
a deployment of last month's artifact, and works with templates of aws cloudformation package and
sam package, too.

TEMPLATE is a file, REGION=FILE, or - for standard input; default: the outputs,
target/packaged-template-{region}.yaml or .json, and target/packaged-template.yaml or .json of
--one-template. A packaged template does not say its region. It is that of REGION=FILE, else the one
in the file's name, else those of the mapping in which the template finds its buckets, else where
its bucket is. Each line of the result says which it was. Templates whose names differ in the region
alone, and templates given as REGION=FILE for a region each, are taken for those of one run.

What proves an object is told with --verbose and in the report:
  record    a key of mrpackage's: the digest, size and SHA-256 that were stored with the object are
            those of its key, its size, and S3's checksum where S3 has computed one
  checksum  the SHA-256 that S3 has computed is the one in the key
  etag      a key of the AWS CLI's, the MD5 of the content: S3 has computed the same
  content   its bytes were read: those of a nested template, and with --deep all others
  manifest  an image: the manifest has the digest, and all that it names is there in its size
A key that claims nothing is "present": there, and nothing more is known. So are, without --deep,
archives of SAM CLI, whose keys are made of the files in them, and the AWS CLI's large or
KMS-encrypted objects; what --deep finds under such a key, and is neither, is unknown.

A parameter has the value of --parameter-overrides, else its default. A default does not say with
which value a stack is deployed: what conditions choose with another value must be there, too. What
is denied to this caller, or what only a deployment knows, is unknown, and never called missing.

Without --refresh every request is a HEAD or a GET, or a question to a registry or to STS.
--kms-key-id is for --print-iam-policy alone.

Standard output holds the results alone: for each template and region the region, a tab, the file, a
tab, proved, present, unknown or wrong, a tab, and the rest in words.
Exit status: 0 all is proved or present; 1 something is wrong, or unknown, which proves nothing; 2
wrong usage; 130 interrupted.`

const verifyExamples = `  # is all there that the templates of target/ need?
  mrpackage verify

  # last month's artifact, by its bytes, of the account's own buckets
  mrpackage verify --deep --expected-bucket-owner self \
    us-east-1=old/east.yaml us-west-2=old/west.yaml`

// verifyFlags are what a command line of mrpackage verify says.
type verifyFlags struct {
	flags
	deep, refresh bool
	parameters    parameters
}

// verifyCommand is mrpackage verify.
func verifyCommand(u *ui) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:     verifyName + " [flags] [TEMPLATE...]",
		Short:   "Prove that all that packaged templates need is stored, in every region",
		Long:    verifyHelp,
		Example: verifyExamples,
		Args:    cobra.ArbitraryArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			u.quiet, u.verbose, u.failing, u.sendsNothing = f.quiet, f.verbose, "nothing is proved", true
			return f.run(cmd.Context(), u, args, cmd.InOrStdin())
		},
	}
	own := cmd.Flags()
	own.SortFlags = false
	own.BoolVar(&f.deep, "deep", false, "read all objects, and prove them by their bytes")
	own.BoolVar(&f.refresh, "refresh", false, "make objects young that are older than --refresh-after, or that a lifecycle rule ends within a week, by a copy onto themselves, so that no rule deletes them. Nothing else changes anything")
	own.Func("parameter-overrides", "`NAME=VALUE,...` values of the templates' parameters; or a JSON object; repeatable. Default: their defaults", f.parameters.add)
	own.AddFlagSet(f.some("expected-bucket-owner", "role-arn", "role-external-id", "kms-key-id", "output-template-file", "property", "refresh-after", "jobs", "profile", "endpoint-url", "report", "print-iam-policy", "quiet", "verbose", "help"))
	for name, usage := range map[string]string{
		"expected-bucket-owner": "`ACCOUNT` the account that must own the buckets: its ID, or self for the caller's or, with --role-arn, the role's; or REGION=ACCOUNT for one region; repeatable. Default: any",
		"kms-key-id":            "`KEY` with --print-iam-policy, the KMS key of the objects, its ID, ARN or alias; or REGION=KEY for one region; repeatable. Default: none",
		"output-template-file":  "`PATH` what the packaged templates are called, where they are not named and to tell their regions; {region} stands for the region. Default: those of the outputs, see above",
		"property":              "`TYPE=PATH:FORM` what was packaged besides, as mrpackage --help says; repeatable. Default: none",
		"jobs":                  "`NUMBER` how many objects are read or copied at once; of questions there are four times as many. Default: 32",
		"print-iam-policy":      "print the least IAM policy that proves these templates, and do nothing else. The region of each must be said, or in its name",
		"verbose":               "print a line for every object: what proves it, and when it is deleted",
	} {
		own.Lookup(name).Usage = usage
	}
	own.Lookup("report").Usage = "`FILE` write a JSON record of what was verified here; repeatable. Default: none"
	return cmd
}

// run verifies the templates.
func (f *verifyFlags) run(ctx context.Context, u *ui, args []string, stdin io.Reader) error {
	if err := f.check(); err != nil {
		return usageError{err}
	}
	if err := f.checkArguments(args); err != nil {
		return usageError{err}
	}
	opts := verify.Options{
		Templates: args, Outputs: f.patterns(), Stdin: stdin, Parameters: f.parameters,
		Deep: f.deep, Refresh: f.refresh, RefreshAfter: f.refreshAfter, Jobs: f.jobs, EndpointURL: f.endpoint,
		Verified: u.verified,
		Retrying: func(region string, err error, delay time.Duration) {
			u.retrying(packager.Event{Region: region, Err: err, Took: delay})
		},
	}
	for _, p := range f.properties {
		opts.Properties = append(opts.Properties, verify.Property{Type: p.Type, Path: p.Path, Form: string(p.Form), Zip: p.Zip})
	}
	who := &caller{offline: f.printPolicy, patience: stsPatience}
	opts.Access = func(region string) verify.Access {
		role := f.role(ctx, region, who)
		s := f.store(ctx, region, role, who)
		return verify.Access{Owner: s.Owner, RoleARN: role.ARN, ExternalID: role.ExternalID, KMSKey: s.KMSKey}
	}
	if f.printPolicy {
		policy, err := verify.Policy(ctx, opts)
		if err := errors.Join(append(who.problems, err)...); err != nil {
			return u.unverified(err)
		}
		_, err = u.out.Write(policy)
		return err
	}
	if err := f.checkReports(args); err != nil {
		return u.unverified(err)
	}
	result, err := f.verify(ctx, opts, who)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return u.unverified(err)
	}
	verdict := u.verdict(result)
	if err := f.writeReports(result); err != nil {
		u.list(problem.Errors(err), "")
		return errReported{}
	}
	return verdict
}

// verify verifies, as somebody whom AWS's configuration knows.
func (f *verifyFlags) verify(ctx context.Context, opts verify.Options, who *caller) (*verify.Result, error) {
	cfg, err := packager.LoadAWS(ctx, f.profile)
	if err != nil {
		return nil, err
	}
	opts.AWS, who.aws = &cfg, &cfg
	result, err := verify.Run(ctx, opts)
	return result, errors.Join(append(who.problems, err)...)
}

// checkArguments finds arguments that name no template.
func (f *verifyFlags) checkArguments(args []string) error {
	if i := slices.IndexFunc(f.reports, isPage); i >= 0 {
		return fmt.Errorf("--report %s: the page is made of packaging alone, and verify's report is JSON", f.reports[i])
	}
	seen := make(map[string]bool)
	for _, arg := range args {
		region, file, named := strings.Cut(arg, "=")
		switch {
		case arg == "" || named && file == "" && packager.ValidRegion(region):
			return fmt.Errorf("%q names no template", arg)
		case seen[arg]:
			return fmt.Errorf("%q is given twice", arg)
		}
		if err := checkParameterArgument(arg); err != nil {
			return err
		}
		seen[arg] = true
	}
	return nil
}

// patterns are those of the packaged templates' names.
func (f *verifyFlags) patterns() []string {
	if f.outputPattern != "" && f.outputPattern != "-" {
		return []string{f.outputPattern}
	}
	var all []string
	for _, pattern := range []string{defaultOutput, defaultOneOutput} {
		all = append(all, pattern+".yaml", pattern+".json")
	}
	return all
}

// unverified tells why nothing was verified.
func (u *ui) unverified(err error) error {
	all := problem.Errors(err)
	u.list(all, "")
	u.printf("mrpackage: %s; nothing is proved\n", problem.Count(len(all), "problem"))
	return errReported{}
}

// verdict tells what was found, and prints a line for each template and region.
func (u *ui) verdict(r *verify.Result) error {
	u.list(r.Warnings, "warning: ")
	u.list(r.Unknowns, "unknown: ")
	u.list(r.Problems, "")
	var lines strings.Builder
	for _, d := range r.Deployments {
		fmt.Fprintf(&lines, "%s\t%s\t%s\t%s\n", orDash(problem.OneLine(d.Region)), problem.OneLine(d.Template), d.State, problem.OneLine(deploymentWords(d)))
	}
	if _, err := io.WriteString(u.out, lines.String()); err != nil && !readEnough(err) {
		return fmt.Errorf("writing the results: %w", err)
	}
	switch n, open := len(r.Problems), len(r.Unknowns); {
	case n+open == 0:
		return nil
	case open == 0:
		u.printf("mrpackage: %s\n", problem.Count(n, "problem"))
	case n == 0:
		u.printf("mrpackage: %s not known, so not all is proved\n", countOf(open, "location is", "locations are"))
	default:
		u.printf("mrpackage: %s, and %s not known\n", problem.Count(n, "problem"), countOf(open, "location is", "locations are"))
	}
	return errReported{}
}

// countOf is a number and what it counts.
func countOf(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", more)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// verified is the line of one location.
func (u *ui) verified(o verify.Object) {
	if !u.verbose {
		return
	}
	by, ends := "", endOf(o)
	if o.By != verify.ByNothing {
		by = " by " + string(o.By)
	}
	if o.Refreshed {
		by += ", refreshed"
	}
	if ends != "" {
		ends = "; " + ends
	}
	u.line("%s: %s%s %s%s (%s)", orDash(o.Region), o.State, by, o.URL(), ends, size(o.Size))
}
