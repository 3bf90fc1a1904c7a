package main

import (
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// A meter holds how far an upload is, as the library's events tell: objects and bytes,
// how fast these go, and how long the rest takes. Bars are drawn by goroutines of their
// own, so it is safe for concurrent use.
//
// Images are counted beside objects, and their layers' bytes beside those of objects: each
// layer once in a repository, however many images have it.
//
// Bytes count as done when they are sent, or copied, or were there already. The rate is
// that of the link: of what is sent alone.
type meter struct {
	mu     sync.Mutex
	stores []*storeMeter
	store  map[string]*storeMeter // by region

	objects   map[objectID]*objectMeter
	artifacts map[string]*contentMeter // by name

	known          int64 // bytes of all artifacts together whose size as stored is known
	packed, source int64 // of the archives among them: as stored, and their files
	unknown        int64 // bytes of the files of the others

	// Bytes of all regions: of objects that were there; of those that were not and of
	// whose content this run has sent or copied something; of those that are sent, rather
	// than copied; and what of these is sent.
	there, touched, begun, sent int64

	link pace
	vain int64     // bytes that were sent and are sent again
	last time.Time // when an upload last ended
}

// A storeMeter is how far one region is.
type storeMeter struct {
	region string
	images []packager.PushedImage
	// How many S3 objects there are; how many of them and of the images are done; and how
	// many of the images were there already.
	objects, done, there int
	own, bytes           int64 // of nested templates and images, which another region may lack; of all that is done
	failed               bool
}

// An objectID is the key of an object, or the repository and the digest of a layer.
type objectID struct{ region, key string }

func layerID(region, repository, digest string) objectID {
	return objectID{region, repository + "@" + digest}
}

// An objectMeter is how far one object, or one layer, of one region is.
type objectMeter struct {
	content *contentMeter
	pending int64 // bytes that are on their way
	begun   bool  // it is sent
	done    bool  // of a layer: it is there
}

// A contentMeter is what objects of one or several regions hold.
type contentMeter struct {
	size    int64 // as stored
	known   bool  // the size is
	absent  int64 // the regions that lack it
	touched bool  // some of it was sent or copied
}

// Files are compressed to a quarter, about, as long as no archive of this run tells
// better: code is. The first few megabytes of archives change that little by little.
const (
	usualRatio  = 4
	usualWeight = 4e6 // bytes of files
)

func newMeter(stores []packager.Contents) *meter {
	m := &meter{store: make(map[string]*storeMeter), objects: make(map[objectID]*objectMeter), artifacts: make(map[string]*contentMeter)}
	for _, s := range stores {
		region := &storeMeter{region: s.Region, objects: len(s.Objects)}
		m.stores, m.store[s.Region] = append(m.stores, region), region
		for _, o := range s.Objects {
			content := &contentMeter{size: o.Size, known: true}
			if o.Artifact == nil {
				region.own += o.Size
			} else {
				content = m.artifact(o.Artifact)
			}
			content.absent++
			m.objects[objectID{s.Region, o.Key}] = &objectMeter{content: content}
		}
		region.images = s.Images
		for _, i := range s.Images {
			m.addLayers(region, i)
		}
	}
	return m
}

// addLayers takes in the layers of an image, each once.
func (m *meter) addLayers(s *storeMeter, i packager.PushedImage) {
	for _, l := range i.Layers {
		id := layerID(s.region, i.Repository, l.Digest)
		if m.objects[id] != nil {
			continue
		}
		c := m.artifacts[l.Digest]
		if c == nil {
			c = &contentMeter{size: l.Size, known: true}
			m.artifacts[l.Digest] = c
		}
		c.absent++
		s.own += l.Size
		m.objects[id] = &objectMeter{content: c}
	}
}

// artifact is the content that an artifact becomes, which all regions share.
func (m *meter) artifact(a *packager.Artifact) *contentMeter {
	c := m.artifacts[a.Name]
	if c == nil {
		c = &contentMeter{known: !a.Archive}
		m.artifacts[a.Name] = c
		if c.known {
			c.size = a.Size
			m.known += a.Size
		} else {
			m.unknown += a.Size
		}
	}
	return c
}

// event takes in what the library tells, and when. There is no meter as long as a plan is made,
// when registries may be asked already.
func (m *meter) event(e packager.Event, now time.Time) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, o := m.store[e.Region], m.objects[objectID{e.Region, e.Object.Key}]
	if e.Layer != "" {
		o = m.objects[layerID(e.Region, e.Bucket, e.Layer)]
	}
	switch e.Kind {
	case packager.Archived:
		m.learn(e.Object)
	case packager.Sent:
		if o == nil { // the configuration of an image, which is next to nothing
			return
		}
		m.touch(o.content)
		m.begin(o)
		o.pending += e.Bytes
		s.bytes += e.Bytes
		m.sent += e.Bytes
		if e.Bytes > 0 {
			m.link.add(now, e.Bytes)
		} else {
			m.vain -= e.Bytes
		}
	case packager.Copying:
		m.touch(o.content)
		o.pending += e.Bytes
		s.bytes += e.Bytes
	case packager.Stored:
		m.learn(e.Object)
		s.bytes += e.Object.Size - o.pending
		s.done++
		m.stored(o, e.Object, now)
	case packager.Pushed:
		m.pushed(s, e, now)
	case packager.Failed:
		s.failed = true
	case packager.Looked, packager.Replaced, packager.Kept, packager.Running, packager.Retrying:
	}
}

