#!/bin/sh
# Keycloak's command line, from the Keycloak of the bed, with a session of its own (KCADM_CONFIG).
KC_OPTS="${KC_OPTS:-} -XX:TieredStopAtLevel=1" # the quick compiler alone is faster for runs this short
export KC_OPTS
exec "$BED_DIR/keycloak/bin/kcadm.sh" "$@" --config "$KCADM_CONFIG"
