// Fetches URLs one after another: HTTP/2 as net/http has it by default, HTTP/1.1 alone, and with sessions that are resumed.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	plain := &http.Transport{TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
	// One cache for all: what an earlier connection was given, a later one resumes.
	resuming := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(8)}}
	for _, transport := range []http.RoundTripper{http.DefaultTransport, plain, resuming} {
		client := &http.Client{Transport: transport, Timeout: 8 * time.Second}
		for _, url := range os.Args[1:] {
			answer, err := client.Get(url)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				continue
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			client.CloseIdleConnections()
		}
	}
}
