package codepipeline

import (
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
)

// A StackSet is one AWS::CloudFormation::StackSet of the pipeline's template that makes
// a bucket in each of its regions.
type StackSet struct {
	LogicalID string
	At        document.Value
	Regions   []Destination // of all its groups
	Open      bool          // it may have regions that are not known

	names []string // its buckets' names, with ${AWS::Region} in them
}

// What is read of stack sets is bounded. CloudFormation takes no larger template that
// stands in another one.
const (
	maxSets    = 20
	maxBody    = 51_200 // bytes
	maxBuckets = 10     // of one stack set
)

// inRegion stands in a text for the region of the stack that it is in.
const inRegion = "${AWS::Region}"

// Buckets are the names of its buckets in a region.
func (s StackSet) Buckets(region string) (all []string) {
	for _, name := range s.names {
		all = append(all, strings.ReplaceAll(name, inRegion, region))
	}
	return all
}

// Has tells whether the region is one of the stack set's.
func (s StackSet) Has(region string) bool {
	return slices.ContainsFunc(s.Regions, func(d Destination) bool { return d.Region.String() == region })
}

// MayMean tells whether a bucket's name begins as those of the stack set do, with the
// same variable or the same text. Every bucket may begin with the account.
func (s StackSet) MayMean(bucket string) bool {
	return slices.ContainsFunc(s.names, func(name string) bool {
		beginning, _, _ := strings.Cut(name, inRegion)
		if end := strings.Index(name, "}"); strings.HasPrefix(beginning, "${") && !strings.HasPrefix(beginning, "${AWS::") && end > 0 {
			beginning = name[:end+1]
		}
		return beginning != "" && strings.HasPrefix(bucket, beginning)
	})
}

// readStackSet reads a stack set whose template stands in this one. What it makes is
// known only then.
func (p *Pipeline) readStackSet(key, properties document.Value) StackSet {
	s := StackSet{LogicalID: key.Text(), At: key, names: p.bucketNames(properties)}
	groups := items(properties.Get("StackInstancesGroup"))
	s.Open = groups.open
	for _, group := range groups.items {
		if len(s.Regions) >= maxItems {
			break
		}
		regions, known := p.listed(group.Get("Regions"))
		s.Regions = first(append(s.Regions, regions...), maxItems)
		s.Open = s.Open || !known
	}
	return s
}

// listed are the regions of a list, each at the place where it is to be mended: of a
// parameter, that is its default.
func (p *Pipeline) listed(list document.Value) (all []Destination, known bool) {
	if name := referred(list); name != "" {
		text := p.Default(list)
		at := p.File.Root.Get("Parameters", name, "Default")
		if !at.Exists() || len(text.Assumes()) == 0 {
			return nil, false
		}
		for _, region := range first(strings.Split(text.String(), ","), maxItems) {
			if strings.TrimSpace(text.String()) != "" {
				all = append(all, Destination{text.with(strings.TrimSpace(region)), at})
			}
		}
		return all, true
	}
	l := items(list)
	for _, v := range first(l.items, maxItems) {
		all = append(all, Destination{p.Default(v), v})
	}
	return all, !l.open
}

// bucketNames are the names of the buckets that a stack set's template makes, where the
// region is a part of them.
func (p *Pipeline) bucketNames(properties document.Value) (names []string) {
	body, ok := properties.Get("TemplateBody").Scalar()
	if !ok || len(body) > maxBody {
		return nil
	}
	f, err := document.Parse(p.File.Name, []byte(body))
	if err != nil {
		return nil
	}
	values := make(map[string]string)
	for _, parameter := range f.Root.Get("Parameters").Pairs() {
		if text, ok := parameter.Value.Get("Default").Scalar(); ok {
			values[parameter.Name()] = text
		}
	}
	for _, given := range first(items(properties.Get("Parameters")).items, maxItems) {
		if text := p.Text(given.Get("ParameterValue")); text.Readable() {
			values[given.Get("ParameterKey").Text()] = text.String()
		}
	}
	for _, resource := range first(f.Root.Get("Resources").Pairs(), maxItems) {
		name := resource.Value.Get("Properties", "BucketName")
		if resource.Value.Get("Type").Text() != "AWS::S3::Bucket" || Unfilled(name) {
			continue
		}
		if text := resolve(name, values).String(); strings.Contains(text, inRegion) && len(names) < maxBuckets {
			names = append(names, text)
		}
	}
	return names
}
