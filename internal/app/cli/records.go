package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/analysis/lineage"
	"github.com/propersim/propersim/pkg/analysis/source"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// records are the open parts of a lineage.
type records struct {
	lineage.Record
	cfg     *config.Config // where services are
	closers []func() error
}

// Close closes all parts.
func (r *records) Close() error {
	var faults []error
	for _, closing := range r.closers {
		faults = append(faults, closing())
	}
	r.closers = nil
	return errors.Join(faults...)
}

// folderRecords opens the jobs and pairs of a run folder beside its runs, for
// reading only and without any service. What is with a service by the folder's
// configuration is read there. runs stays the caller's.
func (a *app) folderRecords(at folder.Folder, runs source.Source) (*records, error) {
	where, err := a.storeOf(at)
	if err != nil {
		return nil, err
	}
	cfg := config.Default()
	if at.Used() {
		loaded, err := at.Load(config.Sources{})
		if err != nil {
			return nil, err
		}
		cfg = loaded.Config
	}
	out := &records{Record: lineage.Record{Runs: runs}, cfg: &cfg}
	var here []string
	for name, dsn := range map[string]string{"buffer": where.Buffer, "trainer": where.Trainer} {
		switch {
		case *cfg.Connect.Of(name) != "":
			err = errors.Join(err, out.dial(name))
		case exists(dsn):
			here = append(here, name)
		}
	}
	if err == nil && len(here) > 0 {
		err = out.start(here, where, a.version)
	}
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// start serves stores of this machine to this process, read-only.
func (r *records) start(names []string, where config.Store, version string) error {
	defaults := config.Default()
	services, err := stack.Start(stack.Options{Config: &defaults, Store: where, Only: names, ReadOnly: true, Version: version})
	if err != nil {
		return err
	}
	r.closers = append(r.closers, services.Stop)
	for _, name := range names {
		if name == "buffer" {
			r.Pairs = services.Buffer
		} else {
			r.Jobs = services.Trainer
		}
	}
	return nil
}

// dial connects to a running service.
func (r *records) dial(name string) error {
	conn, err := stack.DialService(name, r.cfg)
	if err != nil {
		return usage(err)
	}
	r.closers = append(r.closers, conn.Close)
	switch name {
	case "buffer":
		r.Pairs = bufferv1.NewPreferenceBufferServiceClient(conn)
	case "trainer":
		r.Jobs = trainerv1.NewTrainerServiceClient(conn)
	case "environment":
		r.Runs = source.Remote(environmentv1.NewRunServiceClient(conn), func() error { return nil })
	}
	return nil
}

// lineageFlags say where the services are that keep the parts of a lineage.
var lineageFlags = []bound{
	{"trainer-address", "connect.trainer", "`host:port` of the trainer"},
	{"buffer-address", "connect.buffer", "`host:port` of the buffer"},
}

// adapterFlags are those and where the runs are.
var adapterFlags = append([]bound{{"environment-address", "connect.environment", "`host:port` of the environment"}}, lineageFlags...)

// serviceRecords connects to the services that keep the parts of a lineage, which
// it calls where flags and configuration say they are. runs are the caller's; nil
// means those of the environment.
func (a *app) serviceRecords(cmd *cobra.Command, flags []bound, runs source.Source) (*records, error) {
	loaded, err := a.load(cmd, flags)
	if err != nil {
		return nil, err
	}
	out := &records{Record: lineage.Record{Runs: runs}, cfg: &loaded.Config}
	names := []string{"trainer", "buffer"}
	if runs == nil {
		names = append(names, "environment")
	}
	for _, name := range names {
		if err := out.dial(name); err != nil {
			return nil, errors.Join(err, out.Close())
		}
	}
	return out, nil
}
