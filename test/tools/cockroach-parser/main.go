// CockroachDB's own parser: reads a JSON array of SQL texts, and prints an array of what it says
// against each of them, empty for one that it takes.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/cockroachdb/cockroachdb-parser/pkg/sql/parser"
)

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		log.Fatal(err)
	}
	said := make([]string, len(texts))
	for at, text := range texts {
		if _, err := parser.ParseOne(text); err != nil {
			said[at] = err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		log.Fatal(err)
	}
}
