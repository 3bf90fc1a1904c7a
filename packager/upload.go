package packager

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/upload"
)

// Upload looks into every store, archives what one of them lacks, and uploads
// it there. A store that fails does not stop the others. Where it returns an
// error, the Result tells what was done until then; nothing may be deployed
// from it. A plan may be uploaded again, but not twice at the same time: that is an
// error.
func (p *Plan) Upload(ctx context.Context) (*Result, error) {
	if !p.active.CompareAndSwap(false, true) {
		return nil, errors.New("this plan is being uploaded already")
	}
	defer p.active.Store(false)
	result := &Result{Plan: p, Times: p.times}
	if p.opts.DryRun && p.opts.ArchiveDir == "" {
		return result, nil
	}
	p.forget()
	var cfg aws.Config
	if p.opts.AWS != nil {
		cfg = *p.opts.AWS
	} else if !p.opts.DryRun {
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

// forget forgets what became of the objects and images in an upload before this one.
func (p *Plan) forget() {
	for i := range p.Stores {
		s := &p.Stores[i]
		s.Times, s.Took = Times{Rewrite: s.Times.Rewrite}, 0
		for j := range s.Objects {
			s.Objects[j].Action, s.Objects[j].VersionID = Planned, ""
		}
		for j := range s.Images {
			s.Images[j].Action = Planned
		}
	}
}

// take takes in what became of the objects and images.
func (r *Result) take(done *upload.Result) {
	r.Times.take(done.Times)
	for i, stock := range done.Stores {
		s := &r.Stores[i]
		s.Took = stock.Took
		s.Times.take(stock.Times)
		for j, outcome := range stock.Objects {
			s.Objects[j] = s.Objects[j].after(outcome)
		}
		for j, outcome := range stock.Images {
			s.Images[j].Action = Action(outcome.Action)
		}
	}
}

// after is the object after what became of it.
func (o Object) after(outcome upload.Outcome) Object {
	if outcome.Action != upload.Planned {
		o.Action, o.Size, o.VersionID = Action(outcome.Action), outcome.Size, outcome.VersionID
	}
	return o
}
