package assembly

import (
	"regexp"
	"slices"
	"strings"
)

// Values are what the placeholders in a destination stand for.
type Values struct{ Region, Partition, Account string }

// The placeholders that there are (class EnvironmentPlaceholders of
// @aws-cdk/cloud-assembly-api).
const (
	regionPlaceholder    = "${AWS::Region}"
	partitionPlaceholder = "${AWS::Partition}"
	accountPlaceholder   = "${AWS::AccountId}"
)

// texts are the texts of a destination in which placeholders may stand.
func (d *Destination) texts() []*string {
	return []*string{&d.Bucket, &d.Key, &d.Repository, &d.Tag, &d.RoleARN, &d.ExternalID}
}

// NeedsAccount tells whether the caller's account must be known to resolve a destination.
func (d *Destination) NeedsAccount() bool {
	inOptions := func(o Option) bool { return strings.Contains(o.Value, accountPlaceholder) }
	return slices.ContainsFunc(d.texts(), func(text *string) bool { return strings.Contains(*text, accountPlaceholder) }) ||
		slices.ContainsFunc(d.Options, inOptions)
}

// Resolve returns the destination with its placeholders filled in, its region, and its
// options in the order of their names, so that those of equal ones are equal.
func (d *Destination) Resolve(v Values) (*Destination, error) {
	fill := strings.NewReplacer(regionPlaceholder, v.Region, partitionPlaceholder, v.Partition, accountPlaceholder, v.Account)
	resolved := *d
	resolved.Region = v.Region
	if d.NeedsAccount() {
		resolved.Account = v.Account
	}
	for _, text := range resolved.texts() {
		*text = fill.Replace(*text)
		if strings.Contains(*text, "${") {
			placeholder := regexp.MustCompile(`\$\{[^}]*\}?`).FindString(*text)
			e := d.Place.Errorf("the placeholder %s is unknown", placeholder)
			e.Hint = "there are " + regionPlaceholder + ", " + accountPlaceholder + " and " + partitionPlaceholder
			return nil, e
		}
	}
	resolved.Options = slices.Clone(d.Options)
	for i := range resolved.Options {
		resolved.Options[i].Value = fill.Replace(resolved.Options[i].Value)
	}
	slices.SortFunc(resolved.Options, func(a, b Option) int { return strings.Compare(a.Name, b.Name) })
	return &resolved, nil
}
