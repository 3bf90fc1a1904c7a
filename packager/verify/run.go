package verify

import (
	"cmp"
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/packaged"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/template"
)

// A run is one verification. It goes level by level: what the templates of one level name is
// looked for, all at once, and the nested templates among it are the next level.
type run struct {
	opts        Options
	table       []template.Row
	aws         aws.Config
	s3          *s3store.Connections
	registries  *registry.Connections
	roles       *role.Roles
	accesses    map[string]Access // by region, as far as somebody has asked
	refused     []error           // what is amiss with them
	endpoint    string            // whose URLs are S3's, too
	deployments []*deployment
	buckets     map[s3store.Store]*bucket
	targets     map[location]*target
	open        []*node // templates of which nobody has looked what they name
	read        int     // how many there were
	result      Result
	unread      map[int]Deployment // templates that cannot be read, by their place among the given ones

	mu sync.Mutex // guards what the callers' functions see
}

// A deployment is a given template in one region.
type deployment struct {
	at     int // the template's place among the given ones
	given  *packaged.Template
	region string
	root   *node
	nested int
	order  []*target // what it names, in the order of the templates
	refs   map[*target][]template.Use
	state  State
	told   map[*bucket]bool // buckets that a problem was made of
	nodes  map[string]*node // its nested templates, by template and stack
}

// A node is a template in a deployment: the given one, or one that is nested in it.
type node struct {
	deployment *deployment
	packaged   *template.Packaged
	stack      template.Stack
	parent     *node
	depth      int
	named      []named
}

// named is what a property names, and its template where it is one.
type named struct {
	template.Use
	target *target
	child  *node
}

func newRun(ctx context.Context, opts Options) (*run, error) {
	table, err := tableOf(opts.Properties)
	if err != nil {
		return nil, err
	}
	r := &run{opts: opts, table: table, buckets: make(map[s3store.Store]*bucket), targets: make(map[location]*target), accesses: make(map[string]Access), unread: make(map[int]Deployment)}
	if opts.AWS != nil {
		r.aws = *opts.AWS
	} else if r.aws, err = role.LoadAWS(ctx, ""); err != nil {
		return nil, err
	}
	r.endpoint = cmp.Or(opts.EndpointURL, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	r.roles = role.Open(role.Config{AWS: r.aws, Backoff: opts.backoff, Retrying: func(region string, err error, delay time.Duration) { r.told(region)(err, delay) }})
	r.s3 = s3store.Connect(s3store.Config{
		Roles:        r.roles,
		RefreshAfter: opts.RefreshAfter, Jobs: r.jobs(), Questions: r.questions(), EndpointURL: opts.EndpointURL, AWS: r.aws,
		Stall: opts.stall, Backoff: opts.backoff, Patience: opts.patience, Absent: packaged.NoBucket,
	}, 16)
	config := opts.registries
	config.AWS, config.Roles, config.Jobs, config.Questions = r.aws, r.roles, r.jobs(), r.questions()
	r.registries = registry.Connect(config)
	return r, nil
}

func tableOf(properties []Property) ([]template.Row, error) {
	var rows []template.Row
	for _, p := range properties {
		row, err := template.NewRow(p.Type, p.Path, p.Form, p.Zip)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return template.TableWith(rows), nil
}

func (r *run) close() {
	r.s3.Close()
	r.registries.Close()
	r.roles.Close()
}

// access is how a region is reached.
func (r *run) access(region string) Access {
	a, known := r.accesses[region]
	if !known && r.opts.Access != nil {
		a = r.opts.Access(region)
		r.accesses[region] = a
		if err := a.role().Check(region); err != nil {
			r.refused = append(r.refused, err)
		}
	}
	return a
}

func (a Access) role() role.Role { return role.Role{ARN: a.RoleARN, ExternalID: a.ExternalID} }

func (r *run) jobs() int { return cmp.Or(max(r.opts.Jobs, 0), 32) }

func (r *run) questions() int { return 4 * r.jobs() }

// group runs functions, so many at once. It is the only place where something runs beside
// something else.
func (r *run) group(limit int, functions []func()) error {
	group := new(errgroup.Group)
	group.SetLimit(limit)
	for _, f := range functions {
		group.Go(func() error {
			f()
			return nil
		})
	}
	return group.Wait()
}

// told is whom the requests of a region tell of retries.
func (r *run) told(region string) func(error, time.Duration) {
	return func(err error, delay time.Duration) {
		if r.opts.Retrying != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.opts.Retrying(region, err, delay)
		}
	}
}

// level looks for what the open templates name, and opens those that are nested in them.
func (r *run) level(ctx context.Context) error {
	nodes := r.open
	r.open = nil
	for _, n := range nodes {
		for _, u := range n.packaged.Uses(n.stack) {
			r.name(n, u)
		}
	}
	if err := r.ask(ctx); err != nil {
		return err
	}
	for _, n := range nodes {
		for i := range n.named {
			r.descend(ctx, n, &n.named[i])
		}
	}
	return nil
}

// name takes in what a property names.
func (r *run) name(n *node, u template.Use) {
	d := n.deployment
	switch {
	case u.Local != "":
		e := u.Errorf("%q is a local path: this template is not packaged", u.Local)
		if u.Local == "." {
			e.Message = "it is missing, and stands for the template's folder: this template is not packaged"
		}
		e.Hint = "verify what mrpackage has written, target/packaged-template-REGION.yaml"
		r.wrong(d, e)
		return
	case u.Unknown != "":
		e := u.Errorf("what it names is not known: %s", u.Unknown)
		if strings.HasPrefix(u.Unknown, "it is the parameter ") {
			e.Hint = "give it with --parameter-overrides"
		} else if u.Doubted {
			e.Hint = doubtedHint
		}
		r.unknown(d, e)
		return
	}
	t := r.target(n, u)
	if len(d.refs[t]) == 0 {
		d.order = append(d.order, t)
	}
	d.refs[t] = append(d.refs[t], u)
	n.named = append(n.named, named{Use: u, target: t})
}

func (r *run) wrong(d *deployment, err error) {
	d.state = Wrong
	r.result.Problems = append(r.result.Problems, err)
}

func (r *run) unknown(d *deployment, err error) {
	d.state = d.state.worse(Unknown)
	r.result.Unknowns = append(r.result.Unknowns, err)
}
