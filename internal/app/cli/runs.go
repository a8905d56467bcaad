package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/nearest"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func (a *app) runs() *cobra.Command {
	var address string
	parent := &cobra.Command{
		Use: "runs", Short: "List, show and fork recorded runs",
		Long: `Shows recorded runs: of a folder, also while it is being written; of a journal in a
database (--journal); or of a running environment service (--address). RUN is an id
or its first letters, as many as are unique; with a single run it can be left out.`,
		Example: `  propersim runs ls runs/2026-11-22-proper
  propersim runs ls --address 127.0.0.1:7070
  propersim runs show runs/2026-11-22-proper RUN
  propersim runs steps runs/2026-11-22-proper RUN --from 200 --limit 20
  propersim runs step runs/2026-11-22-proper RUN 228`,
	}
	parent.PersistentFlags().StringVar(&address, "address", "", "`host:port` of an environment service, in place of a folder")
	a.placeFlags(parent.PersistentFlags())
	parent.MarkFlagsMutuallyExclusive("address", "journal")
	parent.AddCommand(a.runsList(&address), a.runsShow(&address), a.runsSteps(&address), a.runsStep(&address), a.runsFork(&address))
	return parent
}

// openSource opens the folder that leads the arguments, or the service at
// address, and returns the arguments after it. least and most say how many those
// may be.
func (a *app) openSource(cmd *cobra.Command, address string, args []string, least, most int) (source.Source, []string, error) {
	before := 0
	if address == "" && a.from.journal == "" {
		before = 1
	}
	if n := len(args) - before; n < least || n > most {
		return nil, nil, usagef("found %d arguments: %s (without DIR where --address or --journal is given)", len(args), cmd.UseLine())
	}
	if address != "" {
		conn, err := a.dial(cmd, "environment", address)
		if err != nil {
			return nil, nil, err
		}
		return source.Remote(environmentv1.NewRunServiceClient(conn), conn.Close), args, nil
	}
	s, _, rest, err := a.openPlace(cmd.Context(), args)
	return s, rest, err
}

// openFolder opens the journal of a folder, wherever its configuration says it
// is.
func (a *app) openFolder(ctx context.Context, at folder.Folder) (source.Source, error) {
	switch info, err := os.Stat(string(at)); {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.IsDir():
		return nil, fmt.Errorf("there is no folder %s: %w", at, errs.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("run folder %s cannot be read: %w", at, errors.Unwrap(err))
	}
	store, err := a.storeOf(at)
	if err != nil {
		return nil, err
	}
	reader, err := source.Open(ctx, store.Journal)
	if err != nil {
		return nil, err
	}
	return reader, nil
}

func (a *app) runsList(address *string) *cobra.Command {
	return &cobra.Command{
		Use: "ls DIR", Short: "List the runs",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			s, _, err := a.openSource(cmd, *address, args, 0, 0)
			if err != nil {
				return err
			}
			defer s.Close()
			runs, err := s.Runs(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return printProtos(a, runs)
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "RUN\tPERSONA\tMETHOD\tSEED\tSTATE\tSTEPS\tDAY\tMEAN SCORE\tSAID\tHASH")
			for _, r := range runs {
				p := r.GetProgress()
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d/%d\t%d\t%s\t%d\t%.12s\n", r.GetId(), r.GetPersona().GetId(), figures.MethodName(r), r.GetConfig().GetSeed(),
					figures.StateName(r.GetState()), p.GetSteps(), p.GetStepsTotal(), min(p.GetDay(), r.GetConfig().GetDays()), meanScore(p), p.GetRecommendations(), p.GetHash())
			}
			return w.Flush()
		}),
	}
}

func meanScore(p *environmentv1.Progress) string {
	if p.GetJudgedSteps() == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(p.GetScoreSum())/float64(p.GetJudgedSteps()))
}