// stored takes in what became of an object.
func (m *meter) stored(o *objectMeter, stored packager.Object, now time.Time) {
	switch stored.Action {
	case packager.Uploaded:
		m.touch(o.content)
		m.begin(o)
		m.sent += stored.Size - o.pending
		m.last = now
	case packager.Copied:
		m.touch(o.content)
	case packager.Reused, packager.Refreshed:
		m.there += stored.Size
		o.content.absent--
		if o.content.touched {
			m.touched -= stored.Size
		}
		if o.begun { // and then it was there
			m.begun -= stored.Size
			m.sent -= o.pending
		}
	case packager.Planned:
	}
	o.pending = 0
}

// pushed takes in that an image is there, with all its layers.
func (m *meter) pushed(s *storeMeter, e packager.Event, now time.Time) {
	s.done++
	if e.Image.Action == packager.Reused {
		s.there++
	}
	for _, l := range e.Image.Layers {
		o := m.objects[layerID(e.Region, e.Bucket, l.Digest)]
		if o.done {
			continue
		}
		o.done = true
		s.bytes += l.Size - o.pending
		action := packager.Reused
		if o.begun {
			action = packager.Uploaded
		}
		m.stored(o, packager.Object{Size: l.Size, Action: action}, now)
	}
}

// touch takes in that some of a content is sent or copied.
func (m *meter) touch(c *contentMeter) {
	if !c.touched {
		c.touched = true
		m.touched += c.absent * c.size
	}
}

// begin takes in that an object is sent.
func (m *meter) begin(o *objectMeter) {
	if !o.begun {
		o.begun = true
		m.begun += o.content.size
	}
}

// learn takes in the size of an artifact as it is stored, which is the same everywhere.
func (m *meter) learn(o packager.Object) {
	if o.Artifact == nil {
		return
	}
	c := m.artifacts[o.Artifact.Name]
	if c.known {
		return
	}
	c.size, c.known = o.Size, true
	m.known += o.Size
	m.packed += o.Size
	m.source += o.Artifact.Size
	m.unknown -= o.Artifact.Size
}

// total is how many bytes all artifacts have together, as stored.
func (m *meter) total() int64 {
	ratio := (float64(m.packed) + usualWeight/usualRatio) / (float64(m.source) + usualWeight)
	return m.known + int64(float64(m.unknown)*ratio)
}
