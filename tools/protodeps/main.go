// Command deps prints the .proto sources that our contracts import but no Go
// module ships, from the descriptors compiled into this program, so that buf
// can resolve them without a network. It writes below the folder given as its
// only argument.
package main

import (
	"fmt"
	"os"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "deps:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: deps FOLDER")
	}
	printer := protoprint.Printer{}
	return printer.PrintProtosToFileSystem([]protoreflect.FileDescriptor{validate.File_buf_validate_validate_proto}, args[0])
}
