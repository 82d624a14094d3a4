//! Alerts whose sink was renamed or removed, and alerts made while there was none.

use super::*;
use crate::daemon::dispatch::Dispatch;
use crate::daemon::fixture::{finding, sighting};
use crate::daemon::letter::Given;
use crate::engine::sighting::Sighting;

fn names(sinks: &[&str]) -> Vec<String> {
    sinks.iter().map(ToString::to_string).collect()
}

async fn alert(store: &Store, client: &str, sinks: &[&str]) {
    let of_client = Sighting { client: client.into(), ..sighting() };
    let telling = Telling { dispatch: &Dispatch::at_once(&names(sinks)), render: &|_| "{}".into() };
    assert_eq!(store.commit(&vec![finding(of_client)].into(), Some(&telling)).await.unwrap().alerts, 1);
}

/// Client, sink and state of every alert.
async fn states(store: &Store) -> Vec<(String, String, &'static str)> {
    store.alerts().await.unwrap().into_iter().map(|a| (a.client, a.sink, a.state.word())).collect()
}

#[tokio::test]
async fn letters_of_a_renamed_sink_are_given_up_and_go_to_the_new_one_by_retry() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    alert(&store, "1", &["old", "siem"]).await;
    alert(&store, "2", &["old"]).await;
    let delivered = store.letters("old", 1).await.unwrap().remove(0);
    store.settle(&delivered, "old", &Given::Delivered).await.unwrap();
    let now = names(&["new", "siem"]);
    assert_eq!(store.give_up_strays(&now).await.unwrap(), 1);
    assert_eq!(store.give_up_strays(&now).await.unwrap(), 0);
    let row = |client: &str, sink: &str, state| (client.to_owned(), sink.to_owned(), state);
    assert_eq!(states(&store).await, [row("1", "old", "delivered"), row("1", "siem", "pending"), row("2", "old", "given_up")]);
    let why = store.alerts().await.unwrap().pop().unwrap().last_error;
    assert_eq!(why.as_deref(), Some("sink removed from the configuration"));

    assert_eq!(store.retry(None, &now).await.unwrap(), 3);
    let after = [row("1", "old", "delivered"), row("1", "siem", "pending"), row("2", "new", "pending"), row("2", "siem", "pending")];
    assert_eq!(states(&store).await, after, "what arrived is not sent again");
}

#[tokio::test]
async fn alerts_that_had_no_sink_can_be_sent_later() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    alert(&store, "1", &[]).await;
    alert(&store, "2", &[]).await;
    assert_eq!(store.retry(None, &[]).await.unwrap(), 0);
    let id = store.alerts().await.unwrap().remove(1).id;
    assert_eq!(store.retry(Some(&id), &names(&["soc"])).await.unwrap(), 1);
    assert_eq!(store.letters("soc", 9).await.unwrap().len(), 1);
    assert_eq!(store.retry(None, &names(&["soc"])).await.unwrap(), 2);
    assert_eq!(states(&store).await.iter().filter(|(_, sink, state)| sink == "soc" && *state == "pending").count(), 2);
}
