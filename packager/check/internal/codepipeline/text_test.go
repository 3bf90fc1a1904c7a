package codepipeline

import (
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
)

func known(text string, assumed ...string) Text {
	return Text{readable, text, strings.Join(assumed, ",")}
}

// What values come to: with the defaults of parameters, and without.
func TestTextOfValues(t *testing.T) {
	for value, want := range map[string]struct{ text, byDefault Text }{
		"us-east-1":                           {known("us-east-1"), known("us-east-1")},
		"!Ref Region":                         {known("${Region}"), known("us-west-2", "Region")},
		"{Ref: Bucket}":                       {known("${Bucket}"), known("${Bucket}")},
		"!GetAtt Bucket.Arn":                  {known("${Bucket.Arn}"), known("${Bucket.Arn}")},
		"!GetAtt [Bucket, Arn]":               {known("${Bucket.Arn}"), known("${Bucket.Arn}")},
		"!Sub 'a-${Region}'":                  {known("a-${Region}"), known("a-us-west-2", "Region")},
		"!Sub ['${X}-${Y}', {X: a, Y: b}]":    {known("a-b"), known("a-b")},
		"{Fn::Join: ['-', [a, !Ref Region]]}": {known("a-${Region}"), known("a-us-west-2", "Region")},

		// What is made in ways that are not followed.
		"!FindInMap [A, B, C]":                             {Text{state: unreadable}, Text{state: unreadable}},
		"!Sub ['a-${X}', {X: !FindInMap [A, B, C]}]":       {Text{state: unreadable}, Text{state: unreadable}},
		"{Fn::Join: ['-', [a, {Fn::ImportValue: Other}]]}": {Text{state: unreadable}, Text{state: unreadable}},
		"[a, b]": {Text{state: unreadable}, Text{state: unreadable}},
	} {
		f, err := document.Parse("t.yaml", []byte("v: "+value))
		if err != nil {
			t.Fatal(err)
		}
		p := Pipeline{defaults: map[string]string{"Region": "us-west-2"}}
		if text := p.Text(f.Root.Get("v")); text != want.text {
			t.Errorf("%s: %+v, not %+v", value, text, want.text)
		}
		if text := p.Default(f.Root.Get("v")); text != want.byDefault {
			t.Errorf("%s with the defaults: %+v, not %+v", value, text, want.byDefault)
		}
		if absent := p.Text(f.Root.Get("no")); !absent.Absent() {
			t.Errorf("an absent value comes to %+v", absent)
		}
	}
}
