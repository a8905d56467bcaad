package report_test

import (
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sorting puts values into the first column of a table, presses Enter twice on its
// heading and once on another, and keeps what it saw in the page.
const sorting = `<script>
const table = document.querySelector("table.sort"), row = table.tBodies[0].rows[0];
const values = ["10.5", "–", "9", "-1.5", "1,200", "5c61", "038a", "+3", "2e-05", "beta"];
table.tBodies[0].replaceChildren(...values.map((v) => { const r = row.cloneNode(true); r.cells[0].textContent = v; r.cells[1].textContent = "n of " + v; return r; }));
const heads = table.tHead ? table.tHead.rows[0].cells : table.querySelectorAll("th");
const seen = [];
const press = (n) => {
  heads[n].dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
  seen.push({ rows: [...table.tBodies[0].rows].map((r) => r.cells[0].textContent), n: [...table.tBodies[0].rows].every((r) => r.cells[1].textContent === "n of " + r.cells[0].textContent), sort: [...heads].map((h) => h.ariaSort || ""), tab: heads[0].tabIndex });
};
press(0); press(0); press(1);
const out = document.createElement("pre");
out.id = "seen";
out.textContent = JSON.stringify(seen);
document.body.append(out);
</script>`

// TestTablesAreSortedByValue asks a browser, where there is one.
func TestTablesAreSortedByValue(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("no chromium is installed")
	}
	page := write(t, input(experiment(2, 2, "proper", "silent"), "x"))
	page = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(page, "") // it refuses the script of this test
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(page, "</body>", sorting+"</body>", 1)), 0o644))
	profile, err := os.MkdirTemp("", "propersim-report-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(profile) }) // processes of the browser may still write there
	contentOf := func(url string) ([]byte, error) {
		return exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+profile, "--dump-dom", url).Output()
	}
	if _, err := contentOf("about:blank"); err != nil {
		t.Skipf("%s does not start: %v", browser, err)
	}
	dom, err := contentOf("file://" + path)
	require.NoError(t, err)
	text := regexp.MustCompile(`<pre id="seen">(.*?)</pre>`).FindSubmatch(dom)
	require.NotNil(t, text)
	var seen []struct {
		Rows []string `json:"rows"`
		N    bool     `json:"n"`
		Sort []string `json:"sort"`
		Tab  int      `json:"tab"`
	}
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(string(text[1]))), &seen))
	require.Equal(t, []string{"-1.5", "2e-05", "+3", "9", "10.5", "1,200", "038a", "5c61", "beta", "–"}, seen[0].Rows)
	require.Equal(t, []string{"beta", "5c61", "038a", "1,200", "10.5", "9", "+3", "2e-05", "-1.5", "–"}, seen[1].Rows, "what is missing stays last")
	for i, want := range [][]string{{"ascending", ""}, {"descending", ""}, {"", "ascending"}} {
		require.Equal(t, want, seen[i].Sort[:2])
		require.True(t, seen[i].N, "a row stays whole, with its n")
		require.Zero(t, seen[i].Tab, "the keyboard reaches a heading")
	}
}
