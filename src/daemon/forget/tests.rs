//! Forgetting against a real file: what goes, what stays, and what the search says.

use std::sync::Arc;

use super::*;
use crate::daemon::dispatch::Dispatch;
use crate::daemon::fixture::{SEVEN, finding, sighting};
use crate::daemon::letter::Given;
use crate::daemon::store::{Batch, Telling, Window};
use crate::engine::frame::Time;
use crate::engine::privacy::Unsealed;
use crate::engine::sighting::{Identity, Sighting};

struct Scene {
    _folder: tempfile::TempDir,
    url: String,
    store: Store,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("s.sqlite").to_str().unwrap().to_owned();
        let store = Store::open(&url).await.unwrap();
        Scene { _folder: folder, url, store }
    }

    async fn keep(&self, sightings: &[Sighting]) {
        let findings: Vec<_> = sightings.iter().cloned().map(finding).collect();
        let render = |n: &crate::daemon::notice::Notice<'_>| format!("{{\"client\":\"{}\"}}", n.sighting.client);
        let telling = Telling { dispatch: &Dispatch::at_once(&["soc".to_owned()]), render: &render };
        self.store.commit(&findings.into(), Some(&telling)).await.unwrap();
    }

    async fn forget(&self, client: &str, keys: &[PeriodKey]) -> (String, Vec<String>) {
        forget(&self.store, &self.url, client, keys).await.unwrap()
    }

    async fn clients(&self) -> Vec<String> {
        let mut pages = self.store.sightings(Window::default()).await.unwrap();
        let mut clients = Vec::new();
        while let Some(page) = pages.next().await.unwrap() {
            clients.extend(page.iter().map(|s| s.client.to_string()));
        }
        clients
    }
}

/// A sighting of a client with a host name and a MAC of its own.
fn of(client: &str, host: &str, mac: u8) -> Sighting {
    let identity = Identity { host: Some(host.into()), mac: Some([2, 0xab, 0xcd, 0, 0, mac]), ..Identity::default() };
    Sighting { client: client.into(), identity: identity.into(), ..sighting() }
}

#[tokio::test]
async fn one_client_goes_from_every_table_and_every_byte_and_the_others_stay() {
    let scene = Scene::new().await;
    let many = |n: u64| Sighting { first_seen: SEVEN.plus_seconds(n), ..of("10.20.0.1", "ws-client-1", 1) };
    scene.keep(&(0..500).map(many).collect::<Vec<_>>()).await;
    scene.keep(&[of("10.20.0.11", "ws-client-11", 2), of("10.30.0.1", "ws-other", 3)]).await;
    let letter = scene.store.letters("soc", 1).await.unwrap().remove(0);
    scene.store.settle(&letter, "soc", &Given::Up { error: "410 Gone".into() }).await.unwrap();
    let before = search(&scene.store, &scene.url, &forms::of("ws-client-1")).await.unwrap();
    assert!(before.found.iter().any(|f| f.starts_with("file ")) && before.found.iter().any(|f| f == "table identity: ws-client-1 as text"));

    let (text, left) = scene.forget("10.20.0.1", &[]).await;
    assert_eq!(left, Vec::<String>::new());
    let wanted = "erased: 500 sightings, 1 alerts with 1 deliveries, 1 told, 0 sealed, 1 identities, 1 clients";
    assert!(text.starts_with(wanted) && text.contains(": 0 found"), "{text}");
    assert_eq!(scene.clients().await, ["10.20.0.11", "10.30.0.1"]);
    assert_eq!(std::fs::metadata(format!("{}-wal", scene.url)).unwrap().len(), 0);
    for form in ["ws-client-1", "02:ab:cd:00:00:01", "10.20.0.1"] {
        let others = scene.store.texts_around(form).await.unwrap();
        let forms = forms::of(form);
        let mut again = Search::new(&forms, others).unwrap();
        again.file(Path::new(&scene.url)).unwrap();
        assert_eq!(again.searched.found, Vec::<String>::new());
    }
    let chain = scene.store.audit_chain(None).await.unwrap();
    assert_eq!((chain.count, chain.broken), (1, None));
}

