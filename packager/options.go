package packager

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
)

// Options says what to package and where to store it. The zero value packages
// the template of the working directory, and lacks only the stores.
type Options struct {
	// TemplateFile is the template's path. Empty means the first of
	// template.yaml, template.yml and template.json in the working directory.
	TemplateFile string
	// Stores are the buckets, one for each region. At least one is needed.
	Stores []Store
	// Repositories are where container images go. A region that has none here has the one
	// that the environment variable names of [RepositoryVariable].
	Repositories []Repository
	// ImageEngine is the program that has the images which the template names by their
	// names: docker, podman, finch or nerdctl. Empty means docker.
	ImageEngine string
	// CopyImages copies the images that the template names by the address of a registry,
	// as those of local files are pushed: to the repository of every region, by digest,
	// also where a region could read the address. To learn the digests, NewPlan asks the
	// registries: Amazon ECR with AWS's credentials, others with what the user's Docker
	// configuration has for them, or as anybody. With DryRun it asks nobody, and an
	// address without a digest is an error.
	CopyImages bool
	// Exclude holds patterns in .dockerignore's syntax. A matching file of a
	// folder stays out of its archive. They follow those in the folder's
	// .mrpackageignore, so a later "!pattern" takes a file in again.
	Exclude []string
	// Outputs are the files that the caller writes; {region} in one stands
	// for any region. They never enter an archive.
	Outputs []string
	// Properties are packaged besides those that mrpackage knows.
	Properties []Property
	// OneTemplate makes one packaged template for all stores, which finds its bucket by
	// the region that a stack is made in. The stores must have one prefix, since an
	// object has one key then.
	OneTemplate bool
	// UseJSON makes packaged templates JSON where the template is YAML.
	UseJSON bool
	// Metadata goes with every object that is uploaded. An object that is
	// stored without it is stored anew. [CheckMetadata] says what it may hold.
	Metadata map[string]string
	// Provenance is metadata that tells of the upload, such as a commit. It
	// goes with objects that are uploaded, and is no reason to upload one.
	Provenance map[string]string
	// Tags are given to every object that is uploaded.
	Tags map[string]string
	// SSE is the encryption to ask for; a store's KMSKey implies KMS. An
	// object that is stored under another one is stored anew.
	SSE SSE
	// RefreshAfter is the age from which on an object that is in use is made
	// young by a copy onto itself, so that no lifecycle rule deletes it. 0
	// means 30 days; less than 0, never.
	RefreshAfter time.Duration
	// Copy says when S3 copies an archive from store to store.
	Copy Copy
	// Shard makes Upload store a share of the artifacts, and no nested template.
	// The packaged templates are those of a whole run, and may be deployed when
	// every shard and then a run without one have succeeded.
	Shard Shard
	// ForceUpload uploads everything, whatever is stored already.
	ForceUpload bool
	// DryRun makes Upload send nothing.
	DryRun bool
	// ArchiveDir is a folder in which every archive is kept too, as its key
	// without the prefix. Empty means none.
	ArchiveDir string
	// Jobs is how many uploads are under way at once, of objects or of parts. With CopyAuto
	// there may be as many again, which are tried beside copies and wait while the others
	// are being sent. Of requests that send next to nothing, as questions and copies do,
	// there are four times as many, and one for each bucket at the beginning. 0 means 32.
	Jobs int
	// EndpointURL replaces S3's own endpoints, for a server of one's own.
	EndpointURL string
	// AWS is the configuration of the AWS SDK; each store's region replaces
	// its own. Nil means the SDK's default chain. It is used only by Upload, and with
	// CopyImages by NewPlan.
	AWS *aws.Config
	// Progress, if not nil, is told what happens. It is called by one
	// goroutine at a time and should return soon.
	Progress func(Event)

	// For tests that have neither people's patience nor their disks; 0 means the
	// defaults.
	stall    time.Duration // how long a transfer may stand still
	backoff  time.Duration // how long a retry waits at most
	part     int64         // what is larger is sent in parts of this size
	copyPart int64         // what is larger is copied in parts of this size
	ecr      string        // in the place of Amazon ECR: of its API and of its registries
}

