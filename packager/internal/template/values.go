package template

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// value decides what a property's value is: a local path, which becomes a reference, a
// location that the property takes, or what is known at deployment alone. What is none
// of them is told.
func (c *collector) value(row Row, id, name string, n *syntax.Node, path []int) {
	if c.found != nil {
		c.found(row, id, name, n, path)
		return
	}
	r := &Reference{Template: c.t, row: row, LogicalID: id, Name: name, node: n, path: path, Local: n.Value}
	function, _ := functionOf(n)
	switch {
	case isIf(n):
		c.conditional(r)
	case row.form.image:
		c.image(r)
	case n.Kind == syntax.Sequence && n.Tag == "":
		c.fail(n, r.subject(), "this is a list, and this property takes a path or URL")
	case function != "":
		r.function = true
		c.text(r, c.outcome(n))
	case n.Kind != syntax.Scalar || n.Tag != "" && n.Tag != "!!str" && n.Tag != "!":
		return // a mapping that names an object
	case n.IsNull() || n.Value == "":
		c.absent(row, id, n, path, replaceValue)
	case !c.t.doc.Resolver.IsString(n):
		c.fail(n, r.subject(), "%s is a number, a date or a truth value to YAML 1.1, and this property takes a path or URL: quote it", n.Value)
	default:
		c.text(r, literal(n.Value))
	}
}

// text decides what a text is, of which parts may not be known.
func (c *collector) text(r *Reference, o outcome) {
	begins, whole := o.begins()
	local, scheme := 0, ""
	for _, begin := range begins {
		switch s := schemeOf(begin); {
		case s != "":
			scheme = s
		case whole || !mayBecomeLocation(begin):
			local++
		}
	}
	switch {
	case scheme != "" && len(begins) == 1:
		c.location(r, o, scheme)
	case local == len(begins) && len(o.holes()) == 0:
		c.path(r, o.text())
	case local == len(begins):
		c.unknownPath(r, o)
	default:
		c.unknown(r, o)
	}
}

// path adds a reference to a local path, in loops whose variable it holds one for each
// value.
func (c *collector) path(r *Reference, text string) {
	r.Local = text
	used := slices.DeleteFunc(slices.Clone(c.loops), func(l loop) bool { return !l.in(text) })
	switch {
	case len(used) == 0:
		c.t.refs = append(c.t.refs, r)
	case r.function && strings.HasPrefix(text, "${"+used[0].variable+"}") && slices.ContainsFunc(used[0].values, func(v string) bool { return schemeOf(v) != "" }):
		return // the loop's values are locations
	default:
		c.inLoop(r, used)
	}
}

// location holds a text that begins like a URL against what the property takes.
func (c *collector) location(r *Reference, o outcome, scheme string) {
	text := o.text()
	switch {
	case scheme == "file://" || scheme == "fileb://":
		_, path, _ := strings.Cut(text, "://")
		c.refuseValue(r, "write the path alone: "+path, "%q: %s is how the AWS CLI's arguments name a file; a template holds the path alone", text, scheme)
		return
	case strings.HasSuffix(scheme, "?"):
		c.refuseValue(r, "a URL has two slashes behind the colon; a path that begins so is written with ./ before it", "%q is neither a path nor a URL", text)
		return
	}
	switch r.row.takes.judge(scheme) {
	case isRefused:
		c.refuseValue(r, "name a local path, or "+r.row.takes.names(), "%q: this property takes no %s location", text, scheme)
		return
	case isDoubtful:
		c.warnOfValue(r, "", "%q: AWS documents %s for this property, and no %s", text, strings.Join(r.row.takes.schemes, " and "), scheme)
	case isTaken:
	}
	if scheme == "s3://" && !c.s3Location(r, o) {
		return
	}
	if r.Stored == nil && (r.function || len(o.holes()) > 0) {
		c.functionRefused(r, o)
	}
}

// s3Location looks at what stands behind s3://. It returns whether that may be right.
func (c *collector) s3Location(r *Reference, o outcome) bool {
	written := o.text()
	text := strings.TrimSpace(written)
	l, ok := s3Object(text)
	if !ok {
		return c.mayNameObject(r, o, text)
	}
	switch t := r.row.takes; {
	case r.row.form.bucket != "" && !r.function:
		if l.Version != "" && r.row.form.version == "" {
			c.warnOfValue(r, "store this version under a key of its own", "%q: this property takes no version, so the object's newest one is deployed", written)
		}
		r.Stored = &l
		c.t.refs = append(c.t.refs, r)
	case t.sam == samPointer && strings.Contains(l.Key, "#"):
		c.warnOfValue(r, "write {Bucket: "+l.Bucket+", Key: "+l.Key+"}", "%q: SAM takes what stands behind # for no part of the key", written)
	case t.schemes != nil && t.sam != samPointer && (text != written || !strings.HasPrefix(text, "s3://")):
		c.warnOfValue(r, "write s3:// in lower case, and no white space around it", "%q is written otherwise than AWS documents", written)
	}
	return true
}

// mayNameObject tells whether an s3:// location that is not read as an object's may be one
// all the same: where what is not known can hold the rest, or the property is the user's.
func (c *collector) mayNameObject(r *Reference, o outcome, text string) bool {
	bucket, key, _ := strings.Cut(text[len("s3://"):], "/")
	switch mapping := r.row.form.bucket != ""; {
	case key == "" && len(o.holes()) > 0, !mapping && r.row.takes.schemes == nil:
		return true
	case key == "" || bucket == "":
		c.refuseValue(r, "write s3://bucket/key", "%q names no object: a bucket and a key are needed", text)
		return false
	case mapping:
		c.refuseValue(r, "write s3://bucket/key, or s3://bucket/key?versionId=version", "%q: behind ? can stand a versionId alone", text)
		return false
	}
	return true
}

