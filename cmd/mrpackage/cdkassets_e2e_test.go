//go:build e2e

package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/ststest"
)

// TestE2ECDKAssets publishes the same cloud assembly with CDK's own cdk-assets into one AWS, and with mrpackage into another.
// Both must end with the same: the same buckets, keys and contents, after unpacking, types and encryption, and the same
// images under the same tags. Each bucket lets in its own environment's role alone.
//
// cdk-assets is what MRPACKAGE_CDK_ASSETS names, or what is on the PATH.
func TestE2ECDKAssets(t *testing.T) {
	cdkAssets, err := exec.LookPath("cdk-assets")
	if named := os.Getenv("MRPACKAGE_CDK_ASSETS"); named != "" {
		cdkAssets, err = exec.LookPath(named)
	}
	if err == nil {
		_, err = exec.LookPath("node")
	}
	if err != nil || runtime.GOOS == "windows" {
		t.Log("this was not tested:", err, runtime.GOOS)
		return
	}
	t.Run("what CDK made", func(t *testing.T) {
		testCDKAssets(t, cdkAssets, 32, 2, func(folder string) { fatal(t, os.CopyFS(folder, os.DirFS("../../testdata/cdk/cdk.out"))) })
	})
	t.Run("all that may be there", func(t *testing.T) {
		testCDKAssets(t, cdkAssets, 2*(len(strings.Fields(extensions))+len(cdkFolders)+6), 0, func(folder string) { writeAssembly(t, folder) })
	})
}

func testCDKAssets(t *testing.T, cdkAssets string, objects, images int, write func(folder string)) {
	theirs, ours := newCDKWorld(t, write), newCDKWorld(t, write)
	manifests, err := filepath.Glob(filepath.Join(theirs.assembly, "*.assets.json"))
	fatal(t, err)
	nested, err := filepath.Glob(filepath.Join(theirs.assembly, "*", "*.assets.json"))
	fatal(t, err)
	for _, manifest := range append(manifests, nested...) {
		theirs.run(t, cdkAssets, "publish", "--path", manifest, "--verbose")
	}
	ours.run(t, "mrpackage", "publish", ours.assembly)

	want := theirs.objects(t)
	if len(want) != objects {
		t.Errorf("cdk-assets stored %d objects, and there are %d", len(want), objects)
	}
	got := ours.objects(t)
	for _, at := range slices.Sorted(mapKeys(want, got)) {
		if want[at] != got[at] {
			t.Errorf("%s: cdk-assets\n%s\nmrpackage\n%s", at, want[at], got[at])
		}
	}
	pushed := theirs.pushedByDocker(t)
	if len(pushed) != images {
		t.Errorf("cdk-assets pushed %q", pushed)
	}
	if images := ours.pushed(t); !slices.Equal(pushed, images) {
		t.Errorf("cdk-assets pushed %q, mrpackage %q", pushed, images)
	}

	// A second run sends nothing, and one after cdk-assets neither.
	for name, world := range map[string]*cdkWorld{"itself": ours, "cdk-assets": theirs} {
		world.s3.ResetRequests()
		world.run(t, "mrpackage", "publish", world.assembly)
		for _, r := range world.s3.Requests() {
			if strings.HasPrefix(r.Operation, "Put") || strings.HasPrefix(r.Operation, "Create") || strings.HasPrefix(r.Operation, "Copy") {
				t.Errorf("after %s: %s %s/%s", name, r.Operation, r.Bucket, r.Key)
			}
		}
	}
}

// extensions are those of single files.
const extensions = `json JSON zip jar war txt html HTM css js mjs cjs ts tsx jsx yaml yml xml xsl xsd md csv tsv toml ini conf log env lock map svg png jpg
	jpeg gif webp avif ico bmp tiff heic mp3 mp4 m4a mov avi mkv wav ogg flac webm woff woff2 ttf otf eot pdf doc docx xls xlsx ppt pptx odt rtf epub gz tgz
	bz2 xz zst 7z tar rar iso deb rpm dmg exe dll msi bin dat db sqlite so py rb sh php pl lua sql graphql proto avro parquet orc arrow tf tfvars hcl
	go rs kt swift c h cpp java class wasm vue svelte scss less sass coffee pem crt cer key p12 pfx csr jks asc sig ics vcf geojson jsonld webmanifest
	atom rss xhtml wsdl template nosuchtype`

// cdkFolders are folders that are archived: files, and their permissions.
var cdkFolders = []map[string]string{
	{"app.js": "code", "lib/a/b/c.js": "deep"},
	{".env": "hidden", ".git/config": "git's", ".mrpackageignore": "*.log", "a.log": "kept", "node_modules/.bin/tool": "#!/bin/sh"},
	{"naïve/日本語.txt": "unicode", "with space.txt": "x", "[a]{b}*?.txt": "pattern", "quote'\".txt": "y"},
	{"empty.txt": ""},
	{"code.zip": "PK\x03\x04 no zip", "large.txt": strings.Repeat("0123456789", 1<<20)},
}

