// Runs franz-go's schema registry for tests: prints its address, ends when its input does.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/twmb/franz-go/pkg/sr/srfake"
)

func main() {
	registry := srfake.New()
	defer registry.Close()
	fmt.Println(registry.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
}
