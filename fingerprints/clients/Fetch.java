import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** Fetches URLs one after another: HTTP/2, HTTP/1.1 alone, and with the old client, which names no protocol. */
public class Fetch {
    public static void main(String[] urls) {
        for (var version : HttpClient.Version.values()) {
            var client = HttpClient.newBuilder().version(version).connectTimeout(Duration.ofSeconds(8)).build();
            for (var url : urls) {
                attempt(() -> client.send(HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofByteArray()));
            }
        }
        for (var url : urls) {
            attempt(() -> {
                var connection = (HttpURLConnection) URI.create(url).toURL().openConnection();
                connection.setRequestProperty("Connection", "close");
                return connection.getInputStream().readAllBytes();
            });
        }
    }

    interface Attempt {
        Object make() throws Exception;
    }

    /** The hello is what counts: an answer that is no answer of that service is fine. */
    private static void attempt(Attempt attempt) {
        try {
            attempt.make();
        } catch (Exception error) {
            System.err.println(error);
        }
    }
}
