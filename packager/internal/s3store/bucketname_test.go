package s3store

import (
	"strings"
	"testing"
)

// What is no bucket's name breaks a rule, and the message says which.
func TestCheckBucket(t *testing.T) {
	const alone = "give the bucket's name alone"
	for name, want := range map[string]string{
		"east":                     "",
		"a.b-c.1":                  "",
		"abc":                      "",
		strings.Repeat("a", 63):    "",
		"s3://east":                alone,
		"east/prefix":              alone,
		"arn:aws:s3:::east":        alone,
		"ab":                       "it has 2 characters",
		strings.Repeat("a", 64):    "it has 64 characters",
		"East":                     "it holds a capital letter",
		"east_1":                   `it holds "_"`,
		"east 1":                   `it holds " "`,
		"east\n":                   `it holds "\n"`,
		"$BUCKET":                  `it holds "$"`,
		"büro":                     `it holds "ü"`,
		"-east":                    "begins and ends with a letter or a digit",
		"east-":                    "begins and ends with a letter or a digit",
		".east":                    "begins and ends with a letter or a digit",
		"ea..st":                   "two periods stand side by side",
		"a":                        "it has 1 character",
		"code--use1-az4--x-s3":     "a directory bucket",
		"192.168.5.4":              "it has the form of an IP address",
		"arn:aws:s3:::east/prefix": alone,
	} {
		why, hint := checkBucket(name, "us-west-2")
		if got := why + "; " + hint; (why == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{ // of a time with other rules
		"My_Bucket":              "",
		"ea..st":                 "",
		strings.Repeat("A", 255): "",
		strings.Repeat("A", 256): "it has 256 characters",
		"ab":                     "it has 2 characters",
		"s3://East":              alone,
		"East$":                  `it holds "$"`,
	} {
		why, hint := checkBucket(name, "us-east-1")
		if got := why + "; " + hint; (why == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("us-east-1: %q: %s, want %q", name, got, want)
		}
	}
}
