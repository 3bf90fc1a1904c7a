package page_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/page"
	"github.com/symphoniacloud/multi-region-codepipeline/cmd/mrpackage/internal/record"
)

// run is one with something of everything, and of lists two.
func run() record.Run {
	return filled(reflect.TypeFor[record.Run](), "").Interface().(record.Run)
}

// filled is a value of a type with something in each of its fields. A text is its path, a number is not 0.
func filled(t reflect.Type, path string) reflect.Value {
	v := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 11, 28, 11, 0, 0, 0, time.UTC)))
	case t == reflect.TypeFor[record.Lane]():
		v.SetString(string(record.Upload))
	case strings.HasSuffix(path, ".Action"):
		v.SetString("uploaded")
	case t.Kind() == reflect.String:
		v.SetString("text" + strings.ReplaceAll(path, ".", "-"))
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case strings.HasSuffix(path, ".Of"): // the first object is the first artifact, and so on
		v.SetInt(int64(path[len(path)-len("0.Of")] - '0'))
	case v.CanInt():
		v.SetInt(int64(len(path)) * 1001)
	case v.CanFloat():
		v.SetFloat(float64(len(path)) / 8)
	case t.Kind() == reflect.Slice:
		for i := range 2 {
			v.Set(reflect.Append(v, filled(t.Elem(), fmt.Sprintf("%s.%d", path, i))))
		}
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			v.Field(i).Set(filled(t.Field(i).Type, path+"."+t.Field(i).Name))
		}
	}
	return v
}

// Whatever the JSON of the report holds, the page holds.
func TestPageHoldsJSON(t *testing.T) {
	r := run()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var told any
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatal(err)
	}
	html := string(page.Write(r))
	var walk func(path string, v any)
	walk = func(path string, v any) {
		shown := ""
		switch v := v.(type) {
		case map[string]any:
			for key, below := range v {
				walk(path+"."+key, below)
			}
			return
		case []any:
			for i, below := range v {
				walk(fmt.Sprint(path, ".", i), below)
			}
			return
		case string:
			shown = v
		case float64:
			shown = fmt.Sprint(v)
		default:
			return
		}
		switch {
		case strings.HasSuffix(path, ".source") && strings.HasPrefix(path, ".regions."): // that of the artifact or image
			return
		case strings.HasSuffix(path, ".url"): // the table's caption says that it is made of bucket and key
			return
		case strings.HasPrefix(path, ".seconds.") && path != ".seconds.total": // the timeline draws the phases
			return
		}
		if !strings.Contains(html, shown) {
			t.Errorf("the page does not hold %s, %q", path, shown)
		}
	}
	walk("", told)
	for _, text := range []string{"text-Warnings-1-Text", "text-Warnings-1-Excerpt", "text-Warnings-1-Hint", "text-Warnings-1-Statement", "text-Shard",
		"text-Timeline-1-Name", "text-Timeline-1-Spans-1-Name", "text-Timeline-1-Moments-1-Name", "text-Artifacts-1-Entries-1-Name"} {
		if text == "text-Shard" { // of a dry run nothing else is said
			r.DryRun = false
			html = string(page.Write(r))
		}
		if !strings.Contains(html, text) {
			t.Errorf("the page does not hold %s", text)
		}
	}
}

// No text of a run, wherever it comes from, can be more than text: each is put in the place of each one.
func TestPageEscapes(t *testing.T) {
	var plain []string
	for _, hostile := range []string{
		"harmless", `<img src=x onerror=alert(1)>`, `</script><script>alert(1)</script>`, `"><svg onload=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`, `</title></style></pre>`,
		"-->", "]]>", "&lt;b&gt;", "`{{x}}${x}`", "\u202eexe.txt", "\u2066x", "a\x00b\x1b[31m\u0085", "two\nlines", "\xff\xfe", "\u2028", "",
	} {
		r := run()
		fields := 0
		poison(reflect.ValueOf(&r).Elem(), hostile, &fields)
		if fields < 40 {
			t.Fatalf("%d texts in a run", fields)
		}
		html := string(page.Write(r))
		got := tags(t, html)
		if plain == nil {
			plain = got
		}
		if hostile != "" && !reflect.DeepEqual(got, plain) {
			t.Errorf("with %q the page has %d tags, and else %d", hostile, len(got), len(plain))
		}
		for _, forbidden := range []string{"\u202e", "\u2066", "\u2028", "\x00", "\x1b", "\u0085", "\xff"} {
			if strings.Contains(html, forbidden) {
				t.Errorf("with %q the page holds %q", hostile, forbidden)
			}
		}
	}
}

// poison puts a text into each field that a stranger may fill.
func poison(v reflect.Value, text string, fields *int) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[record.Lane]() {
			v.SetString(text)
			*fields++
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), text, fields)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type() != reflect.TypeFor[time.Time]() && v.Type().Field(i).Name != "Action" {
				poison(v.Field(i), text, fields)
			}
		}
	}
}

