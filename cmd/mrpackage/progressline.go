package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

const (
	gap       = "  "
	widestBar = 40
	leastBar  = 10
	// wide is what must be left for rate and time, or objects, beside a bar; narrow,
	// beside the bytes.
	wide   = len("125.0 MB/s  59 min left")
	narrow = len("12 s left")
)

// line is one line of the live display, which has exactly that many columns or fewer.
// The narrower it is, the more is left out: first the bar, then the bytes. Lines with the
// same names' width have their columns below each other.
func (s state) line(width, names int) string {
	width-- // some terminals begin a new line after the last column
	line := fmt.Sprintf("%-*s%s%4s", names, s.name, gap, s.percent())
	left := width - len(line)
	if left < 0 {
		return line[:max(width, 0)]
	}
	bytes := fmt.Sprintf("%s%-18s", gap, s.amount())
	if bar := left - len(bytes) - len(gap) - len(gap) - wide; bar >= leastBar {
		drawn := gap + s.bar(min(bar, widestBar))
		line = line[:names] + drawn + line[names:]
		left -= len(drawn)
	}
	if len(bytes)+len(gap)+narrow <= left {
		line += bytes
		left -= len(bytes)
	}
	return strings.TrimRight(line+s.tail(left), " ")
}

// speed is the rate, and how long the rest takes, where these are known.
func (s state) speed() (speed [2]string) {
	if s.rate >= 1 {
		speed[0] = size(int64(s.rate)) + "/s"
	}
	if s.left > 0 {
		speed[1] = duration(s.left) + " left"
	}
	return speed
}

// count is how many objects of how many are done.
func (s state) count() string {
	return fmt.Sprintf("%d of %s", s.done, problem.Count(s.objects, cmp.Or(s.what, "object")))
}

// tail is what of the rest there is room for: the time that is left first of all.
func (s state) tail(width int) string {
	speed := s.speed()
	texts := []string{speed[0], speed[1], s.count()}
	if s.failed {
		texts = []string{"", "failed", ""}
	}
	for _, i := range []int{1, 0, 2} {
		if texts[i] != "" && len(gap)+len(texts[i]) <= width {
			texts[i] = gap + texts[i]
			width -= len(texts[i])
		} else {
			texts[i] = ""
		}
	}
	return strings.Join(texts, "")
}

// percent is how much is done, and all of it only if each object is.
func (s state) percent() string {
	switch {
	case s.done == s.objects:
		return "100%"
	case s.total == 0:
		return "0%"
	}
	return fmt.Sprintf("%d%%", min(s.bytes*100/s.total, 99))
}

// bar is a bar of that many columns.
func (s state) bar(width int) string {
	width -= len("[]")
	full := width
	if s.done < s.objects {
		full = 0
		if s.total > 0 {
			full = min(int(float64(s.bytes)/float64(s.total)*float64(width)), width-1)
		}
	}
	drawn := strings.Repeat("=", full)
	if full < width {
		drawn += ">"
	}
	return fmt.Sprintf("[%-*s]", width, drawn)
}

// amount is how many bytes of how many are done, in the unit of the latter.
func (s state) amount() string {
	total, mark := size(s.total), ""
	if s.about {
		mark = "~"
	}
	number, unit, _ := strings.Cut(total, " ")
	units := map[string]float64{"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
	_, decimals, _ := strings.Cut(number, ".")
	return fmt.Sprintf("%.*f of %s%s", len(decimals), float64(s.bytes)/units[unit], mark, total)
}

// duration writes how long something takes as people say it.
func duration(d time.Duration) string {
	s := int((d + time.Second - 1) / time.Second)
	switch m := (s + 30) / 60; {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case m < 60:
		return fmt.Sprintf("%d min", m)
	default:
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	}
}
