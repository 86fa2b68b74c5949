//! A server that sends lines: what Spark calls `socketTextStream`.
//!
//! Invariant: a connection that ends is the end of the source; nothing is connected again behind anyone's back, because
//! what the server sent meanwhile would be lost without a word.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::cut::Cutter;
use super::stream::StreamSource;
use super::url::TcpUrl;
use super::{Piece, Read, Source, SourceChunk, SourceError};

/// How long each address of a host has to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A source over one connection.
pub(super) struct TcpSource {
    stream: StreamSource,
    connection: TcpStream,
}

/// Connects to the first address of the host that answers. Looking up a name takes as long as the system lets it.
pub(super) fn open(url: &TcpUrl, cutter: Cutter) -> Result<TcpSource, SourceError> {
    let name = if url.host.contains(':') {
        format!("tcp://[{}]:{}", url.host, url.port)
    } else {
        format!("tcp://{}:{}", url.host, url.port)
    };
    let connect = || {
        let connection = connect_any((url.host.as_str(), url.port).to_socket_addrs()?)?;
        Ok((connection.try_clone()?, connection))
    };
    let (reader, connection) = connect().map_err(|error| SourceError::Connect {
        source_name: cutter.source_name().to_owned(),
        address: name.clone(),
        error,
    })?;
    Ok(TcpSource { stream: StreamSource::start(cutter, name, reader)?, connection })
}

fn connect_any(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Drop for TcpSource {
    fn drop(&mut self) {
        // Ends the reader, which may wait for the server. The connection may be gone already.
        let _ = self.connection.shutdown(std::net::Shutdown::Both);
    }
}

impl Source for TcpSource {
    fn next(&mut self, patience: Duration) -> Result<Read, SourceError> {
        self.stream.next(patience)
    }

    fn can_replay(&self) -> bool {
        self.stream.can_replay()
    }

    fn replay(&mut self, pieces: &[Piece]) -> Result<SourceChunk, SourceError> {
        self.stream.replay(pieces)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write};
    use std::net::TcpListener;

    use wasmstream_model::graph::SourceFormat;

    use super::super::tests::{LIMITS, LONG, SHORT, chunk, given, lines};
    use super::super::{SourceUrl, open};
    use super::*;

    fn connect(port: u16) -> Result<Box<dyn Source>, SourceError> {
        let url = SourceUrl::Tcp(TcpUrl { host: "127.0.0.1".to_owned(), port });
        open("events", &url, &SourceFormat::Text, LIMITS, Default::default())
    }

    #[test]
    fn lines_of_a_server_are_read_until_it_hangs_up() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let mut source = connect(port).expect("somebody listens");
        let (mut server, _) = listener.accept().expect("connected");
        assert!(matches!(source.next(SHORT), Ok(Read::Idle)));
        server.write_all("grüße\nlast".as_bytes()).expect("sent");
        assert_eq!(given(&mut *source, 1), ["grüße\n"]);
        drop(server);
        let rest = chunk(source.next(LONG));
        assert_eq!(lines(&rest), ["last"]);
        assert_eq!(rest.pieces[0].start, 8);
        assert_eq!(rest.pieces[0].partition.name, format!("tcp://127.0.0.1:{port}"));
        assert!(matches!(source.next(LONG), Ok(Read::End)));
        assert!(!source.can_replay());
        assert!(source.replay(&rest.pieces).is_err_and(|e| e.code().0 == "SOURCE_NO_REPLAY"));
    }

    #[test]
    fn a_closed_port_is_named() {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let error = connect(free).err().expect("nobody listens");
        assert_eq!(error.code().0, "SOURCE_CONNECT");
        let text = error.to_string();
        assert!(text.contains(&format!("source `events`: cannot connect to tcp://127.0.0.1:{free}: ")), "{text}");
    }

    #[test]
    fn dropping_the_source_hangs_up() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let source = connect(listener.local_addr().expect("bound").port()).expect("somebody listens");
        let (mut server, _) = listener.accept().expect("connected");
        drop(source);
        server.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        assert_eq!(server.read(&mut [0; 8]).expect("an orderly end"), 0);
    }
}
