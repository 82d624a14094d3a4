#!/bin/sh
# BoringSSL as Chromium sets it. AGAIN is a page that fetches from a server that closes after each answer, and opens a WebSocket.
. "$(dirname "$0")/offer"
. "$(dirname "$0")/browser"
browse() {
    HOME=$(mktemp -d -p "$SCRATCH") && export HOME
    trust "$HOME/.pki/nssdb"
    # Extensions are shuffled and GREASE drawn anew in every hello, so several browsers one after another must give one fingerprint.
    timeout 30 chromium --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$HOME" --disable-background-networking \
        --disable-component-update --disable-sync --disable-default-apps --disable-dev-shm-usage --virtual-time-budget=6000 --dump-dom "$@" >/dev/null 2>&1
}
case $1 in
    clients)
        if command -v certutil >/dev/null; then offer chromium boringssl_chromium chromium chromium chromium --version; else echo "skipped: chromium: no certutil here" >&2; fi ;;
    chromium)
        for url in $URLS $AGAIN; do browse --disable-quic "$url"; done
        for url in $URLS $AGAIN; do browse --enable-quic --origin-to-force-quic-on="$QUIC" "$url"; done
        ;;
esac
