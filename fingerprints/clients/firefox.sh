#!/bin/sh
# NSS as Firefox sets it.
. "$(dirname "$0")/offer"
. "$(dirname "$0")/browser"
firefox=$(command -v firefox-esr || command -v firefox || echo firefox)
browse() {
    HOME=$(mktemp -d -p "$SCRATCH") && export HOME
    trust "$HOME/profile"
    cat >"$HOME/profile/user.js" <<PREFERENCES
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("app.update.enabled", false);
PREFERENCES
    # It is ended by the time, not by itself.
    timeout -k 2 20 "$firefox" --headless --no-remote --profile "$HOME/profile" "$1" >/dev/null 2>&1 || true
}
case $1 in
    clients)
        if command -v certutil >/dev/null; then offer firefox nss_firefox firefox "$firefox" "$firefox" --version; else echo "skipped: firefox: no certutil here" >&2; fi ;;
    firefox)
        for url in $URLS $AGAIN; do browse "$url"; done
        ;;
esac