// A Store is a bucket in a region: what CodePipeline calls an artifact store.
type Store struct {
	Region string
	// Bucket is the bucket's name. Empty means the value of the environment
	// variable that [BucketVariable] names. Where the template names container images
	// and nothing else, none is needed.
	Bucket string
	// Prefix stands before every key, a slash between them. Empty means none.
	Prefix string
	// Owner is the account ID that the bucket must belong to; every request
	// says so. Empty means any.
	Owner string
	// KMSKey is the KMS key that objects are encrypted with: its ID, its ARN,
	// or an alias. Empty means what Options.SSE says.
	KMSKey string
	// Role is assumed for all that is asked of the bucket, and of the region's
	// repositories for container images. The zero value means that nobody is: the
	// requests are the caller's own.
	Role Role
}

func (s Store) inner() s3store.Store {
	return s3store.Store{Region: s.Region, Bucket: s.Bucket, Prefix: s.Prefix, Owner: s.Owner, KMSKey: s.KMSKey, Role: s.Role.inner()}
}

// storeOf is the public view of a store.
func storeOf(s s3store.Store) Store {
	return Store{
		Region: s.Region, Bucket: s.Bucket, Prefix: s.Prefix, Owner: s.Owner, KMSKey: s.KMSKey,
		Role: Role{ARN: s.Role.ARN, ExternalID: s.Role.ExternalID, SessionName: s.Role.SessionName},
	}
}

// SSE is the encryption that S3 stores objects under.
type SSE string

// The encryptions that S3 knows for a bucket's objects (S3 API reference,
// x-amz-server-side-encryption), and none to be asked for.
const (
	BucketSSE SSE = ""        // the bucket's own default
	AES256    SSE = "AES256"  // S3's keys
	KMS       SSE = "aws:kms" // a KMS key
)

// Copy says when an archive that one store has reaches the others by S3's own
// copy, server to server, and not through this machine's link once more.
type Copy string

// The ways to choose.
const (
	CopyAuto   Copy = ""       // where the run ends sooner by it, as it learns from its requests; both ways at once where it does not know
	CopyAlways Copy = "always" // wherever S3 can
	CopyNever  Copy = "never"
)

// stores returns the stores with all that was left to defaults, and every problem. Those
// for which needed says so must have a bucket.
func (o Options) stores(needed func(region string) bool) ([]s3store.Store, []error) {
	given := make([]s3store.Store, len(o.Stores))
	for i, s := range o.Stores {
		given[i] = s.inner()
	}
	stores, errs := s3store.Complete(given, needed)
	for _, s := range stores {
		if err := s.Role.Check(s.Region); err != nil {
			errs = append(errs, err)
		}
	}
	return stores, append(errs, s3store.CheckKeys(stores, s3store.SSE(o.SSE))...)
}

// storeConfig is what of the options is a bucket's matter.
func (o Options) storeConfig(cfg aws.Config) s3store.Config {
	return s3store.Config{
		AWS:      cfg,
		Metadata: o.Metadata, Provenance: o.Provenance, Tags: o.Tags, SSE: s3store.SSE(o.SSE), RefreshAfter: o.RefreshAfter,
		Jobs: o.jobs(), Questions: o.questions(), EndpointURL: o.EndpointURL,
		Stall: o.stall, Backoff: o.backoff, Part: o.part, CopyPart: o.copyPart,
	}
}

// registryConfig is what of them is a registry's matter.
func (o Options) registryConfig(cfg aws.Config) registry.Config {
	return registry.Config{AWS: cfg, Jobs: o.jobs(), Questions: o.questions(), Stall: o.stall, Backoff: o.backoff, API: o.ecr, Hub: o.ecr}
}

func (o Options) jobs() int {
	if o.Jobs > 0 {
		return o.Jobs
	}
	return 32
}

// questions is how many requests are under way at once that send next to
// nothing: those whose answer takes a way round the world.
func (o Options) questions() int { return 4 * o.jobs() }
