package role

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// An options is what a request to assume a role may also say (STS API reference,
// AssumeRole), in the form that JSON has for it.
type options struct {
	DurationSeconds   int32    `json:",omitempty"`
	Policy            string   `json:",omitempty"`
	PolicyArns        []policy `json:",omitempty"`
	RoleSessionName   string   `json:",omitempty"`
	SourceIdentity    string   `json:",omitempty"`
	Tags              []tag    `json:",omitempty"`
	TransitiveTagKeys []string `json:",omitempty"`
}

type policy struct {
	ARN string `json:"arn"`
}

type tag struct{ Key, Value string }

// With returns the role with further fields of AssumeRole, a JSON object: CDK calls it
// assumeRoleAdditionalOptions. What is not known, or cannot work, is an error. As for CDK,
// all tags are transitive where nothing is said of that.
func (r Role) With(fields []byte) (Role, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(fields, &all); err != nil {
		return r, errors.New("this is not a JSON object with fields of AssumeRole")
	}
	var o options
	known := map[string]any{
		"DurationSeconds": &o.DurationSeconds, "Policy": &o.Policy, "PolicyArns": &o.PolicyArns, "RoleSessionName": &o.RoleSessionName,
		"SourceIdentity": &o.SourceIdentity, "Tags": &o.Tags, "TransitiveTagKeys": &o.TransitiveTagKeys,
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch to := known[name]; {
		case name == "SerialNumber", name == "TokenCode":
			return r, fmt.Errorf("%s cannot be used: a code serves for one session, and there is one for each region, which is renewed", name)
		case to == nil:
			return r, fmt.Errorf("%s is not known; there are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		default:
			if err := json.Unmarshal(all[name], to); err != nil {
				return r, fmt.Errorf("%s does not hold what AssumeRole takes", name)
			}
		}
	}
	if err := o.check(); err != nil {
		return r, err
	}
	if all["TransitiveTagKeys"] == nil {
		for _, t := range o.Tags {
			o.TransitiveTagKeys = append(o.TransitiveTagKeys, t.Key)
		}
	}
	text, err := json.Marshal(o)
	if err != nil {
		return r, err
	}
	if r.more = string(text); r.more == "{}" {
		r.more = ""
	}
	return r, nil
}

// check finds values that STS would refuse.
func (o options) check() error {
	if o.DurationSeconds != 0 && (o.DurationSeconds < 900 || o.DurationSeconds > 43200) {
		return errors.New("DurationSeconds is 900 to 43200")
	}
	if len(o.Tags) > 50 {
		return errors.New("a session has at most 50 Tags")
	}
	if o.RoleSessionName != "" && !isSessionName(o.RoleSessionName) {
		return errors.New("RoleSessionName has 2 to 64 letters, digits and _+=,.@-")
	}
	for _, t := range o.Tags {
		if t.Key == "" {
			return errors.New("each of Tags has a Key and a Value")
		}
	}
	for _, p := range o.PolicyArns {
		if p.ARN == "" {
			return errors.New("each of PolicyArns has an arn")
		}
	}
	return nil
}

// options are what With took in.
func (r Role) options() (o options) {
	if r.more != "" {
		_ = json.Unmarshal([]byte(r.more), &o) // With wrote it
	}
	return o
}

// input is the request that assumes the role.
func (r Role) input() *sts.AssumeRoleInput {
	o := r.options()
	in := &sts.AssumeRoleInput{
		RoleArn: aws.String(r.ARN), RoleSessionName: aws.String(r.sessionName()),
		ExternalId: optional(r.ExternalID), Policy: optional(o.Policy), SourceIdentity: optional(o.SourceIdentity), TransitiveTagKeys: o.TransitiveTagKeys,
	}
	if o.DurationSeconds != 0 {
		in.DurationSeconds = aws.Int32(o.DurationSeconds)
	}
	for _, p := range o.PolicyArns {
		in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: aws.String(p.ARN)})
	}
	for _, t := range o.Tags {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return in
}

// optional is nil for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
