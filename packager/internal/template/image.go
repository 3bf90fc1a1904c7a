package template

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// image decides what the value of a property is that names a container image: the address
// of a registry, or an image of this machine, by the path of a file or folder or by the name
// that a local engine has for it. What is known at deployment alone is an address.
func (c *collector) image(r *Reference) {
	n := r.node
	c.t.images = c.t.images || r.row.own || c.isImage()
	function, _ := functionOf(n)
	o := literal(n.Value)
	switch {
	case function != "":
		r.function = true
		if o = c.outcome(n); len(o.holes()) > 0 {
			return
		}
	case n.Kind != syntax.Scalar:
		c.refuse(n, r.subject(), "", "this is %s, and this property takes the name, the path or the address of an image", kindOf(n))
		return
	case n.IsNull() || n.Value == "":
		c.absent(r.row, r.LogicalID, n, r.path, replaceValue)
		return
	case !c.t.doc.Resolver.IsString(n):
		c.fail(n, r.subject(), "%s is a number, a date or a truth value to YAML 1.1, and this property takes the name of an image: quote it", n.Value)
		return
	case len(o.holes()) > 0:
		return // a dynamic reference
	}
	r.architectures = c.architectures(r.row)
	text := o.text()
	if m := regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9+.-]+://?|arn:)`).FindString(text); m != "" {
		c.refuseValue(r, "write the name of the image, a path, or its address in a registry, which begins with the host", "%q: this property takes nothing that begins with %s", text, m)
		return
	}
	ofPodman := r.row.podman && strings.HasPrefix(text, "localhost/")
	isAddress := c.isAddress(text) && !r.row.copied && !ofPodman
	switch {
	case isAddress && c.inLoops(text):
	case isAddress:
		r.Local, r.address = text, true
		c.t.refs = append(c.t.refs, r)
	case !r.row.own && !c.isImage():
		c.warnOfValue(r, "write PackageType: Image beside it", "%q is not packaged: the package of this function is not an image", text)
	default:
		c.path(r, text)
	}
}

// isImage tells whether a function's package is an image. SAM takes this from the function
// itself, and not from Globals.
func (c *collector) isImage() bool {
	v := c.entry.Get("Properties").Get("PackageType")
	return v != nil && v.Kind == syntax.Scalar && v.Tag == "" && v.Value == "Image"
}

// architectures are what a function runs on: its own, or those of Globals, else Lambda's
// default. There are none where that is not known, as of a property of the user's.
func (c *collector) architectures(row Row) []string {
	if row.own {
		return nil
	}
	v := c.entry.Get("Properties").Get("Architectures")
	if v == nil && row.typ == "AWS::Serverless::Function" && !ignoresGlobal(c.entry, "Architectures") {
		v = c.global("Architectures")
	}
	if v == nil {
		return []string{"x86_64"}
	}
	if !isList(v, 1) || v.Values[0].Kind != syntax.Scalar || v.Values[0].Tag != "" || c.inLoops(v.Values[0].Value) {
		return nil
	}
	return []string{v.Values[0].Value}
}

// notBuilt reports a function whose package is an image, and which names none.
func (c *collector) notBuilt(row Row, id string) {
	c.t.images = c.t.images || c.isImage()
	switch metadata := c.entry.Get("Metadata"); {
	case !c.isImage() || c.branches > 0:
	case slices.ContainsFunc([]string{"Dockerfile", "DockerContext", "DockerTag"}, func(key string) bool { return metadata.Get(key) != nil }):
		c.refuse(c.keyNode, syntax.Dotted(id, row.path), "run sam build, and package the template that it writes, .aws-sam/build/template.yaml", "this image is not built yet")
	default:
		c.refuse(c.keyNode, syntax.Dotted(id, row.path), "", "a function whose PackageType is Image needs this property")
	}
}

// isAddress tells the address of a registry from the name of an image and from a path: it
// begins with the name of a host, which has a dot or a port (Docker's reference for image
// names), and is no file. Where a folder is called like the host, a name without a tag and a
// digest is a path in it, whether it is there or not.
func (c *collector) isAddress(text string) bool {
	if !namesHost(text) {
		return false
	}
	there := func(path string) bool {
		_, err := os.Stat(filepath.Join(c.t.Dir, filepath.FromSlash(path)))
		return err == nil
	}
	path, _, _ := strings.Cut(text, "#")
	host, image, _ := strings.Cut(path, "/")
	return !there(path) && (strings.ContainsAny(image, ":@") || !there(host))
}

// namesHost tells a name that begins with a host's, and is not that of a tar file.
func namesHost(text string) bool {
	host, _, found := strings.Cut(text, "/")
	if !found || strings.HasPrefix(host, ".") || host != "localhost" && !regexp.MustCompile(`\.|:[0-9]+$`).MatchString(host) {
		return false
	}
	path, _, _ := strings.Cut(text, "#")
	return !regexp.MustCompile(`(?i)\.(tar|tgz|gz|zst)$`).MatchString(path)
}
