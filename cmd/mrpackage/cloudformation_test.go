package main_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// moto's account is always the same.
const account = "123456789012"

// A stack is a template with what a deployment fills in: as much of CloudFormation as
// it takes to see what the templates of this repository come to.
type stack struct {
	t          *testing.T
	template   map[string]any
	parameters map[string]string
	region     string
	id         string // the first part of the last part of its ARN
}

// newStack reads a template. Parameters that are not given have their defaults.
func newStack(t *testing.T, text, region string, parameters map[string]string) *stack {
	t.Helper()
	var node yaml.Node
	check(t, yaml.Unmarshal([]byte(text), &node))
	s := &stack{t: t, region: region, id: "1a2b3c4d", parameters: maps.Clone(parameters)}
	s.template = plain(t, node.Content[0]).(map[string]any)
	if s.parameters == nil {
		s.parameters = map[string]string{}
	}
	for name, p := range mapping(s.template["Parameters"]) {
		if _, given := s.parameters[name]; given {
			continue
		}
		standard, ok := mapping(p)["Default"]
		if !ok {
			t.Fatalf("the parameter %s has no default", name)
		}
		s.parameters[name] = fmt.Sprint(standard)
	}
	return s
}

// plain is a value of a template with its short forms written out.
func plain(t *testing.T, n *yaml.Node) any {
	t.Helper()
	var v any
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(t, n.Content[i+1])
		}
		v = m
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, plain(t, item))
		}
		v = list
	default:
		if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
			v = n.Value
		} else {
			check(t, n.Decode(&v))
		}
	}
	switch name, short := strings.CutPrefix(n.Tag, "!"); {
	case !short || strings.HasPrefix(name, "!"):
		return v
	case name == "Ref" || name == "Condition":
		return map[string]any{name: v}
	default:
		return map[string]any{"Fn::" + name: v}
	}
}

func mapping(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// none is what AWS::NoValue stands for.
type none struct{}

// resources are the logical IDs of a type that a deployment makes, sorted.
func (s *stack) resources(kind string) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(mapping(s.template["Resources"]))) {
		r := mapping(mapping(s.template["Resources"])[id])
		condition, has := r["Condition"].(string)
		if r["Type"] == kind && (!has || s.holds(map[string]any{"Condition": condition})) {
			ids = append(ids, id)
		}
	}
	return ids
}

// attributes are those of a resource beside its properties.
func (s *stack) attributes(id string) map[string]any {
	s.t.Helper()
	r, ok := mapping(s.template["Resources"])[id]
	if !ok {
		s.t.Fatalf("there is no resource %s", id)
	}
	return mapping(r)
}

// properties are a resource's, with everything filled in.
func (s *stack) properties(id string) map[string]any {
	s.t.Helper()
	return mapping(s.value(s.attributes(id)["Properties"]))
}

// value fills a value in.
func (s *stack) value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if name == "Ref" || strings.HasPrefix(name, "Fn::") {
					return s.function(name, argument)
				}
			}
		}
		filled := map[string]any{}
		for key, inner := range v {
			if inner = s.value(inner); inner != (none{}) {
				filled[key] = inner
			}
		}
		return filled
	case []any:
		filled := []any{}
		for _, inner := range v {
			if inner = s.value(inner); inner != any(none{}) {
				filled = append(filled, inner)
			}
		}
		return filled
	}
	return v
}

func (s *stack) function(name string, argument any) any {
	arguments := list(argument)
	switch name {
	case "Ref":
		return s.ref(fmt.Sprint(argument))
	case "Fn::GetAtt":
		id, attribute, _ := strings.Cut(strings.Join(texts(argument), "."), ".")
		return s.attribute(id, attribute)
	case "Fn::Sub":
		return regexp.MustCompile(`\$\{[^}]+\}`).ReplaceAllStringFunc(argument.(string), func(variable string) string {
			if id, attribute, ok := strings.Cut(variable[2:len(variable)-1], "."); ok {
				return s.attribute(id, attribute)
			}
			return fmt.Sprint(s.ref(variable[2 : len(variable)-1]))
		})
	case "Fn::Join":
		var parts []string
		for _, part := range list(s.value(arguments[1])) {
			parts = append(parts, fmt.Sprint(part))
		}
		return strings.Join(parts, arguments[0].(string))
	case "Fn::Split":
		var parts []any
		for _, part := range strings.Split(s.value(arguments[1]).(string), arguments[0].(string)) {
			parts = append(parts, part)
		}
		return parts
	case "Fn::Select":
		return list(s.value(arguments[1]))[arguments[0].(int)]
	case "Fn::FindInMap":
		found := mapping(s.template["Mappings"])
		for _, key := range arguments[:2] {
			found = mapping(found[s.value(key).(string)])
		}
		return found[arguments[2].(string)]
	case "Fn::If":
		if s.holds(map[string]any{"Condition": arguments[0]}) {
			return s.value(arguments[1])
		}
		return s.value(arguments[2])
	}
	s.t.Fatalf("there is no function %s here", name)
	return nil
}

