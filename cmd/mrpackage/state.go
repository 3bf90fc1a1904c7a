package main

import (
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// A state is how far a region is, or all of them.
type state struct {
	name          string
	objects, done int
	what          string // one of them is called; "" for an object
	bytes, total  int64
	about         bool // total is an estimate
	failed        bool
	rate          float64       // bytes a second; 0 where there is none to speak of
	left          time.Duration // 0 where nobody knows
}

// region is how far a region is, by its place in the plan.
func (m *meter) region(i int) state {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of(m.stores[i])
}

func (m *meter) of(s *storeMeter) state {
	total := max(m.total()+s.own, s.bytes)
	return state{name: s.region, objects: s.objects + len(s.images), done: s.done, what: s.what(), bytes: s.bytes, total: total, about: m.unknown > 0, failed: s.failed}
}

// what is the name of what a region gets, without an s.
func (s *storeMeter) what() string {
	switch {
	case len(s.images) == 0:
		return "object"
	case s.objects == 0:
		return "image"
	}
	return "objects and image"
}

// all is how far all regions are together. What a region that has failed lacks will not
// be sent any more.
func (m *meter) all(now time.Time) state {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := state{name: "all regions"}
	if len(m.stores) == 1 {
		all.name = m.stores[0].region
	}
	failed := 0
	for _, region := range m.stores {
		s := m.of(region)
		if s.failed {
			s.total = s.bytes
			failed++
		}
		all.objects += s.objects
		all.what = s.what
		all.done += s.done
		all.bytes += s.bytes
		all.total += s.total
		all.about = all.about || s.about && !s.failed
	}
	all.failed = failed == len(m.stores)
	if !all.failed && all.done < all.objects {
		all.rate = m.link.rate(now)
		all.left = m.left(all, now)
	}
	return all
}

const (
	// soonest is how long bytes must have been sent before it is said how long the rest
	// takes, and farthest what is too far away to be said.
	soonest  = 3 * time.Second
	farthest = 100 * time.Hour
)

// left is how long the link needs for the rest at the present rate; 0 where nobody knows.
// Of what was not touched yet as much is sent, and not copied, as of what was.
func (m *meter) left(all state, now time.Time) time.Duration {
	if all.rate <= 0 || m.touched == 0 || m.link.age(now) < soonest {
		return 0
	}
	untouched := max(all.total-m.there-m.touched, 0)
	rest := float64(untouched)*float64(m.begun)/float64(m.touched) + float64(m.begun-m.sent)
	seconds := rest / all.rate
	if seconds <= 0 || seconds > farthest.Seconds() {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// pushedBefore are a region's images, where all of them were there already.
func (m *meter) pushedBefore(region string) []packager.PushedImage {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.store[region]; s.there == len(s.images) {
		return s.images
	}
	return nil
}

// A traffic is what went over the link in a run.
type traffic struct {
	bytes, vain int64         // all, and what of it was sent again
	took        time.Duration // from the first byte to the last answer
}

func (m *meter) traffic() traffic {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := traffic{bytes: m.link.sum, vain: m.vain}
	if !m.last.IsZero() && !m.link.began.IsZero() {
		t.took = m.last.Sub(m.link.began)
	}
	return t
}
