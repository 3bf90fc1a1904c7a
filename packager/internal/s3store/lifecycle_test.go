package s3store

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// When a bucket's rules end an object, by the S3 guide's pages "Lifecycle configuration
// elements" and "Setting an S3 Lifecycle configuration": the days are rounded up to midnight
// UTC, and the first of several rules counts.
func TestEndOfObjects(t *testing.T) {
	const day = "2026-01-15"
	at := func(s string) time.Time {
		parsed, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	days := func(n int32) *types.LifecycleExpiration { return &types.LifecycleExpiration{Days: &n} }
	filter := func(f types.LifecycleRuleFilter, n int32) types.LifecycleRule {
		return types.LifecycleRule{ID: aws.String("r"), Status: "Enabled", Filter: &f, Expiration: days(n)}
	}
	prefix := func(p string, n int32) types.LifecycleRule { return filter(types.LifecycleRuleFilter{Prefix: &p}, n) }
	noncurrent := func(n int32) types.LifecycleRule {
		return types.LifecycleRule{ID: aws.String("old"), Status: "Enabled", NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: &n}}
	}
	archive := func(n int32, class types.TransitionStorageClass) types.LifecycleRule {
		return types.LifecycleRule{ID: aws.String("cold"), Status: "Enabled", Transitions: []types.Transition{{Days: &n, StorageClass: class}}}
	}
	date := at("2026-03-01 00:00")
	earlier := at("2026-02-01 00:00")
	steps := types.LifecycleRule{ID: aws.String("steps"), Status: "Enabled", Transitions: []types.Transition{
		{Days: aws.Int32(1), StorageClass: "STANDARD_IA"}, {Days: aws.Int32(3), StorageClass: "GLACIER"}, {Days: aws.Int32(300), StorageClass: "DEEP_ARCHIVE"},
	}}
	small := steps
	small.Filter = &types.LifecycleRuleFilter{ObjectSizeGreaterThan: aws.Int64(1)}
	cold := types.LifecycleRule{ID: aws.String("cold"), Status: "Enabled", NoncurrentVersionTransitions: []types.NoncurrentVersionTransition{{NoncurrentDays: aws.Int32(3), StorageClass: "GLACIER"}}}
	tag := types.Tag{Key: aws.String("keep"), Value: aws.String("no")}
	object := Object{Key: "p/k.zip", Size: 1000, Modified: at(day + " 10:30"), VersionID: "v1"}
	for name, test := range map[string]struct {
		rules  []types.LifecycleRule
		change func(*Object)
		old    bool // it is not the newest version
		tags   map[string]string
		least  types.TransitionDefaultMinimumObjectSize
		want   string
	}{
		"no rules":               {want: ""},
		"all":                    {rules: []types.LifecycleRule{prefix("", 3)}, want: "2026-01-19 r"}, // the guide's own example
		"nobody says since when": {rules: []types.LifecycleRule{prefix("", 3)}, change: func(o *Object) { o.Modified = time.Time{} }, want: "unknown: S3 does not tell when it was stored"},
		"at midnight":            {rules: []types.LifecycleRule{prefix("", 3)}, change: func(o *Object) { o.Modified = at(day + " 00:00") }, want: "2026-01-18 r"},
		"a prefix":               {rules: []types.LifecycleRule{prefix("p/", 3)}, want: "2026-01-19 r"},
		"another prefix":         {rules: []types.LifecycleRule{prefix("q/", 3)}, want: ""},
		"the old form":           {rules: []types.LifecycleRule{{ID: aws.String("r"), Status: "Enabled", Prefix: aws.String("p/"), Expiration: days(3)}}, want: "2026-01-19 r"},
		"the old form, other":    {rules: []types.LifecycleRule{{ID: aws.String("r"), Status: "Enabled", Prefix: aws.String("q/"), Expiration: days(3)}}, want: ""},
		"switched off":           {rules: []types.LifecycleRule{{ID: aws.String("r"), Status: "Disabled", Expiration: days(3)}}, want: ""},
		"a date":                 {rules: []types.LifecycleRule{{ID: aws.String("r"), Status: "Enabled", Expiration: &types.LifecycleExpiration{Date: &date}}}, want: "2026-03-01 r"},
		"markers alone":          {rules: []types.LifecycleRule{{ID: aws.String("r"), Status: "Enabled", Expiration: &types.LifecycleExpiration{ExpiredObjectDeleteMarker: aws.Bool(true)}}}, want: ""},
		"the first counts":       {rules: []types.LifecycleRule{prefix("", 90), prefix("p/", 30), prefix("", 60)}, want: "2026-02-15 r"},
		"larger":                 {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{ObjectSizeGreaterThan: aws.Int64(999)}, 3)}, want: "2026-01-19 r"},
		"not larger":             {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{ObjectSizeGreaterThan: aws.Int64(1000)}, 3)}, want: ""},
		"smaller":                {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{ObjectSizeLessThan: aws.Int64(1001)}, 3)}, want: "2026-01-19 r"},
		"not smaller":            {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{ObjectSizeLessThan: aws.Int64(1000)}, 3)}, want: ""},
		"a tag":                  {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{Tag: &tag}, 3)}, tags: map[string]string{"keep": "no"}, want: "2026-01-19 r"},
		"another tag":            {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{Tag: &tag}, 3)}, tags: map[string]string{"keep": "yes"}, want: ""},
		"no tag":                 {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{Tag: &tag}, 3)}, tags: map[string]string{}, want: ""},
		// S3 counts no tags for who may not see them.
		"denied tags, and their number": {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{Tag: &tag}, 3)}, want: "unknown: the rule r depends on its tags, and S3 does not tell them"},
		"denied tags":                   {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{Tag: &tag}, 3)}, want: "unknown: the rule r depends on its tags, and S3 does not tell them"},
		"denied tags, another":          {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{Tag: &tag}, 30), prefix("", 3)}, want: "2026-01-19 r"},
		"denied tags, earlier":          {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{Tag: &tag}, 3), prefix("", 30)}, want: "2026-02-15 r unknown: the rule r depends on its tags, and S3 does not tell them"},
		"and": {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{
			Prefix: aws.String("p/"), ObjectSizeGreaterThan: aws.Int64(10), ObjectSizeLessThan: aws.Int64(2000), Tags: []types.Tag{tag},
		}}, 3)}, tags: map[string]string{"keep": "no"}, want: "2026-01-19 r"},
		"and, one is not": {rules: []types.LifecycleRule{filter(types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{
			Prefix: aws.String("q/"), Tags: []types.Tag{tag},
		}}, 3)}, tags: map[string]string{"keep": "no"}, want: ""},
		"noncurrent, named by its key": {rules: []types.LifecycleRule{noncurrent(3)}, want: ""},
		"a version that is the newest": {rules: []types.LifecycleRule{prefix("", 3)}, change: func(o *Object) { o.Version = "v1" }, want: ""},
		"the same, and noncurrent": {rules: []types.LifecycleRule{{ID: aws.String("r"), Status: "Enabled", Expiration: days(3), NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(5)}}},
			change: func(o *Object) { o.Version = "v1" }, want: "2026-01-24 r"},
		"an old version":           {rules: []types.LifecycleRule{noncurrent(3)}, change: func(o *Object) { o.Version = "v1" }, old: true, want: "2026-01-19 old or later"},
		"an old version, no rule":  {rules: []types.LifecycleRule{prefix("", 3)}, change: func(o *Object) { o.Version = "v1" }, old: true, want: ""},
		"archived":                 {rules: []types.LifecycleRule{archive(3, types.TransitionStorageClassDeepArchive), prefix("", 30)}, want: "2026-01-19 cold as DEEP_ARCHIVE"},
		"archived on the same day": {rules: []types.LifecycleRule{archive(0, types.TransitionStorageClassGlacier)}, want: "2026-01-16 cold as GLACIER"},
		"deleted before":           {rules: []types.LifecycleRule{archive(30, types.TransitionStorageClassGlacier), prefix("", 3)}, want: "2026-01-19 r"},
		"archived in steps":        {rules: []types.LifecycleRule{steps}, want: "2026-01-19 steps as GLACIER"},
		"archived in steps, at night": {rules: []types.LifecycleRule{{ID: aws.String("dated"), Status: "Enabled", Transitions: []types.Transition{
			{Date: &date, StorageClass: "DEEP_ARCHIVE"}, {Date: &earlier, StorageClass: "GLACIER"},
		}}}, want: "2026-02-01 dated as GLACIER"},
		"too small to be archived":       {rules: []types.LifecycleRule{steps}, least: "all_storage_classes_128K", want: ""},
		"large enough":                   {rules: []types.LifecycleRule{steps}, least: "all_storage_classes_128K", change: func(o *Object) { o.Size = 128 << 10 }, want: "2026-01-19 steps as GLACIER"},
		"small, and the rule has a size": {rules: []types.LifecycleRule{small}, least: "all_storage_classes_128K", want: "2026-01-19 steps as GLACIER"},
		"small, by the class":            {rules: []types.LifecycleRule{steps}, least: "varies_by_storage_class", want: "2026-01-19 steps as GLACIER"},
		"noncurrent, by another rule":    {rules: []types.LifecycleRule{prefix("", 3), noncurrent(5)}, change: func(o *Object) { o.Version = "v1" }, want: "2026-01-24 old"},
		"the other way":                  {rules: []types.LifecycleRule{noncurrent(5), prefix("", 3)}, change: func(o *Object) { o.Version = "v1" }, want: "2026-01-24 old"},
		"noncurrent, and some are kept": {rules: []types.LifecycleRule{prefix("", 3), {ID: aws.String("old"), Status: "Enabled", NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(5), NewerNoncurrentVersions: aws.Int32(2)}}},
			change: func(o *Object) { o.Version = "v1" }, want: "2026-01-24 old or later"},
		"an old version, archived":     {rules: []types.LifecycleRule{cold}, change: func(o *Object) { o.Version = "v1" }, old: true, want: "2026-01-19 cold as GLACIER or later"},
		"the newest version, archived": {rules: []types.LifecycleRule{cold, prefix("", 30)}, change: func(o *Object) { o.Version = "v1" }, want: "2026-02-18 cold as GLACIER"},
		"archived and deleted at once": {rules: []types.LifecycleRule{archive(3, "GLACIER"), prefix("", 3)}, want: "2026-01-19 r"},
		"by the key, archived":         {rules: []types.LifecycleRule{cold}, want: ""},
		"moved, and readable":          {rules: []types.LifecycleRule{archive(3, types.TransitionStorageClassGlacierIr)}, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := object
			if test.change != nil {
				test.change(&o)
			}
			var rules Rules
			for _, r := range test.rules {
				if r.Status == types.ExpirationStatusEnabled {
					rules.rules = append(rules.rules, ruleOf(r, test.least))
				}
			}
			end := rules.End(o, !test.old, func() (map[string]string, error) { return test.tags, nil })
			if got := wordsOf(end); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func wordsOf(e End) string {
	s := ""
	if !e.At.IsZero() {
		s = e.At.Format(time.DateOnly) + " " + e.Rule
	}
	if e.Archive != "" {
		s += " as " + e.Archive
	}
	if e.Earliest {
		s += " or later"
	}
	if e.Unknown != "" {
		s = strings.TrimSpace(s + " unknown: " + e.Unknown)
	}
	return s
}

// Where the rules are denied, S3 says with the object itself when the newest version expires.
func TestEndBySay(t *testing.T) {
	for header, want := range map[string]string{
		"": "unknown: S3 does not tell this caller the bucket's lifecycle rules",
		`expiry-date="Fri, 21 Dec 2012 00:00:00 GMT", rule-id="Rule for testfile.txt"`: "2012-12-21 Rule for testfile.txt unknown: S3 does not tell this caller whether it is archived before",
		`expiry-date="soon", rule-id="r"`:                                              "unknown: S3 does not tell this caller the bucket's lifecycle rules",
		`expiry-date="Fri, 21 Dec 2012 00:00:00 GMT`:                                   "unknown: S3 does not tell this caller the bucket's lifecycle rules",
	} {
		end := Rules{Denied: true}.End(Object{Expires: header}, true, nil)
		if got := wordsOf(end); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
}
