package publish

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/assembly"
)

// build has the engine build the image, unless it has it, and returns its name there. Name
// and options are those of CDK's tools, so that what these have built is not built again.
func (i *image) build(ctx context.Context, engine string, tell func(packager.Event)) (string, error) {
	engine = cmp.Or(engine, "docker")
	name := "cdkasset-" + strings.ToLower(i.id)
	there := command{args: []string{engine, "inspect", name}, silent: true, maySayNothing: true}
	if _, err := there.run(ctx, tell); err == nil || ctx.Err() != nil {
		return name, ctx.Err()
	}
	args, shown := buildOptions(i.asset.Image, name)
	built := command{
		args: append([]string{engine, "build"}, args...), shown: append([]string{engine, "build"}, shown...),
		dir: i.asset.File(), env: []string{"BUILDX_NO_DEFAULT_ATTESTATIONS=1"}, maySayNothing: true, // Lambda takes no attestations
	}
	if _, err := built.run(ctx, tell); err != nil {
		return "", fmt.Errorf("building the image in %s: %w", i.asset.Image.Directory, err)
	}
	return name, nil
}

// buildOptions are the arguments of the engine's build (docs.docker.com, "docker buildx
// build"), and what is shown of them: values of arguments and secrets are not, and of a cache not what it may be
// opened with.
func buildOptions(s *assembly.ImageSource, name string) (args, shown []string) {
	add := func(option, value, visible string) {
		if value != "" {
			args, shown = append(args, option, value), append(shown, option, visible)
		}
	}
	for _, p := range s.Args {
		add("--build-arg", p.Name+"="+p.Value, p.Name+"=…")
	}
	for _, p := range s.Contexts {
		add("--build-context", p.Name+"="+p.Value, p.Name+"="+p.Value)
	}
	for _, p := range s.Secrets {
		add("--secret", "id="+p.Name+","+p.Value, "id="+p.Name+",…")
	}
	for _, o := range []struct{ option, value string }{
		{"--ssh", s.SSH}, {"--tag", name}, {"--target", s.Target}, {"--file", s.File}, {"--network", s.Network}, {"--platform", s.Platform},
	} {
		add(o.option, o.value, o.value)
	}
	for _, list := range []struct {
		option string
		values []string
	}{{"--output", s.Outputs}, {"--cache-from", s.CacheFrom}, {"--cache-to", s.CacheTo}} {
		for _, value := range list.values {
			add(list.option, value, harmless(value))
		}
	}
	if s.NoCache {
		args, shown = append(args, "--no-cache"), append(shown, "--no-cache")
	}
	return append(args, "."), append(shown, ".")
}

// harmless is a list of parameters without the values that may be secrets: all but those of
// which it is known what they are (docs.docker.com, "Cache storage backends").
func harmless(list string) string {
	parameters := strings.Split(list, ",")
	for i, parameter := range parameters {
		switch name, _, found := strings.Cut(parameter, "="); name {
		case "type", "ref", "mode", "scope", "region", "bucket", "name", "prefix", "src", "dest", "compression", "push":
		default:
			if found {
				parameters[i] = name + "=…"
			}
		}
	}
	return strings.Join(parameters, ",")
}
