// Package doctor checks that a machine and a configuration can run an
// experiment, and says what is in the way.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/store"
	"github.com/propersim/propersim/worlds"
)

// Status of a check.
type Status string

// The statuses: Bad stops an experiment, Warn does not.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Bad  Status = "bad"
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
}

// Look makes all checks; data is the folder that runs will be written to.
func Look(ctx context.Context, c *config.Config, data string, terminal bool) []Finding {
	out := []Finding{machine(), people(), places()}
	out = append(out, disk(data)...)
	out = append(out, ports(ctx, c)...)
	out = append(out, stores(ctx, c)...)
	if terminal {
		out = append(out, Finding{"terminal", OK, "redrawn progress"})
	} else {
		out = append(out, Finding{"terminal", OK, "not a terminal: plain lines of progress"})
	}
	return out
}

func machine() Finding {
	return Finding{"machine", OK, fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())}
}

func people() Finding {
	all, err := persona.Included()
	if err != nil {
		return Finding{"people", Bad, err.Error()}
	}
	return Finding{"people", OK, fmt.Sprintf("%d built-in personas, %d of the hard set", persona.Own, len(all)-persona.Own)}
}

func places() Finding {
	all, err := worlds.All()
	if err != nil {
		return Finding{"worlds", Bad, err.Error()}
	}
	var ids []string
	for _, w := range all {
		ids = append(ids, w.GetId())
	}
	return Finding{"worlds", OK, strings.Join(ids, ", ")}
}

// minimum free space for a full experiment of 32 people and 14 days, bytes.
const minimum = 1 << 30

// disk writes and syncs a small file where runs will be written.
func disk(data string) []Finding {
	if err := os.MkdirAll(data, 0o755); err != nil {
		return []Finding{{"disk", Bad, err.Error()}}
	}
	out := []Finding{{"disk", OK, data + " can be written"}}
	var free unix.Statfs_t
	if err := unix.Statfs(data, &free); err == nil {
		bytes := free.Bavail * uint64(free.Bsize)
		f := Finding{"free space", OK, fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))}
		if bytes < minimum {
			f.Status = Warn
			f.Detail += "; 32 people and 14 days need about 1 GiB"
		}
		out = append(out, f)
	}
	latency, err := syncLatency(data)
	switch {
	case err != nil:
		out[0] = Finding{"disk", Bad, err.Error()}
	case latency > 50*time.Millisecond:
		out = append(out, Finding{"fsync", Warn, fmt.Sprintf("%v: slow; steps are committed in groups, but a run may wait for the disk", latency)})
	default:
		out = append(out, Finding{"fsync", OK, latency.String()})
	}
	return out
}

// syncLatency is the median time of an fsync after a small write.
func syncLatency(data string) (time.Duration, error) {
	file, err := os.CreateTemp(data, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(filepath.Clean(file.Name()))
	defer file.Close()
	var all []time.Duration
	for range 15 {
		if _, err := file.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := file.Sync(); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)/2].Round(time.Microsecond), nil
}

// ports checks that the services can listen, or already do.
func ports(ctx context.Context, c *config.Config) []Finding {
	var out []Finding
	for _, name := range config.Services() {
		if remote := *c.Connect.Of(name); remote != "" {
			for one := range strings.SplitSeq(remote, ",") {
				out = append(out, remoteService(ctx, name, one, c))
			}
			continue
		}
		at := *c.Listen.Of(name)
		listener, err := net.Listen("tcp", at)
		switch {
		case err == nil:
			out = append(out, Finding{name + " port", OK, at + " is free"})
			listener.Close()
		case healthy(ctx, name, at, c) == nil:
			out = append(out, Finding{name + " port", OK, at + " is served already"})
		default:
			out = append(out, Finding{name + " port", Warn, at + ": " + reason(err) + "; serve needs another listen." + name})
		}
	}
	return out
}

func reason(err error) string {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err.Error()
	}
	return err.Error()
}

func remoteService(ctx context.Context, name, at string, c *config.Config) Finding {
	if err := healthy(ctx, name, at, c); err != nil {
		return Finding{name + " service", Bad, at + ": " + err.Error()}
	}
	return Finding{name + " service", OK, at + " is healthy"}
}

// healthy asks a service, secured as configured, for at most two seconds.
func healthy(ctx context.Context, name, at string, c *config.Config) error {
	conn, err := stack.Dial(name, at, c)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	got, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if got.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		return fmt.Errorf("it says %s", got.GetStatus())
	}
	return nil
}

// stores reaches the databases that the configuration names, and Qdrant.
func stores(ctx context.Context, c *config.Config) []Finding {
	var out []Finding
	for _, one := range []struct{ name, dsn string }{
		{"journal store", c.Store.Journal}, {"users store", c.Store.Users}, {"buffer store", c.Store.Buffer}, {"trainer store", c.Store.Trainer},
	} {
		if one.dsn == "" || store.File(one.dsn) != "" {
			continue
		}
		db, err := store.Open(ctx, one.dsn, nil)
		if err != nil {
			out = append(out, Finding{one.name, Bad, err.Error()})
			continue
		}
		out = append(out, Finding{one.name, OK, "PostgreSQL answers"})
		db.Close()
	}
	if c.Backends.Index == "qdrant" {
		dialer := net.Dialer{Timeout: 2 * time.Second}
		conn, err := dialer.DialContext(ctx, "tcp", c.Qdrant.Address)
		if err != nil {
			return append(out, Finding{"qdrant", Bad, err.Error()})
		}
		conn.Close()
		out = append(out, Finding{"qdrant", OK, c.Qdrant.Address + " answers"})
	}
	return out
}
