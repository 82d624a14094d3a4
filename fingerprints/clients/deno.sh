#!/bin/sh
# rustls as Deno sets it.
. "$(dirname "$0")/offer"
here=$(dirname "$0")
deno=$TOOLS/node_modules/deno-linux/deno
case $1 in
    clients) offer deno rustls "deno fetch" "$deno" "$deno" --version ;;
    deno)
        export DENO_CERT="$CA" DENO_NO_UPDATE_CHECK=1 DENO_DIR="$SCRATCH/deno"
        # shellcheck disable=SC2086
        exec "$deno" run --allow-all "$here/fetch.mjs" fetch $URLS
        ;;
esac
