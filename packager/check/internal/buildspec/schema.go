package buildspec

// A kind is what a value of a buildspec may be.
type kind uint8

const (
	anything kind = iota
	text
	yesNo
	texts   // a sequence of texts, or one text in its place
	section // a mapping whose keys are known
	named   // a mapping whose keys the user chooses, and whose values are alike
	entries // a sequence of sections
)

// A shape is what the reference of buildspecs says of one value ("Build
// specification reference for CodeBuild", "Batch build buildspec reference").
type shape struct {
	kind   kind
	keys   map[string]shape // of a section, and of an entry
	each   *shape           // a named mapping's value
	values []string         // that a text may have, in any case; none: any
}

// schema is the shape of a whole buildspec.
func schema() shape {
	phase := shape{kind: section, keys: map[string]shape{
		"run-as":           {kind: text},
		"on-failure":       {kind: text, values: []string{"ABORT", "CONTINUE", "RETRY", "RETRY-"}},
		"runtime-versions": {kind: named, each: &shape{kind: text}},
		"commands":         {kind: texts},
		"finally":          {kind: texts},
	}}
	phases := make(map[string]shape)
	for _, name := range phaseNames() {
		phases[name] = phase
	}
	return shape{kind: section, keys: map[string]shape{
		"version":   {kind: text, values: []string{"0.1", "0.2"}},
		"run-as":    {kind: text},
		"env":       environment(),
		"proxy":     {kind: section, keys: map[string]shape{"upload-artifacts": {kind: yesNo}, "logs": {kind: yesNo}}},
		"batch":     batch(),
		"phases":    {kind: section, keys: phases},
		"reports":   {kind: named, each: report()},
		"artifacts": artifacts(),
		"cache": {kind: section, keys: map[string]shape{
			"key":           {kind: text},
			"fallback-keys": {kind: texts},
			"action":        {kind: text, values: []string{"restore", "save"}},
			"paths":         {kind: texts},
		}},
		"environment_variables": {}, // version 0.1's env
	}}
}

// phaseNames are the phases that run commands, in their order.
func phaseNames() []string { return []string{"install", "pre_build", "build", "post_build"} }

func environment() shape {
	values := shape{kind: named, each: &shape{kind: text}}
	return shape{kind: section, keys: map[string]shape{
		"shell":                 {kind: text},
		"variables":             values,
		"parameter-store":       values,
		"secrets-manager":       values,
		"exported-variables":    {kind: texts},
		"git-credential-helper": {kind: yesNo},
	}}
}

func report() *shape {
	return &shape{kind: section, keys: map[string]shape{
		"files":          {kind: texts},
		"base-directory": {kind: text},
		"discard-paths":  {kind: yesNo},
		"file-format": {kind: text, values: []string{
			"CUCUMBERJSON", "JUNITXML", "NUNITXML", "NUNIT3XML", "TESTNGXML", "VISUALSTUDIOTRX",
			"CLOVERXML", "COBERTURAXML", "JACOCOXML", "SIMPLECOV",
		}},
	}}
}

func artifacts() shape {
	keys := func() map[string]shape {
		return map[string]shape{
			"files":           {kind: texts},
			"name":            {kind: text},
			"discard-paths":   {kind: yesNo},
			"base-directory":  {kind: text},
			"exclude-paths":   {kind: texts},
			"enable-symlinks": {kind: yesNo},
			"s3-prefix":       {kind: text},
			"type":            {kind: text}, // version 0.1's
		}
	}
	primary := shape{kind: section, keys: keys()}
	primary.keys["secondary-artifacts"] = shape{kind: named, each: &shape{kind: section, keys: keys()}}
	return primary
}

func batch() shape {
	env := shape{kind: section, keys: map[string]shape{
		"compute-type":    {},
		"fleet":           {},
		"image":           {},
		"privileged-mode": {},
		"type":            {},
		"variables":       {},
	}}
	build := func(more ...string) map[string]shape {
		keys := map[string]shape{
			"identifier":     {kind: text},
			"buildspec":      {kind: text},
			"debug-session":  {kind: yesNo},
			"env":            env,
			"ignore-failure": {kind: yesNo},
		}
		for _, name := range more {
			keys[name] = shape{}
		}
		return keys
	}
	return shape{kind: section, keys: map[string]shape{
		"fast-fail":   {kind: yesNo},
		"build-graph": {kind: entries, keys: build("depend-on")},
		"build-list":  {kind: entries, keys: build()},
		"build-matrix": {kind: section, keys: map[string]shape{
			"static": {kind: section, keys: build()}, "dynamic": {}, "identifier": {kind: text},
		}},
		"build-fanout": {kind: section, keys: build("parallelism")},
	}}
}
