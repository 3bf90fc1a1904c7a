package assembly

import (
	"path/filepath"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// assets reads a manifest of assets, once.
func (r *reader) assets(path string, from Place) *Manifest {
	real := realPath(path)
	if m := r.seen[real]; m != nil {
		return m
	}
	m := &Manifest{Path: path, Dir: filepath.Dir(path)}
	r.seen[real] = m
	o := r.open(path, from)
	if o == nil {
		return m
	}
	if o.get("artifacts") != nil && o.get("files") == nil && o.get("dockerImages") == nil {
		e := o.place(o.node).Errorf("this is the manifest of a cloud assembly, not one of assets")
		e.Hint = "give its folder, " + m.Dir
		r.fail(e)
		return m
	}
	o.version()
	o.only("version", "files", "dockerImages")
	if files := o.object("files", "the file assets"); files != nil {
		files.each("the asset", func(id string, key *syntax.Node, a *object) {
			m.Files = append(m.Files, a.asset(m, id, key, (*object).fileSource, (*object).fileDestination))
		})
	}
	if images := o.object("dockerImages", "the image assets"); images != nil {
		images.each("the image", func(id string, key *syntax.Node, a *object) {
			m.Images = append(m.Images, a.asset(m, id, key, (*object).imageSource, (*object).imageDestination))
		})
	}
	r.assembly.Manifests = append(r.assembly.Manifests, m)
	return m
}

// asset is one entry of a manifest.
func (o *object) asset(m *Manifest, id string, key *syntax.Node, source func(*object, *Asset), destination func(*object, *Destination)) *Asset {
	o.only("displayName", "source", "destinations")
	a := &Asset{Manifest: m, ID: id, Name: o.text("displayName"), Place: o.place(key)}
	if s := o.object("source", "the source of "+o.what); s != nil {
		a.Source.Place = s.place(s.node)
		source(s, a)
	} else if o.get("source") == nil {
		o.failAt(o.node, `%s has no "source"`, o.what)
	}
	all := o.object("destinations", "the destinations of "+o.what)
	if all == nil {
		if o.get("destinations") == nil {
			o.failAt(o.node, `%s has no "destinations"`, o.what)
		}
		return a
	}
	all.each("the destination", func(id string, key *syntax.Node, d *object) {
		to := &Destination{ID: id, Place: d.place(key)}
		to.Region = d.text("region")
		to.RoleARN, to.ExternalID = d.text("assumeRoleArn"), d.text("assumeRoleExternalId")
		to.Options = d.options()
		destination(d, to)
		a.Destinations = append(a.Destinations, to)
	})
	return a
}

// roleFields are the fields that say where a destination is and whose right it takes.
func roleFields() []string {
	return []string{"region", "assumeRoleArn", "assumeRoleExternalId", "assumeRoleAdditionalOptions"}
}

func (o *object) fileDestination(to *Destination) {
	o.only(append(roleFields(), "bucketName", "objectKey")...)
	to.Bucket, _ = o.needed("bucketName")
	to.Key, _ = o.needed("objectKey")
}

func (o *object) imageDestination(to *Destination) {
	o.only(append(roleFields(), "repositoryName", "imageTag", "imageUri")...) // CDK 1 wrote the last one
	to.Repository, _ = o.needed("repositoryName")
	to.Tag, _ = o.needed("imageTag")
}

// options are the further fields of AssumeRole. The role and the external ID have fields of
// their own in a destination.
func (o *object) options() (all []Option) {
	extra := o.object("assumeRoleAdditionalOptions", "assumeRoleAdditionalOptions")
	if extra == nil {
		return nil
	}
	for i, key := range extra.node.Keys {
		if key.Value == "RoleArn" || key.Value == "ExternalId" {
			o.failAt(key, "%s cannot stand in assumeRoleAdditionalOptions: a destination has a field for it", key.Value)
			continue
		}
		all = append(all, Option{key.Value, jsonOf(extra.node.Values[i])})
	}
	return all
}

// fileSource reads what a file asset is made of.
func (o *object) fileSource(a *Asset) {
	o.only("path", "packaging", "executable")
	o.source(a, "path")
	a.Source.Path = o.text("path")
	switch packaging := o.text("packaging"); packaging {
	case "", "file":
	case "zip":
		a.Source.Zip = true
	default:
		o.failAt(o.get("packaging"), `the packaging %q is unknown: there are "file" and "zip"`, packaging)
	}
}

// imageSource reads what an image is made of.
func (o *object) imageSource(a *Asset) {
	o.only("directory", "executable", "dockerFile", "dockerBuildTarget", "dockerBuildArgs", "dockerBuildContexts", "dockerBuildSsh",
		"dockerBuildSecrets", "networkMode", "platform", "dockerOutputs", "cacheFrom", "cacheTo", "cacheDisabled")
	o.source(a, "directory")
	a.Image = &ImageSource{
		Directory: o.text("directory"), File: o.text("dockerFile"), Target: o.text("dockerBuildTarget"),
		Args: o.pairs("dockerBuildArgs"), Contexts: o.pairs("dockerBuildContexts"), Secrets: o.pairs("dockerBuildSecrets"),
		SSH: o.text("dockerBuildSsh"), Network: o.text("networkMode"), Platform: o.text("platform"),
		Outputs: o.texts("dockerOutputs"), CacheFrom: o.caches("cacheFrom"), NoCache: o.isSet("cacheDisabled"),
	}
	if to := o.object("cacheTo", "the cacheTo of "+o.what); to != nil {
		a.Image.CacheTo = to.cache()
	}
}

// caches are the caches that a field lists.
func (o *object) caches(name string) (all []string) {
	n := o.get(name)
	if n == nil {
		return nil
	}
	if n.Kind != syntax.Sequence {
		o.failAt(n, "%q of %s must be a list of objects, and is %s", name, o.what, kindOf(n))
		return nil
	}
	for _, item := range n.Values {
		one := *o
		one.what = "a cache in " + name + " of " + o.what
		if c := one.of(item); c != nil {
			all = append(all, c.cache()...)
		}
	}
	return all
}

// cache is a cache as the engine's options name it (docs.docker.com, "Cache storage
// backends").
func (o *object) cache() []string {
	o.only("type", "params")
	kind, ok := o.needed("type")
	if !ok {
		return nil
	}
	option := "type=" + kind
	for _, p := range o.pairs("params") {
		option += "," + p.Name + "=" + p.Value
	}
	return []string{option}
}

// source reads the command of a source, which has either that or a path.
func (o *object) source(a *Asset, path string) {
	a.Source.Executable = o.texts("executable")
	command, given := o.get("executable"), o.get(path)
	switch {
	case command == nil && given == nil:
		o.failAt(o.node, "%s has neither %q nor %q", o.what, path, "executable")
	case command != nil && given != nil:
		o.failAt(command, "%s has both %q and %q", o.what, path, "executable")
	case command != nil:
		a.Source.Place = o.place(command)
		if command.Kind == syntax.Sequence && (len(command.Values) == 0 || command.Values[0].Value == "") {
			o.failAt(command, "%q of %s names no program", "executable", o.what)
		}
	default:
		a.Source.Place = o.place(given)
		if given.Kind == syntax.Scalar && given.Value == "" {
			o.failAt(given, "%q of %s is empty", path, o.what)
		}
	}
}
