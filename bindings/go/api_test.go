package skein_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The ABI as data lies beside the binding in the tree, and not in the module.
const apiPath = "../api/api.json"

func TestTheBindingUsesTheWholeABI(t *testing.T) {
	text, err := os.ReadFile(apiPath)
	if os.IsNotExist(err) {
		t.Skipf("no %s: the module stands alone", apiPath)
	}
	var api struct{ Functions []struct{ Name string } }
	if err := json.Unmarshal(must(t, text, err), &api); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	call := regexp.MustCompile(`\b(?:C\.)?(skein_[a-z_0-9]+)\(`)
	for _, pattern := range []string{"*.go", "*.c"} {
		files, err := filepath.Glob(pattern)
		for _, file := range must(t, files, err) {
			source, err := os.ReadFile(file)
			for _, found := range call.FindAllStringSubmatch(string(must(t, source, err)), -1) {
				used[found[1]] = true
			}
		}
	}
	if len(api.Functions) == 0 {
		t.Fatalf("%s has no functions", apiPath)
	}
	for _, function := range api.Functions {
		if !used[function.Name] {
			t.Errorf("%s is not used by the binding", function.Name)
		}
	}
}