func (a *app) runsShow(address *string) *cobra.Command {
	return &cobra.Command{
		Use: "show DIR [RUN]", Short: "Show a run: its person, its method and its figures by day",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			s, rest, err := a.openSource(cmd, *address, args, 0, 1)
			if err != nil {
				return err
			}
			defer s.Close()
			r, err := findRun(cmd.Context(), s, first(rest))
			if err != nil {
				return err
			}
			if a.json {
				return a.printProto(r)
			}
			return a.showRun(cmd.Context(), s, r)
		}),
	}
}

// first returns the first of at most one argument, or "".
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// findRun returns a run by its id, by a beginning of it that no other run has, or,
// where id is empty, the only run there is.
func findRun(ctx context.Context, s source.Source, id string) (*environmentv1.Run, error) {
	runs, err := s.Runs(ctx)
	if err != nil {
		return nil, err
	}
	return pick(runs, id)
}

// pick returns one of the runs, as findRun does.
func pick(runs []*environmentv1.Run, id string) (*environmentv1.Run, error) {
	var ids []string
	var begin []*environmentv1.Run
	for _, r := range runs {
		if r.GetId() == id {
			return r, nil
		}
		ids = append(ids, r.GetId())
		if strings.HasPrefix(r.GetId(), id) {
			begin = append(begin, r)
		}
	}
	switch {
	case len(begin) == 1:
		return begin[0], nil
	case len(begin) > 1 && id == "":
		return nil, usagef("there are %d runs; name one of them: %s", len(begin), listed(begin))
	case len(begin) > 1:
		return nil, usagef("%d runs begin with %q; name one of them: %s", len(begin), id, listed(begin))
	}
	if near := nearest.Of(id, ids); near != "" {
		return nil, fmt.Errorf("there is no run %q; did you mean %q?", id, near)
	}
	return nil, fmt.Errorf("there is no run %q", id)
}

// listed names runs, at most eight of them.
func listed(runs []*environmentv1.Run) string {
	const most = 8
	var ids []string
	for _, r := range runs[:min(most, len(runs))] {
		ids = append(ids, r.GetId())
	}
	if more := len(runs) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(ids, ", "), more)
	}
	return strings.Join(ids, ", ")
}

func (a *app) showRun(ctx context.Context, s source.Source, r *environmentv1.Run) error {
	f := figures.NewFold(r)
	for e, err := range s.Entries(ctx, r.GetId(), 0) {
		if err := errors.Join(err, addEntry(f, e)); err != nil {
			return err
		}
	}
	got := f.Run()
	c := r.GetConfig()
	fmt.Fprintf(a.out, "%s\n  %s, %d, with method %s, seed %d, in %s\n%s  %s\n  hash %s\n\n", r.GetId(), r.GetPersona().GetName(), r.GetPersona().GetAge(),
		c.GetMethod().GetName(), c.GetSeed(), c.GetWorldId(), descent(r), strings.TrimSpace(got.State+" "+got.Reason), got.FinalHash)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAY\tAWAKE\tMEAN SCORE\tGIVEN\tSILENT\tSAID\tPER HOUR\tWANTED\tRECALL\tPRECISION\tPAIRS\tUNJUDGED\tADAPTER")
	for _, d := range got.Days {
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\t%d\t%s\t%.2f-%.2f\t%s\t%s\t%d\t%d\t%.12s\n", d.Day, d.WakingSteps, figure(d.MeanScore), figure(d.MeanScoreGiven), figure(d.MeanScoreSilent),
			d.Recommendations, figure(d.PerWakingHour), d.Wanted.Min, d.Wanted.Max, figure(d.Recall), figure(d.Precision), d.Pairs, d.Unjudged, orDash(d.Adapter))
	}
	return w.Flush()
}

// descent says what a fork was forked from and with which settings; empty for
// other runs.
func descent(r *environmentv1.Run) string {
	if r.GetForkedFrom() == "" {
		return ""
	}
	return fmt.Sprintf("  fork %s of %s at step %d, with %s\n", figures.MethodName(r), r.GetForkedFrom(), r.GetForkedAtStep(), orNothing(settingsOf(r.GetLabels())))
}

