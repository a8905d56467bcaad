package user_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/store/storetest"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user"
	"github.com/propersim/propersim/services/user/driver"
)

func TestPersonasOutliveTheServer(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "users.db")
	t.Run("store", func(t *testing.T) {
		personas, _ := start(t, dsn)
		created, err := personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: person(), RequestId: "r1"})
		require.NoError(t, err)
		stored := created.GetStored()
		require.Equal(t, "test-person", stored.GetPersona().GetId())
		require.NotNil(t, stored.GetPersona().GetSpec())
		require.False(t, stored.GetBuiltIn() || stored.GetSpecGiven())
	})
	t.Run("again", func(t *testing.T) {
		personas, _ := start(t, dsn)
		other := person()
		other.Age = 41
		again, err := personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: person(), RequestId: "r1"})
		require.NoError(t, err, "a repeated request returns the first answer")
		require.EqualValues(t, 40, again.GetStored().GetPersona().GetAge())
		_, err = personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: other, RequestId: "r1"})
		require.ErrorIs(t, err, errs.ErrExists, "the request_id with another content")
		require.ErrorContains(t, err, `request_id "r1"`)
		_, err = personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: person()})
		require.NoError(t, err, "the very same persona again")
		_, err = personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: other})
		require.ErrorIs(t, err, errs.ErrExists)

		_, err = personas.DeletePersona(t.Context(), &userv1.DeletePersonaRequest{Id: "test-person"})
		require.NoError(t, err)
		_, err = personas.GetPersona(t.Context(), &userv1.GetPersonaRequest{Id: "test-person"})
		require.ErrorIs(t, err, errs.ErrNotFound)
		again, err = personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: person(), RequestId: "r1"})
		require.NoError(t, err, "a late repeat gets its answer and creates nothing")
		require.EqualValues(t, 40, again.GetStored().GetPersona().GetAge())
		_, err = personas.DeletePersona(t.Context(), &userv1.DeletePersonaRequest{Id: "test-person"})
		require.ErrorIs(t, err, errs.ErrNotFound)
	})
}

func TestBuiltInPersonas(t *testing.T) {
	personas, _ := start(t, ":memory:")
	one, err := personas.GetPersona(t.Context(), &userv1.GetPersonaRequest{Id: "7"})
	require.NoError(t, err)
	require.True(t, one.GetStored().GetBuiltIn())
	require.EqualValues(t, 7, one.GetStored().GetNumber())
	same, err := personas.GetPersona(t.Context(), &userv1.GetPersonaRequest{Id: one.GetStored().GetPersona().GetId()})
	require.NoError(t, err)
	require.True(t, proto.Equal(one, same))
	_, err = personas.DeletePersona(t.Context(), &userv1.DeletePersonaRequest{Id: one.GetStored().GetPersona().GetId()})
	require.ErrorIs(t, err, errs.ErrPrecondition)
	taken := person()
	taken.Id = one.GetStored().GetPersona().GetId()
	_, err = personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: taken})
	require.ErrorIs(t, err, errs.ErrExists)
}

func TestListPages(t *testing.T) {
	personas, _ := start(t, ":memory:")
	for _, name := range []string{"Zoe", "Abe", "Mia"} {
		p := person()
		p.Name = name
		_, err := personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: p})
		require.NoError(t, err)
	}
	for _, size := range []int32{0, 1, 5, 32, 64, 65, 66, 67, 68} {
		var ids []string
		token := ""
		for pages := 0; pages < 100; pages++ {
			resp, err := personas.ListPersonas(t.Context(), &userv1.ListPersonasRequest{PageSize: size, PageToken: token})
			require.NoError(t, err)
			for _, stored := range resp.GetPersonas() {
				ids = append(ids, stored.GetPersona().GetId())
			}
			if token = resp.GetNextPageToken(); token == "" {
				break
			}
			require.NotEmpty(t, resp.GetPersonas())
		}
		require.Len(t, ids, 67, "page size %d", size)
		require.Equal(t, []string{"abe", "mia", "zoe"}, ids[64:])
	}
	for _, token := range []string{"x", "n-1", "n99", "nn"} {
		_, err := personas.ListPersonas(t.Context(), &userv1.ListPersonasRequest{PageToken: token})
		require.ErrorIs(t, err, errs.ErrInvalid)
	}
}

