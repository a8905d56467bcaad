package preview_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric"
	"github.com/propersim/propersim/pkg/seeded"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/preview"
	"github.com/propersim/propersim/worlds"
)

func TestThePreviewIsTheLifeThatIsLived(t *testing.T) {
	all, err := persona.Builtin()
	require.NoError(t, err)
	home, err := worlds.Get("home")
	require.NoError(t, err)
	for _, one := range all {
		p := one.Persona
		p.Spec, _ = rubric.Compile(p.GetRubric())
		days, err := preview.Days(p, home, &simv1.Settings{Seed: seeded.RoleSeed(1, p.GetId(), seeded.RoleUser), StepSeconds: 150, Days: 3}, 3)
		require.NoError(t, err)
		require.Len(t, days, 3)
		for i, d := range days {
			require.EqualValues(t, i+1, d.Number)
			require.InDelta(t, 15.8, d.AwakeHours, 2.5, p.GetName())
			require.LessOrEqual(t, d.OpenHours, d.AwakeHours+1e-9)
			require.LessOrEqual(t, d.LikedHours, d.OpenHours+1e-9)
			require.Equal(t, d.Wake, d.Stretches[0].From)
			require.Equal(t, d.Bed, d.Stretches[len(d.Stretches)-1].To)
			require.Greater(t, d.Wanted, 0, "%s: a day without anything wanted", p.GetName())
			if d.Most >= 0 {
				require.GreaterOrEqual(t, d.Most, d.Wanted, p.GetName())
			}
			required := 0
			for k, s := range d.Stretches {
				require.True(t, s.Open >= 0 && s.Open <= 1)
				if k > 0 {
					require.Equal(t, d.Stretches[k-1].To, s.From)
				}
				if s.Required {
					required++
				}
			}
			require.Greater(t, required, 3, p.GetName())
		}
	}
}

func TestADayMayEndAfterMidnight(t *testing.T) {
	home, err := worlds.Get("home")
	require.NoError(t, err)
	p := &simv1.Persona{
		Id: "owl", Name: "Owl", Age: 30, Lifestyle: "I get up at 10:00 and go to bed at 2:00 am.", BigFive: &simv1.BigFive{},
		Spec: &simv1.PreferenceSpec{Frequency: &simv1.FrequencySpec{AtLeast: []*simv1.FrequencyBound{{Count: 1, Window: &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: 60}}}}},
	}
	settings := &simv1.Settings{Seed: 1, StepSeconds: 150, Days: 2}
	days, err := preview.Days(p, home, settings, 2)
	require.NoError(t, err)
	for _, d := range days {
		require.Greater(t, d.Bed, "25:15")
		require.InDelta(t, 16, d.AwakeHours, 0.8)
		require.InDelta(t, 16, d.Wanted, 2)
		require.Equal(t, -1, d.Most)
	}
	_, err = preview.Days(p, home, settings, 0)
	require.ErrorIs(t, err, errs.ErrInvalid)
}