func addEntry(f *figures.Fold, e *environmentv1.Entry) error {
	if e == nil {
		return nil
	}
	return f.Add(e)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (a *app) runsSteps(address *string) *cobra.Command {
	var from, limit int32
	var waking bool
	cmd := &cobra.Command{
		Use: "steps DIR [RUN]", Short: "List the steps of a run, one line each",
		RunE: run(func(cmd *cobra.Command, args []string) error {
			s, rest, err := a.openSource(cmd, *address, args, 0, 1)
			if err != nil {
				return err
			}
			defer s.Close()
			r, err := findRun(cmd.Context(), s, first(rest))
			if err != nil {
				return err
			}
			// An entry's sequence number is greater than its step's number.
			left := limit
			for e, err := range s.Entries(cmd.Context(), r.GetId(), int64(from)) {
				if err != nil {
					return err
				}
				step := e.GetBody().GetStep()
				if (step != nil && step.GetStep() < from) || (waking && step.GetAction().GetAsleep()) {
					continue
				}
				if err := a.stepLine(e); err != nil {
					return err
				}
				if left--; left == 0 {
					return nil
				}
			}
			return nil
		}),
	}
	cmd.Flags().Int32Var(&from, "from", 0, "first `step`, 0-based")
	cmd.Flags().Int32Var(&limit, "limit", 50, "maximum number of `lines`; 0 for all")
	cmd.Flags().BoolVar(&waking, "waking", false, "only steps at which the person is awake")
	return cmd
}

// stepLine prints one entry on one line; JSON lines with --json.
func (a *app) stepLine(e *environmentv1.Entry) error {
	if a.json {
		data, err := protojson.Marshal(e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.out, string(data))
		return err
	}
	if n := e.GetBody().GetNight(); n != nil {
		_, err := fmt.Fprintf(a.out, "       night after day %d: loss %.3f, margin %.3f, adapter %.12s %s\n", n.GetDay(), n.GetMetrics().GetLoss(), n.GetMetrics().GetMargin(), orDash(n.GetAdapter()), n.GetFailure())
		return err
	}
	s := e.GetBody().GetStep()
	line := fmt.Sprintf("%6d day %d %s  %s", s.GetStep(), s.GetDay(), simtime.Clock(s.GetSecondOfDay()), s.GetAction().GetDescription())
	if !s.GetAction().GetAsleep() {
		line += fmt.Sprintf("  %s  %s", said(figures.Delivered(s)), total(figures.Judgement(s)))
		if s.GetMoment().GetDue() {
			line += " due"
		}
	}
	_, err := fmt.Fprintln(a.out, line)
	return err
}

func said(c *simv1.Candidate) string {
	if rec := c.GetRecommendation(); rec != nil {
		return fmt.Sprintf("%q", rec.GetText())
	}
	if f := c.GetFailure(); f != nil {
		return fmt.Sprintf("(failed: %s)", f.GetOutcome())
	}
	return "(silent)"
}

func total(e *simv1.Evaluation) string {
	if e == nil || e.Total == nil {
		return "unjudged"
	}
	return fmt.Sprintf("%d/4", e.GetTotal())
}

// printProto prints a message as JSON for programs.
func (a *app) printProto(m proto.Message) error {
	data, err := protojson.MarshalOptions{Multiline: true, Indent: "  "}.Marshal(m)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, string(data))
	return err
}

// printProtos prints messages as a JSON array.
func printProtos[M proto.Message](a *app, list []M) error {
	fmt.Fprint(a.out, "[")
	for i, m := range list {
		if i > 0 {
			fmt.Fprint(a.out, ",")
		}
		data, err := protojson.MarshalOptions{Multiline: true, Indent: "  "}.Marshal(m)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "\n%s", data)
	}
	_, err := fmt.Fprintln(a.out, "\n]")
	return err
}