// tags are the names of the page's elements and of their attributes, in order. Each is closed where it must be.
func tags(t *testing.T, html string) (all []string) {
	t.Helper()
	_, html, _ = strings.Cut(html, "<html")
	html = regexp.MustCompile(`(?s)<style>.*?</style>|<wbr>`).ReplaceAllString("<html"+html, "")
	var open []string
	tag := regexp.MustCompile(`^<(/?)([a-z0-9]+)((?: [a-zA-Z-]+="[^"<>]*")*)>`)
	for rest := html; ; {
		i := strings.IndexAny(rest, "<>")
		if i < 0 {
			break
		}
		m := tag.FindStringSubmatch(rest[i:])
		if m == nil {
			t.Fatalf("not a tag: %.80q", rest[i:])
		}
		rest = rest[i+len(m[0]):]
		if m[1] == "" {
			names := regexp.MustCompile(`="[^"]*"`).ReplaceAllString(m[3], "")
			all = append(all, m[2]+names)
			for _, name := range strings.Fields(names) {
				if strings.HasPrefix(name, "on") || name == "style" || name == "src" {
					t.Errorf("%s has the attribute %s", m[2], name)
				}
			}
			if m[2] != "meta" {
				open = append(open, m[2])
			}
			continue
		}
		if len(open) == 0 || open[len(open)-1] != m[2] {
			t.Fatalf("</%s> closes %q", m[2], open)
		}
		open = open[:len(open)-1]
	}
	if len(open) > 0 {
		t.Errorf("not closed: %q", open)
	}
	return all
}

// Who sees little can read all of it, light and dark.
func TestPageContrast(t *testing.T) {
	_, style, _ := strings.Cut(string(page.Write(run())), "<style>")
	light, rest, _ := strings.Cut(style, "}")
	_, dark, _ := strings.Cut(rest, ":root {")
	dark, _, _ = strings.Cut(dark, "}")
	for scheme, palette := range map[string]string{"light": light, "dark": dark} {
		colours := make(map[string]float64) // their luminance
		for _, m := range regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6})`).FindAllStringSubmatch(palette, -1) {
			rgb, err := hex.DecodeString(m[2])
			if err != nil {
				t.Fatal(err)
			}
			for i, share := range []float64{0.2126, 0.7152, 0.0722} { // WCAG 2, relative luminance
				c := float64(rgb[i]) / 255
				if c <= 0.04045 {
					c /= 12.92
				} else {
					c = math.Pow((c+0.055)/1.055, 2.4)
				}
				colours[m[1]] += share * c
			}
		}
		if len(colours) < 15 {
			t.Errorf("%s has %d colours", scheme, len(colours))
		}
		for name, c := range colours {
			for _, ground := range []string{"paper", "card"} {
				on := colours[ground]
				contrast := (max(c, on) + 0.05) / (min(c, on) + 0.05)
				if name != "paper" && name != "card" && name != "line" && name != "faint" && contrast < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.2f to 1", scheme, name, ground, contrast)
				}
			}
		}
	}
}

// A link leads to a place that the page has, and no two have one name.
func TestPageLinks(t *testing.T) {
	html := string(page.Write(run()))
	places := make(map[string]int)
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if places[m[1]]++; places[m[1]] > 1 {
			t.Errorf("two places are called %s", m[1])
		}
	}
	links := regexp.MustCompile(` (?:href="#|aria-labelledby=")([^"]*)"`).FindAllStringSubmatch(html, -1)
	for _, m := range links {
		if places[m[1]] == 0 {
			t.Errorf("a link leads to %s, which is not there", m[1])
		}
	}
	if len(links) < 10 {
		t.Errorf("%d links", len(links))
	}
	if strings.Count(html, "http") > 1 { // the attribute http-equiv
		t.Error("the page names an address on the network")
	}
}

// A large run has a page that a browser shows without trouble: it names what is largest and slowest, and how much more
// there is.
func TestPageOfLargeRun(t *testing.T) {
	r := record.Run{Template: "template.yaml"}
	for i := range 500 {
		a := record.Artifact{Path: fmt.Sprintf("/app/src/function%d", i), Name: fmt.Sprintf("%064d.zip", i), Files: 300, Archive: true, References: []record.Reference{{LogicalID: fmt.Sprint("Function", i), Property: "CodeUri"}}}
		for j := range 300 {
			a.Entries = append(a.Entries, record.Entry{Name: fmt.Sprintf("node_modules/package%d/file%d.js", j/10, j), Size: int64(j * 100), Packed: int64(j)})
			a.Bytes += int64(j * 100)
		}
		r.Artifacts = append(r.Artifacts, a)
	}
	for i := range 30 {
		region := record.Region{Region: fmt.Sprintf("us-east-%d", i+1), Bucket: fmt.Sprint("code-", i)}
		g := record.Group{Name: region.Region}
		for j := range 500 {
			region.Objects = append(region.Objects, record.Object{Key: fmt.Sprintf("%064d.zip", j), Action: "uploaded", Bytes: 1000, VersionID: fmt.Sprintf("%032d", j), Of: j})
			g.Spans = append(g.Spans, record.Span{Lane: record.Upload, Name: fmt.Sprint("uploaded Function", j), From: time.Duration(j*7%500) * time.Second, To: time.Duration(j*7%500+j%13) * time.Second})
			g.Moments = append(g.Moments, record.Moment{Name: "trying again", At: time.Duration(j) * time.Second})
		}
		r.Regions = append(r.Regions, region)
		r.Timeline = append(r.Timeline, g)
	}
	html := string(page.Write(r))
	t.Logf("%d bytes", len(html))
	if len(html) > 6e6 {
		t.Errorf("the page has %d bytes", len(html))
	}
	for _, want := range []string{"and 297 more files", "and 490 more spans", "and 14900 more events", "500 × in "} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
