package cli

import "strings"

// enumName writes the value of an enum for people: "OUTCOME_PASS" as "pass".
func enumName(value, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(value, prefix), "_", " "))
}
