//go:build e2e

package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	reportpage "github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/page"
	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// TestE2EPage shows the page of --report in a browser. MRPACKAGE_PICTURES names a folder for pictures of it, for a
// person.
func TestE2EPage(t *testing.T) {
	program := buildProgram(t)
	t.Run("Shop", func(t *testing.T) { testPageOfShop(t, program) })
	t.Run("HostileNames", func(t *testing.T) { testPageOfHostileNames(t, program) })
	t.Run("ManyRegions", testPageOfManyRegions)
}

// A pageRun is a run that wrote its report in both forms.
type pageRun struct {
	page string
	json []byte
	url  string // of the page; with /bare behind it, of the page without its policy
}

// runForPage runs the program in a folder, beside an S3 of its own.
func runForPage(t *testing.T, program, dir string, s3 *s3test.Server, args ...string) pageRun {
	t.Helper()
	cmd := exec.Command(program, append(args, "--report", "run.html", "--report", "run.json")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret-example", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL_S3="+s3.URL(), "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return servePage(t, readFile(t, filepath.Join(dir, "run.html")), []byte(readFile(t, filepath.Join(dir, "run.json"))))
}

// servePage has a page at an address, and without its policy at another.
func servePage(t *testing.T, page string, told []byte) pageRun {
	t.Helper()
	r := pageRun{page: page, json: told}
	bare := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(r.page, "")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch req.URL.Path {
		case "/":
			fmt.Fprint(w, r.page)
		case "/bare":
			fmt.Fprint(w, bare)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	if bare == r.page {
		t.Error("the page has no policy")
	}
	return r
}

// look opens the page as wide as telephones and as desks have it, and as paper has it, and holds it against what a
// reader must be able to do.
func (r pageRun) look(t *testing.T, b *browser) {
	t.Helper()
	for _, width := range []int{375, 1280} {
		b.show(width, width == 375)
		for _, complaint := range b.open(r.url + "/") {
			t.Errorf("at %d px the console says: %s", width, complaint)
		}
		var wide int
		b.evaluate("document.documentElement.scrollWidth", &wide)
		if wide > width {
			t.Errorf("at %d px the page is %d px wide", width, wide)
		}
	}
	r.holdsJSON(t, b)
	r.drawsOneAxis(t, b)
	if dir := os.Getenv("MRPACKAGE_PICTURES"); dir != "" {
		b.picture(dir, strings.ReplaceAll(t.Name(), "/", "-"))
	}
}

// drawsOneAxis holds the lanes of the timeline against each other: a moment is at the same place in all of them, those
// that one opens included.
func (r pageRun) drawsOneAxis(t *testing.T, b *browser) {
	t.Helper()
	for _, width := range []int{375, 1280} {
		b.show(width, false)
		var places []string
		b.evaluate(`(() => {
			document.querySelectorAll(".lanes details").forEach(e => e.open = true);
			return [...new Set([...document.querySelectorAll(".lane svg")].map(e => e.getBoundingClientRect()).map(r => Math.round(r.left) + " to " + Math.round(r.right)))];
		})()`, &places)
		if len(places) != 1 {
			t.Errorf("at %d px lanes go from %q", width, places)
		}
	}
}

// An objectCell is what the page or the JSON says of an object in a region.
type objectCell struct {
	Source, Region, Action, Key, Version string
	Bytes                                int64
}

// holdsJSON holds the page's table against the JSON.
func (r pageRun) holdsJSON(t *testing.T, b *browser) {
	t.Helper()
	var report struct {
		Regions []struct {
			Region, Bucket string
			Objects        []struct {
				Key, URL, Source, Action, VersionID string
				Bytes                               int64
			}
		}
	}
	check(t, json.Unmarshal(r.json, &report))
	want := map[objectCell]int{}
	for _, region := range report.Regions {
		for _, o := range region.Objects {
			want[objectCell{visible(o.Source), region.Region, o.Action, visible(o.Key), visible(o.VersionID), o.Bytes}]++
			if o.URL != "s3://"+region.Bucket+"/"+o.Key {
				t.Errorf("the table's caption says how to make the URL %s", o.URL)
			}
		}
	}
	var cells []objectCell
	b.evaluate(`(() => {
		const table = document.querySelector("table.matrix");
		const regions = [...table.tHead.rows[0].cells].slice(1).map(c => c.querySelector("bdi").textContent);
		return [...table.tBodies[0].rows].flatMap(row => [...row.cells].slice(1).map((cell, i) => {
			const value = cell.querySelector("data"), code = cell.querySelector("code") || row.cells[0].querySelector("code"), version = cell.querySelector("small");
			return cell.querySelector("b") && {
				Source: row.cells[0].querySelector("small").title, Region: regions[i], Action: cell.querySelector("b").textContent,
				Key: code.textContent, Version: version ? version.textContent : "", Bytes: value ? Number(value.value) : 0};
		})).filter(Boolean);
	})()`, &cells)
	if len(cells) == 0 {
		t.Error("the table is empty")
	}
	for _, c := range cells {
		if want[c]--; want[c] < 0 {
			t.Errorf("the page shows %+v, and the JSON has none such", c)
		}
		if want[c] == 0 {
			delete(want, c)
		}
	}
	for w := range want {
		t.Errorf("the page does not show %+v", w)
	}
}

// visible is a text as the page shows it.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\u202e' || r == '\u2028' || r < ' ' {
			return '\ufffd'
		}
		return r
	}, s)
}

