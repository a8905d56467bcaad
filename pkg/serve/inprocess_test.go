package serve

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/internal/leaks"
	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
)

func TestACallCarriesMetadataBothWays(t *testing.T) {
	eachNetwork(t, func(t *testing.T, cfg Config) {
		_, conn := start(t, cfg, &fake{recommend: func(ctx context.Context, _ *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			in, _ := metadata.FromIncomingContext(ctx)
			method, _ := grpc.Method(ctx)
			_, known := peer.FromContext(ctx)
			if !known {
				return nil, errors.New("no peer")
			}
			return &assistantv1.RecommendResponse{}, errors.Join(
				grpc.SetHeader(ctx, metadata.Pairs("said", in.Get("say")[0], "method", method)), grpc.SetTrailer(ctx, metadata.Pairs("last", "z")))
		}})
		var header, trailer metadata.MD
		var at peer.Peer
		ctx := metadata.AppendToOutgoingContext(t.Context(), "say", "hello")
		_, err := assistantv1.NewAssistantServiceClient(conn).Recommend(ctx, request(), grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&at))
		require.NoError(t, err)
		require.Equal(t, []string{"hello"}, header.Get("said"))
		require.Equal(t, []string{"/propersim.assistant.v1.AssistantService/Recommend"}, header.Get("method"))
		require.Equal(t, []string{"z"}, trailer.Get("last"))
		require.NotNil(t, at.Addr)
	})
}

func TestTheTwoSidesShareNoMessage(t *testing.T) {
	eachNetwork(t, func(t *testing.T, cfg Config) {
		kept := &assistantv1.RecommendResponse{Adapter: "a"}
		var received *assistantv1.RecommendRequest
		_, conn := start(t, cfg, &fake{recommend: func(_ context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			received = req
			return kept, nil
		}})
		req := request()
		resp, err := assistantv1.NewAssistantServiceClient(conn).Recommend(t.Context(), req)
		require.NoError(t, err)
		require.True(t, proto.Equal(req, received))
		req.Observation.Room, resp.Adapter = "attic", "b"
		require.Equal(t, "kitchen", received.GetObservation().GetRoom())
		require.Equal(t, "a", kept.GetAdapter())
	})
}

type key struct{}

func TestTheValuesOfACallersContextStayWithIt(t *testing.T) {
	eachNetwork(t, func(t *testing.T, cfg Config) {
		_, conn := start(t, cfg, &fake{recommend: func(ctx context.Context, _ *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			if ctx.Value(key{}) != nil {
				return nil, errors.New("the server reads the value")
			}
			if _, ok := ctx.Deadline(); !ok {
				return nil, errors.New("the server does not know the deadline")
			}
			return &assistantv1.RecommendResponse{}, nil
		}})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "secret"), time.Minute)
		defer cancel()
		_, err := assistantv1.NewAssistantServiceClient(conn).Recommend(ctx, request())
		require.NoError(t, err)
	})
}

func TestACallEndsAtItsDeadlineThoughItsHandlerDoesNot(t *testing.T) {
	defer leaks.None(t)
	eachNetwork(t, func(t *testing.T, cfg Config) {
		release := make(chan struct{})
		_, conn := start(t, cfg, &fake{recommend: func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			<-release
			return &assistantv1.RecommendResponse{}, nil
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := assistantv1.NewAssistantServiceClient(conn).Recommend(ctx, request())
		require.ErrorIs(t, err, errs.ErrDeadline)
		close(release)
	})
}

func TestAnUnknownMethodIsUnimplemented(t *testing.T) {
	eachNetwork(t, func(t *testing.T, cfg Config) {
		_, conn := start(t, cfg, &fake{})
		err := conn.Invoke(t.Context(), "/propersim.assistant.v1.AssistantService/Sing", request(), &assistantv1.RecommendResponse{})
		require.Equal(t, codes.Unimplemented, status.Code(err))
	})
}

func TestManyCallersAtOnce(t *testing.T) {
	defer leaks.None(t)
	eachNetwork(t, func(t *testing.T, cfg Config) {
		_, conn := start(t, cfg, &fake{recommend: func(_ context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			return &assistantv1.RecommendResponse{Adapter: req.GetRunId()}, nil
		}})
		client := assistantv1.NewAssistantServiceClient(conn)
		var wg sync.WaitGroup
		for c := range 3 * workers { // more than there are kept workers
			wg.Go(func() {
				req := request()
				req.RunId = string(rune('a' + c%26))
				for range 20 {
					if resp, err := client.Recommend(t.Context(), req); err != nil || resp.GetAdapter() != req.GetRunId() {
						t.Errorf("got %v, %v", resp, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestASpanOfTheServerIsWithinThatOfTheCaller(t *testing.T) {
	eachNetwork(t, func(t *testing.T, cfg Config) {
		spans := tracetest.NewInMemoryExporter()
		provider := trace.NewTracerProvider(trace.WithSyncer(spans))
		cfg.Tracer = provider
		_, conn := start(t, cfg, &fake{recommend: func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			return nil, errs.ErrNotFound
		}})
		ctx, root := provider.Tracer("test").Start(t.Context(), "step")
		_, err := assistantv1.NewAssistantServiceClient(conn).Recommend(ctx, request())
		require.ErrorIs(t, err, errs.ErrNotFound)
		root.End()
		require.Eventually(t, func() bool { return len(spans.GetSpans()) == 3 }, time.Minute, time.Millisecond)
		byKind := map[string]tracetest.SpanStub{}
		for _, s := range spans.GetSpans() {
			byKind[s.SpanKind.String()] = s
		}
		require.Equal(t, root.SpanContext().SpanID(), byKind["client"].Parent.SpanID())
		require.Equal(t, byKind["client"].SpanContext.SpanID(), byKind["server"].Parent.SpanID())
		require.Equal(t, byKind["server"].SpanContext.TraceID(), root.SpanContext().TraceID())
		require.Equal(t, "Error", byKind["client"].Status.Code.String())
	})
}
