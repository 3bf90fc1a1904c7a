package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/imagetest"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/registrytest"
)

// registries are the registries of a script: all of Amazon ECR's, with its API, behind a proxy, and one on loopback.
//
// The program finds ECR as it does behind a company's proxy that looks into TLS: HTTPS_PROXY names the proxy, and
// AWS_CA_BUNDLE the certificate of its authority. Nothing in the program knows of tests.
type registries struct {
	*registrytest.Server
	proxy *registrytest.Proxy
}

func startRegistries(options registrytest.Options) (r *registries, err error) {
	r = &registries{Server: registrytest.New(options)}
	r.proxy, err = registrytest.NewProxy(func(host string) string {
		if strings.Contains(host, ".ecr.") {
			return r.Host()
		}
		return ""
	})
	return r, err
}

func (r *registries) stop() {
	r.proxy.Close()
	r.Close()
}

// registriesOf are the script's registries, which the first command that needs them starts.
func registriesOf(ts *testscript.TestScript) *registries {
	all := ts.Value("registries").(*map[string]*registries)
	if r := (*all)["it"]; r != nil {
		return r
	}
	options := registrytest.Options{}
	if user := ts.Getenv("REGISTRY_USER"); user != "" {
		options.User, options.Password, options.Bearer = user, ts.Getenv("REGISTRY_PASSWORD"), true
	}
	r, err := startRegistries(options)
	ts.Check(err)
	ts.Defer(r.stop)
	(*all)["it"] = r
	bundle := ts.MkAbs(".authority.pem")
	ts.Check(os.WriteFile(bundle, r.proxy.Authority, 0o600))
	ts.Setenv("AWS_CA_BUNDLE", bundle)
	ts.Setenv("HTTPS_PROXY", r.proxy.URL())
	ts.Setenv("REGISTRY", r.Host())
	return r
}

// ecrRepository makes a repository of ECR's.
func ecrRepository(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "repository REGION NAME [immutable | ACCOUNT]", 2)
	at := registrytest.Place{Region: args[0], Name: args[1]}
	immutable := len(args) > 2 && args[2] == "immutable"
	if len(args) > 2 && !immutable {
		at.Account = args[2]
	}
	registriesOf(ts).CreateRepository(at, immutable)
}

// otherRegistry starts the registry on loopback, and says in $REGISTRY where it is.
func otherRegistry(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "registry", 0)
	registriesOf(ts)
}

// dockerLogin writes what docker login would into a folder's configuration.
func dockerLogin(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "dockerlogin FOLDER", 1)
	host, secret := registriesOf(ts).Host(), ts.Getenv("REGISTRY_USER")+":"+ts.Getenv("REGISTRY_PASSWORD")
	text, err := json.Marshal(map[string]any{"auths": map[string]any{host: map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(secret))}}})
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o700))
	ts.Check(os.WriteFile(ts.MkAbs(filepath.Join(args[0], "config.json")), text, 0o600))
}

// pushedTags prints the tags of a repository, of ECR's, or with - of the registry on loopback.
func pushedTags(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "tags REGION NAME", 2)
	tags := registriesOf(ts).Tags(registrytest.Place{Region: strings.Trim(args[0], "-"), Name: args[1]})
	out := ts.Stdout()
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		fmt.Fprintf(out, "%s %s\n", tag, tags[tag])
	}
}

// pushedRequests prints how often each operation was asked for since the last time.
func pushedRequests(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "requests", 0)
	r, n := registriesOf(ts), make(map[string]int)
	for _, request := range r.Requests() {
		n[strings.TrimRight(fmt.Sprintf("%s %s %s", request.Operation, request.Place.Region, request.Place.Name), " ")]++
	}
	r.ResetRequests()
	out := ts.Stdout()
	for _, line := range slices.Sorted(maps.Keys(n)) {
		fmt.Fprintf(out, "%d %s\n", n[line], line)
	}
}

func registryFails(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "registryfail OPERATION REGION STATUS CODE [MESSAGE [TIMES]]; without any, nothing fails any more", 0)
	r := registriesOf(ts)
	if len(args) == 0 {
		r.ClearFaults()
		return
	}
	need(ts, neg, args, "registryfail OPERATION REGION STATUS CODE [MESSAGE [TIMES]]", 4)
	f := registrytest.Fault{Operation: args[0], Region: args[1], Code: args[3]}
	var err error
	f.Status, err = strconv.Atoi(args[2])
	ts.Check(err)
	if len(args) > 4 {
		f.Message = args[4]
	}
	if len(args) > 5 {
		f.Times, err = strconv.Atoi(args[5])
		ts.Check(err)
	}
	r.Fail(f)
}

