# shellcheck shell=bash
# Requests to the bed's Keycloak as its administrator, for what is not shown: kcadm.sh takes a second each time.

admin_token() {
  curl -sS --fail --data "grant_type=password&client_id=admin-cli" \
    --data "username=$BED_KEYCLOAK_ADMIN_USERNAME&password=$BED_KEYCLOAK_ADMIN_PASSWORD" \
    "$BED_KEYCLOAK_URL/realms/master/protocol/openid-connect/token" |
    sed -nE 's/.*"access_token":"([^"]*)".*/\1/p'
}

# admin METHOD PATH [BODY]: a request below /admin/realms; prints the answer.
admin() {
  local body=()
  (($# < 3)) || body=(--header "Content-Type: application/json" --data "$3")
  curl -sS --fail --request "$1" --header "Authorization: Bearer $(admin_token)" "${body[@]}" \
    "$BED_KEYCLOAK_URL/admin/realms$2"
}
