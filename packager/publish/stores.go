package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/assembly"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/region"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/role"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/s3store"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// stores are the buckets that destinations name, each as one role reaches it, in the order in
// which they were met.
type stores struct {
	planner  *planner
	index    map[storeID]int // -1 for one that is wrong
	contents []packager.Contents
	roles    []role.Role // by store
	said     map[string]bool

	// What is known of all destinations that say the same: there are many of them.
	assumed map[assumption]roleOrError
	regions map[string]bool // whether this is a region's name
}

// An assumption is what a destination says of its role.
type assumption struct{ region, arn, externalID, options string }

type roleOrError struct {
	role role.Role
	err  error
}

// role is the role that a destination names.
func (s *stores) role(to *assembly.Destination) (role.Role, error) {
	said := assumption{to.Region, to.RoleARN, to.ExternalID, fmt.Sprint(to.Options)}
	known, ok := s.assumed[said]
	if !ok {
		known.role, known.err = roleOf(to)
		s.assumed[said] = known
	}
	return known.role, known.err
}

// isRegion tells whether this is the name of a region.
func (s *stores) isRegion(name string) bool {
	is, known := s.regions[name]
	if !known {
		is = region.Valid(name)
		s.regions[name] = is
	}
	return is
}

type storeID struct {
	region, bucket string
	role           role.Role
}

func newStores(p *planner) *stores {
	return &stores{
		planner: p, index: make(map[storeID]int), said: make(map[string]bool),
		assumed: make(map[assumption]roleOrError), regions: make(map[string]bool),
	}
}

// of is the store that a destination of a file is. ok is whether it can be one.
func (s *stores) of(a *assembly.Asset, to *assembly.Destination) (index int, ok bool) {
	as, err := s.role(to)
	if err != nil {
		s.failOnce(a, to, err)
		return 0, false
	}
	id := storeID{to.Region, to.Bucket, as}
	if i, known := s.index[id]; known {
		return i, i >= 0
	}
	owner := s.planner.owner(as, to)
	_, errs := s3store.Complete([]s3store.Store{{Region: to.Region, Bucket: to.Bucket, Owner: owner, Role: as}}, func(string) bool { return true })
	if len(errs) > 0 {
		s.index[id] = -1
		s.failOnce(a, to, errs...)
		return 0, false
	}
	s.index[id] = s.add(packager.Store{Region: to.Region, Bucket: to.Bucket, Owner: owner}, as)
	return s.index[id], true
}

// ofImage is the store that images of a place go with: the first bucket of the same region,
// as far as it is known to be of the same account, else one of its own.
func (s *stores) ofImage(in, account string, as role.Role) int {
	found := -1
	for i, c := range s.contents {
		of := accountOf(s.roles[i], c.Owner)
		switch {
		case c.Region != in:
		case of == account || s.roles[i] == as:
			return i
		case of == "" && found < 0:
			found = i
		}
	}
	if found >= 0 {
		return found
	}
	return s.add(packager.Store{Region: in, Owner: account}, as)
}

func (s *stores) add(store packager.Store, as role.Role) int {
	store.Role = packager.Role{ARN: as.ARN, ExternalID: as.ExternalID, SessionName: as.SessionName}
	s.contents = append(s.contents, packager.Contents{Store: store})
	s.roles = append(s.roles, as)
	return len(s.contents) - 1
}

// failOnce reports what is wrong with a destination, once for all of the same fault.
func (s *stores) failOnce(a *assembly.Asset, to *assembly.Destination, errs ...error) {
	for _, err := range errs {
		message, hint := err.Error(), ""
		var e *problem.Error
		if errors.As(err, &e) {
			message, hint = strings.TrimPrefix(message, e.Subject+": "), e.Hint
		}
		if s.said[message] {
			continue
		}
		s.said[message] = true
		failed := to.Place.Errorf("%s: %s", a.Label(), message)
		failed.Hint = hint
		s.planner.fail(failed)
	}
}