// registrySlow has the registries keep requests waiting.
func registrySlow(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "registryslow OPERATION REGION DURATION", 3)
	delay, err := time.ParseDuration(args[2])
	ts.Check(err)
	registriesOf(ts).Fail(registrytest.Fault{Operation: args[0], Region: args[1], Delay: delay})
}

// arrived waits until a request has come.
func arrived(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "arrived OPERATION REGION", 2)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for _, request := range registriesOf(ts).Requests() {
			if request.Operation == args[0] && request.Place.Region == args[1] {
				return
			}
		}
	}
	ts.Fatalf("no %s has come to %s", args[0], args[1])
}

// makeImages writes container images into a file or a folder. Each word says one thing of the image; + begins the next
// one.
func makeImages(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "image FORM FILE [name=NAME] [layer=TEXT | megabytes=N] [arch=...] [os=...] [compression=...] [+ ...]; FORM is save, save25, layout or buildx"
	need(ts, neg, args, usage, 2)
	images := []imagetest.Image{{}}
	for i, word := range args[2:] {
		image := &images[len(images)-1]
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "+":
			images = append(images, imagetest.Image{})
		case "name":
			image.Names = append(image.Names, value)
		case "layer":
			image.Layers = append(image.Layers, imagetest.Layer(fmt.Sprintf("var/task/%d", len(image.Layers)), []byte(value)))
		case "megabytes":
			n, err := strconv.Atoi(value)
			ts.Check(err)
			image.Layers = append(image.Layers, imagetest.Layer("opt/noise", noise(n<<20, uint64(i)+1)))
		case "arch":
			image.Architecture = value
		case "os":
			image.OS = value
		case "compression":
			image.Compression = value
		default:
			ts.Fatalf("usage: %s", usage)
		}
	}
	form, ok := map[string]func(...imagetest.Image) imagetest.Files{
		"save": imagetest.DockerSave, "save25": imagetest.DockerSave25, "layout": imagetest.Layout, "buildx": imagetest.Buildx,
	}[args[0]]
	if !ok {
		ts.Fatalf("usage: %s", usage)
	}
	files, path := form(images...), ts.MkAbs(args[1])
	switch ts.Check(os.MkdirAll(filepath.Dir(path), 0o700)); {
	case strings.HasSuffix(path, ".tar"):
		ts.Check(os.WriteFile(path, files.Tar(), 0o600))
	case strings.HasSuffix(path, ".gz"):
		ts.Check(os.WriteFile(path, imagetest.Gzip(files.Tar()), 0o600))
	case strings.HasSuffix(path, ".zst"):
		ts.Check(os.WriteFile(path, imagetest.Zstd(files.Tar()), 0o600))
	default:
		ts.Check(files.Write(path))
	}
}

// noise does not compress.
func noise(n int, seed uint64) []byte {
	b := make([]byte, 0, n+8)
	for x := 88172645463325252 ^ seed<<32; len(b) < n; {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b = append(b, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(x>>32))
	}
	return b[:n]
}

// fakeEngine is Docker, or another engine: it writes an image to standard output from a file of the folder
// $ENGINE_IMAGES, builds one by making a copy of what its folder holds as image.tar, knows which it has, and writes down
// what it was asked for.
func fakeEngine() {
	images := os.Getenv("ENGINE_IMAGES")
	file := func(name string) string {
		return filepath.Join(images, strings.NewReplacer("/", "_", ":", "_").Replace(name)+".tar")
	}
	program := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	log, err := os.OpenFile(filepath.Join(images, "asked"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(log, program, strings.Join(os.Args[1:], " "))
	}
	from, to := file(os.Args[len(os.Args)-1]), ""
	if os.Args[1] == "build" {
		from, to = "image.tar", file(os.Args[slices.Index(os.Args, "--tag")+1])
	}
	var image []byte
	if err == nil {
		image, err = os.ReadFile(from)
	}
	switch {
	case err != nil:
	case to != "":
		err = os.WriteFile(to, image, 0o600)
	default:
		_, err = os.Stdout.Write(image)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error response from daemon: reference does not exist")
		os.Exit(1)
	}
}
