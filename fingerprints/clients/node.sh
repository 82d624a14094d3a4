#!/bin/sh
# OpenSSL as Node sets it, in every release at hand, under the HTTP stacks that SDKs of GenAI services use.
. "$(dirname "$0")/offer"
here=$(dirname "$0")
modules=$TOOLS/node_modules
interpreter() { case $1 in node) echo node ;; *) echo "$modules/$1/bin/node" ;; esac; }
case $1 in
    clients)
        for node in node node-18 node-22 node-24; do
            for stack in https http2 fetch; do
                offer "$node.$stack" openssl_node "node $stack" "$(interpreter $node)" "$(interpreter $node)" --version
            done
        done
        for stack in axios undici openai anthropic; do
            offer "node-24.$stack" openssl_node "node $stack" "$(interpreter node-24)" "$(interpreter node-24)" "$here/fetch.mjs" $stack --version
        done
        ;;
    *)
        export NODE_EXTRA_CA_CERTS="$CA"
        # shellcheck disable=SC2086
        exec "$(interpreter "${1%.*}")" "$here/fetch.mjs" "${1##*.}" $URLS
        ;;
esac
