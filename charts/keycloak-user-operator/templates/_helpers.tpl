{{- define "keycloak-user-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of the objects of a release; the chart's name is left out where the release's already says it. */}}
{{- define "keycloak-user-operator.fullname" -}}
{{- $name := include "keycloak-user-operator.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/*
Start of the names of RBAC objects that lie outside the release namespace: with that namespace, so that releases of one
name do not meet there. RBAC allows a colon, and no namespace contains one: the names are unique.
*/}}
{{- define "keycloak-user-operator.rbacName" -}}
{{- printf "%s:%s" .Release.Namespace (include "keycloak-user-operator.fullname" .) }}
{{- end }}

{{- define "keycloak-user-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "keycloak-user-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "keycloak-user-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "keycloak-user-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "keycloak-user-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "keycloak-user-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "keycloak-user-operator.credentialKeySecret" -}}
{{- printf "%s-credential-key" (include "keycloak-user-operator.fullname" .) }}
{{- end }}

{{/* The watched namespaces as a JSON list, with clusterWide an empty one. */}}
{{- define "keycloak-user-operator.watchedNamespaces" -}}
{{- if .Values.clusterWide }}
{{- if .Values.watchNamespaces }}
{{- fail "clusterWide is true, so watchNamespaces must be empty" }}
{{- end }}
{{- list | toJson }}
{{- else }}
{{- .Values.watchNamespaces | default (list .Release.Namespace) | toJson }}
{{- end }}
{{- end }}

{{/* Whether the API server has MutatingAdmissionPolicy v1 (Kubernetes 1.36). */}}
{{- define "keycloak-user-operator.hasMutatingAdmissionPolicy" -}}
{{- if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}true{{ end }}
{{- end }}

{{- define "keycloak-user-operator.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "keycloak-user-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}