// owner is the account that a destination must belong to: the role's, as CDK's bootstrap
// makes both in one; without a role the caller's, where the destination speaks of it; ""
// where any will do.
func (p *planner) owner(as role.Role, to *assembly.Destination) string {
	switch {
	case p.opts.CrossAccount:
		return ""
	case as != role.Role{}:
		return as.Account()
	case to.Account != "":
		return to.Account
	}
	return ""
}

// resolve fills in a destination's placeholders in a region; nil where that cannot be done.
func (p *planner) resolve(a *assembly.Asset, d *assembly.Destination, in string) *assembly.Destination {
	if !p.stores.isRegion(in) {
		e := d.Place.Errorf("%s: %q is not the name of a region", a.Label(), in)
		e.Hint = "a region's name is like us-east-1"
		p.fail(e)
		return nil
	}
	values := assembly.Values{Region: in, Partition: region.Partition(in)}
	if d.NeedsAccount() {
		var err error
		if values.Account, err = p.account(); err != nil {
			p.failAccount(d, err)
			return nil
		}
	}
	resolved, err := d.Resolve(values)
	if err != nil {
		p.errs = append(p.errs, err)
		return nil
	}
	return resolved
}

// failAccount reports once that the caller's account is not known.
func (p *planner) failAccount(d *assembly.Destination, err error) {
	const key = "account"
	if p.stores.said[key] {
		return
	}
	p.stores.said[key] = true
	var e *problem.Error
	if !errors.As(err, &e) {
		e = d.Place.Errorf("this destination is in the caller's account, ${AWS::AccountId}, and %v", err)
		e.Hint = "set AWS_ACCOUNT_ID; or give the stack its env, { account, region }"
	}
	p.fail(e)
}

// roleOf is the role that a destination names. CDK passes on all tags of a session, unless
// told otherwise.
func roleOf(to *assembly.Destination) (role.Role, error) {
	as := role.Role{ARN: to.RoleARN, ExternalID: to.ExternalID}
	if to.RoleARN == "" {
		if to.ExternalID != "" || len(to.Options) > 0 {
			return as, errors.New("assumeRoleExternalId and assumeRoleAdditionalOptions are of a role, and there is no assumeRoleArn")
		}
		return as, nil
	}
	if err := as.Check(to.Region); err != nil {
		return as, err
	}
	if len(to.Options) == 0 {
		return as, nil
	}
	fields := make(map[string]json.RawMessage)
	for _, o := range to.Options {
		fields[o.Name] = json.RawMessage(o.Value)
	}
	var tags []struct{ Key string }
	if _, given := fields["TransitiveTagKeys"]; !given && json.Unmarshal(fields["Tags"], &tags) == nil && len(tags) > 0 {
		var keys []string
		for _, t := range tags {
			keys = append(keys, t.Key)
		}
		fields["TransitiveTagKeys"], _ = json.Marshal(keys) // strings do not fail
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return as, fmt.Errorf("assumeRoleAdditionalOptions: %w", err)
	}
	with, err := as.With(text)
	if err != nil {
		return as, fmt.Errorf("assumeRoleAdditionalOptions: %w", err)
	}
	return with, nil
}

// bootstrap says how CDK makes the buckets and repositories of an environment, whose names
// hold what the bootstrap was told to call it by.
func bootstrap(name, account, in string) string {
	if account == "" {
		account = "ACCOUNT"
	}
	environment := account + "/" + in
	command := "cdk bootstrap aws://" + environment
	qualifier := regexp.MustCompile(`^cdk-([a-z0-9]+)-(?:container-)?assets-`).FindStringSubmatch(name)
	if qualifier != nil && qualifier[1] != "hnb659fds" { // CDK's default
		command += " --qualifier " + qualifier[1]
	}
	return "has the environment " + environment + " been bootstrapped? " + command
}
