package packager_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// awkward are templates of so many parts that are good, or bad in a way of their own.
func awkward() map[string]func(parts int) string {
	repeat := func(head, each, tail string) func(int) string {
		return func(parts int) string {
			var b strings.Builder
			b.WriteString(head)
			for i := range parts {
				b.WriteString(strings.ReplaceAll(each, "#", fmt.Sprint(i)))
			}
			return b.String() + tail
		}
	}
	return map[string]func(int) string{
		"functions":         repeat("Resources:\n", "  F#:\n    Type: AWS::Lambda::Function\n    Properties: {Code: src, Handler: a.b}\n", ""),
		"functions, JSON":   repeat(`{"Resources":{`, `"F#":{"Type":"AWS::Lambda::Function","Properties":{"Code":"src"}},`, `"T":{"Type":"AWS::SNS::Topic"}}}`),
		"bad paths":         repeat("Resources:\n", "  F#:\n    Type: AWS::Lambda::Function\n    Properties: {Code: ./gone#}\n", ""),
		"bad paths, JSON":   repeat(`{"Resources":{`, `"F#":{"Type":"AWS::Lambda::Function","Properties":{"Code":"./gone#"}},`, `"T":{"Type":"AWS::SNS::Topic"}}}`),
		"keys, lists":       repeat("Resources:\n", "  ? [F#]\n  : x\n", ""),
		"keys, twice":       repeat("Resources:\n  F:\n    Type: AWS::SNS::Topic\n    Properties:\n", "      A: #\n", ""),
		"aliases":           repeat("Metadata:\n  A: &a {b: c}\nResources:\n", "  F#: {Type: AWS::SNS::Topic, Metadata: *a}\n", ""),
		"merge keys":        repeat("Metadata:\n  A: &a {b: c}\nResources:\n", "  F#: {Type: AWS::SNS::Topic, <<: *a}\n", ""),
		"no resources":      repeat("Resources:\n", "  F#: [x]\n", ""),
		"tabs":              repeat("Resources:\n", "  F#:\t\n    Type: AWS::SNS::Topic\n", ""),
		"without code":      repeat("Globals: {Function: {CodeUri: src}}\nResources:\n", "  F#: {Type: AWS::Serverless::Function, Properties: {Handler: a.b}}\n", ""),
		"layers":            repeat("Resources:\n  L: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: src}}\n", "  F#: {Type: AWS::Serverless::Function, Properties: {CodeUri: src, Layers: [!Ref L]}}\n", ""),
		"paths, left":       repeat("Resources:\n", "  F#: {Type: AWS::SNS::Topic, Properties: {X: ./src}}\n", ""),
		"stored":            repeat("Resources:\n", "  F#: {Type: AWS::Lambda::Function, Properties: {Code: 's3://b/k#'}}\n", ""),
		"misnamed":          repeat("Resources:\n", "  F#: {Type: AWS::Serverless::Function, Properties: {codeUri: src}}\n", ""),
		"types, unknown":    repeat("Resources:\n", "  F#: {Type: AWS::Serverles::Functio#, Properties: {CodeUri: src}}\n", ""),
		"one wide resource": repeat("Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code: src\n", "      Cod#: ./src\n", ""),
		"globals, wide": func(parts int) string {
			global := repeat("Globals:\n  Function:\n", "    A#: b\n", "Resources:\n")(parts)
			return global + repeat("", "  F#: {Type: AWS::Serverless::Function, Properties: {Layers: []}}\n", "")(parts)
		},
		"one long key": func(parts int) string {
			return "Resources:\n  F:\n    Type: AWS::SNS::Topic\n    Properties:\n      ? " + strings.Repeat("k", 20*parts) + "\n      :\n" +
				repeat("", "        a#: ./src\n", "")(parts)
		},
		"one long text":    repeat("Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Code: src}}\n  G:\n    Type: AWS::SNS::Topic\n    Metadata: |\n", "      # lorem ipsum dolor sit amet\n", ""),
		"one long list":    repeat("Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Code: src}}\n  G: {Type: AWS::SNS::Topic, Metadata: [", "a#, ", "z]}\n"),
		"loops":            repeat("Transform: AWS::LanguageExtensions\nResources:\n", "  Fn::ForEach::L#: [N, [src], {'F#${N}': {Type: AWS::Lambda::Function, Properties: {Code: '${N}'}}}]\n", ""),
		"values of a loop": repeat("Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::L: [N, [", "a#, ", "z], {'F${N}': {Type: AWS::Lambda::Function, Properties: {Code: '${N}'}}}]\n"),
	}
}

