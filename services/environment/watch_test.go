package environment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/internal/leaks"
	"github.com/propersim/propersim/internal/prom"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/serve"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// narrow is the least window there is: little is buffered for who does not read.
const narrow = 64 << 10

// offered is a service on TCP.
type offered struct {
	*service
	server *serve.Server
	stop   func() // may be repeated
}

func onTCP(t testing.TB, s *service) offered {
	t.Helper()
	server, err := serve.New(serve.Config{Name: "environment", Address: "127.0.0.1:0"}, s.Server)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx); close(done) }()
	o := offered{service: s, server: server, stop: func() {
		cancel()
		require.NoError(t, <-done)
	}}
	t.Cleanup(o.stop)
	return o
}

func (o offered) client(t *testing.T, opts ...grpc.DialOption) (environmentv1.RunServiceClient, *grpc.ClientConn) {
	t.Helper()
	conn, err := serve.Dial(o.server.Addr(), serve.With(opts...))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return environmentv1.NewRunServiceClient(conn), conn
}

// held makes a run of so many days that waits for ResumeRun.
func (o offered) held(t testing.TB, days int32) string {
	t.Helper()
	config := configOf("ann", "ar")
	config.Days = days
	resp, err := o.CreateRun(t.Context(), &environmentv1.CreateRunRequest{Config: config, Paused: true})
	require.NoError(t, err)
	return resp.GetRun().GetId()
}

func (o offered) resume(t testing.TB, id string) {
	t.Helper()
	_, err := o.ResumeRun(t.Context(), &environmentv1.ResumeRunRequest{Id: id})
	require.NoError(t, err)
}

