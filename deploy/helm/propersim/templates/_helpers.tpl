{{- define "propersim.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}{{ end }}{{ end }}
{{- end }}

{{- define "propersim.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "propersim.labels" -}}
{{ include "propersim.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: propersim
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "propersim.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "propersim.secret" -}}
{{ .Values.existingSecret | default (include "propersim.fullname" .) }}
{{- end }}

{{- define "propersim.experiment" -}}
{{ .Values.simulation.experiment | default .Release.Name }}
{{- end }}

{{- define "propersim.indexed" -}}
{{ if or .Values.qdrant.enabled .Values.qdrant.external.address }}qdrant{{ else }}embedded{{ end }}
{{- end }}

{{- define "propersim.qdrant" -}}
{{ if .Values.qdrant.enabled }}{{ include "propersim.fullname" . }}-qdrant:6334{{ else }}{{ .Values.qdrant.external.address }}{{ end }}
{{- end }}

{{/* The DSN of PostgreSQL without the password, which is in PGPASSWORD. */}}
{{- define "propersim.dsn" -}}
{{- $p := .root.Values.postgresql }}
{{- if $p.enabled -}}
postgres://propersim@{{ include "propersim.fullname" .root }}-postgresql:5432/propersim?sslmode=disable&pool_max_conns={{ .pool }}
{{- else -}}
postgres://{{ $p.external.user }}@{{ $p.external.host }}:{{ $p.external.port }}/{{ $p.external.database }}?sslmode={{ $p.external.sslmode }}&pool_max_conns={{ .pool }}
{{- end }}
{{- end }}

{{- define "propersim.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "propersim.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Scheduling of a pod, from a section of the values. */}}
{{- define "propersim.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* What every pod of the program has. */}}
{{- define "propersim.pod" -}}
serviceAccountName: {{ include "propersim.fullname" . }}
automountServiceAccountToken: false
enableServiceLinks: false # a Service named propersim-user would set PROPERSIM_USER_PORT
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext: {{- include "propersim.podSecurity" 65532 | nindent 2 }}
{{- end }}

{{- define "propersim.volumes" -}}
- name: secrets
  secret:
    secretName: {{ include "propersim.secret" . }}
    defaultMode: 0440
    items:
      - {key: token, path: token}
{{- if eq (include "propersim.indexed" .) "qdrant" }}
      - {key: qdrant-api-key, path: qdrant-api-key}
{{- end }}
- name: config
  configMap: {name: {{ include "propersim.fullname" . }}}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "propersim.mounts" -}}
- {name: secrets, mountPath: /secrets, readOnly: true}
- {name: config, mountPath: /etc/propersim, readOnly: true}
- {name: data, mountPath: /data}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Environment of a container: root, and the pool of its stores. */}}
{{- define "propersim.env" -}}
{{- $root := .root }}{{ $name := include "propersim.fullname" $root }}
{{- $dsn := include "propersim.dsn" . }}
- {name: PROPERSIM_SECURITY_TOKEN, value: /secrets/token}
{{- range $service := list "retrieval" "buffer" "trainer" }}
- {name: PROPERSIM_CONNECT_{{ upper $service }}, value: "{{ $name }}-{{ $service }}:{{ include "propersim.port" $service }}"}
{{- end }}
{{- range $store := list "JOURNAL" "USERS" "BUFFER" "TRAINER" "ANSWERS" }}
- {name: PROPERSIM_STORE_{{ $store }}, value: {{ $dsn | quote }}}
{{- end }}
- name: PGPASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "propersim.secret" $root }}, key: postgresql-password}}
- {name: PROPERSIM_BACKENDS_INDEX, value: {{ include "propersim.indexed" $root }}}
{{- if eq (include "propersim.indexed" $root) "qdrant" }}
- {name: PROPERSIM_QDRANT_ADDRESS, value: {{ include "propersim.qdrant" $root | quote }}}
- {name: PROPERSIM_QDRANT_API_KEY_FILE, value: /secrets/qdrant-api-key}
- {name: PROPERSIM_QDRANT_TLS, value: {{ and (not $root.Values.qdrant.enabled) $root.Values.qdrant.external.tls | quote }}}
{{- end }}
{{- if $root.Values.gpu.enabled }}
- {name: PROPERSIM_MODELS_ENDPOINTS_GPU_URL, value: "http://{{ $name }}-vllm:{{ ternary 8080 8000 $root.Values.gpu.node.enabled }}/v1"}
{{- if $root.Values.gpu.node.enabled }}
- {name: PROPERSIM_MODELS_ENDPOINTS_GPU_KEY_FILE, value: /secrets/token}
- {name: PROPERSIM_CONNECT_NODES, value: "{{ $name }}-vllm:7076"}
{{- end }}
{{- end }}
- {name: PROPERSIM_LOG_FORMAT, value: json}
{{- with $root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "propersim.port" -}}
{{ get (dict "environment" "7070" "user" "7071" "assistant" "7072" "retrieval" "7073" "buffer" "7074" "trainer" "7075") . }}
{{- end }}

{{/* A claim of a StatefulSet: name, root and persistence. */}}
{{- define "propersim.claim" -}}
- metadata: {name: {{ .name }}}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .persistence.storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources: {requests: {storage: {{ .persistence.size }}}}
{{- end }}

{{- define "propersim.retention" -}}
persistentVolumeClaimRetentionPolicy: {whenDeleted: {{ ternary "Retain" "Delete" .keep }}, whenScaled: Retain}
{{- end }}