// big is a person of about 60 KiB.
func big(name string) *simv1.Persona {
	p := person()
	p.Name = name
	p.Background = strings.Repeat("word ", 3200)
	p.Lifestyle += strings.Repeat(" word", 3000)
	for range 14 {
		p.CurrentInterests = append(p.CurrentInterests, strings.Repeat("y", 2000))
	}
	return p
}

func TestAPageEndsByBytesToo(t *testing.T) {
	personas, _ := start(t, ":memory:")
	want := 64
	for i := range 80 {
		_, err := personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: big(fmt.Sprintf("Big %02d", i))})
		require.NoError(t, err)
		want++
	}
	seen, pages, token := map[string]bool{}, 0, ""
	for {
		resp, err := personas.ListPersonas(t.Context(), &userv1.ListPersonasRequest{PageSize: 1000, PageToken: token})
		require.NoError(t, err)
		require.LessOrEqual(t, proto.Size(resp), 2<<20+1<<10)
		for _, stored := range resp.GetPersonas() {
			require.False(t, seen[stored.GetPersona().GetId()])
			seen[stored.GetPersona().GetId()] = true
		}
		pages++
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Len(t, seen, want)
	require.Equal(t, 3, pages, "4.7 MB")
}

func TestTheSizeOfAPersonaIsLimited(t *testing.T) {
	personas, _ := start(t, ":memory:")
	p := big("Too Big")
	p.CurrentInterests = append(p.CurrentInterests, strings.Repeat("z", 2000), strings.Repeat("z", 2000), strings.Repeat("z", 2000))
	p.LongTermGoals = append(p.LongTermGoals, strings.Repeat("z", 2000))
	require.Greater(t, proto.Size(p), 64<<10)
	_, err := personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: p})
	var faults errs.Violations
	require.ErrorAs(t, err, &faults)
	require.Equal(t, "persona", faults[0].Field)
	require.Regexp(t, `found \d{5} bytes, want at most 65536`, faults[0].Message)
}

func TestFaultyPersonasAreRefused(t *testing.T) {
	tests := map[string]struct {
		change func(*simv1.Persona)
		fields []string
	}{
		"missing fields": {func(p *simv1.Persona) { p.Lifestyle, p.LongTermGoals = "", nil }, []string{"persona.lifestyle", "persona.long_term_goals"}},
		"unknown trait":  {func(p *simv1.Persona) { p.BigFive.Openness = 9 }, []string{"persona.big_five.openness"}},
		"100 KiB text":   {func(p *simv1.Persona) { p.Background = strings.Repeat("x", 100<<10) }, []string{"persona.background"}},
		"80 KiB in all": {func(p *simv1.Persona) {
			text := strings.Repeat("word ", 3200)
			p.Background, p.Lifestyle, p.Rubric.PersonalPreference = text, text, text
			for range 20 {
				p.CurrentInterests = append(p.CurrentInterests, strings.Repeat("y", 2000))
			}
		}, []string{"persona"}},
		"unreadable rubric": {func(p *simv1.Persona) { p.Rubric.Timing = "blorp fizzle wug" }, []string{"persona.rubric.timing"}},
		"unknown topic in the spec": {func(p *simv1.Persona) {
			p.Spec = spec()
			p.Spec.Content.Liked[0].Topics[0] = "ufology"
		}, []string{"persona.spec.content.liked[0].topics[0]"}},
	}
	personas, _ := start(t, ":memory:")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := person()
			test.change(p)
			for _, call := range []func() error{
				func() error {
					_, err := personas.ValidatePersona(t.Context(), &userv1.ValidatePersonaRequest{Persona: p})
					return err
				},
				func() error {
					_, err := personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: p})
					return err
				},
			} {
				var faults errs.Violations
				require.ErrorAs(t, call(), &faults)
				var fields []string
				for _, fault := range faults {
					fields = append(fields, fault.Field)
				}
				require.Subset(t, fields, test.fields)
			}
			list, err := personas.ListPersonas(t.Context(), &userv1.ListPersonasRequest{})
			require.NoError(t, err)
			require.Len(t, list.GetPersonas(), 64, "nothing is stored")
		})
	}
}

func TestABroughtSpecWins(t *testing.T) {
	personas, _ := start(t, ":memory:")
	p := person()
	p.Rubric.Timing = "blorp fizzle wug"
	p.Spec = spec()
	created, err := personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: p})
	require.NoError(t, err)
	require.True(t, created.GetStored().GetSpecGiven())
	require.True(t, proto.Equal(spec(), created.GetStored().GetPersona().GetSpec()))
}

