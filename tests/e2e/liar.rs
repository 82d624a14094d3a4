//! A receiver that lies, hangs, limits, fails and closes half way, as a seed has it. What it has read to the end it writes down, whatever it answers.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::draw::Draw;
use crate::net::{Background, Host, Net};
use crate::receiver::{self, Inbox, read_request};

/// A running liar; dropping it stops it, and what it wrote stays.
pub struct Liar {
    _process: Background,
}

impl Liar {
    /// Starts it beside the daemon.
    pub fn start(net: &Net, inbox: &Inbox, seed: u64) -> Self {
        let this = std::env::current_exe().expect("own path").display().to_string();
        let line = [&this, "--lie", receiver::ADDRESS, &inbox.0.display().to_string(), &seed.to_string()];
        Liar { _process: net.background(Host::Sensor, &line) }
    }
}

/// The lying process.
pub fn lie(address: &str, file: &Path, seed: u64) {
    let listener = TcpListener::bind(address).expect("binds");
    let mut dice = Draw::new(seed);
    for stream in listener.incoming().flatten() {
        let (file, dice) = (file.to_path_buf(), Draw::new(dice.next()));
        std::thread::spawn(move || converse(&stream, &file, dice));
    }
}

fn converse(stream: &TcpStream, file: &Path, mut dice: Draw) -> io::Result<()> {
    let mut reader = io::BufReader::new(stream);
    while let Some((id, body)) = read_request(&mut reader)? {
        let choice = dice.below(20);
        // One that closes before it has read all knows nothing of the alert; nor does one that says that it does not.
        let is_kept = choice < 15;
        if is_kept {
            let record = format!("{id}\t{}\n", body.replace('\n', " "));
            OpenOptions::new().create(true).append(true).open(file)?.write_all(record.as_bytes())?;
        }
        let answer: &[u8] = match choice {
            0..10 => b"HTTP/1.1 204 No Content\r\n\r\n",
            10..12 => b"HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n\xff\xfe{\"ok\":false,<html>\0\0\r\n\r\n",
            12 => return Ok(()),
            13 => b"HTTP/1.1 200 OK\r\ncontent-le",
            14 | 15 => {
                std::thread::sleep(Duration::from_millis(2500));
                return Ok(());
            }
            16 => b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
            17 => b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
            _ => b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        };
        (&*stream).write_all(answer)?;
        if choice == 13 {
            return Ok(());
        }
    }
    Ok(())
}