// metric returns a gauge or a counter without labels.
func (o offered) metric(t testing.TB, name string) float64 {
	t.Helper()
	families, err := o.registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if m := family.GetMetric(); family.GetName() == prom.Prefix+name {
			return m[0].GetGauge().GetValue() + m[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// unreadUntilCut waits until the streams of so many watchers have ended because
// nobody read them.
func (o offered) unreadUntilCut(t *testing.T, cut int) {
	t.Helper()
	require.Eventually(t, func() bool { return o.metric(t, "watchers_cut_total") >= float64(cut) }, time.Minute, time.Millisecond)
}

// unreadUntilStuck waits until none of the watchers is sent any more, although
// there is more.
func (o offered) unreadUntilStuck(t *testing.T, watchers int, total int64) {
	t.Helper()
	before := int64(-1)
	require.Eventually(t, func() bool {
		n, sent := o.watchers.Sent()
		same := n == watchers && sent == before
		before = sent
		return same
	}, time.Minute, 100*time.Millisecond)
	require.Less(t, before, int64(watchers)*total)
}

// drain reads a stream to its end: the sequence numbers of the entries, the last
// message, and the error unless that is the regular end.
func drain(stream grpc.ServerStreamingClient[environmentv1.WatchRunResponse]) (sequences []int64, last *environmentv1.WatchRunResponse, err error) {
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return sequences, last, nil
		}
		if err != nil {
			return sequences, last, err
		}
		if entry := event.GetEntry(); entry != nil {
			sequences = append(sequences, entry.GetSequence())
		}
		last = event
	}
}

// follow reads a stream, and those that take it up where it was cut, until the
// run is over. It returns the sequence number of the last entry, after which
// none was lost.
func follow(ctx context.Context, client environmentv1.RunServiceClient, req *environmentv1.WatchRunRequest,
	stream grpc.ServerStreamingClient[environmentv1.WatchRunResponse]) (int64, *environmentv1.WatchRunResponse, error) {
	for seen := req.GetAfterSequence(); ; {
		sequences, last, err := drain(stream)
		for _, sequence := range sequences {
			if sequence > seen+1 {
				return 0, nil, fmt.Errorf("entry %d follows %d", sequence, seen)
			}
			seen = max(seen, sequence) // one may have been on its way when the stream was cut
		}
		var behind errs.Behind
		if !errors.As(err, &behind) {
			return seen, last, err
		}
		again := &environmentv1.WatchRunRequest{Id: req.GetId(), Entries: req.GetEntries(), Interval: req.GetInterval(), AfterSequence: behind.After}
		if stream, err = client.WatchRun(ctx, again); err != nil {
			return 0, nil, err
		}
	}
}

func TestAWatcherThatDoesNotReadIsCutAndGoesOnFromItsPlace(t *testing.T) {
	defer leaks.None(t, goleak.IgnoreCurrent())
	s := onTCP(t, begin(t, Config{WatchPatience: 100 * time.Millisecond}, newFakes().clients()))
	client, conn := s.client(t, grpc.WithStaticStreamWindowSize(narrow))
	id := s.held(t, 10)
	stream, err := client.WatchRun(t.Context(), &environmentv1.WatchRunRequest{Id: id, Entries: true})
	require.NoError(t, err)
	s.resume(t, id)
	total := s.until(id, finished).GetProgress().GetSequence()
	s.unreadUntilCut(t, 1)

	sequences, _, err := drain(stream)
	require.ErrorIs(t, err, errs.ErrBehind)
	var behind errs.Behind
	require.ErrorAs(t, err, &behind)
	require.Positive(t, behind.After)
	require.Less(t, behind.After, total)
	require.InDelta(t, len(sequences), behind.After, 1, "what was handed to the stream reached the watcher")
	for i, sequence := range sequences {
		require.EqualValues(t, i+1, sequence)
	}

	req := &environmentv1.WatchRunRequest{Id: id, Entries: true, AfterSequence: behind.After}
	stream, err = client.WatchRun(t.Context(), req)
	require.NoError(t, err)
	seen, last, err := follow(t.Context(), client, req, stream)
	require.NoError(t, err)
	require.Equal(t, finished, last.GetRun().GetState())
	require.Equal(t, total, seen)
	require.NoError(t, conn.Close())
	s.stop()
	s.end()
	require.Zero(t, s.metric(t, "watchers"))
}

func TestWatchersByTheThousandChangeNothing(t *testing.T) {
	defer leaks.None(t, goleak.IgnoreCurrent())
	alone := onTCP(t, begin(t, Config{}, newFakes().clients()))
	id := alone.held(t, 6)
	alone.resume(t, id)
	want := alone.until(id, finished).GetProgress().GetHash()
	alone.stop()
	alone.end()

	s := onTCP(t, begin(t, Config{WatchPatience: time.Second}, newFakes().clients()))
	require.Equal(t, id, s.held(t, 6))
	reading, readers := s.client(t)
	idle, idlers := s.client(t, grpc.WithStaticStreamWindowSize(narrow))
	const sleeping, ofEntries, ofProgress = 100, 50, 850
	for range sleeping {
		_, err := idle.WatchRun(t.Context(), &environmentv1.WatchRunRequest{Id: id, Entries: true})
		require.NoError(t, err)
	}
	var group errgroup.Group
	for i := range ofEntries + ofProgress {
		req := &environmentv1.WatchRunRequest{Id: id, Entries: i < ofEntries, Interval: durationpb.New(time.Millisecond)}
		stream, err := reading.WatchRun(t.Context(), req)
		require.NoError(t, err)
		group.Go(func() error {
			seen, last, err := follow(t.Context(), reading, req, stream)
			if err == nil && (last.GetRun().GetState() != finished || last.GetRun().GetProgress().GetHash() != want) {
				err = fmt.Errorf("the last message is %v", last)
			}
			if err == nil && req.GetEntries() && seen != 6*fakeStepsPerDay {
				err = fmt.Errorf("got %d entries", seen)
			}
			return err
		})
	}
	require.Eventually(t, func() bool { return s.metric(t, "watchers") == 1000 }, time.Minute, time.Millisecond)
	s.resume(t, id)
	require.Equal(t, want, s.until(id, finished).GetProgress().GetHash())
	require.NoError(t, group.Wait())
	s.unreadUntilCut(t, sleeping)
	require.NoError(t, readers.Close())
	require.NoError(t, idlers.Close())
	s.stop()
	s.end()
}

func TestAWatcherOfAFinishedRunReadsEverythingAndEnds(t *testing.T) {
	s := onTCP(t, begin(t, Config{}, newFakes().clients()))
	client, _ := s.client(t)
	id := s.held(t, 6)
	s.resume(t, id)
	total := s.until(id, finished).GetProgress().GetSequence()
	for _, after := range []int64{0, 255, 256, 257, total} {
		stream, err := client.WatchRun(t.Context(), &environmentv1.WatchRunRequest{Id: id, Entries: true, AfterSequence: after})
		require.NoError(t, err)
		sequences, last, err := drain(stream)
		require.NoError(t, err)
		require.Len(t, sequences, int(total-after))
		for i, sequence := range sequences {
			require.Equal(t, after+1+int64(i), sequence)
		}
		require.Equal(t, finished, last.GetRun().GetState())
	}
	stream, err := client.WatchRun(t.Context(), &environmentv1.WatchRunRequest{Id: "none"})
	require.NoError(t, err)
	_, _, err = drain(stream)
	require.ErrorIs(t, err, errs.ErrNotFound)
}

func TestAServerStopsWhileWatchersDoNotRead(t *testing.T) {
	for name, patience := range map[string]time.Duration{"held back": time.Hour, "cut": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it may take the server's drain
			s := onTCP(t, begin(t, Config{WatchPatience: patience}, newFakes().clients()))
			client, _ := s.client(t, grpc.WithStaticStreamWindowSize(narrow))
			id := s.held(t, 10)
			s.resume(t, id)
			total := s.until(id, finished).GetProgress().GetSequence()
			for range 10 {
				_, err := client.WatchRun(t.Context(), &environmentv1.WatchRunRequest{Id: id, Entries: true})
				require.NoError(t, err)
			}
			if patience < time.Minute {
				s.unreadUntilCut(t, 10)
			} else {
				s.unreadUntilStuck(t, 10, total)
			}
			began := time.Now()
			s.stop()
			t.Log("stopped after", time.Since(began))
			require.Less(t, time.Since(began), 30*time.Second)
			require.Zero(t, s.metric(t, "watchers"))
		})
	}
}