// planOf writes a template beside a folder src, and returns the options for as many regions.
func planOf(tb testing.TB, template string, regions int) packager.Options {
	tb.Helper()
	dir := tb.TempDir()
	for name, content := range map[string]string{"template.yaml": template, "src/app.js": "//"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	options := packager.Options{TemplateFile: filepath.Join(dir, "template.yaml")}
	for i := range regions {
		options.Stores = append(options.Stores, packager.Store{Region: fmt.Sprintf("us-east-%d", i+1), Bucket: fmt.Sprintf("bench-%d", i+1)})
	}
	return options
}

// What planning takes grows with the template and not with its square. Bytes are counted that
// it allocates, as they do not depend on the machine.
func TestPlanInProportion(t *testing.T) {
	for name, template := range awkward() {
		t.Run(name, func(t *testing.T) {
			allocated := func(parts int) uint64 {
				options := planOf(t, template(parts), 1)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, _ = packager.NewPlan(t.Context(), options) // most of them are bad
				runtime.ReadMemStats(&after)
				return after.TotalAlloc - before.TotalAlloc
			}
			// From 1,000 on there is one reader less, so all have more parts than that.
			few, many := allocated(1500), allocated(6000)
			if ratio := float64(many) / float64(few); ratio > 6 {
				t.Errorf("four times as many parts take %.1f times as many bytes: %d and %d", ratio, few, many)
			}
		})
	}
}

// A countingContext counts how often it is looked at.
type countingContext struct {
	context.Context
	looks atomic.Int64
}

func (c *countingContext) Err() error {
	c.looks.Add(1)
	return c.Context.Err()
}

// Planning looks at its context all the time, and ends with it.
func TestPlanEnds(t *testing.T) {
	for name, template := range awkward() {
		t.Run(name, func(t *testing.T) {
			const parts = 2000
			text := template(parts)
			ctx := &countingContext{Context: t.Context()}
			_, _ = packager.NewPlan(ctx, planOf(t, text, 1)) // most of them are bad
			if looks := ctx.looks.Load(); looks < parts && name != "one long text" {
				t.Errorf("it looked at its context %d times", looks)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := packager.NewPlan(ended, planOf(t, text, 1)); !errors.Is(err, context.Canceled) {
				t.Errorf("after its end: %v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	options := planOf(t, awkward()["functions"](50_000), 1)
	time.AfterFunc(200*time.Millisecond, cancel)
	began := time.Now()
	_, err := packager.NewPlan(ctx, options)
	if took := time.Since(began); !errors.Is(err, context.Canceled) || took > 2*time.Second {
		t.Errorf("it ended %v after its context: %v", took-200*time.Millisecond, err)
	}
}

// A template of ten times as many parts takes ten times as long, whatever its parts are.
func BenchmarkPlanParts(b *testing.B) {
	for name, template := range awkward() {
		for _, parts := range []int{1000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", name, parts), func(b *testing.B) {
				text := template(parts)
				options := planOf(b, text, 1)
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					_, _ = packager.NewPlan(b.Context(), options) // most of them are bad
				}
			})
		}
	}
}

// 1,000 functions in 30 regions: each region's template is made and proved.
func BenchmarkPlanRegions(b *testing.B) {
	for _, regions := range []int{1, 30} {
		b.Run(fmt.Sprint(regions), func(b *testing.B) {
			options := planOf(b, awkward()["functions"](1000), regions)
			for b.Loop() {
				if _, err := packager.NewPlan(b.Context(), options); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
