//! https, with an authority that no system knows: the keys in this folder are for nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use llmobs_core::testing::samples;
use llmobs_core::{Batch, Sink, SinkError};
use llmobs_otlp::{Compression, Otlp, OtlpError, Protocol};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

const AUTHORITY: &[u8] = include_bytes!("tls/ca.pem");
const SERVER: (&[u8], &[u8]) =
    (include_bytes!("tls/server.pem"), include_bytes!("tls/server.key.pem"));
const CLIENT: (&[u8], &[u8]) =
    (include_bytes!("tls/client.pem"), include_bytes!("tls/client.key.pem"));

/// A server that takes everything, and asks for a certificate of the client's, or not. It lives as
/// long as the process.
fn server(protocol: Protocol, asks: bool) -> SocketAddr {
    match protocol {
        Protocol::Grpc => grpc(asks),
        _ => http(asks),
    }
}

struct Taking;

#[tonic::async_trait]
impl TraceService for Taking {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn grpc(asks: bool) -> SocketAddr {
    let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(SERVER.0, SERVER.1));
    if asks {
        tls = tls.client_ca_root(Certificate::from_pem(AUTHORITY));
    }
    let (told, addr) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime for the server");
        runtime.block_on(async {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let incoming = TcpIncoming::bind(any).expect("a free port");
            told.send(incoming.local_addr().expect("the port")).expect("somebody waits");
            let traces =
                TraceServiceServer::new(Taking).accept_compressed(CompressionEncoding::Gzip);
            let server = Server::builder().tls_config(tls).expect("the server's certificate");
            let mut server = server;
            server.add_service(traces).serve_with_incoming(incoming).await.expect("it serves");
        });
    });
    addr.recv().expect("the server has started")
}

fn http(asks: bool) -> SocketAddr {
    let certificate = |pem| CertificateDer::from_pem_slice(pem).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(SERVER.1).expect("a key");
    let builder = ServerConfig::builder();
    let builder = if asks {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(AUTHORITY)).expect("an authority");
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
        builder.with_client_cert_verifier(verifier.expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let config = builder.with_single_cert(vec![certificate(SERVER.0)], key);
    let config = Arc::new(config.expect("the server's certificate"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            // A client that does not trust us goes away.
            let _ = take(StreamOwned::new(connection, stream.expect("a connection")));
        }
    });
    addr
}

/// Reads a request, and answers it.
fn take(stream: StreamOwned<ServerConnection, TcpStream>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if line.is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let mut stream = reader.into_inner();
    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn otlp(to: SocketAddr, protocol: Protocol) -> Otlp {
    let url = format!("https://localhost:{}", to.port());
    let otlp = Otlp::new().endpoint(&url).and_then(|otlp| otlp.protocol(protocol));
    otlp.expect("this build has both").compression(Compression::Gzip)
}

fn offer(otlp: &Otlp) -> Result<(), SinkError> {
    let meta = samples::file_start();
    let records = [Arc::new(samples::dropped())];
    otlp.sink().expect("a sink").deliver(&Batch { records: &records, meta: &meta })
}

const PROTOCOLS: [Protocol; 2] = [Protocol::HttpProtobuf, Protocol::Grpc];

#[test]
fn a_server_is_trusted_by_the_certificate_it_is_known_by() {
    for protocol in PROTOCOLS {
        let to = server(protocol, false);
        let err = offer(&otlp(to, protocol)).expect_err("its authority is nobody's");
        let hint = "the endpoint's certificate is not trusted: name its authority in \
                    OTEL_EXPORTER_OTLP_CERTIFICATE";
        assert_eq!(err.to_string(), hint, "{err:?}");
        let knowing = otlp(to, protocol).certificate(AUTHORITY).expect("PEM");
        offer(&knowing).expect("it is trusted");
    }
}

#[test]
fn a_server_that_asks_is_shown_the_certificate_of_the_client() {
    for protocol in PROTOCOLS {
        let to = server(protocol, true);
        let knowing = || otlp(to, protocol).certificate(AUTHORITY).expect("PEM");
        assert!(offer(&knowing()).expect_err("it is shown none").is_retryable());
        let known = knowing().client_certificate(CLIENT.0, CLIENT.1).expect("PEM");
        offer(&known).expect("it is shown one");
    }
}

#[test]
fn the_environment_names_the_files() {
    let to = server(Protocol::HttpProtobuf, true);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls/");
    let lookup = |name: &str| {
        let file = |name: &str| Some(format!("{folder}{name}"));
        match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(format!("https://localhost:{}", to.port())),
            "OTEL_EXPORTER_OTLP_CERTIFICATE" => file("ca.pem"),
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" => file("client.pem"),
            "OTEL_EXPORTER_OTLP_CLIENT_KEY" => file("client.key.pem"),
            _ => None,
        }
    };
    offer(&Otlp::from_lookup(lookup).expect("it can be followed")).expect("taken");
}

#[test]
fn what_is_no_certificate_is_a_mistake_of_the_set_up() {
    let otlp = || Otlp::new().endpoint("https://localhost:4318").expect("a URL");
    assert_eq!(otlp().certificate(b"s3cret").expect_err("no PEM"), OtlpError::Certificate);
    assert_eq!(otlp().certificate(CLIENT.1).expect_err("a key"), OtlpError::Certificate);
    let swapped = otlp().client_certificate(CLIENT.1, CLIENT.1).expect_err("a key for both");
    assert_eq!(swapped, OtlpError::Certificate);
    let trusted = otlp().client_certificate(CLIENT.0, CLIENT.1).expect("PEM");
    assert!(!format!("{trusted:?}").contains("PRIVATE"));
}
