package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	cdkAccount = "111111111111"
	cdkRegions = 4
)

// cdk compares the publishing of a cloud assembly, the functions of the application for four regions, with what CDK does
// it with: with a role for each region, as CDK's bootstrap makes them, and without any.
func (b *bench) cdk() error {
	if err := os.Mkdir(b.assembly(), 0o755); err != nil {
		return err
	}
	functions, err := filepath.Glob(filepath.Join(b.app, "f*"))
	if err != nil {
		return err
	}
	for _, function := range functions {
		if err := os.CopyFS(filepath.Join(b.assembly(), "asset."+filepath.Base(function)), os.DirFS(function)); err != nil {
			return err
		}
	}
	return b.serving(nil, func() error {
		fmt.Printf("\n| a cloud assembly to %d regions | times faster than cdk-assets | seconds | sent | memory |\n|---|---|---|---|---|\n", cdkRegions)
		for _, roles := range []bool{true, false} {
			if err := b.cdkRows(roles); err != nil {
				return err
			}
		}
		return nil
	})
}

// cdkRows prints the rows of a first run and of one that finds nothing changed.
func (b *bench) cdkRows(roles bool) error {
	name := "no roles"
	if roles {
		name = "a role for each region"
	}
	peer, err := exec.LookPath("cdk-assets")
	there := err == nil
	for _, unchanged := range []bool{false, true} {
		prepare := func() error {
			if !unchanged {
				b.fill++
			}
			return b.makeAssembly(roles)
		}
		row := name
		if unchanged {
			row += ", unchanged"
		}
		var took time.Duration
		if there {
			m, err := b.cdkMeasure(prepare, peer, "publish", "--path", filepath.Join(b.assembly(), "App.assets.json"))
			if err != nil {
				return err
			}
			took = m.took
			fmt.Printf("| cdk-assets, %s | | %.2f | %.1f MB | %.0f MB |\n", row, m.took.Seconds(), float64(m.sent)/1e6, float64(m.memory)/1e6)
		}
		m, err := b.cdkMeasure(prepare, b.program, "publish", b.assembly())
		if err != nil {
			return err
		}
		ratio := ""
		if there {
			ratio = fmt.Sprintf("%.1f", took.Seconds()/m.took.Seconds())
		}
		fmt.Printf("| mrpackage, %s | %s | %.2f | %.1f MB | %.0f MB |\n", row, ratio, m.took.Seconds(), float64(m.sent)/1e6, float64(m.memory)/1e6)
	}
	return nil
}

// cdkMeasure runs a command several times.
func (b *bench) cdkMeasure(prepare func() error, name string, args ...string) (m measure, err error) {
	b.peak = 0
	m.took, err = b.median(func() (time.Duration, error) {
		if err := prepare(); err != nil {
			return 0, err
		}
		if _, err := b.taken(); err != nil {
			return 0, err
		}
		took, err := b.command(name, args...)
		if err == nil {
			m.sent, err = b.taken()
		}
		return took, err
	})
	m.memory = b.peak
	return m, err
}

func (b *bench) assembly() string { return filepath.Join(b.dir, "cdk.out") }

// makeAssembly makes what CDK would: each function is an asset, which every region's bucket gets. Its keys are such that
// nothing is stored under them in the first run of a number. cdk-assets keeps archives beside them, which are removed.
func (b *bench) makeAssembly(roles bool) error {
	functions, err := filepath.Glob(filepath.Join(b.assembly(), "asset.*"))
	if err != nil {
		return err
	}
	files := make(map[string]any)
	for i, function := range functions {
		hash := fmt.Sprintf("%032x%032x", b.fill, i)
		destinations := make(map[string]any)
		for _, region := range regions(cdkRegions) {
			destination := map[string]string{
				"region": region, "bucketName": fmt.Sprintf("cdk-hnb659fds-assets-%s-%s", cdkAccount, region), "objectKey": hash + ".zip",
			}
			if roles {
				destination["assumeRoleArn"] = fmt.Sprintf("arn:${AWS::Partition}:iam::%s:role/cdk-hnb659fds-file-publishing-role-%s-%s", cdkAccount, cdkAccount, region)
			}
			destinations[cdkAccount+"-"+region] = destination
		}
		files[hash] = map[string]any{"displayName": fmt.Sprintf("F%d/Code", i), "source": map[string]string{"path": filepath.Base(function), "packaging": "zip"}, "destinations": destinations}
	}
	const version = "54.0.0" // of the schema, which cdk-assets 4.7.3 reads
	return errors.Join(
		os.RemoveAll(filepath.Join(b.assembly(), ".cache")),
		writeJSON(filepath.Join(b.assembly(), "App.assets.json"), map[string]any{"version": version, "files": files, "dockerImages": map[string]any{}}),
		writeJSON(filepath.Join(b.assembly(), "manifest.json"), map[string]any{"version": version, "artifacts": map[string]any{
			"App.assets": map[string]any{"type": "cdk:asset-manifest", "properties": map[string]any{"file": "App.assets.json"}},
		}}),
	)
}

func writeJSON(path string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
