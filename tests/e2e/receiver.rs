//! The security team's end of a webhook: another process, which writes down what it gets.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::net::{Background, Host, Net};

/// Where it listens, on the sensor.
pub const ADDRESS: &str = "127.0.0.1:9700";

/// A running receiver; dropping it stops it, and what it wrote stays.
pub struct Receiver {
    _process: Background,
}

/// What receivers of one case wrote: one alert a line.
pub struct Inbox(pub PathBuf);

/// One delivery.
#[derive(Debug)]
pub struct Delivery {
    /// Header `X-Shadowtap-Alert-Id`.
    pub id: String,
    /// The alert.
    pub alert: Value,
}

impl Receiver {
    /// Starts it beside the daemon.
    pub fn start(net: &Net, inbox: &Inbox) -> Self {
        Self::start_at(net, ADDRESS, inbox)
    }

    /// The same for another sink, at another address of the sensor.
    pub fn start_at(net: &Net, address: &str, inbox: &Inbox) -> Self {
        let this = std::env::current_exe().expect("own path").display().to_string();
        Receiver { _process: net.background(Host::Sensor, &[&this, "--receive", address, &inbox.0.display().to_string()]) }
    }
}

impl Inbox {
    /// Every delivery so far, repeats included.
    pub fn deliveries(&self) -> Vec<Delivery> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let delivery = |line: &str| {
            let (id, body) = line.split_once('\t')?;
            Some(Delivery { id: id.to_owned(), alert: serde_json::from_str(body).ok()? })
        };
        whole.filter_map(delivery).collect()
    }

    /// Ids of the alerts about that client and service, each once.
    pub fn alerts(&self, client: &str, service: &str) -> Vec<String> {
        let about = |alert: &Value| alert["client"] == client && alert["service"]["id"] == service;
        let mut ids: Vec<_> = self.deliveries().into_iter().filter(|d| about(&d.alert)).map(|d| d.id).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// Whether anything at all was told about a client.
    pub fn mentions(&self, client: &str) -> bool {
        self.deliveries().iter().any(|delivery| delivery.alert["client"] == client)
    }
}

/// The receiving process: answers 204 and appends `id TAB body` to the file.
pub fn receive(address: &str, file: &Path) {
    let listener = TcpListener::bind(address).expect("binds");
    for stream in listener.incoming().flatten() {
        let file = file.to_path_buf();
        std::thread::spawn(move || converse(&stream, &file));
    }
}

fn converse(stream: &TcpStream, file: &Path) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some((id, body)) = read_request(&mut reader)? {
        let mut record = format!("{id}\t{}", body.replace('\n', " "));
        record.push('\n');
        OpenOptions::new().create(true).append(true).open(file)?.write_all(record.as_bytes())?;
        (&*stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
    Ok(())
}

/// The next request of a connection: the alert's id and the body; `None` at its end.
pub fn read_request(reader: &mut impl BufRead) -> io::Result<Option<(String, String)>> {
    let (mut id, mut length) = (String::from("none"), 0);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim().split_once(':') else {
            if line.trim().is_empty() {
                break;
            } else {
                continue;
            };
        };
        match name.to_ascii_lowercase().as_str() {
            "x-shadowtap-alert-id" => value.trim().clone_into(&mut id),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((id, String::from_utf8_lossy(&body).into_owned())))
}
