//go:build e2e

package main_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A browser is a headless Chromium with one page, which is told what to do in the DevTools protocol: messages in
// JSON, each with a zero byte behind it, through two pipes.
type browser struct {
	t       *testing.T
	to      *os.File
	answers chan devtools
	session string
	last    int

	complaints []string // what the console has said since the page was opened
}

// A devtools message is a command, its answer, or an event.
type devtools struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// newBrowser starts Chromium, or leaves the test out where there is none.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("there is no Chromium on the PATH; Debian has it as the package chromium")
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	fromUs, to, err := os.Pipe()
	check(t, err)
	from, toUs, err := os.Pipe()
	check(t, err)
	cmd.ExtraFiles = []*os.File{fromUs, toUs} // descriptors 3 and 4
	check(t, cmd.Start())
	check(t, fromUs.Close())
	check(t, toUs.Close())
	b := &browser{t: t, to: to, answers: make(chan devtools, 1000)}
	go func() {
		defer close(b.answers)
		messages := bufio.NewReader(from)
		for {
			text, err := messages.ReadBytes(0)
			if err != nil {
				return
			}
			var m devtools
			if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) == nil {
				b.answers <- m
			}
		}
	}()
	t.Cleanup(func() {
		_ = to.Close() // which ends it
		go func() {
			for range b.answers { // so that nothing of it waits for us
			}
		}()
		hung := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		hung.Stop()
		_ = from.Close()
	})
	var made struct {
		TargetInfos []struct{ TargetID, Type string }
	}
	b.do("Target.getTargets", nil, &made)
	for _, target := range made.TargetInfos {
		if target.Type == "page" {
			var attached struct{ SessionID string }
			b.do("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
			b.session = attached.SessionID
		}
	}
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.do(domain+".enable", nil, nil)
	}
	return b
}

// do gives a command, and waits for its answer.
func (b *browser) do(method string, params, result any) {
	b.t.Helper()
	b.last++
	id := b.last
	given, err := json.Marshal(params)
	check(b.t, err)
	if params == nil {
		given = []byte("{}")
	}
	text, err := json.Marshal(devtools{ID: id, Session: b.session, Method: method, Params: given})
	check(b.t, err)
	_, err = b.to.Write(append(text, 0))
	check(b.t, err)
	b.until(method, func(m devtools) bool {
		if m.ID != id {
			return false
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			check(b.t, json.Unmarshal(m.Result, result))
		}
		return true
	})
}

// until reads messages until one is that which is waited for, and keeps what the console says.
func (b *browser) until(what string, is func(devtools) bool) {
	b.t.Helper()
	patience := time.After(2 * time.Minute)
	for {
		select {
		case m, ok := <-b.answers:
			switch {
			case !ok:
				b.t.Fatalf("%s: Chromium has ended", what)
			case m.Method == "Runtime.consoleAPICalled" || m.Method == "Runtime.exceptionThrown" || m.Method == "Log.entryAdded" || m.Method == "Page.javascriptDialogOpening":
				b.complaints = append(b.complaints, string(m.Params))
			case is(m):
				return
			}
		case <-patience:
			b.t.Fatalf("%s: Chromium does not answer", what)
		}
	}
}

// open loads a page, and returns what the console says of it.
func (b *browser) open(url string) (complaints []string) {
	b.t.Helper()
	b.complaints = nil
	b.do("Page.navigate", map[string]any{"url": url}, nil)
	b.until("opening "+url, func(m devtools) bool { return m.Method == "Page.loadEventFired" })
	return b.complaints
}

// show sets how wide the page is, and whether it is dark.
func (b *browser) show(width int, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	b.do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// evaluate is the value of an expression of JavaScript.
func (b *browser) evaluate(expression string, to any) {
	b.t.Helper()
	var answer struct {
		Result struct {
			Value json.RawMessage
		}
		ExceptionDetails json.RawMessage
	}
	b.do("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, answer.ExceptionDetails)
	}
	if to != nil {
		check(b.t, json.Unmarshal(answer.Result.Value, to))
	}
}

// picture keeps pictures of the page for a person: as a screen and as paper show it.
func (b *browser) picture(dir, name string) {
	b.t.Helper()
	for _, width := range []int{375, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.show(width, scheme == "dark")
			var height int
			b.evaluate("document.documentElement.scrollHeight", &height)
			b.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
			b.save("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)))
		}
	}
	b.evaluate(`document.querySelectorAll("details").forEach(e => e.open = true)`, nil)
	b.save("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, filepath.Join(dir, name+"-open.png"))
	b.save("Page.printToPDF", map[string]any{"printBackground": false, "paperWidth": 8.27, "paperHeight": 11.69}, filepath.Join(dir, name+".pdf"))
}

func (b *browser) save(method string, params map[string]any, path string) {
	b.t.Helper()
	var answer struct{ Data string }
	b.do(method, params, &answer)
	content, err := base64.StdEncoding.DecodeString(answer.Data)
	check(b.t, err)
	check(b.t, os.WriteFile(path, content, 0o600))
}
