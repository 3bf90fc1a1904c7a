package main

import "time"

const (
	// recent is how far a rate looks back: as long as people take for now, and long
	// enough for one that does not flicker.
	recent = 5 * time.Second
	// filling is for how long the first bytes say nothing of the link: they go into
	// the system's hands at once. settled is when there is a rate.
	filling = time.Second
	settled = 2 * time.Second
)

// A pace is how fast bytes moved, in the last seconds.
type pace struct {
	began time.Time // when the first moved
	sum   int64
	marks []mark // of the last seconds, and one from before them
}

// A mark is how many bytes had moved by then.
type mark struct {
	at  time.Time
	sum int64
}

// add takes in that bytes have moved.
func (p *pace) add(now time.Time, bytes int64) {
	if p.marks == nil {
		p.began = now
		p.marks = append(p.marks, mark{now, 0})
	}
	p.sum += bytes
	// A mark every now and then is enough: the last one is brought up to date until it
	// is far enough from the one before it.
	if n := len(p.marks); n > 1 && now.Sub(p.marks[n-2].at) < recent/20 {
		p.marks = p.marks[:n-1]
	}
	p.marks = append(p.marks, mark{now, p.sum})
	for len(p.marks) > 1 && now.Sub(p.marks[1].at) >= recent {
		p.marks = p.marks[1:]
	}
}

// age is how long ago the first bytes moved.
func (p *pace) age(now time.Time) time.Duration {
	if p.marks == nil {
		return 0
	}
	return now.Sub(p.began)
}

// rate is how many bytes moved each second; 0 where that is not known yet.
func (p *pace) rate(now time.Time) float64 {
	if p.age(now) < settled {
		return 0
	}
	from := p.marks[0]
	for _, m := range p.marks[1:] {
		if now.Sub(m.at) >= recent || m.at.Sub(p.began) <= filling {
			from = m
		}
	}
	return float64(p.sum-from.sum) / now.Sub(from.at).Seconds()
}
