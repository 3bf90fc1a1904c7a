package s3store

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// checkBucket says what a text is that does not name a bucket of which CloudFormation and
// Lambda read, and what to do; "" where it may. The rules are S3's (S3 guide, "General
// purpose bucket naming rules"). In us-east-1 there are older buckets, whose names hold up
// to 255 characters, capital letters and underscores too. By its end, a name tells what
// else it stands for. An access point's alias, with -s3alias, is a name that Lambda
// takes. Reserved beginnings are no sign: a bucket may be older than the rule.
func checkBucket(name, region string) (what, hint string) {
	longest, others := 63, `a-z, 0-9, "." and "-"`
	strange := regexp.MustCompile(`[^A-Za-z0-9.-]`)
	old := region == "us-east-1"
	if old {
		longest, others = 255, `letters, digits, ".", "-" and "_"`
		strange = regexp.MustCompile(`[^A-Za-z0-9._-]`)
	}
	const alone = "give the bucket's name alone: no s3://, no path, no ARN"
	_, addressErr := netip.ParseAddr(name)
	for _, rule := range []struct {
		broken    bool
		why, hint string
	}{
		{strings.Contains(name, "/") || strings.HasPrefix(name, "arn:"), "", alone},
		{strange.MatchString(name), fmt.Sprintf("it holds %q", strange.FindString(name)), "a bucket's name holds " + others},
		{!old && strings.ToLower(name) != name, "it holds a capital letter", "a bucket's name holds " + others},
		{len(name) < 3 || len(name) > longest, "it has " + problem.Count(len(name), "character"), fmt.Sprintf("a bucket's name has 3 to %d", longest)},
		{strings.Trim(name, ".-_") != name, "", "a bucket's name begins and ends with a letter or a digit"},
		{!old && strings.Contains(name, ".."), "two periods stand side by side", "a period stands between letters and digits"},
		{!old && addressErr == nil, "it has the form of an IP address", "a bucket's name has another form"},
	} {
		if rule.broken {
			what = "not a bucket's name"
			if rule.why != "" {
				what += ": " + rule.why
			}
			return what, rule.hint
		}
	}
	for _, other := range []struct{ suffix, what string }{
		{"--x-s3", "a directory bucket"},
		{"--xa-s3", "an access point of a directory bucket"},
		{"--table-s3", "a table bucket"},
		{"--ol-s3", "an Object Lambda access point"},
		{"--op-s3", "an access point on Outposts"},
		{".mrap", "a Multi-Region Access Point"},
	} {
		if strings.HasSuffix(name, other.suffix) {
			return other.what + ", of which CloudFormation and Lambda cannot read", "give the name of a general purpose bucket"
		}
	}
	return "", ""
}
