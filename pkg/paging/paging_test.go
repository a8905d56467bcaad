package paging_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/paging"
)

type position struct {
	Run string
	Day int32
}

func TestATokenReturnsItsPosition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scope := rapid.String().Draw(t, "scope")
		want := position{rapid.StringMatching(`[ -~äß]*`).Draw(t, "run"), rapid.Int32().Draw(t, "day")}
		got, err := paging.Parse[position](scope, paging.Token(scope, want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestTheFirstPageNeedsNoToken(t *testing.T) {
	got, err := paging.Parse[position]("ListJobs", "")
	require.NoError(t, err)
	require.Zero(t, got)
}

func TestAForeignTokenIsRefused(t *testing.T) {
	token := paging.Token("ListJobs run=a", position{"a", 3})
	for name, c := range map[string]struct{ scope, token, says string }{
		"another list":   {"ListRuns", token, "another list or filter"},
		"another filter": {"ListJobs run=b", token, "another list or filter"},
		"damaged":        {"ListJobs run=a", token[:len(token)-2] + "AA", "damaged"},
		"cut short":      {"ListJobs run=a", token[:6], "no token"},
		"no base64":      {"ListJobs run=a", "n12 ", "no token"},
		"a number":       {"ListJobs run=a", "12", "no token"},
		"a later one":    {"ListJobs run=a", "Ag" + token[2:], "another version"},
	} {
		_, err := paging.Parse[position](c.scope, c.token)
		require.ErrorIs(t, err, errs.ErrInvalid, name)
		var found errs.Violations
		require.ErrorAs(t, err, &found, name)
		require.Equal(t, "page_token", found[0].Field)
		require.Contains(t, found[0].Message, c.says, name)
	}
}

func TestAPageEndsBySizeAndByBytes(t *testing.T) {
	fill := func(size int32, item string) (n int) {
		for p := paging.New(size); p.Add(wrapperspb.String(item)); n++ {
			require.Less(t, n, 2000)
		}
		return n
	}
	require.Equal(t, 3, fill(3, "x"))
	require.Equal(t, paging.DefaultSize, fill(0, "x"))
	require.Equal(t, paging.MaxSize, fill(5000, "x"))
	require.Equal(t, 2, fill(10, strings.Repeat("x", paging.MaxBytes/2-8)))
	require.Equal(t, 1, fill(10, strings.Repeat("x", 3*paging.MaxBytes)), "the first always fits")
	require.Equal(t, 4, paging.New(3).Limit())
}
