# Sourced by test.sh: blows against a release while its Job runs.

# a_pod NAMESPACE prints a random running pod of the Job.
a_pod() {
  kubectl -n "$1" get pods -l app.kubernetes.io/component=simulation --field-selector status.phase=Running -o name | shuf -n 1 --random-source=<(yes "$RANDOM")
}

# signal SIGNAL sends a signal to the program of a random running pod. It fails if it
# hit none.
signal() {
  local pod index
  for _ in 1 2 3; do # a pod may end meanwhile
    pod=$(a_pod "$ns"); [ -n "$pod" ] || continue
    index=$(kubectl -n "$ns" get "$pod" -o jsonpath='{.metadata.annotations.batch\.kubernetes\.io/job-completion-index}') || continue
    ! "$cluster" run pkill "-$1" -f -- "^/propersim simulate .*--shard=$index/$PEOPLE " || return 0
  done
  return 1
}

# strike NAMESPACE BLOW strikes once. It fails if it hit nothing.
strike() {
  local ns=$1 pod name
  name=$(job "$ns")
  case $2 in
    kill) signal KILL ;;  # as by the kernel when memory runs out
    crash) signal ABRT ;; # as a fatal error of the program itself
    delete) pod=$(a_pod "$ns"); [ -n "$pod" ] && kubectl -n "$ns" delete "$pod" --wait=false ;;
    evict)
      pod=$(a_pod "$ns"); pod=${pod#pod/}
      [ -n "$pod" ] && echo "{\"apiVersion\": \"policy/v1\", \"kind\": \"Eviction\", \"metadata\": {\"name\": \"$pod\", \"namespace\": \"$ns\"}}" |
        kubectl create --raw "/api/v1/namespaces/$ns/pods/$pod/eviction" -f - ;;
    drain)
      kubectl drain node --force --delete-emptydir-data --timeout=90s || true # ends late where a pod takes its time
      kubectl uncordon node ;;
    postgresql | trainer) kubectl -n "$ns" delete pod "demo-propersim-$2-0" --wait=false ;;
    buffer | retrieval | environment)
      kubectl -n "$ns" delete pods -l "app.kubernetes.io/component=$2" --wait=false ;;
    engine) kubectl -n engine delete pod -l app=engine --wait=false ;; # Qdrant
    upgrade) # every service, by Helm; the Job stays
      helm upgrade demo deploy/helm/propersim -n "$ns" --reuse-values --set-string "services.podAnnotations.blow=$RANDOM" ;;
    scale)
      kubectl -n "$ns" patch "job/$name" -p '{"spec": {"parallelism": 1}}'; sleep 2
      kubectl -n "$ns" patch "job/$name" -p "{\"spec\": {\"parallelism\": $PEOPLE}}" ;;
    suspend)
      kubectl -n "$ns" patch "job/$name" -p '{"spec": {"suspend": true}}'; sleep 2
      kubectl -n "$ns" patch "job/$name" -p '{"spec": {"suspend": false}}' ;;
  esac >/dev/null 2>"$work/blow"
}

# committed NAMESPACE EXPERIMENT prints the steps that the journal has; 0 while
# PostgreSQL does not answer.
committed() {
  kubectl -n "$1" exec demo-propersim-postgresql-0 -- psql -h /tmp -U propersim -At -c \
    "SELECT count(*) FROM entries e JOIN labels l ON l.run = e.run WHERE l.name = 'experiment' AND l.value = '$2' AND e.night = 0" 2>/dev/null || echo 0
}

# seconds DURATION prints the seconds of a duration such as 2m30s.
seconds() {
  local sum=0
  [[ $1 =~ ([0-9]+)h ]] && sum=$((sum + BASH_REMATCH[1] * 3600))
  [[ $1 =~ ([0-9]+)m ]] && sum=$((sum + BASH_REMATCH[1] * 60))
  [[ $1 =~ ([0-9]+)s ]] && sum=$((sum + BASH_REMATCH[1]))
  echo "$sum"
}

# unfinished NAMESPACE STRUCK COUNT fails where the Job of the release has ended.
unfinished() {
  local ns=$1 name; name=$(job "$1")
  sound "$1" "$name"
  [ "$(condition "$name" Complete)" != True ] || fail "the Job was complete after $2 of $3 blows: take more DAYS"
}

# fire NAMESPACE EXPERIMENT COUNT strikes COUNT times: each kind of blow first, in a
# random order, then random ones. The first three fall on pods that start; the others
# are spread over the steps of the experiment, so that a fast machine gets them all.
# It fails where the Job ends before the last blow, or a blow hits nothing.
fire() {
  local kinds total blow number=0 struck=()
  mapfile -t kinds < <(printf '%s\n' kill crash delete evict drain postgresql buffer retrieval trainer environment upgrade scale suspend ${ENGINE_KEY:+engine} |
    shuf --random-source=<(yes "$RANDOM"))
  [ "$3" -ge ${#kinds[@]} ] || say "$3 blows: ${kinds[*]:$3} do not fall"
  total=$((PEOPLE * DAYS * 86400 / $(seconds "$STEP")))
  while [ $number -lt "$3" ]; do
    while [ $number -ge 3 ] && [ "$(committed "$1" "$2")" -lt $((total * (number - 2) / ($3 + 1))) ]; do
      unfinished "$1" $number "$3"
      sleep 0.5
    done
    [ $number -lt ${#kinds[@]} ] && blow=${kinds[$number]} || blow=${kinds[$((RANDOM % ${#kinds[@]}))]}
    unfinished "$1" $number "$3"
    strike "$1" "$blow" || { cat "$work/blow" >&2; fail "blow $number hit nothing: $blow"; }
    struck+=("$blow"); number=$((number + 1))
    sleep "${PAUSE:-1}"
  done
  say "struck $number times: ${struck[*]}"
}
