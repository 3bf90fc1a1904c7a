package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/patternmatcher"
	"github.com/spf13/pflag"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// Here are the kinds of values that flags take, a function or a type for each.
// A value that makes no sense is refused with an error that says why; flagError
// adds the flag's name and the value, in the same way for all.

// flagError is the message about a command line that the flags refuse.
func flagError(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	flag, cause := invalid.GetFlag(), invalid.Unwrap()
	if flag.Value.Type() == "bool" {
		cause = errors.New("write true or false, or nothing")
	}
	return fmt.Errorf("--%s %q: %w", flag.Name, invalid.GetValue(), cause)
}

// into returns what pflag calls with a flag's value: a function that parses it
// into a variable. If the flag is given twice, the last value counts.
func into[T any](to *T, parse func(string) (T, error)) func(string) error {
	return func(s string) (err error) {
		*to, err = parse(s)
		return err
	}
}

// A wordValue is the value of a flag that takes one of a few words.
type wordValue[T ~string] struct {
	to    *T
	words []string // the first is the default, which is an empty string in the library
}

// oneOf is a value that is one of a few words.
func oneOf[T ~string](to *T, standard string, others ...T) *wordValue[T] {
	v := &wordValue[T]{to, []string{standard}}
	for _, other := range others {
		v.words = append(v.words, string(other))
	}
	return v
}

// Set takes a word.
func (v *wordValue[T]) Set(s string) error {
	switch {
	case !slices.Contains(v.words, s):
		last := len(v.words) - 1
		return errors.New("there are " + strings.Join(v.words[:last], ", ") + " and " + v.words[last])
	case s == v.words[0]:
		s = ""
	}
	*v.to = T(s)
	return nil
}

func (v *wordValue[T]) String() string { return "" }

// Type is what pflag calls the kind of value.
func (v *wordValue[T]) Type() string { return "word" }

// choices are the words, for completion.
func (v *wordValue[T]) choices() []string { return v.words }

// splitList divides a list at commas and at white space; it may stand on several
// lines. A comma with nothing before or after it is refused: in "us-east-1,$OTHER"
// the variable may be empty by mistake, and a region must not vanish so. what is
// "a bucket's name", for messages.
func splitList(s, what string) (items []string, err error) {
	if strings.TrimSpace(s) == "" {
		return nil, errors.New(what + " is missing")
	}
	for _, part := range strings.Split(s, ",") {
		words := strings.Fields(part)
		if len(words) == 0 {
			return nil, errors.New(what + " is missing beside a comma")
		}
		items = append(items, words...)
	}
	return items, nil
}

// regionNames are the regions of --regions, each once, in the order given.
type regionNames []string

func (r *regionNames) add(s string) error {
	regions, err := splitList(s, "a region's name")
	for _, region := range regions {
		if !slices.Contains(*r, region) {
			*r = append(*r, region)
		}
	}
	return err
}

// byRegion is what a flag says for all regions, and what it says for one:
// VALUE and REGION=VALUE.
type byRegion struct {
	all string
	own map[string]string
}

// of is the value for a region, "" where there is none.
func (v byRegion) of(region string) string {
	if own, ok := v.own[region]; ok {
		return own
	}
	return v.all
}

// named are all values by their regions; "" has that of all other regions.
func (v byRegion) named() map[string]string {
	all := maps.Clone(v.own)
	if v.all != "" {
		if all == nil {
			all = make(map[string]string)
		}
		all[""] = v.all
	}
	return all
}

// add takes in a list of values. what is "a bucket's name", for messages.
func (v *byRegion) add(s, what string) error {
	items, err := splitList(s, what)
	if err != nil {
		return err
	}
	if v.own == nil {
		v.own = make(map[string]string)
	}
	for _, item := range items {
		region, own, ok := strings.Cut(item, "=")
		switch {
		case ok && own == "":
			return errors.New(what + " is missing")
		case ok && !packager.ValidRegion(region):
			return fmt.Errorf("%q is not the name of a region", region)
		case ok && v.own[region] != "":
			return fmt.Errorf("%s has %s already", region, v.own[region])
		case ok:
			v.own[region] = own
		case v.all != "":
			return fmt.Errorf("%q is given for all regions already", v.all)
		default:
			v.all = item
		}
	}
	return nil
}