func TestTextThatNoDatabaseTakesNeverReachesIt(t *testing.T) {
	personas, _ := start(t, ":memory:")
	for _, id := range []string{"a\x00b", "A", "../x", "a b", strings.Repeat("a", 65)} {
		_, err := personas.GetPersona(t.Context(), &userv1.GetPersonaRequest{Id: id})
		require.Truef(t, errors.Is(err, errs.ErrNotFound) || errors.Is(err, errs.ErrInvalid), "%q: %v", id, err)
		_, err = personas.DeletePersona(t.Context(), &userv1.DeletePersonaRequest{Id: id})
		require.Truef(t, errors.Is(err, errs.ErrNotFound) || errors.Is(err, errs.ErrInvalid), "%q: %v", id, err)
	}
	_, err := personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: person(), RequestId: "r\x001"})
	var faults errs.Violations
	require.ErrorAs(t, err, &faults)
	require.Equal(t, "request_id", faults[0].Field)
}

// counting is a compiler that counts how often it is asked.
type counting struct{ calls int }

func (c *counting) Compile(ctx context.Context, r *simv1.Rubric) (*driver.Compilation, role.Effects, error) {
	c.calls++
	out, effects, err := driver.EmbeddedCompiler().Compiler.Compile(ctx, r)
	effects.Calls = append(effects.Calls, &simv1.ModelCall{Id: "compile/0", Role: simv1.Role_ROLE_RUBRIC_COMPILER})
	return out, effects, err
}

func TestACompilerOfAnotherKind(t *testing.T) {
	compiler := &counting{}
	backend := &simv1.Backend{Driver: "model", Model: "m"}
	personas, _ := startWith(t, user.Config{DSN: ":memory:", Compilers: driver.Compilers{Backend: backend, Compiler: compiler}})
	require.Zero(t, compiler.calls, "the built-in people need no model")
	for range 2 {
		_, err := personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: person(), RequestId: "r"})
		require.NoError(t, err)
	}
	require.Equal(t, 1, compiler.calls, "a repeat is not compiled again")
	got, err := personas.CompileRubric(t.Context(), &userv1.CompileRubricRequest{Rubric: person().GetRubric(), Compiler: backend})
	require.NoError(t, err)
	require.Len(t, got.GetCalls(), 1)
	_, err = personas.CompileRubric(t.Context(), &userv1.CompileRubricRequest{Rubric: person().GetRubric(), Compiler: &simv1.Backend{Driver: "embedded"}})
	var faults errs.Violations
	require.ErrorAs(t, err, &faults)
	require.Equal(t, "compiler.driver", faults[0].Field)
}

// TestRequestsOnEveryDatabase: who asks first is answered, a repeat gets the same
// answer, and the id of a request or a persona means one content alone.
func TestRequestsOnEveryDatabase(t *testing.T) {
	for kind, dsn := range storetest.Databases(t, "users") {
		t.Run(kind, func(t *testing.T) {
			personas, _ := start(t, dsn)
			create := func(name, requestID string, age int32) (*userv1.StoredPersona, error) {
				p := person()
				p.Name, p.Age = name, age
				got, err := personas.CreatePersona(t.Context(), &userv1.CreatePersonaRequest{Persona: p, RequestId: requestID})
				return got.GetStored(), err
			}
			first, err := create("Ann Lee", "r1", 40)
			require.NoError(t, err)
			again, err := create("Ann Lee", "r1", 40)
			require.NoError(t, err)
			require.True(t, proto.Equal(first, again))
			_, err = create("Bea Lee", "r1", 40)
			require.ErrorIs(t, err, errs.ErrExists, "the request's id means another persona")
			_, err = create("Ann Lee", "r2", 41)
			require.ErrorIs(t, err, errs.ErrExists, "the persona's id means another persona")
			_, err = create("Bea Lee", "r2", 40)
			require.NoError(t, err, "a refused request uses no id up")

			var wg sync.WaitGroup
			answers := make([]*userv1.StoredPersona, 8)
			failed := make([]error, len(answers))
			for i := range answers {
				wg.Go(func() { answers[i], failed[i] = create("Cyd Lee", "r3", 40) })
			}
			wg.Wait()
			for i := range answers {
				require.NoError(t, failed[i])
				require.True(t, proto.Equal(answers[0], answers[i]))
			}
		})
	}
}
