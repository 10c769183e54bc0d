//! Small HTTP servers of tests: each request is answered by a closure. And a proxy that leads
//! everything to one place.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With its query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

/// What is answered: a status, headers, a body.
pub(crate) type Answered = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// A server; it ends with this value.
pub(crate) struct Server {
    pub(crate) port: u16,
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answered + Send + 'static) -> Self {
        Self::serve(move |stream| {
            // A client that goes away is its own business.
            let _ = exchange(&stream, &answer);
        })
    }

    /// A proxy that leads every request and every tunnel to this port here. The list gets what it
    /// was asked for.
    pub(crate) fn proxy(to: u16, seen: Arc<Mutex<Vec<String>>>) -> Self {
        Self::serve(move |stream| {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || {
                let _ = pass_on(&stream, to, &seen);
            });
        })
    }

    fn serve(act: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                stream.into_iter().for_each(&act);
            }
        });
        Self {
            port,
            ended,
            thread: Some(thread),
        }
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// The first line and the headers; nothing of what speaks TLS.
fn head(stream: &mut impl BufRead) -> std::io::Result<Option<Asked>> {
    if stream.fill_buf()?.first().is_none_or(|byte| *byte == 0x16) {
        return Ok(None);
    }
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let mut asked = Asked {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        ..Asked::default()
    };
    loop {
        let mut header = String::new();
        stream.read_line(&mut header)?;
        let Some((name, value)) = header.split_once(':') else {
            return Ok(Some(asked));
        };
        let name = name.to_ascii_lowercase();
        asked.headers.insert(name, value.trim().to_owned());
    }
}

fn exchange(stream: &TcpStream, answer: &impl Fn(&Asked) -> Answered) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    let Some(asked) = head(&mut reader)? else {
        return writer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    };
    let length = asked.headers.get("content-length");
    let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let (status, headers, body) = answer(&asked);
    let mut text = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    writer.write_all(format!("{text}\r\n").as_bytes())?;
    match asked.method.as_str() {
        "HEAD" => Ok(()),
        _ => writer.write_all(&body),
    }
}

fn pass_on(stream: &TcpStream, to: u16, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let Some(asked) = head(&mut reader)? else {
        return Ok(());
    };
    let line = format!("{} {}", asked.method, asked.target);
    seen.lock().unwrap().push(line);
    let mut upstream = TcpStream::connect(("127.0.0.1", to))?;
    let mut client = stream.try_clone()?;
    if asked.method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        let path = asked.target.splitn(4, '/').nth(3).unwrap_or_default();
        let mut text = format!("{} /{path} HTTP/1.1\r\n", asked.method);
        for (name, value) in &asked.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        upstream.write_all(format!("{text}\r\n").as_bytes())?;
    }
    let mut back = upstream.try_clone()?;
    let mut down = stream.try_clone()?;
    let answering = std::thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut down);
        let _ = down.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut reader, &mut upstream);
    let _ = upstream.shutdown(Shutdown::Write);
    let _ = answering.join();
    Ok(())
}