// longer makes a file larger than an empty zip, which counts for nothing.
const longer = "                       \n"

// writeAssembly writes an assembly of all that an asset may be, each for a place with a role and for one without.
func writeAssembly(t *testing.T, folder string) {
	files := make(map[string]any)
	add := func(name string, source any) {
		hash := fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
		files[hash] = map[string]any{"source": source, "destinations": map[string]any{
			"one": map[string]string{
				"bucketName": "cdk-hnb659fds-assets-" + ststest.Account + "-us-east-1", "region": "us-east-1", "objectKey": "a b/" + name,
				"assumeRoleArn": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-hnb659fds-file-publishing-role-${AWS::AccountId}-us-east-1",
			},
			"two": map[string]string{"bucketName": "cdk-hnb659fds-assets-open-${AWS::AccountId}-${AWS::Region}", "objectKey": hash},
		}}
	}
	write := func(name, text string) {
		path := filepath.Join(folder, filepath.FromSlash(name))
		fatal(t, os.MkdirAll(filepath.Dir(path), 0o700))
		mode := os.FileMode(0o640)
		if strings.HasPrefix(text, "#!") {
			mode = 0o750
		}
		fatal(t, os.WriteFile(path, []byte(text), mode))
	}
	file := func(name, text string) {
		write(name, text)
		add(name, map[string]string{"path": name, "packaging": "file"})
	}
	for _, extension := range strings.Fields(extensions) {
		file("asset."+extension, "a file of the kind "+extension+longer)
	}
	file("asset.without", "x"+longer)
	file("Dockerfile", "FROM scratch"+longer)
	file(".json", "{}"+longer)
	for i, folder := range cdkFolders {
		name := fmt.Sprintf("asset.folder%d", i)
		for path, text := range folder {
			write(name+"/"+path, text)
		}
		add(name+".zip", map[string]string{"path": name, "packaging": "zip"})
	}
	// A link within a folder, one to a folder, and one to nothing.
	write("asset.links/target/app.js", "#! linked")
	fatal(t, os.Symlink("target/app.js", filepath.Join(folder, "asset.links", "link.js")))
	fatal(t, os.Symlink("target", filepath.Join(folder, "asset.links", "lib")))
	fatal(t, os.Symlink("target/gone.js", filepath.Join(folder, "asset.links", "gone.js")))
	add("asset.links.zip", map[string]string{"path": "asset.links", "packaging": "zip"})
	write("made.zip", "made by a command"+longer)
	add("made.zip", map[string]any{"executable": []string{"sh", "-c", "echo making >&2; echo; echo \"  $1  \"", "x", filepath.Join(folder, "made.zip")}})
	add("relative.zip", map[string]any{"executable": []string{"sh", "-c", "echo cdk.out/made.zip"}}) // of the working directory
	text, err := json.Marshal(map[string]any{"version": "54.0.0", "files": files, "dockerImages": map[string]any{}})
	fatal(t, err)
	write("App.assets.json", string(text))
	write("manifest.json", `{"version": "54.0.0", "artifacts": {"App.assets": {"type": "cdk:asset-manifest", "properties": {"file": "App.assets.json"}}}}`)
}

// mapKeys are the keys of some maps, each as often as it is there.
func mapKeys(maps ...map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		seen := make(map[string]bool)
		for _, m := range maps {
			for key := range m {
				if !seen[key] && !yield(key) {
					return
				}
				seen[key] = true
			}
		}
	}
}

// objects are what the buckets hold, by bucket and key: of a zip what is in it.
func (w *cdkWorld) objects(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	buckets := []string{openBucket}
	for _, env := range cdkEnvironments {
		buckets = append(buckets, fmt.Sprintf("cdk-hnb659fds-assets-%s-%s", env[0], env[1]))
	}
	for _, bucket := range buckets {
		for _, key := range w.s3.Keys(bucket) {
			o, _ := w.s3.Object(bucket, key)
			all[bucket+"/"+key] = fmt.Sprintf("%s %s %s\n%s", o.ContentType, o.ServerSideEncryption, o.SSEKMSKeyID, unpacked(t, o.Body))
		}
	}
	return all
}

// unpacked are the files of a zip, with their permissions to be executed; of other files the bytes.
func unpacked(t *testing.T, body []byte) string {
	t.Helper()
	files, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return string(body)
	}
	var lines []string
	for _, f := range files.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		fatal(t, err)
		text, err := io.ReadAll(r)
		fatal(t, err)
		lines = append(lines, fmt.Sprintf("%s %t %q", f.Name, f.Mode()&0o111 != 0, text))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// pushedByDocker are the addresses to which docker was told to push that image, with their tags.
func (w *cdkWorld) pushedByDocker(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "pushed"))
	if !errors.Is(err, fs.ErrNotExist) {
		fatal(t, err)
	}
	for line := range strings.Lines(string(text)) {
		address, image, _ := strings.Cut(strings.TrimSpace(line), " ")
		if image == "shop:contained" {
			image = imageOfAssembly
		}
		all = append(all, address+" "+image)
	}
	slices.Sort(all)
	return all
}
