package template

import (
	"unicode/utf8"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// Sizes are a stranger's choice, and what is made of a template must stay in proportion
// to it.
const (
	// CloudFormation takes at most 1 MB (quota "Template body size in an object"); white
	// space and comments may add to that, and --use-json takes them away.
	maxTemplate = 8 << 20
	// Aliases may stand for an endless text: so many values, and so many bytes.
	maxExpanded = 500_000
	// So many errors of a template are listed, and so many warnings.
	maxProblems = 10_000
	// CloudFormation's quotas: what a loop makes is resources, and the locations of their
	// artifacts stand in a mapping of their own.
	maxResources  = 500
	maxMappings   = 200
	maxAttributes = 200 // of a mapping
	maxPath       = 4096
	// What is longer is cut in a message: bytes of a name, and of the whole.
	maxName    = 300
	maxMessage = 2_000
)

// cut takes the middle out of a text that is longer than so many bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end, begin := most/2, len(text)-most/2
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	for begin < len(text) && !utf8.RuneStart(text[begin]) {
		begin++
	}
	return text[:end] + "…" + text[begin:]
}

// fitsMapping tells whether the artifacts of a path with these loops' variables can have a
// mapping, before there is one of them for each value. It reports what is too much.
func (c *collector) fitsMapping(r *Reference, used []loop) bool {
	if len(used) > 2 {
		c.fail(r.node, r.subject(), "%q holds %d loop variables, and a mapping has room for two", cut(r.Local, maxName), len(used))
		return false
	}
	made := 1
	for _, l := range used {
		if len(l.values) > maxAttributes {
			c.fail(r.node, r.subject(), "%q holds the loop variable %s, which has %d values, and CloudFormation takes %d in a mapping: divide the loop",
				cut(r.Local, maxName), cut(l.variable, maxName), len(l.values), maxAttributes)
			return false
		}
		made *= max(1, len(l.values))
	}
	if made > maxResources {
		c.fail(r.node, r.subject(), "%q stands for %d resources, one for each value of the loops around it, and CloudFormation takes %d in a template",
			cut(r.Local, maxName), made, maxResources)
		return false
	}
	if c.mappings == 0 {
		if own := c.t.doc.Root.Get("Mappings"); own != nil && own.Kind == syntax.Mapping {
			c.mappings = len(own.Keys)
		}
	}
	if c.mappings++; c.mappings > maxMappings {
		c.fail(r.node, r.subject(), "%q holds a loop variable, which takes a mapping, and CloudFormation takes %d mappings in a template", cut(r.Local, maxName), maxMappings)
		return false
	}
	return true
}
