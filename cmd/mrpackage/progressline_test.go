package main

import (
	"strings"
	"testing"
	"time"
)

// A line is as wide as there is room, without its last column; what there is no room
// for is left out, the bar first.
func TestLine(t *testing.T) {
	region := state{name: "us-east-1", objects: 8, done: 3, bytes: 12_300_000, total: 45_600_000, about: true}
	all := state{name: "all regions", objects: 16, done: 6, bytes: 24_600_000, total: 91_200_000, rate: 12.5e6, left: 65 * time.Second}
	failed := region
	failed.failed = true
	whole := state{name: "us-east-1", objects: 8, done: 8, bytes: 45_600_000, total: 45_600_000}
	for _, tt := range []struct {
		state state
		width int
		want  string
	}{
		{region, 200, "us-east-1    [==========>                           ]   26%  12.3 of ~45.6 MB    3 of 8 objects"},
		{all, 200, "all regions  [==========>                           ]   26%  24.6 of 91.2 MB     12.5 MB/s  1 min left  6 of 16 objects"},
		{region, 80, "us-east-1    [===>         ]   26%  12.3 of ~45.6 MB    3 of 8 objects"},
		{all, 80, "all regions  [===>         ]   26%  24.6 of 91.2 MB     12.5 MB/s  1 min left"},
		{whole, 80, "us-east-1    [=============]  100%  45.6 of 45.6 MB     8 of 8 objects"},
		{failed, 80, "us-east-1    [===>         ]   26%  12.3 of ~45.6 MB    failed"},
		{all, 60, "all regions   26%  24.6 of 91.2 MB     1 min left"},
		{region, 40, "us-east-1     26%  3 of 8 objects"},
		{all, 40, "all regions   26%  1 min left"},
		{failed, 40, "us-east-1     26%  failed"},
		{all, 20, "all regions   26%"},
		{all, 10, "all regio"},
		{all, 1, ""},
	} {
		if got := tt.state.line(tt.width, len("all regions")); got != tt.want {
			t.Errorf("%d columns:\n%s|\nwant\n%s|", tt.width, got, tt.want)
		}
	}
}

// No line is wider than the terminal, whatever the figures.
func TestLineFits(t *testing.T) {
	for _, total := range []int64{0, 1, 999, 999_999, 123_456_789, 1e12, 1e18} {
		for _, left := range []time.Duration{0, time.Second, time.Hour - 1, 99*time.Hour + 59*time.Minute} {
			s := state{name: "ap-southeast-1", objects: 100_000, done: 99_999, bytes: total / 3, total: total, about: true, rate: float64(total), left: left}
			for width := range 250 {
				for _, failed := range []bool{false, true} {
					s.failed = failed
					if line := s.line(width, len(s.name)); len(line) >= max(width, 1) || strings.ContainsAny(line, "\n\r\x1b") {
						t.Fatalf("%d columns: %q", width, line)
					}
				}
			}
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1: "1 s", time.Second: "1 s", 59 * time.Second: "59 s", 59*time.Second + 1: "1 min", 61 * time.Second: "1 min",
		89 * time.Second: "1 min", 90 * time.Second: "2 min", 59*time.Minute + 29*time.Second: "59 min", 59*time.Minute + 59*time.Second: "1 h 0 min",
		61 * time.Minute: "1 h 1 min", 25 * time.Hour: "25 h 0 min",
	} {
		if got := duration(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}
