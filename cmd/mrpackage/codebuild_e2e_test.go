//go:build e2e

package main_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// A pipeline is what the build stage and the deploy actions have to agree on. It is read from pipeline.yaml, as nothing
// else says it.
type pipeline struct {
	stores    map[string]string // region → bucket
	variables []string          // of the CodeBuild project: NAME=value
	templates map[string]string // region → the file of the artifact that is deployed there
	buildspec string
}

func readPipeline(t *testing.T, checkout, prefix string) pipeline {
	t.Helper()
	var template struct {
		Resources struct {
			CodePipeline struct {
				Properties struct {
					ArtifactStores []struct {
						Region        string `yaml:"Region"`
						ArtifactStore struct {
							Location string `yaml:"Location"`
						} `yaml:"ArtifactStore"`
					} `yaml:"ArtifactStores"`
					Stages []struct {
						Actions []struct {
							Region        string `yaml:"Region"`
							Configuration struct {
								TemplatePath string `yaml:"TemplatePath"`
							} `yaml:"Configuration"`
						} `yaml:"Actions"`
					} `yaml:"Stages"`
				} `yaml:"Properties"`
			} `yaml:"CodePipeline"`
			CodeBuildProject struct {
				Properties struct {
					Environment struct {
						EnvironmentVariables []struct {
							Name  string `yaml:"Name"`
							Value string `yaml:"Value"`
						} `yaml:"EnvironmentVariables"`
					} `yaml:"Environment"`
					Source struct {
						BuildSpec string `yaml:"BuildSpec"`
					} `yaml:"Source"`
				} `yaml:"Properties"`
			} `yaml:"CodeBuildProject"`
		} `yaml:"Resources"`
	}
	file := filepath.Join(checkout, "deployment-pipeline", "pipeline.yaml")
	if err := yaml.Unmarshal([]byte(readFile(t, file)), &template); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	sub := func(value string) string { return strings.ReplaceAll(value, "${ArtifactBucketNamePrefix}", prefix) }

	properties := template.Resources.CodePipeline.Properties
	project := template.Resources.CodeBuildProject.Properties
	p := pipeline{stores: map[string]string{}, templates: map[string]string{}, buildspec: project.Source.BuildSpec}
	for _, store := range properties.ArtifactStores {
		p.stores[store.Region] = sub(store.ArtifactStore.Location)
	}
	for _, variable := range project.Environment.EnvironmentVariables {
		p.variables = append(p.variables, variable.Name+"="+sub(variable.Value))
	}
	for _, stage := range properties.Stages {
		for _, action := range stage.Actions {
			if name, ok := strings.CutPrefix(action.Configuration.TemplatePath, "BuildOutput::"); ok {
				p.templates[action.Region] = name
			}
		}
	}
	if len(p.stores) < 2 || len(p.variables) != len(p.stores) || len(p.templates) != len(p.stores) {
		t.Fatalf("%s: not a store, a variable and a deploy action for each region: %+v", file, p)
	}
	return p
}

// createStores creates the pipeline's buckets, or some of them.
func (e *e2e) createStores(t *testing.T, p pipeline, regions ...string) {
	t.Helper()
	for region, bucket := range p.stores {
		if len(regions) == 0 || slices.Contains(regions, region) {
			e.createBucket(t, region, bucket)
		}
	}
}

// addRegion adds the third region to a checkout's pipeline.yaml, and nowhere else: a second west.
func addRegion(t *testing.T, checkout string) {
	t.Helper()
	file := filepath.Join(checkout, "deployment-pipeline", "pipeline.yaml")
	rename := strings.NewReplacer(west, third, "US_WEST_2", "EU_WEST_1", "UsWest2", "EuWest1")
	var edited, block strings.Builder
	indent := -1 // of the list item in which we are, if it is one of the west
	items := 0
	end := func() {
		edited.WriteString(rename.Replace(block.String()))
		block.Reset()
		indent = -1
	}
	for line := range strings.Lines(readFile(t, file)) {
		here := len(line) - len(strings.TrimLeft(line, " "))
		if indent >= 0 && here <= indent {
			end()
		}
		if item := strings.TrimSpace(line); slices.Contains([]string{
			"- Region: " + west, "- Name: US_WEST_2_ARTIFACT_BUCKET", "- Name: DeployToUsWest2",
		}, item) {
			indent = here
			items++
		}
		edited.WriteString(line)
		if indent >= 0 {
			block.WriteString(line)
		}
	}
	end()
	if items != 3 {
		t.Fatalf("%s has %d items of %s, want its store, its variable and its deploy action", file, items, west)
	}
	writeFile(t, file, edited.String())
}