#[tokio::test]
async fn a_host_goes_with_its_sightings_alone() {
    let scene = Scene::new().await;
    let later = Sighting { first_seen: SEVEN.plus_seconds(9000), ..of("10.20.0.1", "ws-next-owner", 2) };
    scene.keep(&[of("10.20.0.1", "ws-first-owner", 1), of("10.20.0.2", "WS-first-owner", 1), later]).await;
    let (text, left) = scene.forget("ws-FIRST-owner", &[]).await;
    assert_eq!(left, Vec::<String>::new(), "{text}");
    assert_eq!(scene.clients().await, ["10.20.0.1"], "the address had another owner since");
    let (text, left) = scene.forget("02-AB-CD-00-00-02", &[]).await;
    assert!(left.is_empty() && text.starts_with("erased: 1 sightings"), "{text}");
    assert!(scene.clients().await.is_empty());
}

#[tokio::test]
async fn pseudonyms_of_every_period_with_a_key_go_with_what_is_sealed() {
    let scene = Scene::new().await;
    let keys = [1, 2, 3].map(|n| PeriodKey::generate(Time::new(n, 0)).unwrap());
    for key in &keys {
        let pseudonym: Arc<str> = key.for_pseudonyms().pseudonym("10.20.0.1").into();
        let identity: Arc<Identity> = Identity { host: Some("ws-client-1".into()), ..Identity::default() }.into();
        let unsealed = Unsealed { pseudonym: Arc::clone(&pseudonym), client: "10.20.0.1".into(), identity, since: SEVEN };
        let sighting = Sighting { client: pseudonym, identity: Arc::default(), ..sighting() };
        let sealed = vec![Sealer::new(key).seal(&unsealed).unwrap()];
        for _ in 0..2 {
            let batch = Batch { findings: vec![finding(sighting.clone())], sealed: sealed.clone(), ..Batch::default() };
            scene.store.commit(&batch, None).await.unwrap();
        }
    }
    assert_eq!(scene.store.sealed(None).await.unwrap().len(), 3, "each once");
    let (text, left) = scene.forget("Ws-client-1", &keys[..1]).await;
    assert!(left.is_empty() && text.contains("1 sealed, 0 identities, 1 clients"), "{text}");
    let (text, left) = scene.forget("10.20.0.1", &keys[..2]).await;
    assert!(left.is_empty() && text.contains("1 sealed, 0 identities, 1 clients"), "{text}");
    let last = keys[2].for_pseudonyms().pseudonym("10.20.0.1");
    assert_eq!(scene.clients().await, std::slice::from_ref(&last), "its key was not there");
    let (text, left) = scene.forget(&last, &[]).await;
    assert!(left.is_empty() && text.starts_with("erased: 1 sightings"), "{text}");
    assert!(scene.store.sealed(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_daemon_at_work_does_not_write_it_back() {
    let scene = Scene::new().await;
    let daemon = Store::open(&scene.url).await.unwrap();
    let old = Sighting { first_seen: Time(clock::now().0 - 1_000_000_000), ..of("10.20.0.1", "ws-client-1", 1) };
    let commit = async |sighting: &Sighting| daemon.commit(&vec![finding(sighting.clone())].into(), None).await.unwrap().rows;
    assert_eq!(commit(&old).await, 1);
    let (_, left) = scene.forget("10.20.0.1", &[]).await;
    assert!(left.is_empty());
    assert_eq!(commit(&old).await, 0);
    let new = Sighting { first_seen: Time(clock::now().0 + 1_000_000_000), ..old.clone() };
    assert_eq!(commit(&new).await, 1, "what it does anew");
    let forgotten = daemon.just_forgotten().await.unwrap();
    assert!(forgotten.iter().any(|f| f.is("10.20.0.1")) && !forgotten.iter().any(|f| f.is("10.20.0.2")));
    daemon.let_go(&forgotten).await.unwrap();
    assert_eq!(daemon.just_forgotten().await.unwrap(), []);
}

#[tokio::test]
async fn what_an_audit_entry_says_is_found_and_told() {
    let scene = Scene::new().await;
    scene.keep(&[of("10.20.0.1", "ws-client-1", 1)]).await;
    let entry = AuditEntry::of_daemon(AuditKind::Reidentify, json!({ "reason": "asked by 10.20.0.1" }));
    scene.store.audit(&entry).await.unwrap();
    let (text, left) = scene.forget("10.20.0.1", &[]).await;
    assert!(text.contains("erased: 1 sightings"), "{text}");
    assert!(left.iter().any(|f| f == "table audit: 10.20.0.1 as text"), "{left:?}");
}
