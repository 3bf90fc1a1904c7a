package publish

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/archive"
	images "github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/upload"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// Upload assumes the roles, looks into every store, makes what one of them lacks, and stores
// it there. A store that fails does not stop the others. Where it returns an error, the
// Result tells what was done until then. A plan is uploaded once.
func (p *Plan) Upload(ctx context.Context) (*Result, error) {
	result := &Result{Plan: p, Times: p.times}
	if p.opts.DryRun {
		return result, nil
	}
	var cfg aws.Config
	if p.opts.AWS != nil {
		cfg = *p.opts.AWS
	} else {
		var err error
		if cfg, err = role.LoadAWS(ctx, ""); err != nil {
			return nil, err
		}
	}
	done, err := upload.Run(ctx, p.job(cfg))
	if done == nil {
		return nil, err
	}
	result.take(done)
	return result, err
}

// job is a plan as package upload takes it, with the same indexes.
func (p *Plan) job(cfg aws.Config) upload.Job {
	j := upload.Job{
		Force: p.opts.ForceUpload,
		S3: s3store.Config{
			AWS: cfg, Provenance: p.opts.Provenance, RefreshAfter: -1, Jobs: p.opts.jobs(), Questions: 4 * p.opts.jobs(),
			Foreign:     "somebody else may own a bucket of this name, and would get your code; if you mean that one, allow other accounts with --cross-account",
			EndpointURL: p.opts.EndpointURL, Backoff: p.opts.backoff, KeyCounts: true, NameSSE: true,
			Absent: func(s s3store.Store) string { return bootstrap(s.Bucket, accountOf(s.Role, s.Owner), s.Region) },
		},
		Registry: registry.Config{
			AWS: cfg, Jobs: p.opts.jobs(), Questions: 4 * p.opts.jobs(), Backoff: p.opts.backoff, API: p.opts.ecr, Hub: p.opts.ecr,
			Absent: func(s registry.Store) string {
				account, name := "", s.Repository
				if host, path, found := strings.Cut(name, ".dkr.ecr."); found {
					account, name = host, path[strings.Index(path, "/")+1:]
				}
				return bootstrap(name, account, s.Region)
			},
		},
	}
	var telling sync.Mutex
	p.tell = func(e packager.Event) {
		telling.Lock()
		defer telling.Unlock()
		if p.opts.Progress != nil {
			p.opts.Progress(e)
		}
	}
	for _, s := range p.sources {
		j.Items = append(j.Items, s.item(p.tell))
	}
	for _, img := range p.images {
		j.Images = append(j.Images, upload.Image{Open: func(ctx context.Context, _ *registry.Connections, _ registry.Told) (*images.Image, func() error, error) {
			return img.open(ctx, p.opts.ImageEngine, p.tell)
		}})
	}
	repositories := make(map[registry.Store]int)
	storeOf := make(map[int]int) // of a repository
	for i, c := range p.Stores {
		s := upload.Store{Store: s3store.Store{Region: c.Region, Bucket: c.Bucket, Owner: c.Owner, Role: p.roles[i]}}
		for n, item := range p.objects[i] {
			s.Objects = append(s.Objects, upload.Object{Item: item, Key: c.Objects[n].Key})
		}
		for n, push := range p.pushes[i] {
			to, known := repositories[push.to]
			if !known {
				to = len(j.Repositories)
				repositories[push.to], storeOf[to] = to, i
				j.Repositories = append(j.Repositories, push.to)
			}
			s.Images = append(s.Images, upload.Push{Image: push.image, Repository: to, Tag: c.Images[n].Tag})
		}
		j.Stores = append(j.Stores, s)
	}
	j.Tell = func(e upload.Event) { p.tell(p.event(e, j.Repositories, storeOf)) }
	return j
}

// item is what a source is made into.
func (s *source) item(tell func(packager.Event)) upload.Item {
	i := upload.Item{Size: archive.Size(s.files), IsArchive: s.dir != "", Payload: s3store.Payload{Digest: s.digest, Size: -1, Type: s.mediaType}}
	if s.dir == "" && s.command == nil {
		i.Payload.Size, i.Payload.SHA256 = s.files[0].Size, s.files[0].SHA256[:]
	}
	i.Make = func(ctx context.Context, by *archive.Archiver) (spool *archive.Spool, err error) {
		switch {
		case s.command != nil:
			spool, err = s.run(ctx, by, tell)
		case s.dir != "":
			spool, err = by.Archive(ctx, s.files)
		default:
			// What is sent is a copy that was held against the digest: the file may change
			// before the last region has it.
			spool, err = by.Copy(ctx, s.files[0])
		}
		if err != nil && ctx.Err() == nil {
			e := s.errorf("%v", err)
			e.Err = err
			return nil, e
		}
		return spool, err
	}
	return i
}

// run runs a source's command, and takes the file that it names. Both start in the working
// directory, as they do with cdk-assets.
func (s *source) run(ctx context.Context, by *archive.Archiver, tell func(packager.Event)) (*archive.Spool, error) {
	printed, err := command{args: s.command}.run(ctx, tell)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(printed)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the command %s printed %q: %s", s.command[0], printed, problem.Cause(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the command %s printed %q, and that is not a file", s.command[0], printed)
	}
	f := archive.NewFile(filepath.Base(printed), printed, info)
	if err := archive.NewHasher(nil).Hash(ctx, f); err != nil {
		return nil, err
	}
	return by.Copy(ctx, f)
}

// accountOf is the account that a role acts in, or else that a bucket is expected to be of.
func accountOf(as role.Role, owner string) string {
	if account := as.Account(); account != "" {
		return account
	}
	return owner
}

// take takes in what became of the objects and images.
func (r *Result) take(done *upload.Result) {
	r.Times.Look, r.Times.Archive, r.Times.Upload = packager.Phase(done.Times.Look), packager.Phase(done.Times.Archive), packager.Phase(done.Times.Upload)
	for i, stock := range done.Stores {
		s := &r.Stores[i]
		s.Took = stock.Took
		s.Times.Look, s.Times.Upload = packager.Phase(stock.Times.Look), packager.Phase(stock.Times.Upload)
		for j, o := range stock.Objects {
			s.Objects[j] = after(s.Objects[j], o)
		}
		for j, o := range stock.Images {
			s.Images[j].Action = packager.Action(o.Action)
		}
	}
}

// after is an object after what became of it.
func after(o packager.Object, outcome upload.Outcome) packager.Object {
	if outcome.Action != upload.Planned {
		o.Action, o.Size, o.VersionID = packager.Action(outcome.Action), outcome.Size, outcome.VersionID
	}
	return o
}