// holds evaluates a condition.
func (s *stack) holds(condition any) bool {
	for name, argument := range mapping(condition) {
		arguments := list(argument)
		switch name {
		case "Condition":
			return s.holds(mapping(s.template["Conditions"])[argument.(string)])
		case "Fn::Equals":
			return fmt.Sprint(s.value(arguments[0])) == fmt.Sprint(s.value(arguments[1]))
		case "Fn::Not":
			return !s.holds(arguments[0])
		case "Fn::And":
			return !slices.ContainsFunc(arguments, func(c any) bool { return !s.holds(c) })
		}
	}
	s.t.Fatalf("there is no condition %v", condition)
	return false
}

func (s *stack) ref(name string) any {
	switch name {
	case "AWS::NoValue":
		return none{}
	case "AWS::Region":
		return s.region
	case "AWS::AccountId":
		return account
	case "AWS::Partition":
		return "aws"
	case "AWS::StackId":
		return "arn:aws:cloudformation:" + s.region + ":" + account + ":stack/pipeline/" + s.id + "-0000-11ef-8000-000000000000"
	}
	if text, ok := s.parameters[name]; ok {
		if mapping(mapping(s.template["Parameters"])[name])["Type"] != "CommaDelimitedList" {
			return text
		}
		var all []any
		for _, item := range strings.Split(text, ",") {
			all = append(all, strings.TrimSpace(item))
		}
		return all
	}
	switch s.attributes(name)["Type"] {
	case "AWS::SSM::Parameter":
		return s.properties(name)["Name"]
	case "AWS::S3::Bucket":
		return s.properties(name)["BucketName"]
	case "AWS::CodeConnections::Connection":
		return "arn:aws:codeconnections:" + s.region + ":" + account + ":connection/" + name
	}
	return name
}

func (s *stack) attribute(id, attribute string) string {
	kind := s.attributes(id)["Type"]
	form, ok := map[any]string{
		"AWS::IAM::Role":          "arn:aws:iam::ACCOUNT:role/ID",
		"AWS::CodeBuild::Project": "arn:aws:codebuild:REGION:ACCOUNT:project/ID",
		"AWS::Logs::LogGroup":     "arn:aws:logs:REGION:ACCOUNT:log-group:ID:*",
	}[kind]
	if !ok || attribute != "Arn" {
		s.t.Fatalf("there is no attribute %s of %v here", attribute, kind)
	}
	return strings.NewReplacer("REGION", s.region, "ACCOUNT", account, "ID", id).Replace(form)
}

// A statement is one of a policy.
type statement struct {
	policy, sid string
	actions     []string
	resources   []string
	condition   map[string]any
	effect      any
}

// statements are all that stand in a role's policies.
func (s *stack) statements(role string) (all []statement) {
	policies := list(s.properties(role)["Policies"])
	for _, id := range s.resources("AWS::IAM::Policy") {
		if p := s.properties(id); slices.Contains(list(p["Roles"]), any(role)) {
			policies = append(policies, p)
		}
	}
	for _, p := range policies {
		all = append(all, readStatements(fmt.Sprint(mapping(p)["PolicyName"]), mapping(p)["PolicyDocument"])...)
	}
	return all
}

func readStatements(policy string, document any) (all []statement) {
	for _, v := range list(mapping(document)["Statement"]) {
		m := mapping(v)
		all = append(all, statement{
			policy: policy, sid: fmt.Sprint(m["Sid"]), effect: m["Effect"],
			actions: texts(m["Action"]), resources: texts(m["Resource"]), condition: mapping(m["Condition"]),
		})
	}
	return all
}

// texts are those of a list, or the one that stands in its place.
func texts(v any) (all []string) {
	if text, ok := v.(string); ok {
		return []string{text}
	}
	for _, item := range list(v) {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

// allows tells which of the statements allow an action on a resource, by their IDs.
func allows(statements []statement, action, resource string) (sids []string) {
	matches := func(patterns []string, text string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*") + "$").MatchString(text)
		})
	}
	for _, st := range statements {
		if st.effect == "Allow" && matches(st.actions, action) && matches(st.resources, resource) {
			sids = append(sids, st.sid)
		}
	}
	return sids
}
