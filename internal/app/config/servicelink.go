package config

import (
	"regexp"
	"strings"
)

// serviceLinks are the variables that Kubernetes sets in a pod for a Service of
// its namespace, unless the pod has enableServiceLinks: false. For a Service
// named propersim-user they look like settings of ours.
var serviceLinks = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$`)

// serviceLink returns what to do where the unknown key of an origin comes from a
// variable that Kubernetes sets by itself; empty for others.
func serviceLink(origin string) string {
	name, isVariable := strings.CutPrefix(origin, "variable ")
	if !isVariable || !serviceLinks.MatchString(name) {
		return ""
	}
	return "; Kubernetes sets this variable for a Service of that name: set enableServiceLinks: false in the pod's spec"
}
