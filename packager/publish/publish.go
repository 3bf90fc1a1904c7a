// Package publish publishes what AWS CDK made: it stores the assets of a cloud assembly
// wherever their destinations say, in all regions and accounts at once, in the place of
// cdk-assets and of cdk publish-assets.
//
// A cloud assembly (cdk.out) names for each asset the bucket and the key, or the repository
// and the tag, at each destination, and the role by which it is stored there. Its templates
// name the same places, and stay as they are. [NewPlan] reads the assembly and the assets,
// decides everything and sends nothing; [Plan.Upload] stores what is missing.
//
// # Promises
//
// They are those of package packager, but for two that are CDK's here:
//
// Keys are CDK's. It makes them, and an image's tag, of its own hash of the source, which
// may cover less than what is stored, as with bundling. So what mrpackage promises of keys
// does not hold: the same bytes may have several keys, and one key may have had other bytes.
//
// What is there counts, as for CDK's tools, which use the same buckets: an object under the
// very key, if it has more than the 22 bytes of an empty zip, and an image under the very
// tag. Where mrpackage stored the object, its recorded digest is proved as well. A difference
// is told, and the object stays, since a stack may use it; Options.ForceUpload replaces it.
//
// The others hold. The same asset is the same bytes everywhere: an archive is made once, in
// the same way as package packager makes it, of all files of the folder. .mrpackageignore,
// .git and the lists of outputs have no meaning here, for CDK's hash covers those files.
// Every problem is found before anything is sent, also a role that cannot be assumed, and a
// bucket of another account. A second run sends nothing. Buckets, repositories, roles are
// never made.
//
// What cannot be known before it is made, as what a command makes, is made only where a
// destination lacks it. A command or a build that fails ends the run, when other assets may
// be stored already. Nothing is copied by S3 between stores of different roles.
package publish

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/assembly"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
)

// DefaultPath is the folder that CDK writes by default.
const DefaultPath = "cdk.out"

// Options says what to publish. The zero value publishes cdk.out.
type Options struct {
	// Path is a cloud assembly's folder, or one manifest of assets (*.assets.json) in it.
	// Empty means [DefaultPath].
	Path string
	// Stacks are patterns of the stacks whose assets are published: a stack's ID, its name,
	// or what CDK shows of it, as Prod/Orders; * stands for any characters but a slash, **
	// for any. None means all.
	Stacks []string
	// Regions are those of the destinations that count; none means all. A destination
	// without a region, of a stack that is bound to none, stands for one in each of them.
	Regions []string
	// Region is where such a destination is without Regions.
	Region string
	// Account tells the caller's account. It is called once, by NewPlan, if a destination
	// says ${AWS::AccountId}. Nil means that nobody knows it.
	Account func(ctx context.Context) (string, error)
	// CrossAccount allows buckets and repositories that belong to another account than the
	// role by which something is stored there.
	CrossAccount bool
	// ImageEngine is the program that builds images, and has those that a command names:
	// docker, podman, finch or nerdctl. Empty means docker.
	ImageEngine string
	// Provenance is metadata that tells of the upload, such as a commit.
	Provenance map[string]string
	// Shard makes Upload store a share of the assets.
	Shard packager.Shard
	// ForceUpload uploads everything, whatever is stored already.
	ForceUpload bool
	// DryRun makes Upload send nothing. No command is run, and no image is built.
	DryRun bool
	// Jobs is how many uploads are under way at once, as packager.Options.Jobs. 0 means 32.
	Jobs int
	// EndpointURL replaces S3's own endpoints, for a server of one's own.
	EndpointURL string
	// AWS is the configuration of the AWS SDK. Nil means the SDK's default chain.
	AWS *aws.Config
	// Progress, if not nil, is told what happens. It is called by one goroutine at a time
	// and should return soon.
	Progress func(packager.Event)

	// For tests; 0 means the defaults.
	backoff time.Duration // how long a retry waits at most
	ecr     string        // in the place of Amazon ECR
}

// A Plan is what a run will store and where.
type Plan struct {
	Path string // the cloud assembly, or the manifest
	// What each destination gets. Its stores are a bucket each, as one role reaches it, and
	// the images that go to the same place.
	packager.Inventory
	Warnings []error // each a *problem.Error

	opts     Options
	sources  []*source   // by artifact
	keys     []string    // by artifact: the first one that it has
	objects  [][]int     // by store and object: the artifact
	images   []*image    // by Images
	pushes   [][]push    // by store
	roles    []role.Role // by store
	times    packager.Times
	tell     func(packager.Event)
	assembly *assembly.Assembly
}

// A Result tells of a run that succeeded, or how far one came.
type Result struct {
	*Plan
	Times packager.Times
}

func (o Options) path() string {
	if o.Path == "" {
		return DefaultPath
	}
	return o.Path
}

func (o Options) jobs() int {
	if o.Jobs > 0 {
		return o.Jobs
	}
	return 32
}