// shopRegions are the regions of the shop, and how far they are.
func shopRegions() map[string]time.Duration {
	return map[string]time.Duration{"us-east-1": 20 * time.Millisecond, "us-west-2": 60 * time.Millisecond, "eu-west-1": 90 * time.Millisecond, "ap-southeast-2": 180 * time.Millisecond}
}

func testPageOfShop(t *testing.T, program string) {
	b := newBrowser(t)
	s3 := s3test.New()
	t.Cleanup(s3.Close)
	app := sampleApp(t)
	s3.Fail(s3test.Fault{Region: "eu-west-1", Operation: "PutObject", Status: 503, Code: "SlowDown", Message: "Please reduce your request rate.", Times: 2})
	for region, far := range shopRegions() {
		s3.CreateBucket(region, "shop-"+region, "")
		s3.Fail(s3test.Fault{Region: region, Delay: far})
	}
	for name, size := range map[string]int{
		"@aws-sdk/client-dynamodb/dist/index.js": 420_000, "@aws-sdk/client-dynamodb/package.json": 3000, "@aws-sdk/client-sfn/dist/index.js": 610_000, "@aws-sdk/client-sfn/package.json": 3000,
		"lodash/lodash.js": 544_098, "lodash/package.json": 578, "moment/dist/moment.js": 176_435, "moment/locale/all.js": 300_000, "moment/package.json": 900, "sharp/build/Release/sharp.node": 8_300_000, "sharp/package.json": 2000,
		"uuid/dist/v4.js": 1200, "uuid/package.json": 800, "left-pad/index.js": 900, "left-pad/package.json": 600, "ms/index.js": 3000, "ms/package.json": 700, "qs/lib/parse.js": 14000, "qs/lib/stringify.js": 11000, "qs/package.json": 2000,
	} {
		writeFile(t, filepath.Join(app, "src/orders/node_modules", filepath.FromSlash(name)), noise(size))
	}
	template := filepath.Join(app, "template.yaml")
	writeFile(t, template, strings.Replace(readFile(t, template), "\nResources:\n", "\nResources:\n\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties:\n      TopicName: ./src   # a mistake\n", 1))
	writeFile(t, filepath.Join(app, "src/orders/node_modules/sharp/package.json"), `{"_where": "`+app+`/src/orders"}`)
	args := []string{"--regions", "us-east-1,us-west-2,eu-west-1,ap-southeast-2", "--s3-bucket", "shop-{region}"}
	first := runForPage(t, program, app, s3, args...)
	first.look(t, b)
	text := strings.ReplaceAll(first.page, "<wbr>", "")
	for _, want := range []string{"sharp.node", "node_modules/sharp/", "SlowDown", "exit status 0", "Topic.TopicName", "      TopicName: ./src   # a mistake"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	t.Run("Again", func(t *testing.T) {
		second := runForPage(t, program, app, s3, args...)
		second.look(t, b)
		if !strings.Contains(second.page, "sharp.<wbr>node") {
			t.Error("where nothing was archived, the page does not tell the files")
		}
	})
}

// noise is text that compresses somewhat.
func noise(size int) string {
	var b strings.Builder
	for i := uint32(1); b.Len() < size; i = i*1664525 + 1013904223 {
		fmt.Fprintf(&b, "export const v%d = %d;\n", i%97, i)
	}
	return b.String()[:size]
}

// hostile names, each with the end of where it may stand, and something that runs.
func hostileNames() []string {
	return []string{
		`<img src=x onerror="document.title='ran'">`, `"><script>document.title='ran'<`, `' onmouseover='document.title=1' x='`, `javascript:document.title='ran'`,
		`--><svg onload=document.title='ran'>`, `<`, `&lt;script&gt;`, "\u202egnp.exe", "line\u2028end", `]]><b>`, `{{7*7}}${7*7}`,
	}
}

func testPageOfHostileNames(t *testing.T, program string) {
	b := newBrowser(t)
	s3 := s3test.New()
	t.Cleanup(s3.Close)
	s3.CreateBucket("us-east-1", "east", "")
	s3.CreateBucket("us-west-2", "west", "")
	s3.Fail(s3test.Fault{Region: "us-west-2", Operation: "PutObject", Status: 503, Code: "<script>", Message: `<img src=x onerror="document.title='ran'">`, Times: 1})
	dir := t.TempDir()
	var template strings.Builder
	template.WriteString("Resources:\n")
	for i, name := range hostileNames() {
		name = strings.ReplaceAll(name, "/", "∕")
		writeFile(t, filepath.Join(dir, "code"+fmt.Sprint(i), name, name), "exports.handler = 1")
		writeFile(t, filepath.Join(dir, "code"+fmt.Sprint(i), name, "b"+name), "exports.handler = 22")
		id, err := json.Marshal(visible(fmt.Sprintf("F%d%s", i, name)))
		check(t, err)
		path, err := json.Marshal("code" + fmt.Sprint(i) + "/" + name)
		check(t, err)
		fmt.Fprintf(&template, "  %s: {Type: AWS::Lambda::Function, Properties: {Code: %s}}\n  %s: {Type: AWS::SNS::Topic, Properties: {TopicName: %s}}\n", id, path, `"W`+string(id)[1:], path)
	}
	name := `<img src=x onerror="document.title=1">.yaml`
	writeFile(t, filepath.Join(dir, name), template.String())
	r := runForPage(t, program, dir, s3, "--template-file", name, "--regions", "us-east-1,us-west-2", "--s3-bucket", "us-east-1=east", "--s3-bucket", "us-west-2=west", "--s3-prefix", `p'(x)=*`)
	r.look(t, b)

	// Nothing runs for its being escaped, and not for the policy alone.
	for _, path := range []string{"/", "/bare"} {
		for _, complaint := range b.open(r.url + path) {
			t.Errorf("%s: the console says: %s", path, complaint)
		}
		var found []string
		b.evaluate(`[document.title, ...[...document.querySelectorAll("script, img, iframe, object, b b, svg[onload]")].map(e => e.outerHTML),
			...[...document.querySelectorAll("*")].flatMap(e => [...e.attributes].filter(a => a.name.startsWith("on") || a.name == "style" || (a.name == "href" && !a.value.startsWith("#"))).map(a => a.name + "=" + a.value))]`, &found)
		if len(found) != 1 || !strings.HasSuffix(found[0], "mrpackage") {
			t.Errorf("%s: a name has become more than text: %q", path, found)
		}
	}
	for _, r := range r.page {
		if r == '\u202e' || r == '\u2028' {
			t.Errorf("the page holds %U", r)
		}
	}
}

// Of 30 regions and 500 artifacts everything is in the page, which is scrolled in its table.
func testPageOfManyRegions(t *testing.T) {
	b := newBrowser(t)
	run := record.Run{Mrpackage: "v1.2.3", Template: "services/everything/template.yaml", Began: time.Date(2026, 11, 28, 11, 0, 0, 0, time.UTC), Seconds: record.Seconds{Total: 61.5}}
	for i := range 500 {
		a := record.Artifact{
			Path: fmt.Sprintf("/app/services/service%d/dist", i), Name: fmt.Sprintf("%064x.zip", i*i*7919), Archive: true, Files: 40,
			References: []record.Reference{{Template: run.Template, Line: 10 * i, Column: 16, LogicalID: fmt.Sprintf("Service%dFunction", i), Property: "CodeUri"}},
		}
		for j := range 40 {
			e := record.Entry{Name: fmt.Sprintf("node_modules/package%d/file%d.js", j/4, j), Size: int64(j*j*(i+20) + 20)}
			e.Packed = e.Size / 4
			a.Entries = append(a.Entries, e)
			a.Bytes += e.Size
		}
		run.Artifacts = append(run.Artifacts, a)
	}
	actions := []string{"reused", "uploaded", "reused", "copied", "reused", "refreshed", "reused"}
	lanes := map[string]record.Lane{"reused": record.Reuse, "uploaded": record.Upload, "copied": record.Copy, "refreshed": record.Refresh}
	for i := range 30 {
		region := record.Region{Region: fmt.Sprintf("ap-southeast-%d", i+1), Bucket: fmt.Sprint("artifacts-of-everything-", i), Template: fmt.Sprintf("target/packaged-template-ap-southeast-%d.yaml", i+1), Seconds: float64(40 + i%20)}
		g := record.Group{Name: region.Region, Spans: []record.Span{{Lane: record.Look, Name: "look", To: 4 * time.Second}}}
		for j, a := range run.Artifacts {
			action := actions[(i*7+j*3)%len(actions)]
			region.Objects = append(region.Objects, record.Object{Key: a.Name, URL: "s3://" + region.Bucket + "/" + a.Name, Source: a.Path, Action: action, Bytes: a.Bytes / 4, VersionID: fmt.Sprintf("%032x", i*j), Of: j})
			from := time.Duration(4+(j*37)%50) * time.Second
			g.Spans = append(g.Spans, record.Span{Lane: lanes[action], Name: action + " " + a.References[0].LogicalID, From: from, To: from + time.Duration(100+j*i%4000)*time.Millisecond})
		}
		run.Regions = append(run.Regions, region)
		run.Timeline = append(run.Timeline, g)
	}
	told, err := json.Marshal(run)
	check(t, err)
	text := reportpage.Write(run)
	t.Logf("%d bytes", len(text))
	servePage(t, string(text), told).look(t, b)
	var loaded float64
	b.evaluate("performance.timing.loadEventEnd - performance.timing.navigationStart", &loaded)
	t.Logf("shown after %.0f ms", loaded)
	var outside int
	b.evaluate(`[...document.querySelectorAll("table")].filter(e => !e.closest(".scroll")).length`, &outside)
	if outside != 0 {
		t.Errorf("%d tables cannot be scrolled", outside)
	}
}
