//! Certificates beside those the system trusts, and whether there is TLS at all.

use std::fmt;
use std::sync::Arc;

use reqwest::ClientBuilder;

use crate::otlp::OtlpError;

/// Certificates in PEM. They can only be set where there is TLS.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    /// Trusted beside the system's.
    roots: Option<Pem>,
    /// Our own, and its key.
    identity: Option<(Pem, Pem)>,
}

type Pem = Arc<[u8]>;

#[cfg(feature = "tls")]
impl Tls {
    pub(crate) fn trust(&mut self, roots: &[u8]) -> Result<(), OtlpError> {
        let read = reqwest::Certificate::from_pem_bundle(roots);
        if read.is_ok_and(|certificates| !certificates.is_empty()) {
            self.roots = Some(roots.into());
            return Ok(());
        }
        Err(OtlpError::Certificate)
    }

    pub(crate) fn identify(&mut self, certificate: &[u8], key: &[u8]) -> Result<(), OtlpError> {
        reqwest::Identity::from_pem(&joined(certificate, key))
            .map_err(|_| OtlpError::Certificate)?;
        self.identity = Some((certificate.into(), key.into()));
        Ok(())
    }

    pub(super) fn of_http(&self, mut to: ClientBuilder) -> Result<ClientBuilder, reqwest::Error> {
        if let Some(roots) = &self.roots {
            to = to.tls_certs_merge(reqwest::Certificate::from_pem_bundle(roots)?);
        }
        if let Some((certificate, key)) = &self.identity {
            to = to.identity(reqwest::Identity::from_pem(&joined(certificate, key))?);
        }
        Ok(to)
    }

    #[cfg(feature = "grpc")]
    pub(super) fn of_grpc(&self) -> tonic::transport::ClientTlsConfig {
        use tonic::transport::{Certificate, ClientTlsConfig, Identity};
        let mut config = ClientTlsConfig::new().with_native_roots();
        if let Some(roots) = &self.roots {
            config = config.ca_certificate(Certificate::from_pem(roots));
        }
        if let Some((certificate, key)) = &self.identity {
            config = config.identity(Identity::from_pem(certificate, key));
        }
        config
    }
}

#[cfg(feature = "tls")]
fn joined(certificate: &[u8], key: &[u8]) -> Vec<u8> {
    [certificate, b"\n", key].concat()
}

#[cfg(not(feature = "tls"))]
impl Tls {
    pub(crate) fn trust(&mut self, _roots: &[u8]) -> Result<(), OtlpError> {
        Err(OtlpError::Tls)
    }

    pub(crate) fn identify(&mut self, _certificate: &[u8], _key: &[u8]) -> Result<(), OtlpError> {
        Err(OtlpError::Tls)
    }

    pub(super) fn of_http(&self, to: ClientBuilder) -> Result<ClientBuilder, reqwest::Error> {
        Ok(to)
    }
}

/// Whether the HTTP client of this build speaks https.
#[cfg(feature = "tls")]
pub(crate) fn https_is_spoken() -> bool {
    true
}

/// Whether the HTTP client of this build speaks https: another crate may have given it its TLS, which
/// no `cfg` of ours can see. So it is asked, by a request that ends before it begins.
#[cfg(not(feature = "tls"))]
pub(crate) fn https_is_spoken() -> bool {
    use std::sync::OnceLock;
    static SPOKEN: OnceLock<bool> = OnceLock::new();
    // On a thread of its own: the caller's may be one of a runtime's.
    let asked = || std::thread::spawn(ask).join().unwrap_or(true);
    *SPOKEN.get_or_init(asked)
}

/// Where nothing is known the answer is yes: the first export will tell.
#[cfg(not(feature = "tls"))]
fn ask() -> bool {
    crate::quiet::untraced(|| {
        let client = ClientBuilder::new().no_proxy().dns_resolver(Arc::new(Nowhere)).build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (Ok(client), Ok(runtime)) = (client, runtime) else { return true };
        let answer = runtime.block_on(client.get("https://llmobs.invalid/").send());
        !answer.is_err_and(|err| super::http::is_without_tls(&err))
    })
}

/// Knows no host, so that nothing leaves the process.
#[cfg(not(feature = "tls"))]
struct Nowhere;

#[cfg(not(feature = "tls"))]
impl reqwest::dns::Resolve for Nowhere {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async { Err("there is no such host".into()) })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("roots", &self.roots.is_some())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}
