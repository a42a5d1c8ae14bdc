{{/* The name of every object of the release, or the beginning of its name. */}}
{{- define "spin.name" -}}
{{- if contains "spin" .Release.Name }}{{ .Release.Name | trunc 53 | trimSuffix "-" }}{{ else }}{{ printf "%s-spin" .Release.Name | trunc 53 | trimSuffix "-" }}{{ end -}}
{{- end -}}

{{/* The labels that select the pods of one part: dict "root" $ "part" "gateway". */}}
{{- define "spin.selector" -}}
app.kubernetes.io/name: spin-runtime
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "spin.labels" -}}
{{ include "spin.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* repository:tag, or repository@sha256:…: dict "root" $ "image" (an `image` of the values) "default" (a repository). */}}
{{- define "spin.image" -}}
{{- $repository := .image.repository | default .default -}}
{{- if .image.digest }}{{ $repository }}@{{ .image.digest }}{{ else }}{{ $repository }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* What the restricted pod security standard requires of a pod, and its user numbers: a `runAs` of the values. */}}
{{- define "spin.podSecurity" -}}
automountServiceAccountToken: false
# A Service called "spin" would become a variable SPIN_PORT, and every Service one that cells can use.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- with .user }}
  runAsUser: {{ . }}
  {{- end }}
  {{- if not (kindIs "invalid" .group) }}
  runAsGroup: {{ .group }}
  {{- end }}
  {{- with .fsGroup }}
  fsGroup: {{ . }}
  # Only once, for a new volume: doing it every time would open files of mode 600 to the group again.
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "spin.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* A volume: dict "persistence" (of the values) "claim" (the name of the claim that the chart makes). */}}
{{- define "spin.volume" -}}
{{- if .persistence.enabled -}}
persistentVolumeClaim:
  claimName: {{ .persistence.existingClaim | default .claim }}
{{- else -}}
emptyDir: {}
{{- end -}}
{{- end -}}

{{- define "spin.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .claim }}
  labels:
    {{- include "spin.labels" . | nindent 4 }}
  annotations:
    # Notebooks outlive the release.
    helm.sh/resource-policy: keep
spec:
  accessModes:
    {{- toYaml .persistence.accessModes | nindent 4 }}
  {{- with .persistence.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ .persistence.size }}
{{- end -}}

{{/* The names of the Service. Pods in the cluster may use any of them. */}}
{{- define "spin.serviceNames" -}}
{{- $name := include "spin.name" . -}}
{{ $name }},{{ $name }}.{{ .Release.Namespace }},{{ $name }}.{{ .Release.Namespace }}.svc,{{ $name }}.{{ .Release.Namespace }}.svc.cluster.local
{{- end -}}

{{- define "spin.allowedHosts" -}}
{{- $names := splitList "," (include "spin.serviceNames" .) -}}
{{- if .Values.ingress.enabled }}{{ $names = append $names .Values.ingress.host }}{{ end -}}
{{- if .Values.httpRoute.enabled }}{{ $names = concat $names .Values.httpRoute.hostnames }}{{ end -}}
{{- concat $names .Values.allowedHosts | compact | uniq | join "," -}}
{{- end -}}

{{- define "spin.publicUrl" -}}
{{- if .Values.publicUrl }}{{ .Values.publicUrl }}
{{- else if .Values.ingress.enabled }}https://{{ .Values.ingress.host }}/
{{- else if .Values.httpRoute.enabled }}https://{{ first .Values.httpRoute.hostnames }}/
{{- end -}}
{{- end -}}

{{- define "spin.tlsSecret" -}}
{{- if .Values.tls.certManager.enabled }}{{ include "spin.name" . }}-tls{{ else }}{{ .Values.tls.existingSecret }}{{ end -}}
{{- end -}}

{{- define "spin.tokenSecret" -}}
{{- .Values.token.existingSecret | default (printf "%s-token" (include "spin.name" .)) -}}
{{- end -}}

{{- define "spin.upstreamSecret" -}}
{{- .Values.upstream.token.existingSecret | default (printf "%s-upstream" (include "spin.name" .)) -}}
{{- end -}}

{{- define "spin.several" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) }}yes{{ end -}}
{{- end -}}
