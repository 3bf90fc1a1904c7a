package upload

import (
	"cmp"
	"time"
)

const (
	// A copy is thought to take so long, whatever its size, and to go on at so many
	// bytes a second, until some were seen: about what S3 takes from region to region.
	copyBase = 250 * time.Millisecond
	copyRate = 80e6
	// slowLink is what is taken for the link's rate where nothing was sent yet, in
	// bytes a second.
	slowLink = 12.5e6
)

// A forecast is what a run has shown so far of archiving, of the link and of copies, and
// what follows from it. It is not safe for concurrent use.
type forecast struct {
	processors int

	toArchive files // that will be archived, as far as is known
	// The sizes of the files that were, and of these archives; and the time that processors
	// took for them.
	archived, archives int64
	took               time.Duration
	archiving          map[*begun]bool

	queued int64     // bytes that wait for the link, or are on their way, and do not yield
	free   time.Time // when the link has carried them, as far as is known

	copying             map[*begun]bool
	made                int           // copies
	copyTook, copyUsual time.Duration // what these took, and what was expected
}

// Files are what archives are made of: how many bytes they have; and these, times how often
// the archive goes over the link: if each destination gets it from here, and if only the
// first one of those does between which S3 copies.
type files struct{ size, toAll, toOne int64 }

// add adds files n times.
func (f *files) add(more files, n int64) {
	f.size += n * more.size
	f.toAll += n * more.toAll
	f.toOne += n * more.toOne
}

// What has begun: an archive or a copy.
type begun struct {
	size int64 // of the archive's files, or of the copy
	at   time.Time
}

func newForecast(processors int) forecast {
	return forecast{processors: processors, archiving: make(map[*begun]bool), copying: make(map[*begun]bool)}
}

// archiveEnds takes in the size of an archive.
func (f *forecast) archiveEnds(a *begun, archive int64) {
	delete(f.archiving, a)
	f.archived += a.size
	f.archives += archive
	f.took += time.Since(a.at)
}

// copyEnds takes in how long a copy took, if it was made.
func (f *forecast) copyEnds(c *begun, made bool) {
	delete(f.copying, c)
	if made {
		f.made++
		f.copyTook += time.Since(c.at)
		f.copyUsual += usualCopy(c.size)
	}
}

// usualCopy is how long a copy is thought to take before any was seen.
func usualCopy(size int64) time.Duration { return copyBase + seconds(float64(size)/copyRate) }

// slower is how many times as long as is thought a copy has taken so far.
func (b *begun) slower() float64 { return float64(time.Since(b.at)) / float64(usualCopy(b.size)) }

// copyTime predicts how long a copy takes: as the others did, or do.
func (f *forecast) copyTime(size int64) time.Duration {
	factor := 1.0
	if f.made > 0 {
		factor = float64(f.copyTook) / float64(f.copyUsual)
	}
	for c := range f.copying {
		factor = max(factor, c.slower())
	}
	return time.Duration(factor * float64(usualCopy(size)))
}

// copyTakes is how long a copy takes at least and at most, as far as is known: half to twice of
// what others took, for what is known of the link is no better; and before one was made, a tenth
// of what is thought and ten times that, but not less than one has taken so far.
func (f *forecast) copyTakes(size int64) (least, most time.Duration) {
	if f.made > 0 {
		return f.copyTime(size) / 2, f.copyTime(size) * 2
	}
	factor := 0.0
	for c := range f.copying {
		factor = max(factor, c.slower())
	}
	usual := float64(usualCopy(size))
	return time.Duration(max(0.1, factor) * usual), time.Duration(10 * max(1, factor) * usual)
}

// queue takes in that the link gets to carry so many bytes more or, below 0, has carried
// them. rate is in bytes a second, 0 where nobody knows it yet.
//
// What was sent is there before its answer is here, so that the link is free earlier than
// the queue is empty.
func (f *forecast) queue(bytes int64, rate float64) {
	now := time.Now()
	if f.free = now.Add(f.backlog(rate)); bytes > 0 {
		f.free = f.free.Add(seconds(float64(bytes) / cmp.Or(rate, slowLink)))
	}
	f.queued += bytes
}

// backlog predicts for how long the link has work, what yields not counted.
func (f *forecast) backlog(rate float64) time.Duration {
	return max(0, min(seconds(float64(f.queued)/cmp.Or(rate, slowLink)), time.Until(f.free)))
}

// ends predicts for how long a run has work yet, copies not counted: if the link carries so
// many bytes more and everything that is to be archived goes to every store; and if it carries
// none of these and everything goes to one store.
func (f *forecast) ends(rate float64, more int64) (toAll, toOne time.Duration) {
	backlog := f.backlog(rate)
	archive, share := f.rest()
	toAll = max(archive, backlog+seconds((float64(more)+share*float64(f.toArchive.toAll))/rate))
	toOne = max(archive, backlog+seconds(share*float64(f.toArchive.toOne)/rate))
	return toAll, toOne
}

// rest predicts for how long there will be more to archive, and what share of their files'
// bytes these archives have.
func (f *forecast) rest() (archive time.Duration, share float64) {
	if f.toArchive.size <= 0 || f.archived == 0 || f.took == 0 {
		return 0, 0
	}
	speed := float64(f.archived) / f.took.Seconds() // of one processor
	left := float64(f.toArchive.size)
	for a := range f.archiving {
		left -= min(float64(a.size), speed*time.Since(a.at).Seconds())
	}
	return seconds(left / speed / float64(f.processors)), float64(f.archives) / float64(f.archived)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
