package buffer_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	_ "modernc.org/sqlite"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store/storetest"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/buffer"
)

// three returns the pairs of a step as they are listed, and as they are appended.
func three(run string, step int32) (whole, sent []*bufferv1.PreferencePair) {
	for index := range int32(3) {
		p := pair(run, step)
		p.Index, p.Observation = index, &simv1.Observation{Kind: "reading", Room: "study"}
		p.Rejected.Completion += strings.Repeat(" ", int(index))
		whole = append(whole, p)
		p = proto.CloneOf(p)
		if index > 0 {
			p.Prompt, p.Observation = nil, nil
		}
		sent = append(sent, p)
	}
	return whole, sent
}

func TestPairsOfOneStepShareTheirPromptAndComeBackWhole(t *testing.T) {
	for name, dsn := range storetest.Databases(t, "buffer") {
		t.Run(name, func(t *testing.T) {
			client, _ := start(t, dsn)
			var want []*bufferv1.PreferencePair
			for step := range int32(400) { // more than a page
				whole, sent := three("a", step)
				want = append(want, whole...)
				require.Equal(t, 3, appendAll(t, client, sent...))
				require.Equal(t, 0, appendAll(t, client, sent...), "a repeat is a no-op")
			}
			got := list(t, client, "a", -1)
			require.Len(t, got, len(want))
			for i := range want {
				require.True(t, proto.Equal(want[i], got[i]), "pair %d", i)
			}
			require.Len(t, list(t, client, "a", 398), 3, "all of the step after")
			count, err := client.Count(context.Background(), &bufferv1.CountRequest{RunId: "a"})
			require.NoError(t, err)
			require.EqualValues(t, 1200, count.GetCount())
			require.EqualValues(t, 399, count.GetLastStep())

			for _, how := range []bufferv1.Draw{bufferv1.Draw_DRAW_UNIFORM, bufferv1.Draw_DRAW_RECENCY, bufferv1.Draw_DRAW_STRATIFIED} {
				drawn := draw(t, client, &bufferv1.SampleRequest{RunId: "a", Count: 500, Seed: 3, ThroughDay: 40, Draw: how})
				require.EqualValues(t, 1200, drawn.GetPopulation())
				seen := map[int32]int{}
				for _, p := range drawn.pairs {
					require.True(t, proto.Equal(want[p.GetStep()*3+p.GetIndex()], p))
					seen[p.GetIndex()]++
				}
				require.Len(t, drawn.pairs, 500)
				for index := range int32(3) {
					require.InDelta(t, 167, seen[index], 60, "%v draws every index", how)
				}
			}
		})
	}
}

func TestRowsOfAnExportSayWhichPairOfTheStepTheyAre(t *testing.T) {
	client, _ := start(t, ":memory:")
	_, sent := three("a", 7)
	appendAll(t, client, sent...)
	for i, line := range strings.Split(strings.TrimSpace(string(export(t, client, bufferv1.ExportFormat_EXPORT_FORMAT_JSONL, "a"))), "\n") {
		var row buffer.Row
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		require.EqualValues(t, i, row.Index)
		require.Len(t, row.Prompt, 2)
	}
}

func TestAFurtherPairNeedsTheFirst(t *testing.T) {
	client, _ := start(t, ":memory:")
	whole, sent := three("a", 7)
	for field, pairs := range map[string][]*bufferv1.PreferencePair{
		"pairs[0].index":       sent[1:],
		"pairs[1].index":       {sent[0], sent[2]},
		"pairs[1].prompt":      {sent[0], whole[1]},
		"pairs[1].observation": {sent[0], whole[1]},
	} {
		_, err := client.Append(context.Background(), &bufferv1.AppendRequest{Pairs: pairs})
		var faults errs.Violations
		require.True(t, errors.As(err, &faults), "%v", err)
		var fields []string
		for _, f := range faults {
			fields = append(fields, f.Field)
		}
		require.Contains(t, fields, field)
	}
	require.Empty(t, list(t, client, "a", -1))
}

// TestPairsOfTheFirstSchemaAreKept opens a file as the version before made it.
func TestPairsOfTheFirstSchemaAreKept(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "buffer.db")
	client, stop := start(t, dsn)
	appendAll(t, client, pairsOf("a", 0, 30)...)
	before := sample(t, client, "a", 12, 5, 3)
	stop()
	db, err := sql.Open("sqlite", dsn)
	require.NoError(t, err)
	for _, statement := range []string{
		"ALTER TABLE buffer_pairs RENAME TO new", "DROP INDEX buffer_pairs_by_day",
		"CREATE TABLE buffer_pairs (run_id TEXT NOT NULL, step BIGINT NOT NULL, day BIGINT NOT NULL, body BYTEA NOT NULL, PRIMARY KEY (run_id, step))",
		"INSERT INTO buffer_pairs SELECT run_id, place / 256, day, body FROM new", "DROP TABLE new",
		"CREATE INDEX buffer_pairs_by_day ON buffer_pairs (run_id, day, step)",
		"DELETE FROM buffer_schema_version WHERE version_id = 2",
	} {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, db.Close())
	client, _ = start(t, dsn)
	require.Len(t, list(t, client, "a", -1), 30)
	requireSame(t, before, sample(t, client, "a", 12, 5, 3))
}
