package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/propersim/propersim/internal/nearest"
)

// refuseUnknown makes a mistyped command or flag an error that suggests the right
// one, in every group of commands below root, those that cobra adds included.
// cobra itself suggests a command only where a group sets no check of arguments,
// and prints the help of the group, as a success, for `help TYPO`.
func refuseUnknown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.SetFlagErrorFunc(flagError)
	checkGroups(root)
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.Run, cmd.RunE = nil, helpOf
		}
	}
}

// checkGroups has every command that has commands below it refuse an argument,
// which can only be a mistyped command. A group that takes arguments has a check
// of its own.
func checkGroups(cmd *cobra.Command) {
	if !cmd.HasSubCommands() {
		return
	}
	if cmd.Args == nil || cmd.Name() == "completion" { // cobra gives that one a check
		cmd.Args = noSubcommand
	}
	if !cmd.Runnable() {
		cmd.RunE = help // cobra checks no arguments of a command that does nothing
	}
	for _, below := range cmd.Commands() {
		checkGroups(below)
	}
}

// noSubcommand refuses a word where only a command may follow.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	return nil
}

// help is the work of a command that only has commands below it.
func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// helpOf is the work of `help COMMAND`. It refuses what is no command.
func helpOf(cmd *cobra.Command, args []string) error {
	topic, rest, err := cmd.Root().Find(args)
	if err != nil {
		return err
	}
	if len(rest) > 0 && topic.HasSubCommands() {
		return unknownCommand(topic, rest[0])
	}
	topic.InitDefaultHelpFlag()
	return topic.Help()
}

// unknownCommand returns the error of a word that is no command of a group.
func unknownCommand(group *cobra.Command, word string) error {
	var names []string
	for _, below := range group.Commands() {
		if below.IsAvailableCommand() {
			names = append(names, below.Name())
		}
	}
	there := strings.Join(names, ", ")
	if near := nearest.Of(word, names); near != "" {
		there = fmt.Sprintf("did you mean %q? The commands are %s", group.CommandPath()+" "+near, there)
	} else {
		there = "the commands are " + there
	}
	return fmt.Errorf("there is no command %q; %s", group.CommandPath()+" "+word, there)
}

// flagError returns the error of flags that cannot be parsed. An unknown flag
// behind a mistyped command is a fault of the command.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	if before := cmd.Flags().Args(); cmd.HasSubCommands() && len(before) > 0 {
		return unknownCommand(cmd, before[0])
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := nearest.Of(unknown.GetSpecifiedName(), names); near != "" {
		return fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return err
}
