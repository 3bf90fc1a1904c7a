package template

import (
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A placement says how a reference's value comes into the template.
type placement uint8

const (
	replaceValue      placement = iota // node is the value
	replaceProperties                  // node is an empty Properties
	insertProperty                     // node is the Properties without the property
	insertProperties                   // node is the resource without Properties
)

// A Reference is one occurrence of a local artifact in a template.
type Reference struct {
	Template  *Template
	row       Row
	LogicalID string
	Name      string // the property's path below the resource's Properties

	node      *syntax.Node // the value to rewrite, or the mapping that lacks it
	path      []int        // child indices from the root to node
	placement placement

	Local    string // the path as written; "." where the property is absent
	Absent   bool
	keyNode  *syntax.Node // the key of the resource that lacks the property
	Stored   *Location    // an object that is stored already and only takes the property's form
	FileOnly bool         // a folder is refused here
	function bool         // the value is an intrinsic function that comes out as Local
	choice   *choice      // the value is Fn::If, and is written as a bucket and a key
	loops    []loop       // the loops whose variables local holds
	variants []*Reference // then one for each of their values
}

func (r *Reference) subject() string {
	if r.LogicalID == "" {
		return r.Name
	}
	return cut(r.LogicalID, maxName) + "." + r.Name
}

// IsNested tells whether the property names a template, which is packaged in its turn.
func (r *Reference) IsNested() bool { return r.row.nested }

// IsSpread tells whether that template is deployed in other regions than the one that
// names it: then it is one for all regions.
func (r *Reference) IsSpread() bool { return r.row.spread }

// WantsZip tells whether a single file becomes a zip of one.
func (r *Reference) WantsZip() bool { return r.row.zip }

// Where is the line and column of the value, or of the mapping that lacks it.
func (r *Reference) Where() (line, column int) { return r.Template.where(r.node) }

// Errorf returns an Error at the reference's place.
func (r *Reference) Errorf(format string, args ...any) *problem.Error {
	at := r.node
	if r.Absent {
		at = r.keyNode
	}
	return r.Template.errorf(at, r.subject(), format, args...)
}

// References are the references that each name one artifact.
func (t *Template) References() (leaves []*Reference) {
	var add func(r *Reference)
	add = func(r *Reference) {
		switch {
		case r.choice != nil:
			for _, b := range r.choice.branches {
				if b.ref != nil {
					add(b.ref)
				}
			}
		case r.variants == nil:
			leaves = append(leaves, r)
		default:
			leaves = append(leaves, r.variants...)
		}
	}
	for _, r := range t.refs {
		add(r)
	}
	return leaves
}

// looped tells a reference whose location is found in an added mapping.
func (r *Reference) looped() bool {
	return r.variants != nil || r.choice != nil && slices.ContainsFunc(r.choice.branches, func(b branch) bool { return b.ref != nil && b.ref.looped() })
}
