// Reads a compose file with the library that `docker compose` reads it with, and prints what it
// amounts to as JSON: composecheck [--profile NAME]... [--env-file FILE]... FILE. With --dockerfile
// FILE it reads a Dockerfile as BuildKit does, and prints its stages.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

type list []string

func (l *list) String() string { return fmt.Sprint(*l) }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func main() {
	var profiles, envFiles list
	flag.Var(&profiles, "profile", "as of docker compose; may be repeated")
	flag.Var(&envFiles, "env-file", "as of docker compose; may be repeated")
	dockerfile := flag.String("dockerfile", "", "read this instead of a compose file")
	flag.Parse()
	text, err := told(*dockerfile, flag.Args(), profiles, envFiles)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(text))
}

func told(dockerfile string, files, profiles, envFiles []string) ([]byte, error) {
	if dockerfile != "" {
		return stages(dockerfile)
	}
	return read(files, profiles, envFiles)
}

func read(files, profiles, envFiles []string) ([]byte, error) {
	options, err := cli.NewProjectOptions(
		files,
		cli.WithEnvFiles(envFiles...),
		cli.WithDotEnv,
		cli.WithOsEnv,
		cli.WithProfiles(profiles),
		cli.WithInterpolation(true),
		cli.WithConsistency(true),
	)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.MarshalJSON()
}
