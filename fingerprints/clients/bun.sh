#!/bin/sh
# BoringSSL as Bun sets it.
. "$(dirname "$0")/offer"
here=$(dirname "$0")
bun=$TOOLS/node_modules/bun-linux/bin/bun
case $1 in
    clients)
        for stack in fetch https anthropic; do offer "bun.$stack" boringssl_bun "bun $stack" "$bun" "$bun" --version; done
        ;;
    *)
        export NODE_EXTRA_CA_CERTS="$CA"
        # shellcheck disable=SC2086
        exec "$bun" "$here/fetch.mjs" "${1##*.}" $URLS
        ;;
esac
