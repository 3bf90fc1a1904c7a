package publish

import (
	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/registry"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/upload"
)

// event is an event of the run as the caller is told of it. storeOf is the store that a
// repository belongs to.
func (p *Plan) event(e upload.Event, repositories []registry.Store, storeOf map[int]int) packager.Event {
	told := packager.Event{Kind: kindOf(e.Kind), Store: e.Store, Bytes: e.Bytes, Took: e.Took, Err: e.Err, Objects: e.Missing, Layer: e.Layer}
	switch e.Kind {
	case upload.Archived:
		a := &p.Artifacts[e.Item]
		told.Object, told.Bytes = packager.Object{Key: p.keys[e.Item], Artifact: a, Size: e.Bytes}, 0
		return told
	case upload.RetryingRole:
		told.Region = e.Region
		return told
	case upload.RetryingFetch:
		told.Bucket = p.Images[e.Image].Source
		return told
	case upload.SentLayer, upload.RetryingPush:
		to := repositories[e.Repository]
		told.Store, told.Region, told.Bucket = storeOf[e.Repository], to.Region, to.Repository
		return told
	}
	s := p.Stores[e.Store]
	told.Region, told.Bucket = s.Region, s.Bucket
	switch e.Kind {
	case upload.Stored:
		told.Object = after(s.Objects[e.Object], e.Outcome)
	case upload.Replaced, upload.Kept:
		told.Object, told.Bytes = packager.Object{Key: s.Objects[e.Object].Key, Size: e.Bytes}, 0
	case upload.Sent, upload.Copying:
		told.Object.Key = s.Objects[e.Object].Key
	case upload.Pushed:
		told.Image = s.Images[e.Image]
		told.Image.Action = packager.Action(e.Outcome.Action)
		told.Bucket = told.Image.Repository
	}
	return told
}

// kindOf is the kind of an event as the caller is told of it.
func kindOf(k upload.Kind) packager.EventKind {
	return [...]packager.EventKind{
		upload.Looked: packager.Looked, upload.Archived: packager.Archived, upload.Sent: packager.Sent, upload.SentLayer: packager.Sent,
		upload.Copying: packager.Copying, upload.Stored: packager.Stored, upload.Replaced: packager.Replaced, upload.Kept: packager.Kept,
		upload.Retrying: packager.Retrying, upload.RetryingPush: packager.Retrying, upload.RetryingFetch: packager.Retrying,
		upload.RetryingRole: packager.Retrying, upload.Pushed: packager.Pushed, upload.Failed: packager.Failed,
	}[k]
}
