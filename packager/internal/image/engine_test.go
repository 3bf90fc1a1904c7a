package image_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

// The variables that make this program an engine: what it does, and the file that it
// saves or says what it was asked in.
const (
	behaviour = "TEST_ENGINE"
	file      = "TEST_ENGINE_FILE"
)

func TestMain(m *testing.M) {
	if does := os.Getenv(behaviour); does != "" {
		os.Exit(engine(does))
	}
	goleak.VerifyTestMain(m)
}

func engine(does string) int {
	switch does {
	case "save", "save half":
		content, err := os.ReadFile(os.Getenv(file))
		if err != nil {
			panic(err)
		}
		if does == "save half" {
			content = content[:len(content)/2]
		}
		fmt.Fprintln(os.Stderr, "a warning")
		_, _ = os.Stdout.Write(content)
		return 0
	case "tell": // what it was asked for
		fmt.Fprintln(os.Stderr, strings.Join(os.Args[1:], "|"))
		return 1
	case "fail":
		fmt.Fprint(os.Stderr, "Error response from daemon:\n  No such image: app:1\x1b[0m\n\n")
		return 1
	case "talk":
		fmt.Fprint(os.Stderr, strings.Repeat("on and on ", 100_000), "\nthe end\n")
		return 1
	case "flood":
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<20)); err != nil {
				return 1
			}
		}
	case "hang":
		_ = os.WriteFile(os.Getenv(file), nil, 0o600)
		time.Sleep(time.Hour)
	}
	return 3
}

// onPath makes this program the one that a name on the PATH starts.
func onPath(t *testing.T, name, does string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if err := os.Link(self, filepath.Join(dir, name)); err != nil {
		in, err := os.Open(self)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY, 0o755)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(out, in); errors.Join(err, out.Close()) != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	t.Setenv(behaviour, does)
}

// An image of an engine is the one that a file of it is.
func TestEngine(t *testing.T) {
	for _, name := range []string{"docker", "podman"} {
		for way, content := range map[string][]byte{
			"old": imagetest.DockerSave(app("app:1")).Tar(), "new": imagetest.DockerSave25(app("app:1")).Tar(),
			"containerd": imagetest.DockerSave25(inForm(app("app:1"), "gzip", "")).Tar(),
		} {
			onPath(t, name, "save")
			t.Setenv(file, write(t, content))
			source := image.Source{Name: "app:1"}
			if name != "docker" {
				source.Engine = name
			}
			i := mustOpen(t, source)
			if want := mustOpen(t, image.Source{Path: os.Getenv(file)}); i.Digest != want.Digest || !slices.Equal(i.Names, []string{"app:1"}) {
				t.Errorf("%s, %s: %s %v", name, way, i.Digest, i.Names)
			}
		}
	}
	// A name without a tag has some engines save all that are tagged.
	onPath(t, "docker", "save")
	t.Setenv(file, write(t, imagetest.DockerSave(gz1With("app:1"), app("app:latest")).Tar()))
	if i := mustOpen(t, image.Source{Name: "app"}); !slices.Equal(i.Names, []string{"app:latest"}) {
		t.Error(i.Names)
	}
}

func gz1With(name string) imagetest.Image {
	i := gz1()
	i.Names, i.Compression = []string{name}, ""
	return i
}

// What an engine is asked for: of one that saves but one platform, the function's.
func TestEngineArguments(t *testing.T) {
	for _, c := range []struct{ engine, architecture, want string }{
		{"docker", "arm64", "image|save|app:1"},
		{"podman", "arm64", "image|save|app:1"},
		{"nerdctl", "", "image|save|app:1"},
		{"nerdctl", "arm64", "image|save|--platform=linux/arm64|app:1"},
		{"finch", "x86_64", "image|save|--platform=linux/amd64|app:1"},
	} {
		onPath(t, c.engine, "tell")
		source := image.Source{Name: "app:1", Engine: c.engine}
		if c.architecture != "" {
			source.Architectures = []string{c.architecture}
		}
		if _, err := open(t, source); err == nil || !strings.HasSuffix(err.Error(), ": "+c.want) {
			t.Errorf("%s: %v", c.engine, err)
		}
	}
}

func TestEngineFails(t *testing.T) {
	for does, want := range map[string]string{
		"fail":      "docker image save app:1: Error response from daemon:; No such image: app:1�[0m",
		"talk":      "; the end",
		"silent":    "docker image save app:1: exit status 3",
		"save half": "image app:1 of docker is damaged, or was not written to its end",
		"flood":     "is too large: it unpacks to more than",
	} {
		onPath(t, "docker", does)
		t.Setenv(file, write(t, imagetest.DockerSave(app("app:1")).Tar()))
		dir := t.TempDir()
		_, _, err := image.OpenSmall(t.Context(), image.Source{Name: "app:1", TempDir: dir})
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 2200 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", does, err)
		}
		empty(t, dir)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := open(t, image.Source{Name: "app:1"}); err == nil || !strings.Contains(err.Error(), "docker must be on the PATH") {
		t.Error(err)
	}
	onPath(t, "docker", "tell")
	for _, name := range []string{"", "-o/tmp/x", "--help", "a b", "a\nb", "a\x00b", "a\u202eb"} {
		if _, err := open(t, image.Source{Name: name}); err == nil || !strings.HasSuffix(err.Error(), "is not the name of an image") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestEngineCancelled(t *testing.T) {
	onPath(t, "docker", "hang")
	started := filepath.Join(t.TempDir(), "started")
	t.Setenv(file, started)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if _, err := os.Stat(started); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	dir := t.TempDir()
	if _, _, err := image.Open(ctx, image.Source{Name: "app:1", TempDir: dir}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	empty(t, dir)
}