func TestAWatcherThatLeavesIsToldWhy(t *testing.T) {
	s := onTCP(t, begin(t, Config{}, newFakes().clients()))
	client, _ := s.client(t)
	id := s.held(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	stream, err := client.WatchRun(ctx, &environmentv1.WatchRunRequest{Id: id})
	if err == nil { // on a busy machine the deadline passes before the stream is open
		_, _, err = drain(stream)
	}
	require.ErrorIs(t, err, errs.ErrDeadline)

	ctx, cancel = context.WithCancel(t.Context())
	stream, err = client.WatchRun(ctx, &environmentv1.WatchRunRequest{Id: id})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.NoError(t, err)
	cancel()
	_, _, err = drain(stream)
	require.ErrorIs(t, err, errs.ErrCanceled)
}

func TestWhoDoesNotWaitForAPauseIsTold(t *testing.T) {
	fakes := newFakes()
	g := &gate{call: "Act", pass: make(chan struct{})}
	fakes.setHook(g.hook)
	s := begin(t, Config{}, fakes.clients())
	defer close(g.pass) // before the service ends
	id := s.make(configOf("ann", "ar")).GetId()
	require.Eventually(t, func() bool { return g.waiting.Load() == 1 }, time.Minute, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := s.PauseRun(ctx, &environmentv1.PauseRunRequest{Id: id})
	require.ErrorIs(t, err, errs.ErrDeadline)
}