// A codeBuild is a CodeBuild project: what its builds run with.
type codeBuild struct {
	image     string // the folder of its programs
	shell     string
	variables []string
}

// build runs a buildspec in a checkout, in a container that is new: an empty home and the project's variables.
func (e *e2e) build(t *testing.T, p codeBuild, checkout, file string) build {
	t.Helper()
	spec := readBuildspec(t, filepath.Join(checkout, file))
	shell, err := exec.LookPath(p.shell)
	check(t, err)
	var b build
	b.requests = e.recorded(func() {
		b = runBuildspec(t, spec, shell, checkout, e.container(t, p, checkout))
	})
	return b
}

// script runs a script in a checkout, as a command of a buildspec would, from the folder dir.
func (e *e2e) script(t *testing.T, p codeBuild, checkout, dir, command string) result {
	t.Helper()
	shell, err := exec.LookPath(p.shell)
	check(t, err)
	var r result
	r.requests = e.recorded(func() {
		r = run(t, dir, e.container(t, p, checkout), shell, "-c", command)
	})
	return r
}

// container is the environment of a build.
func (e *e2e) container(t *testing.T, p codeBuild, checkout string) []string {
	t.Helper()
	home := t.TempDir()
	// What Go counts it writes in the background, while the folder is being removed.
	writeFile(t, filepath.Join(home, ".config", "go", "telemetry", "mode"), "off")
	env := append(e.access(),
		"PATH="+p.image, "HOME="+home, "LC_ALL=C", "CODEBUILD_SRC_DIR="+checkout,
		"AWS_REGION="+east, "AWS_DEFAULT_REGION="+east,
		// The modules are this machine's; npm has nothing to fetch, and must not ask whether there is a newer npm.
		"GOPROXY=off", "npm_config_offline=true", "npm_config_update_notifier=false",
	)
	names := []string{"GOMODCACHE", "GOCACHE", "GOFLAGS"}
	values, err := exec.CommandContext(t.Context(), "go", append([]string{"env"}, names...)...).Output()
	check(t, err)
	for i, value := range strings.Split(string(values), "\n")[:len(names)] {
		env = append(env, names[i]+"="+value)
	}
	return append(env, p.variables...)
}

// image is a folder with programs of this machine, and no others: what the buildspec says that it needs, Node.js and npm
// for the application, and some more. It is false where this machine does not have them.
func image(t *testing.T, more ...string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	posix := strings.Fields("sh env cat chmod cp dirname grep mkdir mktemp rm sed sort tr uname")
	for _, name := range slices.Concat(posix, []string{"bash", "curl", "tar", "gzip", "sha256sum", "node", "npm"}, more) {
		program, err := exec.LookPath(name)
		if err == nil {
			program, err = filepath.Abs(program)
		}
		if err != nil {
			t.Log("this was not tested:", err)
			return "", false
		}
		addProgram(t, dir, name, `exec '`+program+`' "$@"`)
	}
	return dir, true
}

func addProgram(t *testing.T, dir, name, script string) {
	t.Helper()
	file := filepath.Join(dir, name)
	writeFile(t, file, "#!/bin/sh\n"+script+"\n")
	check(t, os.Chmod(file, 0o755))
}

// release serves a tar.gz of executable files, and returns its URL and its SHA-256.
func release(t *testing.T, files map[string]string) (location, digest string) {
	t.Helper()
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	w := tar.NewWriter(compressed)
	for name, content := range files {
		check(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
		_, err := w.Write([]byte(content))
		check(t, err)
	}
	check(t, w.Close())
	check(t, compressed.Close())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(archive.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL + "/archive.tar.gz", fmt.Sprintf("%x", sha256.Sum256(archive.Bytes()))
}

// checkout copies the repository as it would be committed now, without its history.
func checkout(t *testing.T) string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = filepath.Join("..", "..")
	names, err := list.Output()
	check(t, err)
	dir := t.TempDir()
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(list.Dir, name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed
		}
		check(t, err)
		writeFile(t, filepath.Join(dir, name), readFile(t, filepath.Join(list.Dir, name)))
		check(t, os.Chmod(filepath.Join(dir, name), info.Mode().Perm()))
	}
	return dir
}
