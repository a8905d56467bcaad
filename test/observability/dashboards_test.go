package observability_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	grafana "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/stretchr/testify/require"
)

// source is where a panel or a query has its data from.
type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// dashboard is what the tests read of one.
type dashboard struct {
	UID         string `json:"uid"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Annotations struct {
		List []struct{ Expr string } `json:"list"`
	} `json:"annotations"`
	Links      []struct{ URL string } `json:"links"`
	Templating struct {
		List []struct{ Name, Type, Definition string } `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Datasource  source `json:"datasource"`
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct{ Unit string } `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []struct {
		RefID        string `json:"refId"`
		Datasource   source `json:"datasource"`
		Expr         string `json:"expr"`
		LegendFormat string `json:"legendFormat"`
		Range        bool   `json:"range"`
		Instant      bool   `json:"instant"`
	} `json:"targets"`
}

// dashboards reads the files. Grafana passes over what it does not know, so that
// a misspelt key would go unseen: they are held to its schema first, options of
// panels and queries included.
func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	plugins.RegisterDefaultPlugins()
	files, err := filepath.Glob("grafana/dashboards/*.json")
	require.NoError(t, err)
	require.Len(t, files, 4)
	out := map[string]dashboard{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		//lint:ignore SA1019 our files are of the schema that every Grafana reads; the new one is another format
		var schema grafana.Dashboard
		require.Empty(t, schema.UnmarshalJSONStrict(data), file) // no fault is an empty list, not nil
		require.NoError(t, schema.Validate(), file)
		var d dashboard
		require.NoError(t, json.Unmarshal(data, &d), file)
		out[file] = d
	}
	return out
}

// about finds what no label may say.
var about = regexp.MustCompile(`\b(persona|run|run_id|step)\b *(=|!|,|\))`)

func TestDashboardsAskForWhatIsExported(t *testing.T) {
	families := allExported(t)
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				requireQuery(t, families, file+": "+p.Title, target.Expr)
				require.NotRegexp(t, about, target.Expr)
			}
		}
		for _, a := range d.Annotations.List {
			if a.Expr != "" {
				requireQuery(t, families, file+": annotation", a.Expr)
			}
		}
		names := []string{}
		for _, v := range d.Templating.List {
			names = append(names, v.Name)
			if v.Type != "query" {
				continue
			}
			asked := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(v.Definition)
			require.NotNil(t, asked, "%s: %s", file, v.Definition)
			requireQuery(t, families, file+": variable "+v.Name, "count by ("+asked[2]+") ("+asked[1]+")")
		}
		require.Subset(t, names, []string{"datasource", "job"}, file)
	}
}

func TestDashboardsAreWhole(t *testing.T) {
	uids := map[string]bool{}
	all := dashboards(t)
	for file, d := range all {
		require.NotEmpty(t, d.Title, file)
		require.NotEmpty(t, d.Description, file)
		require.False(t, uids["/d/"+d.UID], "%s: the uid %s is taken", file, d.UID)
		uids["/d/"+d.UID] = true
	}
	for file, d := range all {
		for _, link := range d.Links {
			require.True(t, uids[link.URL], "%s links to %s", file, link.URL)
		}
		ids, cells := map[int]string{}, map[[2]int]string{}
		for _, p := range d.Panels {
			require.Empty(t, ids[p.ID], "%s: %q has the id of another panel", file, p.Title)
			ids[p.ID] = p.Title
			require.NotEmpty(t, p.Title, "%s: %d", file, p.ID)
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				require.Less(t, x, 24, "%s: %s is too wide", file, p.Title)
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					require.Empty(t, cells[[2]int{x, y}], "%s: %s covers another panel", file, p.Title)
					cells[[2]int{x, y}] = p.Title
				}
			}
			if p.Type != "row" {
				requireShown(t, file, p)
			}
		}
	}
}

// requireShown wants a panel to say what it shows, in which unit, from where.
func requireShown(t *testing.T, file string, p panel) {
	t.Helper()
	where := file + ": " + p.Title
	require.Contains(t, []string{"timeseries", "stat", "heatmap"}, p.Type, where)
	require.Greater(t, len(p.Description), 20, where)
	require.NotEmpty(t, p.FieldConfig.Defaults.Unit, where)
	want := source{Type: "prometheus", UID: "${datasource}"}
	require.Equal(t, want, p.Datasource, where)
	require.NotEmpty(t, p.Targets, where)
	refs := map[string]bool{}
	for _, target := range p.Targets {
		require.Equal(t, want, target.Datasource, where)
		require.NotEmpty(t, target.LegendFormat, where)
		require.False(t, refs[target.RefID], "%s: two queries %s", where, target.RefID)
		refs[target.RefID] = true
		require.NotEqual(t, target.Instant, target.Range, where)
	}
}

func TestProvisioningFindsTheDashboards(t *testing.T) {
	var provider struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type string
			AllowUIUpdates     bool `yaml:"allowUiUpdates"`
			Options            struct{ Path string }
		}
	}
	readYAML(t, "grafana/provisioning/dashboards/propersim.yml", &provider)
	require.Len(t, provider.Providers, 1)
	require.Equal(t, "file", provider.Providers[0].Type)

	compose, err := os.ReadFile("../../docker-compose.yml")
	require.NoError(t, err)
	require.Contains(t, string(compose), "./deploy/observability/grafana/dashboards:"+provider.Providers[0].Options.Path+":ro")
	home := regexp.MustCompile(`GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: (\S+)`).FindSubmatch(compose)
	require.NotNil(t, home)
	require.FileExists(t, filepath.Join("grafana/dashboards", filepath.Base(string(home[1]))))
}
