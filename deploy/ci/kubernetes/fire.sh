# Sourced by test.sh: random blows against a release while its Job runs.

# a_pod NAMESPACE prints a random running pod of the Job.
a_pod() {
  kubectl -n "$1" get pods -l app.kubernetes.io/component=simulation --field-selector status.phase=Running -o name | shuf -n 1 --random-source=<(yes "$RANDOM")
}

# strike NAMESPACE BLOW strikes once. Where there is nothing left to strike it does
# nothing.
strike() {
  local ns=$1 pod index name
  name=$(job "$ns")
  case $2 in
    kill) # of a process, as by the kernel when memory runs out
      index=$((RANDOM % PEOPLE))
      "$cluster" run pkill -9 -f -- "--shard=$index/$PEOPLE " || true ;;
    delete) pod=$(a_pod "$ns"); [ -z "$pod" ] || kubectl -n "$ns" delete "$pod" --wait=false >/dev/null ;;
    evict)
      pod=$(a_pod "$ns"); pod=${pod#pod/}
      [ -z "$pod" ] || echo "{\"apiVersion\": \"policy/v1\", \"kind\": \"Eviction\", \"metadata\": {\"name\": \"$pod\", \"namespace\": \"$ns\"}}" |
        kubectl create --raw "/api/v1/namespaces/$ns/pods/$pod/eviction" -f - >/dev/null || true ;;
    drain)
      kubectl drain node --force --delete-emptydir-data --timeout=90s >/dev/null 2>&1 || true
      kubectl uncordon node >/dev/null ;;
    postgresql | trainer) kubectl -n "$ns" delete pod "demo-propersim-$2-0" --wait=false >/dev/null ;;
    buffer | retrieval | environment)
      kubectl -n "$ns" delete pods -l "app.kubernetes.io/component=$2" --wait=false >/dev/null ;;
    upgrade) # every service, by Helm; the Job stays
      helm upgrade demo deploy/helm/propersim -n "$ns" --reuse-values --set-string "services.podAnnotations.blow=$RANDOM" >/dev/null ;;
    scale)
      kubectl -n "$ns" patch "job/$name" -p '{"spec": {"parallelism": 1}}' >/dev/null; sleep 2
      kubectl -n "$ns" patch "job/$name" -p "{\"spec\": {\"parallelism\": $PEOPLE}}" >/dev/null ;;
    suspend)
      kubectl -n "$ns" patch "job/$name" -p '{"spec": {"suspend": true}}' >/dev/null; sleep 2
      kubectl -n "$ns" patch "job/$name" -p '{"spec": {"suspend": false}}' >/dev/null ;;
  esac
}

# fire NAMESPACE COUNT strikes COUNT times: first each kind of blow, then random ones.
fire() {
  local kinds blow done=0 struck=()
  kinds=(kill delete evict postgresql buffer retrieval trainer upgrade scale suspend drain environment)
  while [ $done -lt "$2" ]; do
    [ $done -lt ${#kinds[@]} ] && blow=${kinds[$done]} || blow=${kinds[$((RANDOM % 10))]}
    strike "$1" "$blow"
    struck+=("$blow"); done=$((done + 1))
    sleep "${PAUSE:-2}"
    [ "$(kubectl -n "$1" get "job/$(job "$1")" -o jsonpath='{.status.completionTime}')" = "" ] || break
  done
  say "struck $done times: ${struck[*]}"
  [ $done -eq "$2" ] || say "the Job was complete before the $2 blows: take more DAYS"
}
