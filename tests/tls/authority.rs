//! Certificates for tests.

use grpc_sansio::adapter::tls::{Identity, Roots};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// Someone who signs certificates.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM and as what the crate makes of them.
pub(crate) struct Signed {
    pub(crate) pem: String,
    pub(crate) key: String,
    pub(crate) der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn sign(&self, name: &str) -> Signed {
        self.sign_until(name, 4000)
    }

    /// A certificate that is good until this year begins.
    #[allow(dead_code, reason = "several test programs share it")]
    pub(crate) fn sign_until(&self, name: &str, year: i32) -> Signed {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Signed { pem: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::from_pem(self.pem.as_bytes()).unwrap()
    }
}

impl Signed {
    pub(crate) fn identity(&self) -> Identity {
        Identity::from_pem(self.pem.as_bytes(), self.key.as_bytes()).unwrap()
    }
}
