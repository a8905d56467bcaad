// Command assistant is a complete assistant that uses nothing but the contract: it
// suggests a walk once the user has been at the desk for an hour, at most three
// times a day, and is silent otherwise. Everything that an assistant must do is in
// this file.
//
//	go run ./examples/assistant 127.0.0.1:7090
//	propersim conformance assistant 127.0.0.1:7090 --method desk-break --deterministic
//	propersim simulate --assistant-address 127.0.0.1:7090 --method desk-break
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"

	"buf.build/go/protovalidate"
	validate "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// session is what the assistant knows of a run: a fold over its history.
type session struct {
	stepSeconds, lastStep int32
	day, saidToday        int32
	deskSince             int32 // step at which the user began to work; -1 while not at work
}

// observe folds one committed step into the session.
func (s *session) observe(past *simv1.PastStep) {
	if day := past.GetStep() * s.stepSeconds / 86400; day != s.day {
		s.day, s.saidToday = day, 0
	}
	if past.GetDelivered().GetRecommendation() != nil {
		s.saidToday++
	}
	if past.GetObservation().GetKind() != "work" {
		s.deskSince = -1
	} else if s.deskSince < 0 {
		s.deskSince = past.GetStep()
	}
	s.lastStep = past.GetStep()
}

type server struct {
	assistantv1.UnimplementedAssistantServiceServer
	mu       sync.Mutex
	sessions map[string]*session // by run; guarded by mu
}

func (s *server) OpenSession(stream grpc.ClientStreamingServer[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse]) error {
	first, err := stream.Recv()
	if err == io.EOF {
		return status.Error(codes.InvalidArgument, "an opening needs a start message")
	}
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return status.Error(codes.InvalidArgument, "the first message must be start")
	}
	if start.GetMethod().GetScheme() != simv1.Scheme_SCHEME_SAMPLES {
		return status.Error(codes.InvalidArgument, "method.scheme: this assistant supports SCHEME_SAMPLES alone")
	}
	opened := &session{stepSeconds: start.GetSettings().GetStepSeconds(), lastStep: -1, deskSince: -1}
	for {
		next, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if next.GetHistory() == nil {
			return status.Error(codes.InvalidArgument, "every message after the first must be history")
		}
		for _, past := range next.GetHistory().GetSteps() {
			if past.GetObservation() == nil {
				continue // the user sleeps; only an assistant with notes gets such steps
			}
			if past.GetStep() <= opened.lastStep {
				return status.Errorf(codes.InvalidArgument, "history: step %d follows step %d", past.GetStep(), opened.lastStep)
			}
			opened.observe(past)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[start.GetRunId()] = opened
	return stream.SendAndClose(&assistantv1.OpenSessionResponse{LastStep: opened.lastStep})
}

// refusal is an error with a reason. For the reasons SESSION_NOT_FOUND and
// SESSION_BEHIND the caller opens the session again with the whole history.
func refusal(code codes.Code, reason, format string, args ...any) error {
	refused, err := status.Newf(code, format, args...).WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "propersim"})
	if err != nil {
		return err
	}
	return refused.Err()
}

// at returns the session of a run if it is at the step that the caller expects.
func (s *server) at(run string, lastStep int32) (*session, error) {
	found, ok := s.sessions[run]
	if !ok {
		return nil, refusal(codes.NotFound, "SESSION_NOT_FOUND", "no session of run %q", run)
	}
	if found.lastStep != lastStep {
		return nil, refusal(codes.FailedPrecondition, "SESSION_BEHIND", "the session of run %q is at step %d, not %d", run, found.lastStep, lastStep)
	}
	return found, nil
}

func (s *server) Recommend(_ context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := s.at(req.GetRunId(), req.GetLastStep())
	if err != nil {
		return nil, err
	}
	saidToday := now.saidToday
	if req.GetStep()*now.stepSeconds/86400 != now.day {
		saidToday = 0
	}
	anHour := now.deskSince >= 0 && (req.GetStep()-now.deskSince)*now.stepSeconds >= 3600
	answer := &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}
	if anHour && saidToday < 3 && req.GetObservation().GetKind() == "work" {
		answer = &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{
			Text: "You have been at your desk for an hour. A short walk would do you good.", Topic: "outdoor-walks", Tone: "warm",
		}}}
	}
	out := &assistantv1.RecommendResponse{}
	for range req.GetCandidates() {
		out.Candidates = append(out.Candidates, answer)
	}
	return out, nil
}

func (s *server) Observe(_ context.Context, req *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, ok := s.sessions[req.GetRunId()]; ok && req.GetPast().GetStep() <= now.lastStep {
		return &assistantv1.ObserveResponse{}, nil // a repeat
	}
	now, err := s.at(req.GetRunId(), req.GetLastStep())
	if err != nil {
		return nil, err
	}
	now.observe(req.GetPast())
	return &assistantv1.ObserveResponse{}, nil
}

func (s *server) CloseSession(_ context.Context, req *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, req.GetRunId())
	return &assistantv1.CloseSessionResponse{}, nil
}

// newServer returns the assistant behind the field rules of the contract, so that
// an invalid request never reaches the code above.
func newServer() *grpc.Server {
	rules := protovalidate.GlobalValidator
	grpcServer := grpc.NewServer(
		grpc.UnaryInterceptor(validate.UnaryServerInterceptor(rules)),
		grpc.StreamInterceptor(validate.StreamServerInterceptor(rules)),
	)
	assistantv1.RegisterAssistantServiceServer(grpcServer, &server{sessions: map[string]*session{}})
	healthpb.RegisterHealthServer(grpcServer, health.NewServer())
	reflection.Register(grpcServer)
	return grpcServer
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: assistant ADDRESS, e.g. 127.0.0.1:7090")
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("an assistant listens on", listener.Addr())
	log.Fatal(newServer().Serve(listener))
}