// unknownPath tells of a local path that is not known before deployment, when it is too late.
func (c *collector) unknownPath(r *Reference, o outcome) {
	holes := strings.Join(o.holes(), " and ")
	hint := "write the path out; for one of several folders, Fn::If with a path in each branch, or Fn::FindInMap with keys that are written out"
	why := "which is known at deployment alone, and a local path must be known when it is packaged"
	if holes == "${AWS::Region}" {
		why = "so each region would have another file, and mrpackage puts the same code into every region"
		hint = "name one file, and let what differs be a parameter, or a mapping by region"
	}
	if !r.function || r.row.takes.schemes == nil {
		c.warnOfValue(r, hint, "%q can only be a local path, and it holds %s, %s", o.text(), holes, why)
		return
	}
	c.refuseValue(r, hint, "%q can only be a local path, and it holds %s, %s", o.text(), holes, why)
}

// unknown looks at a value whose beginning is not known: it may be a location. By a
// parameter's default it may be a local path all the same.
func (c *collector) unknown(r *Reference, o outcome) {
	if filled, ok := o.byDefault(); ok && r.row.takes.schemes != nil {
		begins, whole := filled.begins()
		text := filled.text()
		if schemeOf(begins[0]) == "" && (whole || !mayBecomeLocation(begins[0])) && c.looksLikePath(filled) {
			c.warnOfValue(r, "write the path in its place, or give the parameter "+r.row.takes.names()+" at each deployment",
				"%s is by default %q, a local path, and what a parameter names is not packaged", strings.Join(o.holes(), " and "), text)
			return
		}
	}
	c.functionRefused(r, o)
}

// functionRefused warns of a function, or a dynamic reference, where none is taken.
func (c *collector) functionRefused(r *Reference, o outcome) {
	holes := o.holes()
	t := r.row.takes
	begins, _ := o.begins()
	switch name, argument := functionOf(r.node); {
	case name == "Transform" || name == "GetAtt" || name == "Ref" && argument.Value == "AWS::NoValue" && (t.sam == samPasses || r.row.typ == "AWS::Serverless::Function"):
	case t.sam != samPasses && c.t.expandedBefore():
	case t.sam == samPointer && name != "":
		c.warnOfValue(r, "write {Bucket: …, Key: …}, both of which may be functions", "SAM takes no %s here: it reads this value before CloudFormation carries it out", title(name))
	case t.sam == samText && name != "":
		hint := "write it out"
		if r.row.nested {
			hint = "AWS::CloudFormation::Stack under the same logical ID is what SAM makes of this resource, and its TemplateURL takes functions"
		}
		c.warnOfValue(r, hint, "SAM takes no %s here: it reads this value before CloudFormation carries it out", title(name))
	case t.sam == samPointer && (begins[0] == "" || slices.ContainsFunc(holes, func(h string) bool { return strings.Contains(h, "/") })):
		c.warnOfValue(r, "write {Bucket: …, Key: …}, both of which may hold dynamic references", "SAM cannot divide %q into a bucket and a key: it reads this value before CloudFormation resolves it", o.text())
	case t.only && t.sam == samPasses && r.row.form.bucket != "" && (name == "" || slices.Contains([]string{"Ref", "Sub", "Join"}, name)):
		c.warnOfValue(r, "write {"+r.row.form.bucket+": …, "+r.row.form.key+": …}, both of which may be functions", "CloudFormation takes a mapping here, and this comes out as a text")
	}
}

func title(function string) string {
	if function == "Ref" {
		return function
	}
	return "Fn::" + function
}

// refuseValue reports what surely fails at deployment. In a branch of Fn::If it does so
// only where that is chosen.
func (c *collector) refuseValue(r *Reference, hint, format string, args ...any) {
	if c.branches > 0 {
		c.warnOfValue(r, hint, format, args...)
		return
	}
	c.refuse(r.node, r.subject(), hint, format, args...)
}

// warnOfValue warns of a value that may fail at deployment.
func (c *collector) warnOfValue(r *Reference, hint, format string, args ...any) {
	c.warn(r.node, r.subject(), hint, format, args...)
}

// looksLikePath tells the path of a file from a word that stands for something else. Where
// an empty default is part of it, the file must be there: the parameter may be one that
// always gets a value.
func (c *collector) looksLikePath(o outcome) bool {
	text := o.text()
	certain := !slices.ContainsFunc(o, func(p piece) bool { return p.empty })
	if certain && regexp.MustCompile(`[/\\]|\.[A-Za-z0-9]{1,9}$`).MatchString(text) {
		return true
	}
	_, err := os.Stat(filepath.Join(c.t.Dir, filepath.FromSlash(text)))
	return err == nil && text != ""
}

// expandedBefore tells whether a macro sees the template before SAM does, as
// AWS::LanguageExtensions, which carries out functions: then SAM may get a text.
func (t *Template) expandedBefore() bool {
	transform := t.doc.Root.Get("Transform")
	if transform == nil {
		return false
	}
	all := []*syntax.Node{transform}
	if transform.Kind == syntax.Sequence {
		all = transform.Values
	}
	return slices.ContainsFunc(all, func(n *syntax.Node) bool {
		if name := n.Get("Name"); name != nil {
			n = name
		}
		return n.Value != "AWS::Serverless-2016-10-31" && n.Value != "AWS::Include"
	})
}