// addBuckets takes in names of buckets, in which {region} and {account} may
// stand.
func (v *byRegion) addBuckets(s string) error {
	for _, placeholder := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(s, -1) {
		if placeholder != "{region}" && placeholder != "{account}" {
			return fmt.Errorf("%s is unknown; there are {region} and {account}", placeholder)
		}
	}
	return v.add(s, "a bucket's name")
}

// addRole takes in the ARN of a role, or that of one region. There is one: names of roles may
// hold commas.
func (v *byRegion) addRole(s string) error {
	for _, placeholder := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(s, -1) {
		if placeholder != "{region}" && placeholder != "{account}" {
			return fmt.Errorf("%s is unknown; there are {region} and {account}", placeholder)
		}
	}
	return v.addWhole(s, "a role's ARN")
}

// addExternalID takes in an external ID, which may hold commas and = as well.
func (v *byRegion) addExternalID(s string) error { return v.addWhole(s, "an external ID") }

// addWhole takes in one value, or that of one region.
func (v *byRegion) addWhole(s, what string) error {
	region, own, ok := strings.Cut(s, "=")
	if !ok || !packager.ValidRegion(region) {
		region, own = "", s
	}
	switch {
	case strings.TrimSpace(own) == "":
		return errors.New(what + " is missing")
	case v.own[region] != "":
		return fmt.Errorf("%s has %s already", region, what)
	case region == "" && v.all != "":
		return fmt.Errorf("%s is given for all regions already", what)
	case region == "":
		v.all = own
	case v.own == nil:
		v.own = map[string]string{region: own}
	default:
		v.own[region] = own
	}
	return nil
}

func (v *byRegion) addOwners(s string) error { return v.add(s, "an account") }

func (v *byRegion) addKeys(s string) error { return v.add(s, "a key") }

// patterns are those of --exclude. As in a .dockerignore, each line is one, and
// one may hold commas and spaces.
type patterns []string

func (p *patterns) add(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("a pattern is missing")
	}
	if strings.ToValidUTF8(s, "") != s {
		return errors.New("this is not UTF-8")
	}
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if _, err := patternmatcher.New([]string{line}); err != nil {
			return err
		}
		*p = append(*p, line)
	}
	return nil
}

// parseJobs reads how many uploads may be under way at once.
func parseJobs(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, errors.New("write a number from 1 on")
	}
	return n, nil
}

// parseAge reads a number of days, or never.
func parseAge(s string) (time.Duration, error) {
	if s == "never" {
		return -1, nil
	}
	days, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
	if err != nil || days < 1 || days > 10000 || !strings.HasSuffix(s, "d") {
		return 0, errors.New("write days as 30d, or never")
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

// parseShard reads I/N. What is empty is no shard, so that one command serves
// builds with and without shards.
func parseShard(s string) (packager.Shard, error) {
	if s == "" {
		return packager.Shard{}, nil
	}
	index, count, ok := strings.Cut(s, "/")
	i, ierr := strconv.Atoi(index)
	n, nerr := strconv.Atoi(count)
	if !ok || ierr != nil || nerr != nil || i < 1 || i > n {
		return packager.Shard{}, errors.New("write 2/4 for the second of four")
	}
	return packager.Shard{Index: i, Count: n}, nil
}

// parseURL reads the address of a server; what is empty is AWS's own.
func parseURL(s string) (string, error) {
	if s != "" && !regexp.MustCompile(`^https?://[^/]+`).MatchString(s) {
		return "", errors.New("this is not a URL like https://localhost:9000")
	}
	return s, nil
}

// parseOutput reads the pattern of the packaged templates' paths.
func parseOutput(s string) (string, error) {
	if s != "" && os.IsPathSeparator(s[len(s)-1]) {
		return "", errors.New("this names a folder: name the file in it")
	}
	return s, nil
}
